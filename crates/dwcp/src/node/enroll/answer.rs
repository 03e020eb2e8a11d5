//! What goes back: what was granted, or why not, as JSON; and what is put on record of it.

use super::bundle::Bundle;
use super::caller::Caller;
use super::desk::Enrolment;
use crate::enroll::{EnrollError, Granted, TokenId};
use crate::node::http::{Reply, reply, unhurried};
use crate::node::onion::reason_text;
use crate::node::shared::Shared;
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::Coded;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER};
use serde_json::json;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Join,
    Renew,
    Bundle,
}

/// Why it was not given.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It was judged, or the judging failed.
    Refused(EnrollError),
    /// The same of whoever named this token.
    OfToken(TokenId, EnrollError),
    /// The body is too large.
    Large,
    /// The body did not come in time.
    Slow,
    /// There was no place in time.
    Busy,
    /// It took longer than it may.
    Late,
    /// The work panicked, or no thread could be had.
    Broken,
}

/// What a machine that joined was granted, and what it is to trust.
pub(super) fn granted(granted: &Granted, bundle: &Bundle) -> Reply {
    unhurried(certified(granted, bundle, &bundle.lists))
}

/// What a member was granted. It fetches the lists by themselves: they may be large, and it has to renew whatever their size.
pub(super) fn renewed(granted: &Granted, bundle: &Bundle) -> Reply {
    certified(granted, bundle, "")
}

fn certified(granted: &Granted, bundle: &Bundle, lists: &str) -> Reply {
    let body = json!({
        "chain": granted.chain.to_pem(),
        "roots": bundle.roots,
        "crl": lists,
        "identity": granted.identity.as_str(),
        "renew_after": null,
    });
    reply(StatusCode::OK, JSON, format!("{body}\n"))
}

pub(super) fn bundled(bundle: &Bundle) -> Reply {
    unhurried(tagged(reply(StatusCode::OK, JSON, bundle.body.clone()), bundle))
}

pub(super) fn not_modified(bundle: &Bundle) -> Reply {
    let mut response = reply(StatusCode::NOT_MODIFIED, JSON, "");
    // RFC 9110 §15.4.5: what the client has says it.
    response.headers_mut().remove(CONTENT_TYPE);
    tagged(response, bundle)
}

fn tagged(mut response: Reply, bundle: &Bundle) -> Reply {
    if let Ok(tag) = HeaderValue::from_str(&bundle.tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Counts, records and answers a refusal. Each costs the source one of its few; when they are used up, it is told when to come again, and
/// nothing more is written down than that there were some.
pub(super) fn refused(
    shared: &Shared,
    desk: &Enrolment,
    caller: &Caller,
    asked: Asked,
    trouble: Trouble,
) -> Reply {
    let body = |rule| EnrollError::Body { rule };
    let (error, token, status) = match trouble {
        Trouble::Refused(EnrollError::Often { wait }) => {
            return later(shared, "throttled", StatusCode::TOO_MANY_REQUESTS, wait.as_secs() + 1);
        }
        Trouble::Refused(error) => (error, None, None),
        Trouble::OfToken(token, error) => (error, Some(token), None),
        Trouble::Large => (body("the body is longer than 64 KiB"), None, Some(StatusCode::PAYLOAD_TOO_LARGE)),
        Trouble::Slow => (body("the body did not come in time"), None, Some(StatusCode::REQUEST_TIMEOUT)),
        Trouble::Busy => return later(shared, "throttled", StatusCode::TOO_MANY_REQUESTS, 1),
        Trouble::Late => return later(shared, "late", StatusCode::SERVICE_UNAVAILABLE, 1),
        Trouble::Broken => return later(shared, "unavailable", StatusCode::SERVICE_UNAVAILABLE, 5),
    };
    let ours = error.result() == "unavailable";
    if !ours && let Err(refusal) = desk.attempts.admit(caller.source.ip(), shared.clock.tick()) {
        let seconds = refusal.retry_after().as_secs() + 1;
        return later(shared, "throttled", StatusCode::TOO_MANY_REQUESTS, seconds);
    }
    let text = reason_text(&error);
    shared.telemetry.enrollment(error.result());
    let kind = if asked == Asked::Join { EventKind::JoinRefused } else { EventKind::RenewalRefused };
    // Who showed a certificate is on record as who it is, everybody else in sum.
    shared.ledger.note_about(&caller.peer, caller.source, kind, |event: SecurityEvent| {
        let event = event.code(error.code()).message(&text);
        match token {
            Some(token) => event.field("token", token),
            None => event,
        }
    });
    if ours {
        tracing::error!(%text, "nobody can join or renew");
        // What is wrong here is not for strangers to read.
        let fix = "try again; the node that holds the authority says in its log what is wrong";
        return problem(status_of(&error), error.code(), "the authority can not be used now", fix, Some(1));
    }
    problem(status.unwrap_or_else(|| status_of(&error)), error.code(), &text, fix(&error), None)
}

fn later(shared: &Shared, result: &str, status: StatusCode, seconds: u64) -> Reply {
    shared.telemetry.enrollment(result);
    let code =
        if result == "throttled" { "enroll.request.throttled" } else { "enroll.authority.unavailable" };
    problem(status, code, "not now", "try again after the time that Retry-After says", Some(seconds))
}

fn problem(status: StatusCode, code: &str, message: &str, fix: &str, retry: Option<u64>) -> Reply {
    let body = json!({ "error": { "code": code, "message": message, "fix": fix } });
    let mut response = reply(status, JSON, format!("{body}\n"));
    if let Some(seconds) = retry {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn status_of(error: &EnrollError) -> StatusCode {
    match error.result() {
        "request_bad" => StatusCode::BAD_REQUEST,
        "identity_missing" => StatusCode::UNAUTHORIZED,
        "unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    }
}

fn fix(error: &EnrollError) -> &'static str {
    match error.result() {
        "token_unknown" => "check that the token is whole, and made by the node that answers here",
        "token_expired" | "token_spent" => {
            "make a new one with `dwcp token create`; if nobody of yours spent it, see who joined"
        }
        "name_refused" => "ask for one SPIFFE ID that nobody has, and names that the token grants",
        "identity_missing" => "show the certificate that was granted here",
        "identity_unknown" => "join with a token first",
        "identity_superseded" => {
            "use the newest certificate; if another machine has it, revoke it and join again"
        }
        "identity_revoked" => "join again with a new token",
        _ => "send JSON with a PKCS#10 request in PEM that is signed by the key it names",
    }
}

const JSON: &str = "application/json";
