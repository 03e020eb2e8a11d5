//! A wrapped key and its age.

use super::WrappedKey;
use super::passphrase;
use crate::KdfParams;
use crate::binding::Binding;
use crate::stamp::Stamp;
use dwcp_base::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A wrapped key with the time it was wrapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrapping {
    made: Stamp,
    key: WrappedKey,
}

impl Wrapping {
    pub(crate) fn new(key: WrappedKey, now: UnixTime) -> Self {
        Self { made: now.into(), key }
    }

    /// The wrapped key.
    pub fn key(&self) -> &WrappedKey {
        &self.key
    }

    /// When it was wrapped.
    pub fn made(&self) -> UnixTime {
        self.made.time()
    }

    /// Whether it is time to wrap again: after [`LIFETIME`](Self::LIFETIME). A passphrase should change then, and a key file
    /// [rotate](crate::kek::FileKek::rotate); what is wrapped already goes on opening.
    #[must_use]
    pub fn is_due(&self, now: UnixTime) -> bool {
        self.made().until(now) >= Self::LIFETIME
    }

    /// Whether new data may be sealed under it: not when a passphrase was derived more cheaply than it has to be today.
    #[must_use]
    pub fn is_current(&self) -> bool {
        passphrase::is_current(&self.key)
    }

    /// What deriving the key-encryption key from its passphrase costs; `None` where there is no passphrase, or the cost is below
    /// what new data needs.
    pub fn derivation(&self) -> Option<KdfParams> {
        passphrase::cost(&self.key)
    }

    /// How long one key-encryption key protects new data: 90 days.
    pub const LIFETIME: Duration = Duration::from_secs(90 * 86_400);

    /// Binds every part of it.
    pub(crate) fn bind(&self, binding: &mut Binding) {
        binding.field(self.made.text().as_bytes());
        self.key.bind(binding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapping_is_due_after_ninety_days() {
        let made = UnixTime::from_secs(1_790_000_000);
        let wrapping = Wrapping::new(WrappedKey::new("a", [], vec![1]).unwrap(), made);
        let day = Duration::from_secs(86_400);
        assert!(
            !wrapping.is_due(made)
                && !wrapping.is_due(made.plus(89 * day))
                && wrapping.is_due(made.plus(90 * day))
        );
        assert!(!wrapping.is_due(made.minus(day)), "a clock that was set back makes nothing due");
        let text = serde_json::to_string(&wrapping).unwrap();
        assert_eq!(
            text,
            r#"{"made":"2026-09-21T14:13:20Z","key":{"kind":"a","parameters":{},"wrapped":"AQ=="}}"#
        );
        assert_eq!(serde_json::from_str::<Wrapping>(&text).unwrap(), wrapping);
    }
}
