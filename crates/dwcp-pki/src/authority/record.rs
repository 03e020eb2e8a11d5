//! What the index says of one certificate.

use super::Revocation;
use super::index::IssuedEntry;
use crate::{KeyPin, Serial, SubjectName};
use dwcp_base::UnixTime;

/// What the index says of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedRecord {
    /// Its serial.
    pub serial: Serial,
    /// Its names.
    pub names: Vec<SubjectName>,
    /// The pin of its key.
    pub key_pin: KeyPin,
    /// When it was issued.
    pub issued_at: UnixTime,
    /// The start of its validity.
    pub not_before: UnixTime,
    /// The end of its validity.
    pub not_after: UnixTime,
    /// Whether it is revoked, and since when and why.
    pub standing: IssuedStanding,
}

/// Whether an issued certificate still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuedStanding {
    /// It was not revoked; whether it has expired is for the dates to say.
    Good,
    /// It was revoked.
    Revoked(Revocation),
}

impl IssuedRecord {
    pub(super) fn new(entry: IssuedEntry, revoked: Option<Revocation>) -> Self {
        Self {
            serial: entry.serial,
            names: entry.names,
            key_pin: entry.key_pin,
            issued_at: entry.at,
            not_before: entry.not_before,
            not_after: entry.not_after,
            standing: revoked.map_or(IssuedStanding::Good, IssuedStanding::Revoked),
        }
    }
}
