//! Why a certificate is revoked (RFC 5280 §5.3.1).

use std::fmt;
use std::str::FromStr;
use x509_cert::ext::pkix::CrlReason;

/// The reasons of RFC 5280 §5.3.1, under their names there.
///
/// `certificateHold` and `removeFromCRL` are missing: an authority here takes no revocation back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationReason {
    /// No reason is given: the default.
    #[default]
    Unspecified,
    /// The private key may be in other hands.
    KeyCompromise,
    /// The key of an authority may be in other hands.
    CaCompromise,
    /// A name in it is no longer the subject's.
    AffiliationChanged,
    /// A newer certificate replaces it.
    Superseded,
    /// It is no longer needed.
    CessationOfOperation,
    /// A right that it stated was withdrawn.
    PrivilegeWithdrawn,
    /// The key of an attribute authority may be in other hands.
    AaCompromise,
}

impl RevocationReason {
    /// Every reason that can be given, in the order of their numbers in RFC 5280 §5.3.1.
    pub const ALL: [Self; 8] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// The name in RFC 5280, for example `keyCompromise`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
        }
    }

    /// Whether the key may be in other hands: it gets no certificate from then on.
    pub fn is_compromise(self) -> bool {
        matches!(self, Self::KeyCompromise | Self::CaCompromise | Self::AaCompromise)
    }

    /// Whether a certificate that was revoked for `other` can be revoked once more for this, since more follows from it: a
    /// compromised key gets no new certificate.
    pub(crate) fn outweighs(self, other: Self) -> bool {
        self.is_compromise() && !other.is_compromise()
    }

    /// The code of RFC 5280 §5.3.1; `None` for `unspecified`, which is better left out than written.
    pub(crate) fn code(self) -> Option<CrlReason> {
        match self {
            Self::Unspecified => None,
            Self::KeyCompromise => Some(CrlReason::KeyCompromise),
            Self::CaCompromise => Some(CrlReason::CaCompromise),
            Self::AffiliationChanged => Some(CrlReason::AffiliationChanged),
            Self::Superseded => Some(CrlReason::Superseded),
            Self::CessationOfOperation => Some(CrlReason::CessationOfOperation),
            Self::PrivilegeWithdrawn => Some(CrlReason::PrivilegeWithdrawn),
            Self::AaCompromise => Some(CrlReason::AaCompromise),
        }
    }
}

/// A text that names no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reason is none of RFC 5280 section 5.3.1 that can be given here")]
pub struct UnknownReason;

/// Reads the names of RFC 5280 in any case, with or without hyphens and underscores.
impl FromStr for RevocationReason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        let plain = text.replace(['-', '_'], "");
        Self::ALL.into_iter().find(|reason| reason.name().eq_ignore_ascii_case(&plain)).ok_or(UnknownReason)
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_the_round_trip_in_the_spellings_people_use() {
        for reason in RevocationReason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert_eq!("key-compromise".parse(), Ok(RevocationReason::KeyCompromise));
        assert_eq!("KEY_COMPROMISE".parse(), Ok(RevocationReason::KeyCompromise));
        assert_eq!("caCompromise".parse(), Ok(RevocationReason::CaCompromise));
        assert_eq!("certificateHold".parse::<RevocationReason>(), Err(UnknownReason));
        assert_eq!("because".parse::<RevocationReason>(), Err(UnknownReason));
    }
}
