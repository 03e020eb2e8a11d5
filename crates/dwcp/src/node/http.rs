//! HTTP/1.1 as a node speaks it: one request a connection, with bounds on its headers and its time.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// What goes back.
pub(super) type Reply = Response<Full<Bytes>>;

/// Answers one request on `io` and ends the connection; at most [`MAX_HEADERS`] of request line and headers, which must be
/// there within [`HEADER_LIMIT`], and `whole` for all of it, or [`UNHURRIED`] where the answer is such a one.
pub(super) async fn one_request<IO, A, F>(io: IO, whole: Duration, answer: A)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Reply>,
{
    let has_longer = AtomicBool::new(false);
    let service = service_fn(|request| {
        let (answered, has_longer) = (answer(request), &has_longer);
        async move {
            let reply = answered.await;
            has_longer.store(reply.extensions().get::<Unhurried>().is_some(), Ordering::Relaxed);
            Ok::<_, Infallible>(reply)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(MAX_HEADERS)
        // A scrape, a probe, a list: an idle connection is not worth its place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(io), service);
    // A peer that stalls or speaks no HTTP is simply let go; it has cost one bounded buffer.
    let mut connection = pin!(connection);
    let is_over = tokio::time::timeout(whole, &mut connection).await.is_ok();
    if !is_over && has_longer.load(Ordering::Relaxed) {
        let _ = tokio::time::timeout(UNHURRIED.saturating_sub(whole), connection).await;
    }
}

/// Gives an answer [`UNHURRIED`]: for large ones, to those who have proven who they are.
pub(super) fn unhurried(mut reply: Reply) -> Reply {
    reply.extensions_mut().insert(Unhurried);
    reply
}

#[derive(Clone, Copy)]
struct Unhurried;

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
/// As long as a member waits for what it is to trust, whose lists may have a million entries.
const UNHURRIED: Duration = Duration::from_secs(120);
const MAX_HEADERS: usize = 16 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const BODY: usize = 1 << 20;

    /// What a client gets that begins to read when `whole` is over long since.
    async fn read_late(answer: fn() -> Reply) -> usize {
        let (mut client, server) = tokio::io::duplex(4_096);
        let whole = Duration::from_millis(100);
        let served = tokio::spawn(one_request(server, whole, move |_| async move { answer() }));
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        tokio::time::sleep(whole * 4).await;
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        served.await.unwrap();
        got.len()
    }

    #[tokio::test]
    async fn what_may_take_long_is_not_cut_off_and_all_else_is() {
        let large = || reply(StatusCode::OK, "text/plain", vec![b'a'; BODY]);
        assert!(read_late(large).await < BODY);
        let large = || unhurried(reply(StatusCode::OK, "text/plain", vec![b'a'; BODY]));
        assert!(read_late(large).await > BODY);
    }
}
