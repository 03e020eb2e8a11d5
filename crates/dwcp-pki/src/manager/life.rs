//! Which certificate a slot has, until when, and the moments in its life.

use crate::{Credential, RenewalSchedule, Serial};
use dwcp_base::UnixTime;
use dwcp_crypto::digest;
use std::time::Duration;

/// Which certificate, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) serial: Serial,
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
}

impl Life {
    pub(super) fn of(credential: &Credential) -> Self {
        Self {
            serial: credential.chain().leaf().serial(),
            not_before: credential.not_before(),
            not_after: credential.not_after(),
        }
    }

    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        self.serial != other.serial && (self.not_before, self.not_after) > (other.not_before, other.not_after)
    }
}

/// The schedule of a certificate in the slot of this name.
pub(super) fn schedule(name: &str, life: &Life, renew_before: Option<Duration>) -> RenewalSchedule {
    // One seed per slot and certificate: the same after a restart, another on each node.
    let hash = digest::sha256_of(&[name.as_bytes(), life.serial.as_be_bytes()]);
    let seed = hash.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    let schedule = RenewalSchedule::new(life.not_before, life.not_after, seed);
    match renew_before {
        Some(renew_before) => schedule.with_renew_before(renew_before),
        None => schedule,
    }
}
