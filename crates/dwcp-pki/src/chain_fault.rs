//! The rules of chain validation that can refuse, one variant each.

use crate::{AnchorScope, KeyPin, ProfileRule, PurposeFault, Serial, TrustDomain};
use dwcp_base::{Blame, Coded, UnixTime};
use thiserror::Error;

/// The rule that refuses a chain. [`Coded::code`] names it for machines.
///
/// When several rules are broken, a revoked certificate is always the one reported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// Its issuer listed the serial number of a certificate of the path in its CRL.
    #[error("the certificate with serial {serial} is revoked")]
    Revoked {
        /// The serial number that is listed.
        serial: Serial,
    },
    /// The public key of a certificate of the path is on the block list.
    #[error("the key {pin} is revoked")]
    KeyRevoked {
        /// The key that is listed.
        pin: KeyPin,
    },
    /// A certificate of the path is past its end (RFC 5280 §4.1.2.5).
    #[error("a certificate of the chain expired at {not_after}")]
    Expired {
        /// The end of its life.
        not_after: UnixTime,
    },
    /// A certificate of the path has not begun to be valid.
    #[error("a certificate of the chain is not valid before {not_before}")]
    NotYetValid {
        /// The start of its life.
        not_before: UnixTime,
    },
    /// The anchor that the chain leads to is outside its own validity.
    #[error("the trust anchor is outside its validity")]
    AnchorExpired,
    /// No path leads from the certificate to an anchor, or a signature on the only path is wrong.
    #[error("no trust anchor issued the chain")]
    UnknownIssuer,
    /// The leaf is not made for what it is used for (RFC 5280 §4.2.1.12).
    #[error("the certificate may not be used here: {why}")]
    Purpose {
        /// What is missing or too much.
        why: PurposeFault,
    },
    /// An issuing certificate lacks what an authority needs (RFC 5280 §4.2.1.3, §4.2.1.9).
    #[error("a certificate of the chain is used as an authority and may not be: {why}")]
    Authority {
        /// The rule it breaks.
        why: &'static str,
    },
    /// The leaf's names break a rule, for example two URIs in a SPIFFE certificate.
    #[error("the names of the certificate are not acceptable: {why}")]
    Names {
        /// The rule they break.
        why: &'static str,
    },
    /// The leaf is not for the name that was asked for (RFC 9525 §6).
    #[error("the certificate is not for {expected}")]
    Name {
        /// The name that was asked for.
        expected: String,
    },
    /// A name constraint of an issuer excludes the leaf (RFC 5280 §4.2.1.10).
    #[error("a name constraint of an issuer excludes the certificate")]
    NameConstraint,
    /// The chain leads to an anchor that is not for the leaf's trust domain (SPIFFE Trust Domain and Bundle §3).
    #[error(
        "{}, and the anchor of its chain is for {anchor}",
        leaf.as_ref().map_or_else(
            || "the certificate has no SPIFFE ID".to_owned(),
            |domain| format!("the certificate is of the trust domain {domain}")
        )
    )]
    TrustDomain {
        /// That of the leaf's SPIFFE ID; `None` where it has none.
        leaf: Option<TrustDomain>,
        /// What the anchor is for.
        anchor: AnchorScope,
    },
    /// There is no CRL of an issuer of the chain, and one is required.
    #[error("there is no CRL of the issuer {issuer}, and one is required")]
    CrlMissing {
        /// The issuer's name.
        issuer: String,
    },
    /// The CRL of an issuer is past its nextUpdate (RFC 5280 §5.1.2.5).
    #[error("the CRL of an issuer of the chain was due to be replaced at {next_update}")]
    CrlStale {
        /// When it should have been replaced.
        next_update: UnixTime,
    },
    /// The CRL of an issuer claims to come from the future.
    #[error("the CRL of an issuer of the chain is from the future ({this_update})")]
    CrlEarly {
        /// Its thisUpdate.
        this_update: UnixTime,
    },
    /// The only CRL under an issuer's name does not bear that issuer's signature, or the issuer may not sign CRLs.
    #[error("the CRL of an issuer of the chain is not signed by it")]
    CrlUntrusted,
    /// An OCSP response that came along with the chain can not be read or verified, is not fresh, or leaves open whether the certificate
    /// is revoked.
    #[error("a status response for the chain does not count: {why}")]
    StatusResponse {
        /// What is wrong with it.
        why: String,
    },
    /// The peer sent no certificate at all.
    #[error("the chain is empty")]
    Empty,
    /// More certificates were presented than are looked at.
    #[error("{presented} certificates were presented, at most {limit} are read")]
    TooMany {
        /// How many were presented.
        presented: usize,
        /// How many are read.
        limit: usize,
    },
    /// Finding a path would cost more than the budget allows.
    #[error("the chain is too complex")]
    TooComplex,
    /// A certificate is no well-formed X.509 v3 (RFC 5280), or uses something that is not supported.
    #[error("a certificate of the chain is malformed or unsupported: {what}")]
    Malformed {
        /// The parser's word for it.
        what: String,
    },
    /// More authorities stand between leaf and anchor than the store allows.
    #[error("{authorities} authorities stand between the leaf and its anchor, at most {limit} may")]
    TooDeep {
        /// How many there are, self-issued ones left out.
        authorities: usize,
        /// How many there may be.
        limit: usize,
    },
    /// An identity was made under rules that ask less than those of today, and the chain is not here to be judged again.
    #[error("the rules for chains are stricter than when this one was judged")]
    RulesChanged,
    /// A certificate of the path breaks a rule about its form that the profile adds.
    #[error("{rule}")]
    Profile {
        /// The rule.
        rule: ProfileRule,
    },
    /// A signature of the path or the leaf's key is of a kind that is not accepted, such as SHA-1 or RSA below 2048 bits.
    #[error("a key or signature of the chain is of a kind that is not accepted")]
    WeakAlgorithm,
}

impl ChainFault {
    /// Whether the certificate or its key was revoked, which ends live connections at once.
    pub fn is_revocation(&self) -> bool {
        matches!(self, Self::Revoked { .. } | Self::KeyRevoked { .. })
    }

    /// Every code, for registries of labels.
    pub const CODES: &[&str] = &[
        "pki.chain.revoked",
        "pki.chain.key_revoked",
        "pki.chain.expired",
        "pki.chain.not_yet_valid",
        "pki.chain.anchor_expired",
        "pki.chain.unknown_issuer",
        "pki.chain.purpose",
        "pki.chain.authority",
        "pki.chain.names",
        "pki.chain.name",
        "pki.chain.name_constraint",
        "pki.chain.crl_missing",
        "pki.chain.crl_stale",
        "pki.chain.crl_early",
        "pki.chain.crl_untrusted",
        "pki.chain.status_response",
        "pki.chain.empty",
        "pki.chain.too_many",
        "pki.chain.too_complex",
        "pki.chain.malformed",
        "pki.chain.weak_algorithm",
        "pki.chain.too_deep",
        "pki.chain.profile",
        "pki.chain.rules_changed",
        "pki.chain.trust_domain",
    ];
}

impl Coded for ChainFault {
    fn code(&self) -> &'static str {
        match self {
            Self::Revoked { .. } => "pki.chain.revoked",
            Self::KeyRevoked { .. } => "pki.chain.key_revoked",
            Self::Expired { .. } => "pki.chain.expired",
            Self::NotYetValid { .. } => "pki.chain.not_yet_valid",
            Self::AnchorExpired => "pki.chain.anchor_expired",
            Self::UnknownIssuer => "pki.chain.unknown_issuer",
            Self::Purpose { .. } => "pki.chain.purpose",
            Self::Authority { .. } => "pki.chain.authority",
            Self::Names { .. } => "pki.chain.names",
            Self::Name { .. } => "pki.chain.name",
            Self::NameConstraint => "pki.chain.name_constraint",
            Self::CrlMissing { .. } => "pki.chain.crl_missing",
            Self::CrlStale { .. } => "pki.chain.crl_stale",
            Self::CrlEarly { .. } => "pki.chain.crl_early",
            Self::CrlUntrusted => "pki.chain.crl_untrusted",
            Self::StatusResponse { .. } => "pki.chain.status_response",
            Self::Empty => "pki.chain.empty",
            Self::TooMany { .. } => "pki.chain.too_many",
            Self::TooComplex => "pki.chain.too_complex",
            Self::Malformed { .. } => "pki.chain.malformed",
            Self::WeakAlgorithm => "pki.chain.weak_algorithm",
            Self::TooDeep { .. } => "pki.chain.too_deep",
            Self::Profile { .. } => "pki.chain.profile",
            Self::RulesChanged => "pki.chain.rules_changed",
            Self::TrustDomain { .. } => "pki.chain.trust_domain",
        }
    }

    /// The peer's, except where what this side trusts or knows has aged: its anchors and CRLs.
    fn blame(&self) -> Blame {
        match self {
            Self::AnchorExpired
            | Self::CrlMissing { .. }
            | Self::CrlStale { .. }
            | Self::CrlEarly { .. }
            | Self::CrlUntrusted => Blame::Local,
            _ => Blame::Peer,
        }
    }
}
