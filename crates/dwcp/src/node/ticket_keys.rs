//! The keys of tickets that several processes share: out of an envelope, or once through an inherited pipe.

use super::authority::{AT_ONCE, opening};
use super::error::NodeError;
use super::off_loop::off_loop;
use crate::config::{NodePlan, TicketSource};
use dwcp_base::read_bounded;
use dwcp_crypto::Envelope;
use dwcp_crypto::kek::at_once;
use dwcp_tls::{TicketKeySet, TicketKeysError};
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// A set and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct TicketKeys {
    source: TicketSource,
    pub(crate) set: TicketKeySet,
}

impl TicketKeys {
    /// Reads what the plan names, off the event loop and within ten seconds.
    pub(crate) async fn read(plan: &NodePlan) -> Result<Option<Self>, NodeError> {
        let Some(source) = plan.ticket_source.clone() else { return Ok(None) };
        let late = || NodeError::TicketKeys {
            from: told(&source),
            source: TicketKeysError::Io(io::ErrorKind::TimedOut.into()),
        };
        let whose = source.clone();
        let read = timeout(PATIENCE, off_loop(move || set(&whose))).await.map_err(|_| late())?;
        Ok(Some(Self { set: read.ok_or(NodeError::Interrupted)??, source }))
    }

    /// What a reload has: a sealed set is read again; what came through a descriptor is kept, since it can be read once.
    pub(crate) async fn again(plan: &NodePlan, before: Option<&Self>) -> Result<Option<Self>, NodeError> {
        let inherited = before.filter(|before| matches!(before.source, TicketSource::Descriptor(_)));
        match &plan.ticket_source {
            Some(TicketSource::Descriptor(_)) => match inherited {
                Some(inherited) if Some(&inherited.source) == plan.ticket_source.as_ref() => {
                    Ok(Some(inherited.clone()))
                }
                // By now that number may be any file of this process.
                _ => Err(NodeError::NeedsRestart { key: "security.tls.tickets" }),
            },
            Some(_) => Self::read(plan).await,
            // A later reload may want it back.
            None => Ok(inherited.cloned()),
        }
    }
}

/// Whether the set in a sealed file opens; one that comes through a descriptor can be read once, and not by a check.
pub(crate) fn check(plan: &NodePlan) -> Result<(), NodeError> {
    match &plan.ticket_source {
        Some(source @ TicketSource::Sealed { .. }) => set(source).map(drop),
        _ => Ok(()),
    }
}

/// Waits for a disk, a derivation or whoever writes into the pipe.
fn set(source: &TicketSource) -> Result<TicketKeySet, NodeError> {
    let failed = |error| NodeError::TicketKeys { from: told(source), source: error };
    match source {
        TicketSource::Descriptor(number) => inherited(*number).map_err(failed),
        TicketSource::Sealed { file, unseal } => {
            let text = read_bounded(file, LARGEST)
                .map_err(|source| NodeError::File { role: "sealed set of ticket keys", source })?;
            let envelope = Envelope::from_json(&text).map_err(TicketKeysError::Envelope).map_err(failed)?;
            let kek = opening(unseal)?;
            at_once(TicketKeySet::from_envelope(&envelope, &*kek, AT_ONCE)).map_err(failed)
        }
    }
}

/// Reads from a duplicate of the descriptor; the one that was inherited stays open, with nothing left in it.
#[cfg(unix)]
fn inherited(number: u32) -> Result<TicketKeySet, TicketKeysError> {
    let opened = match std::fs::File::open(format!("/dev/fd/{number}")) {
        Ok(file) => Ok(file.into()),
        Err(error) => socket(number).unwrap_or(Err(error)),
    };
    TicketKeySet::from_descriptor(opened.map_err(TicketKeysError::Io)?)
}

/// A socket can not be opened by its path.
#[cfg(target_os = "linux")]
fn socket(number: u32) -> Option<io::Result<std::os::fd::OwnedFd>> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    let number = i32::try_from(number).ok()?;
    let duplicate = pidfd_open(getpid(), PidfdFlags::empty())
        .and_then(|process| pidfd_getfd(process, number, PidfdGetfdFlags::empty()));
    Some(duplicate.map_err(io::Error::from))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn socket(_number: u32) -> Option<io::Result<std::os::fd::OwnedFd>> {
    None
}

#[cfg(not(unix))]
fn inherited(_number: u32) -> Result<TicketKeySet, TicketKeysError> {
    Err(TicketKeysError::NotAPipe)
}

fn told(source: &TicketSource) -> String {
    match source {
        TicketSource::Descriptor(number) => format!("descriptor {number}"),
        TicketSource::Sealed { file, .. } => file.display().to_string(),
    }
}

/// An envelope of a set is under a kibibyte.
const LARGEST: u64 = 64 << 10;
/// Whoever starts the node has written the set by then.
const PATIENCE: Duration = Duration::from_secs(10);
