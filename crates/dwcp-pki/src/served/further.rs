//! Certificates that a server side shows beside its own one, each for the names that it bears.

use super::further_error::FurtherError;
use crate::extensions::{ANY_USAGE, SERVER_AUTH};
use crate::{Credential, SubjectName};
use std::sync::Arc;

/// What an own certificate is for (the two are never mixed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentityKind {
    /// Of the mesh: its chain leads to one of our anchors, and peers of the mesh judge it.
    Mesh,
    /// Of a public authority, for servers alone: strangers judge it by anchors of their own, so it need not lead to ours. It is no
    /// identity in the mesh and bears no SPIFFE ID.
    Public,
}

/// A certificate to be shown to clients that ask for one of its DNS names.
#[derive(Clone, Debug)]
pub struct FurtherCertificate {
    credential: Arc<Credential>,
    kind: IdentityKind,
    protocols: Vec<Vec<u8>>,
}

impl FurtherCertificate {
    /// One of the mesh.
    pub fn mesh(credential: impl Into<Arc<Credential>>) -> Self {
        Self { credential: credential.into(), kind: IdentityKind::Mesh, protocols: Vec::new() }
    }

    /// One of a public authority.
    pub fn public(credential: impl Into<Arc<Credential>>) -> Self {
        Self { kind: IdentityKind::Public, ..Self::mesh(credential) }
    }

    /// Is shown to clients with one of these application protocols alone (RFC 7301), and to them rather than a certificate for the same name
    /// that says nothing of protocols. Without this call it is shown whatever is spoken.
    #[must_use]
    pub fn for_protocols<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The certificate and its key.
    pub fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// Of the mesh, or public.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// The protocols it is for; none for all.
    pub fn protocols(&self) -> &[Vec<u8>] {
        &self.protocols
    }

    /// The DNS names it bears.
    pub(super) fn dns_names(&self) -> impl Iterator<Item = &str> {
        dns_names(&self.credential)
    }

    fn check(&self) -> Result<(), FurtherError> {
        let leaf = self.credential.chain().leaf();
        let serial = leaf.serial();
        if self.dns_names().next().is_none() {
            return Err(FurtherError::Nameless { serial });
        }
        let purposes = &leaf.extensions().purposes;
        // RFC 5280 §4.2.1.12: what is not there restricts nothing; of ours a profile asks for more, and its peers judge by that.
        let serves = purposes.is_empty() || purposes.contains(&SERVER_AUTH) || purposes.contains(&ANY_USAGE);
        if leaf.is_authority() || !serves {
            return Err(FurtherError::NoServer { serial });
        }
        let is_spiffe = |name: &SubjectName| matches!(name, SubjectName::Uri(uri) if uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:")));
        if self.kind == IdentityKind::Public && leaf.names().iter().any(is_spiffe) {
            return Err(FurtherError::PublicSpiffe { serial });
        }
        let fits = |protocol: &Vec<u8>| (1..=255).contains(&protocol.len());
        if self.protocols.len() > MOST_PROTOCOLS || !self.protocols.iter().all(fits) {
            return Err(FurtherError::Protocols { serial });
        }
        Ok(())
    }
}

/// A set of further certificates, checked as a whole: at most 255 beside the own one, with at most 4 096 DNS names in all.
///
/// Their order is that of preference among those for the same name and protocol. Dates are not looked at, as with the own certificate.
#[derive(Clone, Debug, Default)]
pub struct FurtherCertificates(Vec<FurtherCertificate>);

impl FurtherCertificates {
    /// Takes a set whole or not at all.
    ///
    /// # Errors
    /// [`FurtherError`] for more than the bounds, a certificate without a DNS name or that is not for servers, a public one with a SPIFFE
    /// ID, and protocols that ALPN can not carry. Whether those of the mesh lead to an anchor is judged where they are installed.
    pub fn new(certificates: Vec<FurtherCertificate>) -> Result<Self, FurtherError> {
        if certificates.len() > MOST_FURTHER {
            return Err(FurtherError::TooMany { limit: MOST_FURTHER });
        }
        certificates.iter().try_for_each(FurtherCertificate::check)?;
        if certificates.iter().flat_map(FurtherCertificate::dns_names).count() > MOST_NAMES {
            return Err(FurtherError::TooManyNames { limit: MOST_NAMES });
        }
        Ok(Self(certificates))
    }

    /// Certificates that were checked before.
    pub(super) fn of_checked(certificates: Vec<FurtherCertificate>) -> Self {
        Self(certificates)
    }

    /// The certificates, in order.
    pub fn iter(&self) -> impl Iterator<Item = &FurtherCertificate> {
        self.0.iter()
    }
}

pub(super) fn dns_names(credential: &Credential) -> impl Iterator<Item = &str> {
    credential.names().iter().filter_map(|name| match name {
        SubjectName::Dns(dns) => Some(dns.as_str()),
        _ => None,
    })
}

pub(super) const MOST_FURTHER: usize = 255;
const MOST_NAMES: usize = 4096;
/// As many as a side offers.
const MOST_PROTOCOLS: usize = 16;
