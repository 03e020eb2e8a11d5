//! Answers to the challenges of a public authority that validates a domain over TLS (RFC 8737).

use super::further::{MOST_FURTHER, dns_names};
use super::further_error::FurtherError;
use crate::Credential;
use der::Decode;
use std::collections::HashMap;
use std::sync::Arc;
use x509_cert::spki::ObjectIdentifier;

/// Certificates that are shown to `acme-tls/1` and to nothing else, by the one domain of each: at most 255.
///
/// They are no identities: they prove nothing but that whoever answers for the domain wants a certificate for it. They sign themselves and
/// stay installed for as long as an order is open.
#[derive(Clone, Debug, Default)]
pub struct Challenges(HashMap<Box<str>, Arc<Credential>>);

impl Challenges {
    /// Takes a set whole or not at all; of two for one domain the later one counts.
    ///
    /// # Errors
    /// [`FurtherError::TooMany`], and [`FurtherError::NoChallenge`] for a certificate that has more or other names than one DNS name, or no
    /// critical acmeIdentifier of a SHA-256 (RFC 8737 §3).
    pub fn new(answers: impl IntoIterator<Item = Credential>) -> Result<Self, FurtherError> {
        let mut by_domain = HashMap::new();
        for credential in answers {
            let domain = domain(&credential)?;
            by_domain.insert(domain, Arc::new(credential));
            if by_domain.len() > MOST_FURTHER {
                return Err(FurtherError::TooMany { limit: MOST_FURTHER });
            }
        }
        Ok(Self(by_domain))
    }

    /// The answer for a domain in lower case, if there is one.
    pub fn answer_for(&self, domain: &str) -> Option<&Arc<Credential>> {
        self.0.get(domain)
    }

    /// The domains and their answers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Credential>)> {
        self.0.iter().map(|(domain, credential)| (&**domain, credential))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn domain(credential: &Credential) -> Result<Box<str>, FurtherError> {
    let leaf = credential.chain().leaf();
    let refused = |why| FurtherError::NoChallenge { serial: leaf.serial(), why };
    let mut dns = dns_names(credential);
    let (Some(domain), None, 1) = (dns.next(), dns.next(), credential.names().len()) else {
        return Err(refused("it does not bear exactly one DNS name"));
    };
    if domain.contains('*') {
        return Err(refused("its name is a wildcard"));
    }
    let parsed = x509_cert::Certificate::from_der(leaf.der()).map_err(|_| refused("it is malformed"))?;
    let extensions = parsed.tbs_certificate().extensions().map_or(&[][..], Vec::as_slice);
    let identifier = extensions.iter().find(|extension| extension.extn_id == ACME_IDENTIFIER);
    let is_digest = |value: &[u8]| value.len() == 34 && value.starts_with(&[0x04, 32]);
    match identifier {
        Some(extension) if extension.critical && is_digest(extension.extn_value.as_bytes()) => {
            Ok(domain.into())
        }
        _ => Err(refused("it has no critical acmeIdentifier of a SHA-256")),
    }
}

/// id-pe-acmeIdentifier (RFC 8737 §6.1).
const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");
