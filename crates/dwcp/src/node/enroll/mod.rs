//! `/enroll/…`: how other machines join, renew, and learn what to trust. It is served over TLS alone.
//!
//! - `POST /enroll/join`: a token and a signing request; no client certificate is needed
//! - `POST /enroll/renew`: a signing request, over mutual TLS with the certificate that was granted
//! - `GET /enroll/bundle`: roots and revocation lists, over mutual TLS
//!
//! Bodies and answers are JSON. Who asks is who the TLS session says, never what a header does.

mod answer;
mod body;
mod bundle;
mod caller;
mod desk;
pub(super) mod port;

pub(super) use caller::Caller;
pub(super) use desk::Enrolment;

use super::http::{Reply, text};
use super::shared::Shared;
use crate::enroll::{EnrollError, Registrar};
use answer::{Asked, Trouble, bundled, granted, not_modified, renewed};
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_pki::SpiffeId;
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, HeaderMap, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Request, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How every path here begins.
pub(super) const START: &str = "/enroll/";

/// Answers one request; all of it has [`WHOLE`].
pub(super) async fn respond(
    shared: &Arc<Shared>,
    desk: &Enrolment,
    request: Request<Incoming>,
    caller: &Caller,
) -> Reply {
    let (asked, allowed) = match request.uri().path() {
        "/enroll/join" => (Asked::Join, "POST"),
        "/enroll/renew" => (Asked::Renew, "POST"),
        "/enroll/bundle" => (Asked::Bundle, "GET, HEAD"),
        _ => return text(StatusCode::NOT_FOUND, "not here\n"),
    };
    let method = request.method();
    let fits = match asked {
        Asked::Bundle => method == Method::GET || method == Method::HEAD,
        _ => method == Method::POST,
    };
    if !fits {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "not with this method\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return response;
    }
    let answered = async {
        match asked {
            Asked::Join => join(shared, desk, request, caller).await,
            Asked::Renew => renew(shared, desk, request, caller).await,
            Asked::Bundle => bundle(shared, desk, request, caller).await,
        }
    };
    match timeout(WHOLE, answered).await.unwrap_or(Err(Trouble::Late)) {
        Ok(reply) => reply,
        Err(trouble) => answer::refused(shared, desk, caller, asked, trouble),
    }
}

async fn join(
    shared: &Arc<Shared>,
    desk: &Enrolment,
    request: Request<Incoming>,
    caller: &Caller,
) -> Result<Reply, Trouble> {
    let asked = body::join(&body::read(request).await?)?;
    let own = shared.store.current().credential().names().to_vec();
    let (id, now) = (asked.id, shared.now());
    // First, since nothing may fail between spending a token and answering that could have failed before.
    let bundle = desk.bundle(shared).await?;
    let (to_note, source) = (Arc::clone(shared), caller.source);
    // On record where it is done: whoever asked may be gone by then, and it is granted all the same.
    let work = move |registrar: &Registrar| {
        let done = registrar.join(&asked.id, &asked.secret, asked.request.as_bytes(), &own, now)?;
        let leaf = done.chain.leaf();
        to_note.telemetry.enrollment("joined");
        to_note.ledger.note(
            SecurityEvent::local(EventKind::NodeJoined)
                .named(done.identity.as_str())
                .source(source)
                .field("token", id)
                .field("serial", leaf.serial())
                .field("pin", leaf.key_pin())
                .field("not_after", leaf.not_after()),
        );
        Ok(done)
    };
    let done = desk.at_work(work).await.map_err(|trouble| match trouble {
        Trouble::Refused(error) => Trouble::OfToken(id, error),
        other => other,
    })?;
    Ok(granted(&done, &bundle))
}

async fn renew(
    shared: &Arc<Shared>,
    desk: &Enrolment,
    request: Request<Incoming>,
    caller: &Caller,
) -> Result<Reply, Trouble> {
    let (holder, _) = caller.proven(shared)?;
    let asked = body::renew(&body::read(request).await?)?;
    let (old, now) = (holder.serial(), shared.now());
    let bundle = desk.bundle(shared).await?;
    let (to_note, source) = (Arc::clone(shared), caller.source);
    let work = move |registrar: &Registrar| {
        let done = registrar.renew(&holder, asked.as_bytes(), now)?;
        let leaf = done.chain.leaf();
        to_note.telemetry.enrollment("renewed");
        to_note.ledger.note(
            SecurityEvent::peer(EventKind::NodeRenewed, done.identity.as_str())
                .source(source)
                .field("before", old)
                .field("serial", leaf.serial())
                .field("not_after", leaf.not_after()),
        );
        Ok(done)
    };
    let done = desk.at_work(work).await?;
    Ok(renewed(&done, &bundle))
}

async fn bundle(
    shared: &Shared,
    desk: &Enrolment,
    request: Request<Incoming>,
    caller: &Caller,
) -> Result<Reply, Trouble> {
    if !request.body().is_end_stream() {
        return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "no body with this method\n"));
    }
    let (_, identity): (_, SpiffeId) = caller.proven(shared)?;
    desk.at_work(move |registrar| registrar.member(&identity)).await?;
    let bundle = desk.bundle(shared).await?;
    shared.telemetry.enrollment("bundle");
    Ok(if knows(request.headers(), &bundle.tag) { not_modified(&bundle) } else { bundled(&bundle) })
}

/// RFC 9110 §13.1.2.
fn knows(headers: &HeaderMap, ours: &str) -> bool {
    let same = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == ours;
    let mut values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.split(',').map(str::trim).any(same))
}

impl From<EnrollError> for Trouble {
    fn from(error: EnrollError) -> Self {
        Self::Refused(error)
    }
}

/// From the last header to the answer.
const WHOLE: Duration = Duration::from_secs(10);
