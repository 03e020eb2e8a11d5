//! Answers to the challenges of a public authority that validates a domain over TLS (RFC 8737).

use super::further::MOST_FURTHER;
use super::further_error::FurtherError;
use crate::{Credential, SubjectName};
use der::Decode;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use x509_cert::spki::ObjectIdentifier;

/// Certificates that are shown to `acme-tls/1` and to nothing else, by the one name of each: at most 255. A DNS name is asked for as it is, an
/// address by its name in the reverse tree (RFC 8738 §6).
///
/// They are no identities: they prove nothing but that whoever answers for the domain wants a certificate for it. They sign themselves and
/// stay installed for as long as an order is open.
#[derive(Clone, Debug, Default)]
pub struct Challenges(HashMap<Box<str>, Arc<Credential>>);

impl Challenges {
    /// Takes a set whole or not at all; of two for one domain the later one counts.
    ///
    /// # Errors
    /// [`FurtherError::TooMany`], and [`FurtherError::NoChallenge`] for a certificate that has more or other names than one DNS name or
    /// address, or no critical acmeIdentifier of a SHA-256 (RFC 8737 §3).
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

    /// The same with one more; it takes the place of another one for its name.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with(&self, answer: impl Into<Arc<Credential>>) -> Result<Self, FurtherError> {
        let answer = answer.into();
        let mut by_domain = self.0.clone();
        by_domain.insert(domain(&answer)?, answer);
        if by_domain.len() > MOST_FURTHER {
            return Err(FurtherError::TooMany { limit: MOST_FURTHER });
        }
        Ok(Self(by_domain))
    }

    /// The same without this one, which is known by its address in memory; what has taken its place stays.
    #[must_use]
    pub fn without(&self, answer: &Arc<Credential>) -> Self {
        let others = self.0.iter().filter(|(_, known)| !Arc::ptr_eq(known, answer));
        Self(others.map(|(domain, known)| (domain.clone(), Arc::clone(known))).collect())
    }

    /// What a validation asks for when it looks at `name`: a DNS name itself, an address in the reverse tree, for example
    /// `1.2.0.192.in-addr.arpa` (RFC 1035 §3.5, RFC 3596 §2.5); `None` for names of other kinds, which nobody validates so.
    pub fn asked_for(name: &SubjectName) -> Option<String> {
        match name {
            SubjectName::Dns(dns) => Some(dns.clone()),
            SubjectName::Ip(address) => Some(reverse(address)),
            SubjectName::Uri(_) | SubjectName::Email(_) => None,
        }
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
    let [name] = credential.names() else {
        return Err(refused("it does not bear exactly one name"));
    };
    let domain =
        Challenges::asked_for(name).ok_or_else(|| refused("its name is no DNS name and no address"))?;
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

fn reverse(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 0xf, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).chain(["ip6.arpa".to_owned()]).collect()
        }
    }
}

/// id-pe-acmeIdentifier (RFC 8737 §6.1).
const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");
