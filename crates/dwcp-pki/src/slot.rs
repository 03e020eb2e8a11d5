//! A slot: one certificate that is kept fresh, what it must be, and how it is doing.

use crate::{Lead, OverdueLevel, Serial, SubjectName, Usage};
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
    /// The start of its life.
    pub not_before: UnixTime,
    /// The end of its life.
    pub not_after: UnixTime,
    /// When it is to be renewed, jitter included.
    pub renew_at: UnixTime,
    /// What became of the configured time before its end.
    pub lead: Lead,
    /// How late it is; `None` before the alarm.
    pub overdue: Option<OverdueLevel>,
    /// How many attempts have failed since the last success.
    pub failures: u32,
    /// Why the last of them failed.
    pub last_failure: Option<Failure>,
    /// When the next attempt is, after a failure.
    pub retry_at: Option<UnixTime>,
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
