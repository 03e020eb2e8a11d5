//! The form of one certificate: its extensions as they stand, read once.

use super::super::leaf_key as key;
use crate::inspect::{Extension, ExtensionValue, Parts};
use crate::{Certificate, Document, ParseError};

/// What the rules about form look at.
pub(crate) struct Form {
    pub(super) version: u64,
    pub(super) issuer_is_empty: bool,
    pub(super) subject_is_empty: bool,
    pub(super) self_issued: bool,
    pub(super) key_is_accepted: bool,
    pub(super) extensions: Vec<Extension>,
}

impl Form {
    /// Reads a certificate that was read before.
    pub(crate) fn read(certificate: &Certificate) -> Result<Self, ParseError> {
        let raw = certificate.raw()?;
        let parts = Parts::read(certificate.der())
            .map_err(|fault| ParseError::malformed(Document::Certificate, fault.what))?;
        Ok(Self {
            version: parts.version,
            // A SEQUENCE of nothing is two octets long.
            issuer_is_empty: raw.issuer.len() == 2,
            subject_is_empty: raw.subject.len() == 2,
            self_issued: raw.issuer == raw.subject,
            key_is_accepted: key::is_accepted(raw.key_info) && !key::is_odd_rsa(raw.key_info),
            extensions: parts.extensions,
        })
    }

    /// The first extension that `wanted` takes, with its critical flag.
    pub(super) fn find<'a, T>(
        &'a self,
        wanted: impl Fn(&'a ExtensionValue) -> Option<T>,
    ) -> Option<(bool, T)> {
        let found = |extension: &'a Extension| {
            let value = extension.value.as_ref().ok()?;
            wanted(value).map(|value| (extension.critical, value))
        };
        self.extensions.iter().find_map(found)
    }

    /// The octets of its subject key identifier.
    pub(super) fn subject_key_id(&self) -> Option<&[u8]> {
        let id = self.find(|value| match value {
            ExtensionValue::SubjectKeyId(id) => Some(id.as_slice()),
            _ => None,
        });
        id.map(|(_, id)| id)
    }

    /// The octets of its issuer's key identifier, where it names one.
    pub(super) fn authority_key_id(&self) -> Option<&[u8]> {
        let id = self.find(|value| match value {
            ExtensionValue::AuthorityKeyId(key) => key.key_id.as_deref(),
            _ => None,
        });
        id.map(|(_, id)| id)
    }
}
