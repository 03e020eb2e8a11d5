//! The refusal of a chain: the rule, and the certificate that breaks it.

use crate::{Certificate, ChainFault, KeyPin, Serial};
use dwcp_base::{Blame, Coded};
use std::fmt;

/// Why a chain is not accepted: the rule that refuses it and, where one certificate breaks the rule, which one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    fault: ChainFault,
    /// Boxed, so that the result of a validation stays small.
    certificate: Option<Box<ChainMember>>,
}

impl ValidationError {
    /// The rule.
    pub fn fault(&self) -> &ChainFault {
        &self.fault
    }

    /// The rule alone, for a caller that is done with the rest.
    pub fn into_fault(self) -> ChainFault {
        self.fault
    }

    /// The certificate that breaks the rule; `None` where the chain as a whole does, for instance when it leads nowhere.
    pub fn certificate(&self) -> Option<&ChainMember> {
        self.certificate.as_deref()
    }

    /// Whether a certificate or its key was revoked, which ends live connections at once.
    pub fn is_revocation(&self) -> bool {
        self.fault.is_revocation()
    }

    /// The same refusal, of this certificate.
    #[must_use]
    pub(crate) fn of(mut self, member: ChainMember) -> Self {
        self.certificate = Some(Box::new(member));
        self
    }
}

impl From<ChainFault> for ValidationError {
    fn from(fault: ChainFault) -> Self {
        Self { fault, certificate: None }
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.certificate {
            Some(member) => write!(f, "{} ({member})", self.fault),
            None => self.fault.fmt(f),
        }
    }
}

/// The rule is said by the message itself, so there is no source to say it again.
impl std::error::Error for ValidationError {}

impl Coded for ValidationError {
    fn code(&self) -> &'static str {
        self.fault.code()
    }

    fn blame(&self) -> Blame {
        self.fault.blame()
    }
}

/// One certificate of a chain, as a refusal names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainMember {
    /// Where it stands.
    pub place: ChainPlace,
    /// Its serial number.
    pub serial: Serial,
    /// The pin of its key.
    pub key_pin: KeyPin,
    /// Its subject as RFC 4514 text for display, at most 256 characters; empty where it has none or it is no longer known.
    pub subject: String,
}

impl ChainMember {
    pub(crate) fn new(place: ChainPlace, certificate: &Certificate) -> Self {
        Self {
            place,
            serial: certificate.serial(),
            key_pin: certificate.key_pin(),
            subject: certificate.subject().to_owned(),
        }
    }
}

impl fmt::Display for ChainMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if !self.subject.is_empty() {
            write!(f, " {}", self.subject)?;
        }
        // An anchor is told by its subject; its serial number may be anything.
        write!(f, ", serial {}", self.serial)
    }
}

/// Where a certificate stands in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainPlace {
    /// The certificate of the subject itself.
    Leaf,
    /// An authority between leaf and anchor; the one that issued the leaf is number 1.
    Intermediate(usize),
    /// The trust anchor.
    Anchor,
}

impl fmt::Display for ChainPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf => f.write_str("the leaf"),
            Self::Intermediate(number) => write!(f, "intermediate {number}"),
            Self::Anchor => f.write_str("the anchor"),
        }
    }
}
