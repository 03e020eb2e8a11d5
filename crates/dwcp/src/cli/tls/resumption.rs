//! Whether a second connection resumed the session of the first, and what that saved.

use super::dial::Attempt;
use super::phases::millis;
use crate::cli::exit::{in_full, inert};
use dwcp_channel::DialError;
use dwcp_tls::{Group, Resumption};
use serde_json::{Value, json};
use std::time::Duration;

/// What came of dialing again.
pub(super) enum Resumed {
    /// A ticket stood in for the certificates.
    Yes { group: Group, full: Duration, resumed: Duration },
    /// It was a full handshake again, or none.
    No { why: String, failed: Option<DialError> },
}

impl Resumed {
    /// Compares the two.
    pub(super) fn of(first: &Attempt, second: Attempt) -> Self {
        let time = |attempt: &Attempt| attempt.phases.handshake().unwrap_or_default();
        let resumed = time(&second);
        let no = |why: &str| Self::No { why: why.to_owned(), failed: None };
        match (second.end, second.agreed) {
            (Err(error), _) => Self::No {
                why: inert(format!("the second connection failed: {}", in_full(&error))),
                failed: Some(error),
            },
            (Ok(()), Some((facts, _))) if facts.resumed == Resumption::Resumed => {
                Self::Yes { group: facts.group, full: time(first), resumed }
            }
            _ if first.afterwards == 0 => no("the server sent no ticket"),
            _ => no("the server did not take its ticket, or sent none"),
        }
    }

    /// Why the second connection failed, if it did.
    pub(super) fn failure(&self) -> Option<&DialError> {
        match self {
            Self::No { failed, .. } => failed.as_ref(),
            Self::Yes { .. } => None,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Yes { group, full, resumed } => format!(
                "resumed over a fresh {group}, {:.1} ms after {:.1} ms in full",
                millis(*resumed),
                millis(*full)
            ),
            Self::No { why, .. } => format!("not resumed: {why}"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Yes { group, full, resumed } => json!({
                "resumed": true,
                "group": group.to_string(),
                "full_ms": millis(*full),
                "resumed_ms": millis(*resumed),
                "saved_ms": millis(*full) - millis(*resumed),
            }),
            Self::No { why, .. } => json!({ "resumed": false, "why": why }),
        }
    }
}
