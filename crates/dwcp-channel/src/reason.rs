//! The reasons that travel: stable codes, bounded and checked before they are printed anywhere.

use dwcp_base::{Blame, Coded};
use std::fmt;
use std::str::FromStr;

/// A stable code such as `pki.policy.denied` in the form the wire carries: at most [`ReasonCode::MAX`] bytes of `a-z`, `0-9`,
/// `_` and single dots between non-empty parts.
///
/// # Security
/// What came from a peer is safe to log: nothing outside that alphabet parses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReasonCode {
    bytes: [u8; Self::MAX],
    length: u8,
}

impl ReasonCode {
    /// The longest code, in bytes.
    pub const MAX: usize = 48;

    /// The code of an error of ours; one that does not fit the wire is sent as `channel.reason.unnamed`.
    pub fn of(error: &dyn Coded) -> Self {
        Self::named(error.code())
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    pub(crate) const fn length(&self) -> u8 {
        self.length
    }

    pub(crate) fn named(code: &str) -> Self {
        code.parse().or_else(|_| UNNAMED.parse()).unwrap_or(Self { bytes: [0; Self::MAX], length: 0 })
    }
}

impl FromStr for ReasonCode {
    type Err = MalformedReason;

    fn from_str(text: &str) -> Result<Self, MalformedReason> {
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        };
        let length = u8::try_from(text.len()).map_err(|_| MalformedReason)?;
        let mut bytes = [0; Self::MAX];
        match bytes.get_mut(..text.len()) {
            Some(place) if text.split('.').all(part) => place.copy_from_slice(text.as_bytes()),
            _ => return Err(MalformedReason),
        }
        Ok(Self { bytes, length })
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReasonCode({})", self.as_str())
    }
}

/// The text is no reason code: empty, too long, or outside the alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reason code: at most 48 bytes of a-z, 0-9, underscore and single dots")]
pub struct MalformedReason;

impl Coded for MalformedReason {
    fn code(&self) -> &'static str {
        "channel.reason.malformed"
    }

    fn blame(&self) -> Blame {
        Blame::Peer
    }
}

const UNNAMED: &str = "channel.reason.unnamed";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_alphabet_of_codes_parses() {
        let longest = "a".repeat(ReasonCode::MAX);
        for good in ["pki.policy.denied", "a", "x_1.y", &longest] {
            assert_eq!(good.parse::<ReasonCode>().unwrap().as_str(), good);
        }
        let too_long = "a".repeat(ReasonCode::MAX + 1);
        for bad in ["", ".", "a.", ".a", "a..b", "A", "a b", "a\n", "é", "a\0", &too_long, &"a".repeat(300)]
        {
            assert_eq!(bad.parse::<ReasonCode>(), Err(MalformedReason), "{bad:?}");
        }
    }

    #[test]
    fn a_code_that_does_not_fit_is_sent_under_a_name_that_does() {
        assert_eq!(ReasonCode::named("NOT A CODE").as_str(), UNNAMED);
    }
}
