//! What a leaf says of itself beyond names and usages: that a public authority issued it, and that it comes with a status response.

use crate::Certificate;
use crate::inspect::{Extension, ExtensionValue, Parts};
use std::fmt;

/// What in a certificate says that an authority of the public web issued it, whatever root is trusted here.
///
/// Public authorities no longer issue for client authentication, and what they check is control of a web site: such a name
/// proves no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicMark {
    /// It names a policy for server certificates of the CA/Browser Forum: 2.23.140.1.1 or one below 2.23.140.1.2.
    ForumPolicy,
    /// It carries the receipts of Certificate Transparency logs (RFC 6962 §3.3).
    Timestamps,
}

impl fmt::Display for PublicMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForumPolicy => "it names a policy of the CA/Browser Forum",
            Self::Timestamps => "it carries timestamps of Certificate Transparency logs",
        })
    }
}

/// The marks of one leaf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeafMarks {
    pub(crate) public: Option<PublicMark>,
    pub(crate) requires_status: bool,
}

impl LeafMarks {
    pub(crate) fn of(extensions: &[Extension]) -> Self {
        let public = extensions.iter().find_map(public_mark);
        Self { public, requires_status: extensions.iter().any(requires_status) }
    }
}

impl Certificate {
    /// What says that an authority of the public web issued it; `None` where nothing does. Policies that can not be read say
    /// nothing: they refuse a chain by themselves.
    ///
    /// No such certificate is accepted of a client, so a node that dials has no use for one as its own.
    pub fn public_mark(&self) -> Option<PublicMark> {
        self.marks().public
    }

    /// Whether it says that its holder sends a status response along, as a server of TLS can ("must staple", RFC 7633). One that says
    /// unreadable things about it counts as saying so.
    pub fn requires_status(&self) -> bool {
        self.marks().requires_status
    }

    fn marks(&self) -> LeafMarks {
        // Its extensions were read once, so they can be read again.
        Parts::read(self.der()).map(|parts| LeafMarks::of(&parts.extensions)).unwrap_or_default()
    }
}

fn public_mark(extension: &Extension) -> Option<PublicMark> {
    match (extension.oid.as_bytes(), &extension.value) {
        // That they are there is the mark, whatever they say.
        (TIMESTAMPS, _) => Some(PublicMark::Timestamps),
        (_, Ok(ExtensionValue::CertificatePolicies(policies))) => policies
            .iter()
            .any(|policy| is_of_the_forum(policy.oid.as_bytes()))
            .then_some(PublicMark::ForumPolicy),
        _ => None,
    }
}

fn is_of_the_forum(policy: &[u8]) -> bool {
    policy == EXTENDED_VALIDATION || policy.starts_with(SERVER_POLICIES)
}

fn requires_status(extension: &Extension) -> bool {
    match (extension.oid.as_bytes(), &extension.value) {
        (_, Ok(ExtensionValue::TlsFeature(features))) => {
            features.iter().any(|feature| feature.as_u64() == Some(STATUS_REQUEST))
        }
        (TLS_FEATURE, _) => true,
        _ => false,
    }
}

/// 1.3.6.1.4.1.11129.2.4.2.
const TIMESTAMPS: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2];
/// 2.23.140.1.1.
const EXTENDED_VALIDATION: &[u8] = &[0x67, 0x81, 0x0c, 1, 1];
/// 2.23.140.1.2: validated by domain, organization or individual.
const SERVER_POLICIES: &[u8] = &[0x67, 0x81, 0x0c, 1, 2];
/// 1.3.6.1.5.5.7.1.24.
const TLS_FEATURE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 24];
/// The number of the TLS extension (RFC 6066 §8).
const STATUS_REQUEST: u64 = 5;
