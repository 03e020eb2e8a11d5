//! HTTP/1.1 as a node speaks it: one request a connection, with bounds on its headers and its time.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// What goes back.
pub(super) type Reply = Response<Full<Bytes>>;

/// Answers one request on `io` and ends the connection; at most [`MAX_HEADERS`] of request line and headers, which must be
/// there within [`HEADER_LIMIT`], and `whole` for all of it.
pub(super) async fn one_request<IO, A, F>(io: IO, whole: Duration, answer: A)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Reply>,
{
    let service = service_fn(|request| {
        let answered = answer(request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(MAX_HEADERS)
        // A scrape, a probe, a list: an idle connection is not worth its place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(io), service);
    // A peer that stalls or speaks no HTTP is simply let go; it has cost one bounded buffer.
    let _ = tokio::time::timeout(whole, connection).await;
}

/// A line for human eyes.
pub(super) fn text(status: StatusCode, body: &'static str) -> Reply {
    reply(status, "text/plain; charset=utf-8", body.to_owned())
}

/// A body that is not to be kept.
pub(super) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

const HEADER_LIMIT: Duration = Duration::from_secs(3);
const MAX_HEADERS: usize = 16 * 1_024;
