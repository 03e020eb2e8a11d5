//! The form of one certificate: its extensions as they stand, read once.

use super::super::leaf_key as key;
use crate::inspect::{Extension, ExtensionValue, Oid, Parts};
use crate::leaf_marks::LeafMarks;
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
    pub(in crate::trust) fn find<'a, T>(
        &'a self,
        wanted: impl Fn(&'a ExtensionValue) -> Option<T>,
    ) -> Option<(bool, T)> {
        let found = |extension: &'a Extension| {
            let value = extension.value.as_ref().ok()?;
            wanted(value).map(|value| (extension.critical, value))
        };
        self.extensions.iter().find_map(found)
    }

    /// What it says of itself as a leaf.
    pub(in crate::trust) fn leaf_marks(&self) -> LeafMarks {
        LeafMarks::of(&self.extensions)
    }

    /// RFC 5280 §3.2.
    pub(in crate::trust) fn self_issued(&self) -> bool {
        self.self_issued
    }

    /// Whether it makes policies count for those below it, or for itself (RFC 5280 §4.2.1.11, §4.2.1.14).
    pub(in crate::trust) fn constrains_policies(&self) -> bool {
        let constrains = |value: &ExtensionValue| {
            matches!(value, ExtensionValue::PolicyConstraints(_) | ExtensionValue::InhibitAnyPolicy(_))
        };
        self.find(|value| constrains(value).then_some(())).is_some()
    }

    /// Whether what it says of policies can not be read, is more than is compared, or maps anyPolicy.
    pub(in crate::trust) fn has_unsound_policies(&self) -> bool {
        let is_about_policies = |extension: &Extension| {
            // certificatePolicies, policyMappings, policyConstraints, inhibitAnyPolicy.
            matches!(extension.oid.as_bytes(), [0x55, 0x1d, 32 | 33 | 36 | 54])
        };
        let unsound = |extension: &Extension| match &extension.value {
            Ok(ExtensionValue::CertificatePolicies(policies)) => policies.len() > MOST_POLICIES,
            // RFC 5280 §6.1.4 (a).
            Ok(ExtensionValue::PolicyMappings(pairs)) => {
                let names_any =
                    |(from, to): &(Oid, Oid)| [from, to].iter().any(|oid| oid.as_bytes() == ANY_POLICY);
                pairs.len() > MOST_POLICIES || pairs.iter().any(names_any)
            }
            value => value.is_err(),
        };
        self.extensions.iter().filter(|extension| is_about_policies(extension)).any(unsound)
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

/// Each is compared with all of its issuer's.
const MOST_POLICIES: usize = 64;
/// 2.5.29.32.0.
pub(in crate::trust) const ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x20, 0];
