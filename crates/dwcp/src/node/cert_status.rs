//! `/status/certs`: every certificate that is looked after, and where its renewal stands; and `/certs/renew/NAME`, an operator's order.

use super::early_attempt::Attempt;
use super::error::NodeError;
use super::http::{Reply, reply};
use super::onion::reason_text;
use super::provider_checks;
use super::provider_word::{Fault, Word};
use super::renewal;
use super::shared::Shared;
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::{Coded, UnixTime};
use dwcp_pki::{
    Activation, Lead, ManagerError, OverdueLevel, Renewal, SlotPhase, SlotState, Window, WindowUse,
};
use hyper::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// Where orders are taken, on the admin socket alone.
pub(super) const RENEW: &str = "/certs/renew/";

/// All certificates by name, at most [`MOST_ROWS`] of them: those that somebody should look at first.
pub(super) fn report(shared: &Shared) -> Value {
    let mut states = shared.manager.states();
    states.sort_by_key(|state| std::cmp::Reverse((state.overdue, state.failures)));
    let left_out = states.len().saturating_sub(MOST_ROWS);
    states.truncate(MOST_ROWS);
    states.sort_by(|one, other| one.name.cmp(&other.name));
    let own = renewal::own(&shared.plan.load());
    json!({
        "node": shared.certificate_name(),
        "at": shared.now().to_string(),
        "certificates": states.iter().map(|state| row(state, Attempt::of(state, shared))).map(|row| beside(row, &own, shared)).collect::<Vec<_>>(),
        "left_out": left_out,
    })
}

/// Beside the node's own certificate stands how it is with whoever issues it elsewhere.
fn beside(mut row: Value, own: &str, shared: &Shared) -> Value {
    if row["name"] == own {
        row["issuer"] = provider_checks::status(shared);
    }
    row
}

fn row(state: &SlotState, attempt: Attempt) -> Value {
    let text = |time: Option<UnixTime>| time.map(|time| time.to_string());
    let (phase, prepared) = match state.phase {
        SlotPhase::Active => ("active", Value::Null),
        SlotPhase::Renewing => ("renewing", Value::Null),
        SlotPhase::Prepared { serial, activate_at } => {
            ("prepared", json!({ "serial": serial.to_string(), "activate_at": activate_at.to_string() }))
        }
    };
    let failure = state.last_failure.as_ref().map(
        |failure| json!({ "code": failure.code, "message": failure.message, "at": failure.at.to_string() }),
    );
    json!({
        "name": state.name,
        "state": phase,
        "serial": state.serial.to_string(),
        "names": state.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "not_before": state.not_before.to_string(),
        "not_after": state.not_after.to_string(),
        "provider": state.provider,
        "renew_at": text(Some(state.renew_at).filter(|_| state.provider.is_some())),
        "ordered": text(state.ordered),
        "window": state.window.map(|window| window.to_string()),
        "window_use": match state.window_use {
            WindowUse::Unset => "unset",
            WindowUse::Honoured => "honoured",
            WindowUse::Overruled => "overruled",
        },
        "renew_before": match state.lead {
            Lead::Fraction => "unset",
            Lead::Honoured => "honoured",
            Lead::Overruled => "overruled",
        },
        "overdue": state.overdue.map(level),
        "failures": state.failures,
        "last_failure": failure,
        "last_attempt": match attempt {
            Attempt::Good => "good",
            Attempt::Failed => "failed",
            Attempt::Early => "early",
            Attempt::Over => "over",
        },
        "retry_at": text(state.retry_at),
        "prepared": prepared,
        "draining": state.draining,
        "unsaved": state.unsaved,
    })
}

fn level(level: OverdueLevel) -> &'static str {
    match level {
        OverdueLevel::Due => "due",
        OverdueLevel::Alarm => "alarm",
        OverdueLevel::Critical => "critical",
        _ => "expired",
    }
}

/// Carries out an order: `slot` and `query` as they stand in the request's target.
pub(super) async fn renew(shared: &Arc<Shared>, slot: &str, query: Option<&str>) -> Reply {
    let Some(slot) = decoded(slot) else {
        return refused(
            StatusCode::BAD_REQUEST,
            "node.request.malformed",
            "the name is not encoded as in a URL",
            "",
        );
    };
    let window = match query.map(|query| query.strip_prefix("window=").and_then(decoded)) {
        None => None,
        Some(text) => match text.as_deref().map(str::parse::<Window>) {
            Some(Ok(window)) => Some(window),
            Some(Err(error)) => {
                return refused(
                    StatusCode::BAD_REQUEST,
                    error.code(),
                    &error.to_string(),
                    "write for example 03:00+2h",
                );
            }
            None => {
                return refused(
                    StatusCode::BAD_REQUEST,
                    "node.request.malformed",
                    "only `window` may be asked for",
                    "",
                );
            }
        },
    };
    let asked = SecurityEvent::local(EventKind::AdminAction).field("name", &slot);
    let done = match window {
        // The order itself is on record, by the manager's news of it.
        Some(window) => renewal::order(shared, &slot, window)
            .await
            .map(|at| json!({ "name": slot, "ordered": at.to_string(), "window": window.to_string() })),
        None => {
            shared.ledger.note(asked.field("action", "renewal"));
            match renewal::renew_slot(shared, &slot, Activation::Now).await {
                Ok(Renewal::Active(renewed)) => Ok(json!({
                    "name": slot,
                    "serial": renewed.serial.to_string(),
                    "not_after": renewed.not_after.to_string(),
                    "generation": renewed.generation,
                })),
                Ok(Renewal::Prepared { .. }) => Err(NodeError::Interrupted),
                Err(error) => Err(error),
            }
        }
    };
    match done {
        Ok(body) => json_reply(StatusCode::OK, &body),
        Err(error) => {
            let Said { status, code, fix } = said(&error);
            refused(status, code, &reason_text(&error), &fix)
        }
    }
}

/// What is said to whoever waits for an answer while the node ends.
#[cfg(unix)]
pub(super) fn stopping() -> Reply {
    let fix = "ask again when it is up; what is due is renewed then by itself";
    refused(StatusCode::SERVICE_UNAVAILABLE, "node.request.interrupted", "the node is stopping", fix)
}

/// How an error answers.
struct Said {
    status: StatusCode,
    code: &'static str,
    fix: String,
}

/// The provider's own word, where it has one.
fn said(error: &NodeError) -> Said {
    let (status, general) = kind(error.code());
    let NodeError::Unissued(ManagerError::Provider(provider)) = error else {
        return Said { status, code: error.code(), fix: general.to_owned() };
    };
    let Word { fault, code, fix } = Word::of(provider);
    let status = match fault {
        Fault::Unfit => StatusCode::CONFLICT,
        Fault::Machine => StatusCode::INTERNAL_SERVER_ERROR,
        Fault::Refused => StatusCode::FORBIDDEN,
        Fault::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Untrusted => StatusCode::BAD_GATEWAY,
    };
    let fix = fix.map(|fix| format!("{fix}; the old certificate still serves"));
    Said { status, code, fix: fix.unwrap_or_else(|| general.to_owned()) }
}

/// How an error answers by its code, and what helps.
fn kind(code: &str) -> (StatusCode, &'static str) {
    match code {
        "pki.slot.unknown" => (StatusCode::NOT_FOUND, "`dwcp cert list` names the certificates of the node"),
        "node.renewal.foreign" => (
            StatusCode::CONFLICT,
            "have the tool that renews it do so, then send SIGHUP; or set security.cert_management.provider: embedded",
        ),
        "pki.renewal.busy" | "pki.renewal.crowded" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "it is under way already: `dwcp cert list` shows what came of it",
        ),
        "pki.provider.refused" => {
            (StatusCode::FORBIDDEN, "see what the provider's policy allows; the old certificate still serves")
        }
        code if code.starts_with("pki.provider.") => (
            StatusCode::SERVICE_UNAVAILABLE,
            "mend what the provider says; the old certificate still serves, and the node tries again by itself",
        ),
        _ => {
            (StatusCode::INTERNAL_SERVER_ERROR, "mend what the cause names; the old certificate still serves")
        }
    }
}

fn refused(status: StatusCode, code: &str, message: &str, fix: &str) -> Reply {
    json_reply(status, &json!({ "error": { "code": code, "message": message, "fix": fix } }))
}

fn json_reply(status: StatusCode, body: &Value) -> Reply {
    reply(status, "application/json", format!("{body}\n"))
}

/// Percent-encoded text (RFC 3986 §2.1) of at most 256 octets; `None` for what is no UTF-8 or has a control character.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let plain = match byte {
            b'%' => u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?,
            other => other,
        };
        bytes.push(plain);
    }
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() <= 256)?;
    (!text.chars().any(char::is_control)).then_some(text)
}

/// Rows that one answer has.
const MOST_ROWS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_that_failed_tells_the_provider_s_code_and_its_advice() {
        use dwcp_pki::ProviderError;
        use dwcp_pki_vault::VaultError;
        let source = VaultError::Sealed.into();
        let unavailable = ProviderError::Unavailable { retry_after: None, source };
        let told = said(&NodeError::Unissued(ManagerError::Provider(unavailable)));
        assert_eq!((told.status, told.code), (StatusCode::SERVICE_UNAVAILABLE, "vault.server.sealed"));
        assert!(told.fix.contains("bao operator unseal"), "{}", told.fix);
        let denied = VaultError::Denied { path: "pki/sign/role".to_owned() };
        let refused = ProviderError::Refused(denied.into());
        let told = said(&NodeError::Unissued(ManagerError::Provider(refused)));
        assert_eq!((told.status, told.code), (StatusCode::FORBIDDEN, "vault.permission.denied"));
        assert!(told.fix.contains("pki/sign/role"), "{}", told.fix);
        // One that says nothing of its own is told by the general advice.
        let plain = ProviderError::Refused("no".into());
        let told = said(&NodeError::Unissued(ManagerError::Provider(plain)));
        assert_eq!((told.status, told.code), (StatusCode::FORBIDDEN, "pki.provider.refused"));
    }

    #[test]
    fn names_are_decoded_and_what_is_no_text_is_refused() {
        assert_eq!(decoded("DNS%3Aa.example"), Some("DNS:a.example".to_owned()));
        assert_eq!(decoded("03:00+2h"), Some("03:00+2h".to_owned()));
        for bad in ["%", "%4", "%zz", "%ff", "a%0ab", "%1b%5b", &"a".repeat(257), "%+4"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
