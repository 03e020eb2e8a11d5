//! One question and its answer, on a connection of their own.

use super::error::{FetchError, shown};
use super::heard::Heard;
use super::place::Place;
use super::{Limits, Line};
use dwcp_base::UnixTime;
use dwcp_tls::TlsError;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HOST, HeaderMap, HeaderName,
    HeaderValue, IF_NONE_MATCH, LOCATION, RETRY_AFTER, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) enum Question<'a> {
    /// A document, unless it is still the one with this entity tag.
    Get { target: &'a str, known: Option<&'a str> },
    /// An answer to a JSON text.
    Post { target: &'a str, json: &'a [u8] },
}

/// What came back: a status that is neither of the 1xx nor a redirect, and a body within its limit.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 304 only where a tag was sent along.
    pub(crate) status: StatusCode,
    /// The entity tag, 256 bytes at most.
    pub(crate) tag: Option<String>,
    /// How long the server asks to be left alone, in seconds, where it says so.
    pub(crate) retry_after: Option<Duration>,
    /// What time it is there, to the second, where the server says so as RFC 9110 §5.6.7 wants it.
    pub(crate) date: Option<UnixTime>,
    pub(crate) body: Vec<u8>,
}

/// Asks `place` over `line`. The connection ends with the answer.
///
/// # Errors
/// [`FetchError`]: the limits are kept while the answer is read, so that nothing beyond them is ever held.
pub(crate) async fn fetch(
    place: &Place,
    line: Line<'_>,
    question: Question<'_>,
    limits: Limits,
) -> Result<Answer, FetchError> {
    let asked = async {
        let stream = TcpStream::connect((place.host(), place.port()))
            .await
            .map_err(|source| FetchError::Unreachable { place: place.to_string(), source })?;
        match line {
            Line::Plain => exchange(stream, place, question, limits).await,
            Line::Tls(connector, expected) => {
                let session = connector.connect(stream, expected, limits.deadline).await;
                let session = session.map_err(|source| match source {
                    TlsError::Timeout { deadline, .. } => {
                        FetchError::TimedOut { place: place.to_string(), deadline }
                    }
                    source => FetchError::Tls { place: place.to_string(), source },
                })?;
                let (session, alert) = Heard::new(session);
                let answer = exchange(session, place, question, limits).await;
                answer.map_err(|error| match alert.take() {
                    Some(source) => FetchError::Tls { place: place.to_string(), source },
                    None => error,
                })
            }
        }
    };
    let late = |_| FetchError::TimedOut { place: place.to_string(), deadline: limits.deadline };
    timeout(limits.deadline, asked).await.map_err(late)?
}

async fn exchange<IO>(
    io: IO,
    place: &Place,
    question: Question<'_>,
    limits: Limits,
) -> Result<Answer, FetchError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let malformed = |source| FetchError::Protocol { place: place.to_string(), source };
    let mut client = http1::Builder::new();
    let client = client.max_buf_size(limits.head.max(SMALLEST_BUFFER)).max_headers(MOST_HEADERS);
    let (mut sender, connection) = client.handshake(TokioIo::new(io)).await.map_err(malformed)?;
    let request = request(place, question);
    let talk = async {
        let response = sender.send_request(request).await.map_err(malformed)?;
        let sent_tag = matches!(question, Question::Get { known: Some(_), .. });
        acceptable(&response, place, sent_tag)?;
        let (head, body) = response.into_parts();
        let body = read(body, place, limits.body).await?;
        Ok(Answer {
            status: head.status,
            tag: text_of(&head.headers, &ETAG).filter(|tag| tag.len() <= LONGEST_TAG).map(str::to_owned),
            // A date (RFC 9110 §10.2.3) is as good as nothing: clocks differ.
            retry_after: text_of(&head.headers, &RETRY_AFTER)
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs),
            date: text_of(&head.headers, &DATE).and_then(UnixTime::parse_http_date),
            body,
        })
    };
    tokio::pin!(talk, connection);
    tokio::select! {
        biased;
        answer = &mut talk => answer,
        // The connection is over; what was read from it is waiting for its reader.
        _ = &mut connection => talk.await,
    }
}

fn request(place: &Place, question: Question<'_>) -> Request<Full<Bytes>> {
    let (method, target, body) = match question {
        Question::Get { target, .. } => (Method::GET, target, Bytes::new()),
        Question::Post { target, json } => (Method::POST, target, wiped(json)),
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    // Whoever made the target has seen that it is one; what is none asks for the root, which nothing is published at.
    *request.uri_mut() = target.parse().unwrap_or_default();
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::try_from(place.to_string()) {
        headers.insert(HOST, host);
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("dwcp/", env!("CARGO_PKG_VERSION"))));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    match question {
        Question::Get { known: Some(tag), .. } => {
            if let Ok(tag) = HeaderValue::try_from(tag) {
                headers.insert(IF_NONE_MATCH, tag);
            }
        }
        Question::Get { known: None, .. } => {}
        Question::Post { .. } => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
    }
    request
}

/// A copy that is wiped when it is sent, since it may hold a secret.
fn wiped(json: &[u8]) -> Bytes {
    Bytes::from_owner(Zeroizing::new(json.to_vec()))
}

/// Whether this is an answer at all: no redirect, no encoding, no "unchanged" that was not asked for.
fn acceptable(response: &Response<Incoming>, place: &Place, sent_tag: bool) -> Result<(), FetchError> {
    let (status, headers) = (response.status(), response.headers());
    let place = place.to_string();
    if status == StatusCode::NOT_MODIFIED {
        return if sent_tag { Ok(()) } else { Err(FetchError::Status { place, status: status.as_u16() }) };
    }
    if status.is_redirection() {
        let to = text_of(headers, &LOCATION).map(shown).unwrap_or_default();
        return Err(FetchError::Redirected { place, to });
    }
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let encoding = shown(&String::from_utf8_lossy(encoding.as_bytes()));
            Err(FetchError::Encoded { place, encoding })
        }
        _ => Ok(()),
    }
}

/// The whole body. What a server announces is not allocated for before it has come.
async fn read(mut body: Incoming, place: &Place, limit: usize) -> Result<Vec<u8>, FetchError> {
    let too_long = || FetchError::TooLong { place: place.to_string(), limit };
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_long());
    }
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|source| FetchError::Protocol { place: place.to_string(), source })?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit.saturating_sub(read.len()) {
            return Err(too_long());
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// hyper takes no smaller one.
const SMALLEST_BUFFER: usize = 8_192;
const MOST_HEADERS: usize = 64;
const LONGEST_TAG: usize = 256;
