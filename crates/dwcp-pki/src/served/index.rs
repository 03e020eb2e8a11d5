//! Which certificate a client is shown: by the name it asks for, then by protocol, then by the signatures it can check.

use super::further::{FurtherCertificate, FurtherCertificates, IdentityKind};
use crate::{Credential, SubjectName, check_server_name};
use dwcp_crypto::KeyType;
use std::collections::HashMap;
use std::sync::Arc;

/// All certificates of one generation for servers: the own one first, then the further ones. Immutable, with an index by name.
#[derive(Clone, Debug)]
pub struct ServedCertificates {
    all: Vec<FurtherCertificate>,
    /// By name in lower case.
    exact: HashMap<Box<str>, Vec<usize>>,
    /// By what follows `*.`.
    below: HashMap<Box<str>, Vec<usize>>,
}

/// What becomes of a name that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownFor {
    /// The certificate at this place of [`iter`](ServedCertificates::iter) bears it.
    Certificate(usize),
    /// Certificates bear it, all for protocols that are not spoken.
    OtherProtocols,
    /// No certificate bears it.
    Nobody,
}

impl ServedCertificates {
    pub(crate) fn new(own: &Arc<Credential>, kind: IdentityKind, further: &FurtherCertificates) -> Self {
        let own = match kind {
            IdentityKind::Mesh => FurtherCertificate::mesh(Arc::clone(own)),
            IdentityKind::Public => FurtherCertificate::public(Arc::clone(own)),
        };
        let all: Vec<_> = std::iter::once(own).chain(further.iter().cloned()).collect();
        let (mut exact, mut below) = (HashMap::new(), HashMap::new());
        for (at, certificate) in all.iter().enumerate() {
            for name in certificate.dns_names() {
                let (names, key): (&mut HashMap<Box<str>, Vec<usize>>, _) = match name.strip_prefix("*.") {
                    None => (&mut exact, name),
                    Some(rest) if covers_a_label(certificate.credential(), rest) => (&mut below, rest),
                    Some(_) => continue,
                };
                let places = names.entry(key.into()).or_default();
                if places.last() != Some(&at) {
                    places.push(at);
                }
            }
        }
        Self { all, exact, below }
    }

    /// The same further certificates beside another own one.
    pub(crate) fn with_own(&self, own: &Arc<Credential>, kind: IdentityKind) -> Self {
        Self::new(own, kind, &FurtherCertificates::of_checked(self.further().cloned().collect()))
    }

    /// All of them, the own one first: 1 to 256.
    pub fn iter(&self) -> impl Iterator<Item = &FurtherCertificate> {
        self.all.iter()
    }

    /// Those beside the own one.
    pub fn further(&self) -> impl Iterator<Item = &FurtherCertificate> {
        self.all.iter().skip(1)
    }

    /// Chooses for a client that asks for `name`: the exact name before a wildcard (RFC 9525 §6.3), a certificate for a protocol that
    /// `speaks` accepts before one for all, and of those the first with a key that `verifies` accepts. Where no key will do, the first
    /// certificate: the handshake then fails for want of a signature scheme rather than for the name.
    ///
    /// Two lookups at most; nothing is allocated and no lock is taken.
    pub fn choose(
        &self,
        name: &str,
        speaks: impl Fn(&[u8]) -> bool,
        verifies: impl Fn(KeyType) -> bool,
    ) -> ShownFor {
        let mut folded = [0; LONGEST_NAME];
        let Some(name) = fold(name, &mut folded) else { return ShownFor::Nobody };
        let is_label = |label: &str| !label.is_empty() && label != "*";
        let above = name.split_once('.').filter(|(label, _)| is_label(label));
        let wildcards = above.and_then(|(_, rest)| self.below.get(rest));
        let (mut fallback, mut known) = (None, false);
        for places in self.exact.get(name).into_iter().chain(wildcards) {
            known = true;
            let candidates =
                || places.iter().filter_map(|at| self.all.get(*at).map(|certificate| (*at, certificate)));
            let meant = candidates().filter(|(_, of)| of.protocols().iter().any(|of| speaks(of)));
            let general = candidates().filter(|(_, of)| of.protocols().is_empty());
            for (at, certificate) in meant.chain(general) {
                if verifies(certificate.credential().key().key_type()) {
                    return ShownFor::Certificate(at);
                }
                fallback = fallback.or(Some(at));
            }
        }
        match fallback {
            Some(at) => ShownFor::Certificate(at),
            None if known => ShownFor::OtherProtocols,
            None => ShownFor::Nobody,
        }
    }
}

/// The one matcher of names has the last word on what a wildcard stands for.
fn covers_a_label(credential: &Credential, rest: &str) -> bool {
    SubjectName::dns(&format!("a.{rest}"))
        .is_ok_and(|probe| check_server_name(credential.chain().leaf().certificate_der(), &probe).is_ok())
}

/// Lower case, without the dot that says a name is complete.
fn fold<'a>(name: &str, into: &'a mut [u8; LONGEST_NAME]) -> Option<&'a str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let into = into.get_mut(..name.len())?;
    into.copy_from_slice(name.as_bytes());
    into.make_ascii_lowercase();
    std::str::from_utf8(into).ok()
}

/// RFC 1035 §2.3.4, with the dot at its end.
const LONGEST_NAME: usize = 254;
