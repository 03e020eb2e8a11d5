//! The listener of HTTP-01: pages that an authority fetches (RFC 8555 §8.3), and nothing else.

use super::pages::Pages;
use super::places::Places;
use super::{ChallengeAnswer, ChallengeKind, Presented, Responder, ResponderError};
use dwcp_pki::BoxFuture;
use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

/// Answers HTTP-01 at an address of its own, for as long as it lives: each key authorization at its token's path while it is presented, 404 for
/// whatever else. One request a connection, 8 KiB of head, 5 s for it and 10 s for all, 64 connections, of which 16 from one place (an IPv4
/// address or an IPv6 /64).
///
/// An authority asks at port 80 of each address that a name leads to (RFC 8555 §8.3), so this listens there, or at a port that 80 is forwarded to. It
/// listens from its making on, and not only while an order is open: that the port is taken shows at the start rather than months later, at a
/// renewal.
///
/// # Security
/// Strangers talk to it. What it can say is a 404, or a token that they named, with the thumbprint of the account's key, which is no secret. The host
/// that a request names is not looked at: a token is drawn at random by the authority for one name, behind a proxy the host may differ, and
/// for an address there is none worth the name. Paths are compared as they were sent: nothing is decoded, joined or looked up on a disk.
pub struct Http01Responder {
    pages: Arc<Pages>,
    address: SocketAddr,
    serving: AbortHandle,
}

impl Http01Responder {
    /// Listens at `address`, for example `[::]:80`, which on most systems takes IPv4 as well, or port 0 for any that is free. To be called within
    /// a Tokio runtime.
    ///
    /// # Errors
    /// [`ResponderError::Listen`] when the address is not to be had, [`ResponderError::Runtime`] outside of a runtime.
    pub async fn listen(address: SocketAddr) -> Result<Self, ResponderError> {
        let runtime = Handle::try_current().map_err(|_| ResponderError::Runtime)?;
        let failed = |source| ResponderError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let pages = Arc::new(Pages::default());
        let serving = runtime.spawn(serve(listener, Arc::clone(&pages))).abort_handle();
        Ok(Self { pages, address: bound, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Responder for Http01Responder {
    fn kinds(&self) -> &[ChallengeKind] {
        &[ChallengeKind::Http01]
    }

    fn present<'a>(
        &'a self,
        answer: ChallengeAnswer<'a>,
    ) -> BoxFuture<'a, Result<Presented, ResponderError>> {
        Box::pin(async move {
            answer.check(ChallengeKind::Http01)?;
            self.pages.show(answer.token, answer.key_authorization)
        })
    }
}

/// The port is free again, and connections that are open are cut: nothing is answered any more.
impl Drop for Http01Responder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl fmt::Debug for Http01Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http01Responder").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, pages: Arc<Pages>) {
    let (places, mut connections) = (Places::new(MOST_CONNECTIONS, MOST_PER_PLACE), JoinSet::new());
    loop {
        // Ended ones are let go first, so that the set holds no more than are open.
        while connections.try_join_next().is_some() {}
        let room = places.room().await;
        match listener.accept().await {
            // One more of a place that has as many as it may is closed: an answer would cost more.
            Ok((stream, source)) => {
                if let Some(place) = room.taken_by(source.ip()) {
                    let pages = Arc::clone(&pages);
                    connections.spawn(async move {
                        carry(stream, pages).await;
                        drop(place);
                    });
                }
            }
            // The next connection may have more luck; what is missing, descriptors for instance, takes a moment to come.
            Err(error) => {
                tracing::warn!(%error, "a connection for http-01 was not accepted");
                tokio::time::sleep(A_MOMENT).await;
            }
        }
    }
}

async fn carry(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(move |request| {
        let reply = reply(&pages, &request);
        async move { Ok::<_, Infallible>(reply) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(LARGEST_HEAD)
        // One request a connection: there is no second one to be smuggled behind the first.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever stalls or speaks no HTTP is let go; it has cost a bounded buffer.
    let _: Result<Result<(), hyper::Error>, _> = tokio::time::timeout(WHOLE_LIMIT, connection).await;
}

fn reply(pages: &Pages, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (page, is_read) = (page(pages, request), matches!(*request.method(), Method::GET | Method::HEAD));
    let (status, kind, body) = match page {
        // RFC 8555 §8.3 has this type in its example; nobody is to show it as anything else.
        Some(page) if is_read => (StatusCode::OK, "application/octet-stream", Bytes::from(page)),
        _ => (StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"not here\n")),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The page that is asked for in the one form that validations have: a path, no query, no body.
fn page(pages: &Pages, request: &Request<Incoming>) -> Option<String> {
    let target = request.uri();
    let is_path = target.scheme().is_none() && target.authority().is_none() && target.query().is_none();
    let token =
        target.path().strip_prefix(WELL_KNOWN).filter(|_| is_path && request.body().is_end_stream())?;
    pages.at(token)
}

const WELL_KNOWN: &str = "/.well-known/acme-challenge/";
const MOST_CONNECTIONS: usize = 64;
const MOST_PER_PLACE: usize = 16;
const LARGEST_HEAD: usize = 8 << 10;
const HEAD_LIMIT: Duration = Duration::from_secs(5);
const WHOLE_LIMIT: Duration = Duration::from_secs(10);
const A_MOMENT: Duration = Duration::from_millis(100);
