//! What stands under `/pki/`: lists, the authority's certificate, OCSP; read-only, on whichever listener it is asked for.
//!
//! - `/pki/ca.crl`, `/pki/ca-delta.crl`: DER, `application/pkix-crl` (RFC 5280, RFC 2585 §4.2)
//! - `/pki/ca.crt`: DER, `application/pkix-cert` (RFC 5280 §4.2.2.1)
//! - `/pki/ocsp`: POST, and GET with the base64 of the request behind a slash (RFC 6960 appendix A)

use super::http::{Reply, reply, text};
use super::http_date::http_date;
use super::ocsp_desk::{NoAnswer, Question};
use super::publication::{Document, Publication};
use super::shared::Shared;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LAST_MODIFIED,
    RETRY_AFTER,
};
use hyper::{Method, Request, StatusCode};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// How every path here begins.
pub(super) const START: &str = "/pki/";

/// One path.
enum Page<'a> {
    Complete,
    Delta,
    Certificate,
    Ocsp,
    OcspGet(&'a str),
}

impl<'a> Page<'a> {
    fn at(path: &'a str) -> Option<Self> {
        match path.strip_prefix(START)? {
            "ca.crl" => Some(Self::Complete),
            "ca-delta.crl" => Some(Self::Delta),
            "ca.crt" => Some(Self::Certificate),
            "ocsp" => Some(Self::Ocsp),
            // The base64 may have slashes of its own.
            longer => longer.strip_prefix("ocsp/").map(Self::OcspGet),
        }
    }

    fn allowed(&self) -> &'static str {
        match self {
            Self::Ocsp => "POST",
            _ => "GET, HEAD",
        }
    }
}

/// Answers a request from `source`.
pub(super) async fn respond(
    shared: &Shared,
    publication: &Publication,
    request: Request<Incoming>,
    source: IpAddr,
) -> Reply {
    let method = request.method().clone();
    let Some(page) = Page::at(request.uri().path()) else {
        return text(StatusCode::NOT_FOUND, "not here\n");
    };
    let fits = match page {
        Page::Ocsp => method == Method::POST,
        _ => method == Method::GET || method == Method::HEAD,
    };
    if !fits {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "not with this method\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(page.allowed()));
        return response;
    }
    if method != Method::POST && !request.body().is_end_stream() {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "no body with this method\n");
    }
    let document = match page {
        Page::Complete => Some(publication.complete()),
        Page::Delta => publication.delta(),
        Page::Certificate => Some(publication.certificate()),
        Page::OcspGet(path) => {
            let question = Question::Path(path.to_owned());
            return answered(shared, publication, question, source, true).await;
        }
        Page::Ocsp => {
            return match body(request).await {
                Ok(question) => answered(shared, publication, question, source, false).await,
                Err(refused) => refused,
            };
        }
    };
    match document {
        Some(document) => served(shared, &document, request.headers()),
        None => {
            let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "none was signed yet\n");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    }
}

fn served(shared: &Shared, document: &Document, asked: &HeaderMap) -> Reply {
    let modified = http_date(document.modified);
    let mut response = if is_known(document, asked) {
        let mut response = reply(StatusCode::NOT_MODIFIED, document.kind, "");
        // RFC 9110 §15.4.5: what the client has says it.
        response.headers_mut().remove(CONTENT_TYPE);
        response
    } else {
        reply(StatusCode::OK, document.kind, document.body.clone())
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, kept_for(document.fresh_for(shared.now())));
    for (name, value) in [(ETAG, &document.tag), (LAST_MODIFIED, &modified)] {
        // Digits and letters, always.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// Whether the client has this document already (RFC 9110 §13.1.2: compared weakly). By its tag alone: two lists of one second have
/// one date, and the second has a revocation that the first has not.
fn is_known(document: &Document, asked: &HeaderMap) -> bool {
    let tags = asked.get_all(IF_NONE_MATCH).iter();
    let same = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == document.tag;
    let mut tags = tags.filter_map(|value| value.to_str().ok());
    tags.any(|value| value.split(',').map(str::trim).any(same))
}

/// The body of a POST.
async fn body(request: Request<Incoming>) -> Result<Question, Reply> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or(kind).trim());
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/ocsp-request")) {
        return Err(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/ocsp-request is read here\n"));
    }
    let too_large = || text(StatusCode::PAYLOAD_TOO_LARGE, "64 KiB at most\n");
    if request.body().size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    match timeout(BODY_LIMIT, Limited::new(request.into_body(), MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(Question::Body(body.to_bytes())),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(text(StatusCode::BAD_REQUEST, "the body was not read\n")),
        Err(_) => Err(text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n")),
    }
}

async fn answered(
    shared: &Shared,
    publication: &Publication,
    question: Question,
    source: IpAddr,
    cacheable: bool,
) -> Reply {
    let (der, keep_until) = match publication.desk.answer(question, source, shared).await {
        Ok(answer) => answer,
        Err(NoAnswer) => return text(StatusCode::INTERNAL_SERVER_ERROR, "no answer was made\n"),
    };
    let mut response = reply(StatusCode::OK, "application/ocsp-response", der);
    // RFC 5019 §6.2: what was signed for whoever asks may be kept; a POST is not for caches.
    if let Some(until) = keep_until.filter(|_| cacheable) {
        response.headers_mut().insert(CACHE_CONTROL, kept_for(shared.now().until(until)));
    }
    response
}

/// RFC 5019 §6.2. Nothing stale is given by a cache that was cut off.
fn kept_for(time: Duration) -> HeaderValue {
    let text = format!("public, no-transform, must-revalidate, max-age={}", time.as_secs());
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("no-store"))
}

/// As much as the responder reads.
const MAX_BODY: usize = 64 << 10;
const BODY_LIMIT: Duration = Duration::from_secs(5);
