//! The client: one question, one answer, and a bound on everything.

use crate::detail::shown;
use crate::failure;
use crate::{Answer, Ask, Detail, HttpsError, Limits, Roots, retry_after, tls};
use bytes::Bytes;
use dwcp_base::{Clock, SystemClock, UnixTime};
use dwcp_pki::Credential;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use reqwest::{Body, Client, Response, StatusCode, redirect, retry};
use rustls::ClientConfig;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Asks servers over HTTP/1.1 and TLS 1.3. Clones share their connections.
///
/// # Security
/// A server is who its URL names, proven by a chain that ends at one of the roots; whether its certificate was revoked is not asked.
/// Nothing that the environment says about proxies counts, no redirect is followed, no cookie kept and no encoding undone.
#[derive(Clone)]
pub struct HttpsClient {
    engine: Client,
    clock: SystemClock,
}

impl HttpsClient {
    /// A client that trusts `roots` and shows no certificate.
    ///
    /// # Errors
    /// [`HttpsError::NoRoots`] and [`HttpsError::Setup`].
    pub fn new(roots: &Roots) -> Result<Self, HttpsError> {
        Self::over(tls::config(roots, None)?)
    }

    /// A client that shows `credential` to servers that ask who is there. The credential is that of now: for a newer one another client
    /// is made.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_credential(roots: &Roots, credential: &Credential) -> Result<Self, HttpsError> {
        Self::over(tls::config(roots, Some(credential))?)
    }

    fn over(tls: ClientConfig) -> Result<Self, HttpsError> {
        let engine = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .http1_max_headers(MOST_HEADERS)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            // A connection that nobody waits for any more is still being made for the next question: not for ever.
            .connect_timeout(LONGEST_CONNECT)
            .pool_idle_timeout(LONGEST_IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .user_agent(concat!("dwcp/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(HttpsError::setup)?;
        Ok(Self { engine, clock: SystemClock::new() })
    }

    /// Asks, and reads the answer. A status that says no is an answer too. Dropping the future gives up at once.
    ///
    /// # Errors
    /// [`HttpsError`]: the limits are kept while the answer is read, so that nothing beyond them is ever held.
    pub async fn ask(&self, ask: Ask<'_>) -> Result<Answer, HttpsError> {
        let (place, deadline) = (ask.url.origin(), ask.limits.deadline);
        let late = |_| HttpsError::TimedOut { place: place.clone(), deadline };
        timeout(deadline, self.exchange(ask, &place)).await.map_err(late)?
    }

    /// The engine under it, for a library that brings its own questions: the client of Vault, whose logins and renewals this serves.
    ///
    /// # Security
    /// TLS, redirects and proxies are as above. Deadline and length of an answer are not bounded here: whoever asks bounds the time.
    pub fn engine(&self) -> &Client {
        &self.engine
    }

    async fn exchange(&self, ask: Ask<'_>, place: &str) -> Result<Answer, HttpsError> {
        let limits = ask.limits;
        let failed = |error: reqwest::Error| failure::of(&error, place, limits.deadline);
        let url = ask.url.engine().clone();
        let mut request = self.engine.request(ask.verb.method(), url).headers(ask.header_map()?);
        if let Some((_, bytes)) = ask.body {
            // It may hold a secret, so it is wiped once it is sent.
            request = request.body(Body::from(Bytes::from_owner(bytes)));
        }
        let mut response = request.send().await.map_err(failed)?;
        tracing::debug!(place, verb = ?ask.verb, status = response.status().as_u16(), "answered");
        acceptable(&response, place)?;
        let body = read(&mut response, place, limits).await?;
        let headers = std::mem::take(response.headers_mut());
        let date = text_of(&headers, &DATE).and_then(UnixTime::parse_http_date);
        let now = date.unwrap_or_else(|| self.clock.unix());
        let retry_after = text_of(&headers, &RETRY_AFTER).and_then(|text| retry_after(text, now));
        Ok(Answer { status: response.status().as_u16(), retry_after, date, body, headers })
    }
}

impl fmt::Debug for HttpsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsClient").finish_non_exhaustive()
    }
}

/// Whether this is an answer at all: no redirect, no encoding, one word about its length.
fn acceptable(response: &Response, place: &str) -> Result<(), HttpsError> {
    let (status, headers) = (response.status(), response.headers());
    let place = place.to_owned();
    // "Not modified" sends nobody anywhere.
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        let to = headers.get(LOCATION).map(|to| shown(&String::from_utf8_lossy(to.as_bytes())));
        return Err(HttpsError::Redirected { place, to: to.unwrap_or_default() });
    }
    // RFC 9112 §6.3: whoever sends both may be about to smuggle an answer.
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Err(HttpsError::Protocol {
            place,
            source: Detail::new("it says two things about the length"),
        });
    }
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let encoding = shown(&String::from_utf8_lossy(encoding.as_bytes()));
            Err(HttpsError::Encoded { place, encoding })
        }
        _ => Ok(()),
    }
}

/// The whole body. What a server announces is not allocated for before it has come.
async fn read(response: &mut Response, place: &str, limits: Limits) -> Result<Vec<u8>, HttpsError> {
    let limit = limits.body;
    let too_long = || HttpsError::TooLong { place: place.to_owned(), limit };
    if response.content_length().is_some_and(|length| length > u64::try_from(limit).unwrap_or(u64::MAX)) {
        return Err(too_long());
    }
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) =
        response.chunk().await.map_err(|error| failure::of(&error, place, limits.deadline))?
    {
        if chunk.len() > limit.saturating_sub(body.len()) {
            return Err(too_long());
        }
        append(&mut body, &chunk);
    }
    Ok(std::mem::take(&mut body))
}

/// Grows a body by a copy of which the old place is wiped: an answer may hold a secret, and a vector that grows by itself leaves it behind.
fn append(body: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let length = body.len().saturating_add(chunk.len());
    if length > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(body.capacity().saturating_mul(2))));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(chunk);
}

fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

const MOST_HEADERS: usize = 64;
const LONGEST_CONNECT: Duration = Duration::from_secs(30);
const LONGEST_IDLE: Duration = Duration::from_secs(30);
/// Connections kept for the next question, per server.
const MOST_IDLE: usize = 2;
