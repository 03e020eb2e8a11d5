//! The certificate that answers a validation over TLS (RFC 8737, RFC 8738).

use super::{AuthorityError, Refusal};
use crate::{Credential, NameError, SubjectName};
use dwcp_base::UnixTime;
use dwcp_crypto::{KeyType, digest};
use rcgen::CustomExtension;
use std::time::Duration;

impl Credential {
    /// Makes a key and the certificate that proves to an ACME authority that `name` is ours: signed by itself, with this one name and a critical
    /// acmeIdentifier of the SHA-256 of the key authorization (RFC 8737 §3; RFC 8738 §6 for addresses), good from 60 s ago for 24 h.
    ///
    /// # Security
    /// It is for [`Challenges`](crate::Challenges) alone, and proves nothing about who shows it to anybody else.
    ///
    /// # Errors
    /// [`AuthorityError::Refused`] for a name that is neither a DNS name without a wildcard nor an address; [`AuthorityError::Crypto`] without
    /// randomness.
    pub fn for_challenge(
        name: &SubjectName,
        key_authorization: &str,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        let refused = |source| Err(Refusal::BadName { name: name.clone(), source }.into());
        match name {
            SubjectName::Dns(dns) if dns.contains('*') => return refused(NameError::BadWildcard),
            SubjectName::Dns(_) | SubjectName::Ip(_) => {}
            SubjectName::Uri(_) | SubjectName::Email(_) => return refused(NameError::UnknownKind),
        }
        let digest = digest::sha256(key_authorization.as_bytes());
        Self::self_signed_with(KeyType::EcdsaP256, std::slice::from_ref(name), LIFETIME, now, |template| {
            template.custom_extensions.push(CustomExtension::new_acme_identifier(&digest));
        })
    }
}

/// Longer than an order waits for its validation, and short enough to be no use to who finds it.
const LIFETIME: Duration = Duration::from_secs(86_400);
