//! Who the other side is: an identity that only a successful validation makes, or a stated reason why there is none.

use crate::leaf_marks::LeafMarks;
use crate::trust::{Asked, Link, names_include};
use crate::{ChainFault, KeyPin, PublicMark, Serial, SpiffeId, SubjectName, ValidationError};
use dwcp_base::UnixTime;
use std::fmt;
use std::sync::Arc;

/// The identity that a validated certificate gives its holder.
///
/// Only [`TrustStore::validate`](crate::TrustStore::validate) makes one, so holding it is proof that the chain was
/// checked under the generation it names. Cloning copies a pointer.
///
/// # Security
/// The proof is of the moment it was made. Before an old identity is acted on again (a resumed session, a live
/// connection after a revocation) it must pass [`TrustStore::recheck`](crate::TrustStore::recheck).
#[derive(Clone)]
pub struct PeerIdentity(Arc<Facts>);

/// What the validator found; the fields are complete by construction.
pub(crate) struct Facts {
    pub(crate) names: Vec<SubjectName>,
    pub(crate) spiffe_id: Option<SpiffeId>,
    pub(crate) serial: Serial,
    pub(crate) key_pin: KeyPin,
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) trust_generation: u64,
    pub(crate) revocation: RevocationChecked,
    pub(crate) marks: LeafMarks,
    /// The certificates of the path, leaf first, without the anchor.
    pub(crate) links: Vec<Link>,
    /// The fingerprint of the anchor's certificate.
    pub(crate) anchor: [u8; 32],
    /// What was asked of the path.
    pub(crate) rules: Asked,
}

impl PeerIdentity {
    pub(crate) fn new(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }

    /// The subject alternative names that the anchor vouches for, in the leaf's order: all, or under the bundle of another
    /// trust domain the SPIFFE ID alone.
    pub fn names(&self) -> &[SubjectName] {
        &self.0.names
    }

    /// Checks that this is the identity of `name`: a DNS name, an IP address, or a SPIFFE ID as a URI (RFC 9525).
    ///
    /// As [`check_server_name`](crate::check_server_name), over [`names`](Self::names): what the leaf carries besides is
    /// nobody's name.
    ///
    /// # Errors
    /// [`ChainFault::Name`] when it is for other names, or when `name` is a wildcard, a mail address, or a URI that is no
    /// SPIFFE ID.
    pub fn check_name(&self, name: &SubjectName) -> Result<(), ValidationError> {
        if names_include(&self.0.names, name) {
            return Ok(());
        }
        Err(ChainFault::Name { expected: name.to_string() }.into())
    }

    /// The SPIFFE ID, when the leaf carries one; a certificate with a second URI beside it is never accepted.
    pub fn spiffe_id(&self) -> Option<&SpiffeId> {
        self.0.spiffe_id.as_ref()
    }

    /// The serial number of the leaf. Unique per issuer only.
    pub fn serial(&self) -> Serial {
        self.0.serial
    }

    /// SHA-256 of the leaf's public key.
    pub fn key_pin(&self) -> KeyPin {
        self.0.key_pin
    }

    /// The start of the leaf's life.
    pub fn not_before(&self) -> UnixTime {
        self.0.not_before
    }

    /// The end of the leaf's life.
    pub fn not_after(&self) -> UnixTime {
        self.0.not_after
    }

    /// The number of the trust generation that validated it.
    pub fn trust_generation(&self) -> u64 {
        self.0.trust_generation
    }

    /// SHA-256 of the whole leaf certificate. For logs and caches, never for block lists: an ECDSA signature can be
    /// rewritten by anybody, which changes this value and neither serial nor key.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.0.fingerprint
    }

    /// How far revocation was checked.
    pub fn revocation(&self) -> RevocationChecked {
        self.0.revocation
    }

    /// Until when a status response that came along vouches for the leaf (see [`Evidence`](crate::Evidence)); `None` when none did.
    pub fn vouched_until(&self) -> Option<UnixTime> {
        self.0.links.first()?.voucher.map(|voucher| voucher.until())
    }

    /// As [`Certificate::public_mark`](crate::Certificate::public_mark), of the leaf.
    pub fn public_mark(&self) -> Option<PublicMark> {
        self.0.marks.public
    }

    /// As [`Certificate::requires_status`](crate::Certificate::requires_status), of the leaf.
    pub fn requires_status(&self) -> bool {
        self.0.marks.requires_status
    }

    /// One name for logs and tables: the SPIFFE ID, else the first name, else the serial number.
    pub fn label(&self) -> String {
        match (&self.0.spiffe_id, self.0.names.first()) {
            (Some(id), _) => id.to_string(),
            (None, Some(name)) => name.to_string(),
            (None, None) => format!("serial:{}", self.0.serial),
        }
    }

    pub(crate) fn links(&self) -> &[Link] {
        &self.0.links
    }

    pub(crate) fn anchor(&self) -> &[u8; 32] {
        &self.0.anchor
    }

    pub(crate) fn rules(&self) -> &Asked {
        &self.0.rules
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerIdentity")
            .field("label", &self.label())
            .field("serial", &self.0.serial.to_string())
            .field("not_after", &self.0.not_after.to_string())
            .field("trust_generation", &self.0.trust_generation)
            .finish_non_exhaustive()
    }
}

/// Two identities are equal when they come from the same certificate and bear the same names, whichever generation validated it.
impl PartialEq for PeerIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.0.fingerprint == other.0.fingerprint && self.0.names == other.0.names
    }
}

impl Eq for PeerIdentity {}

/// How far the revocation of a validated chain was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationChecked {
    /// Fresh CRLs of its issuer, or a fresh OCSP response that came along, cover each certificate below the anchor.
    Covered,
    /// At least one certificate of the chain is covered by no CRL here, and the mode allows that.
    NotCovered,
    /// Revocation checking is off.
    NotChecked,
}

/// The other side of a connection: known, or unknown for a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// It proved possession of a certificate that was validated.
    Identified(PeerIdentity),
    /// It did not say who it is.
    Anonymous(WhyAnonymous),
}

impl Peer {
    /// One name for logs and tables: the identity's label, or `anonymous`.
    pub fn label(&self) -> String {
        match self {
            Self::Identified(identity) => identity.label(),
            Self::Anonymous(_) => "anonymous".to_owned(),
        }
    }
}

impl From<PeerIdentity> for Peer {
    fn from(identity: PeerIdentity) -> Self {
        Self::Identified(identity)
    }
}

/// Why a peer has no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhyAnonymous {
    /// This side did not ask for a certificate.
    NotRequested,
    /// It was asked and sent none.
    NoneSent,
}

impl fmt::Display for WhyAnonymous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRequested => "no certificate was requested",
            Self::NoneSent => "it sent no certificate",
        })
    }
}
