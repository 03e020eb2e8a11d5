//! What a listener does with a session: reach the target, say so, carry the bytes.

use crate::{
    DialError, Ended, Lookups, ReasonCode, Rejection, RejectionKind, RelayOutcome, RelaySettings, Session,
    relay,
};
use dwcp_base::{Blame, Coded};
use std::io;
use std::time::Duration;

/// Connects to `target` (`host:port`) within `deadline`, looked up among `lookups`, and relays; when it can not be reached,
/// a node peer is told so.
///
/// A session that is cut while it waits for its target is reset at once, and ends as [`Ended::Cut`] without a byte moved:
/// that end alone says nothing about the target. One that only shows certificates ends as [`Ended::Clean`], with its target unasked. After every other one the target was reached.
///
/// # Errors
/// [`TargetUnreachable`]; the session is closed by then.
pub async fn forward(
    mut session: Session,
    target: &str,
    lookups: &Lookups,
    deadline: Duration,
    settings: &RelaySettings,
) -> Result<RelayOutcome, TargetUnreachable> {
    if session.only_shows() {
        session.part().await;
        return Ok(RelayOutcome { bytes_in: 0, bytes_out: 0, end: Ended::Clean });
    }
    let reached = tokio::select! {
        biased;
        reason = session.cut() => {
            session.reset();
            return Ok(RelayOutcome { bytes_in: 0, bytes_out: 0, end: Ended::Cut(reason) });
        }
        reached = lookups.reach(target, deadline) => reached,
    };
    let source = match reached {
        Ok((plain, _)) => return Ok(relay(session, plain, settings).await),
        Err(DialError::Unresolved { source, .. } | DialError::Unreachable { source, .. }) => source,
        Err(DialError::Timeout { .. }) => io::ErrorKind::TimedOut.into(),
        Err(other) => io::Error::other(other),
    };
    let unreachable = TargetUnreachable { source };
    let reason = ReasonCode::of(&unreachable);
    session.refuse(Rejection { kind: RejectionKind::Target, reason, retry_after: Duration::ZERO }).await;
    Err(unreachable)
}

/// The target of a listener can not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the target can not be reached")]
pub struct TargetUnreachable {
    /// What the operating system said.
    pub source: io::Error,
}

impl Coded for TargetUnreachable {
    fn code(&self) -> &'static str {
        "channel.target.unreachable"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
