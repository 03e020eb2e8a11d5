//! What was loaded, as one number: files that were written again and say the same need no new generation.

use super::further::{Further, Named};
use super::identity::{Identity, Material};
use super::shared::Shared;
use dwcp_crypto::digest::sha256;
use dwcp_pki::{Credential, Crl, TrustStore};

/// SHA-256 over all that was read from files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of the certificates with their places, and of what trust is made of save `except`, a list that this node signed itself. A key is
    /// known by its certificate.
    pub(super) fn of(
        own: Option<&Credential>,
        further: &[Named],
        trust: Option<&TrustStore>,
        except: Option<&Crl>,
    ) -> Self {
        let mut parts = Parts::default();
        if let Some(credential) = own {
            parts.chain(b"own", credential);
        }
        for named in further {
            parts.add(b"name", named.name.as_bytes());
            parts.chain(b"further", &named.credential);
        }
        if let Some(trust) = trust {
            for domain in trust.federated() {
                parts.add(b"domain", domain.as_str().as_bytes());
                for anchor in trust.anchors_of(domain) {
                    parts.add(b"of domain", anchor.certificate_der());
                }
            }
            for anchor in trust.anchors() {
                parts.add(b"anchor", anchor.certificate_der());
            }
            for list in trust.crls().filter(|list| except.is_none_or(|except| except.der() != list.der())) {
                parts.add(b"list", list.der());
            }
        }
        Self(sha256(&parts.0))
    }
}

impl Fingerprint {
    /// Of what a reload has read. The list of an embedded authority is not among it: that comes and goes without a file.
    pub(super) fn of_reload(
        shared: &Shared,
        material: Option<&Material>,
        further: &Further,
        trust: Option<&TrustStore>,
    ) -> Self {
        let own_list = match &shared.identity {
            Identity::Embedded(embedded) => Some(embedded.publication.list()),
            _ => None,
        };
        let trust = trust.or(material.map(|material| &material.trust));
        let own = material.map(|material| &material.credential);
        Self::of(own, &further.named, trust, own_list.as_ref())
    }
}

/// Digests of fixed length, so that no border between parts is in doubt.
#[derive(Default)]
struct Parts(Vec<u8>);

impl Parts {
    fn add(&mut self, label: &[u8], bytes: &[u8]) {
        self.0.extend(sha256(label));
        self.0.extend(sha256(bytes));
    }

    fn chain(&mut self, label: &[u8], credential: &Credential) {
        for certificate in credential.chain().iter() {
            self.add(label, certificate.certificate_der());
        }
    }
}
