//! A slot: one certificate that is kept fresh, what it must be, and how it is doing.

use crate::{Lead, OverdueLevel, Serial, SubjectName, Usage, Window, WindowUse};
use dwcp_base::UnixTime;
use dwcp_crypto::KeyType;
use std::time::Duration;

/// What a slot's certificate must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSpec {
    /// The slot's name in logs, metrics and commands.
    pub name: String,
    /// The names to ask for: the certificate must have each of them and no other.
    pub names: Vec<SubjectName>,
    /// The kind of key to make for each certificate. Default: P-256.
    pub key_type: KeyType,
    /// What the certificate must be good for. Default: both server and client, as a node of a mesh needs.
    pub usage: Usage,
    /// How long before its end to renew, where the operator says so; honoured as
    /// [`RenewalSchedule::with_renew_before`](crate::RenewalSchedule::with_renew_before) does.
    pub renew_before: Option<Duration>,
}

impl SlotSpec {
    /// A slot with the defaults.
    pub fn new(name: impl Into<String>, names: Vec<SubjectName>) -> Self {
        Self {
            name: name.into(),
            names,
            key_type: KeyType::EcdsaP256,
            usage: Usage::Both,
            renew_before: None,
        }
    }
}

/// How a slot is doing, for health pages and commands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlotState {
    /// The slot's name.
    pub name: String,
    /// The generation that serves its certificate.
    pub generation: u64,
    /// The certificate's serial number.
    pub serial: Serial,
    /// The certificate's names.
    pub names: Vec<SubjectName>,
    /// The start of its life.
    pub not_before: UnixTime,
    /// The end of its life.
    pub not_after: UnixTime,
    /// Who issues its successors; `None` where that is somebody else's.
    pub provider: Option<String>,
    /// Where a renewal stands.
    pub phase: SlotPhase,
    /// How many certificates that were replaced are still held by somebody, at most 16.
    pub draining: usize,
    /// When it is to be renewed: as ordered, else in the preferred window, else as its issuer advises or by its life; jitter included.
    pub renew_at: UnixTime,
    /// When a renewal was ordered for, if one was.
    pub ordered: Option<UnixTime>,
    /// When its issuer advises to renew it, if it does.
    pub advised: Option<UnixTime>,
    /// What became of the configured time before its end.
    pub lead: Lead,
    /// The preferred window.
    pub window: Option<Window>,
    /// What became of it.
    pub window_use: WindowUse,
    /// How late it is; `None` while all is well.
    pub overdue: Option<OverdueLevel>,
    /// How many attempts have failed since the last success.
    pub failures: u32,
    /// Why the last of them failed.
    pub last_failure: Option<Failure>,
    /// When the next attempt is, after a failure: when its back-off is over, and not before it is due. `None` where it has to be ordered.
    pub retry_at: Option<UnixTime>,
    /// Why the last renewal is not safe on disk, where it is not.
    pub unsaved: Option<String>,
}

/// Where a renewal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotPhase {
    /// The certificate serves, and nothing else is going on.
    Active,
    /// A successor is being asked for.
    Renewing,
    /// A successor is ready.
    Prepared {
        /// Its serial number.
        serial: Serial,
        /// When it takes over.
        activate_at: UnixTime,
    },
}

/// A failed attempt, reduced to what a health page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code of the error.
    pub code: &'static str,
    /// Its text with those of its causes, at most 1024 characters.
    pub message: String,
    /// When it failed.
    pub at: UnixTime,
}
