//! What a member is to trust: the roots of its own trust domain, and the lists that cover them.

use dwcp_crypto::digest::sha256;
use dwcp_pki::{Certificate, Generation, TrustDomain};
use hyper::body::Bytes;
use serde_json::json;

/// Roots and lists of one generation, as they are told.
pub(in crate::node) struct Bundle {
    /// Of which generation.
    pub(super) number: u64,
    /// PEM.
    pub(super) roots: String,
    /// PEM; empty where there is none.
    pub(super) lists: String,
    /// The answer of `/enroll/bundle`.
    pub(super) body: Bytes,
    /// Its entity tag, quotes included.
    pub(super) tag: String,
}

impl Bundle {
    /// A list of a million entries takes a moment: not for an event loop.
    pub(super) fn of(generation: &Generation, domain: Option<&TrustDomain>) -> Self {
        let trust = generation.trust();
        let roots: String = trust.own_anchors().map(Certificate::to_pem).collect();
        // Members refuse lists that they can not place: those of other trust domains, of roots that are trusted no more, and of
        // authorities that are not above this node.
        let chain = generation.credential().chain();
        let lists = trust.crls().filter(|list| trust.signed(list, chain)).map(dwcp_pki::Crl::to_pem);
        let lists: String = lists.collect();
        let domain = domain.map(TrustDomain::as_str);
        let body = format!("{}\n", json!({ "roots": roots, "crls": lists, "trust_domain": domain }));
        let digits: String = sha256(body.as_bytes()).iter().take(16).map(|o| format!("{o:02x}")).collect();
        Self { number: generation.number(), roots, lists, body: body.into(), tag: format!("\"{digits}\"") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::{LocalDisk, UnixTime};
    use dwcp_crypto::{KeyType, SigningKey};
    use dwcp_pki::{
        AuthorityKey, AuthorityParams, CertificateAuthority, CertificateRequest, CertificateStore,
        Credential, Crl, IssuancePolicy, RevocationMode, TrustStore,
    };
    use std::path::Path;
    use std::sync::Arc;

    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    fn root(dir: &Path, name: &str) -> CertificateAuthority {
        let mut params = AuthorityParams::new(name);
        params.path_length = 1;
        CertificateAuthority::create(Arc::new(LocalDisk), &dir.join(name), &params, NOW).unwrap()
    }

    fn below(above: &CertificateAuthority, dir: &Path, name: &str) -> CertificateAuthority {
        let key = AuthorityKey::generate(KeyType::EcdsaP256).unwrap();
        let params = AuthorityParams::new(name);
        above.create_intermediate(Arc::new(LocalDisk), &dir.join(name), &params, key, NOW).unwrap()
    }

    /// What members are told by a node that `authority` certified, trusting `roots` and having `lists`.
    fn told(
        authority: &CertificateAuthority,
        roots: &[&CertificateAuthority],
        lists: &[&Crl],
    ) -> (TrustStore, String) {
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let name = "URI:spiffe://d.example/node/a".parse().unwrap();
        let request = CertificateRequest::generate(&key, &[name]).unwrap();
        let chain = authority.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
        let anchors = roots.iter().map(|root| root.certificate().der().to_vec().into()).collect();
        let lists = lists.iter().map(|list| (*list).clone()).collect();
        let trust = TrustStore::new(anchors, lists, RevocationMode::Required).unwrap();
        let store = CertificateStore::new(Credential::new(chain, key).unwrap(), trust.clone()).unwrap();
        (trust, Bundle::of(&store.current(), None).lists)
    }

    #[test]
    fn lists_that_members_can_not_place_are_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second, gone] = ["first", "second", "gone"].map(|name| root(dir.path(), name));
        let (above, beside) = (below(&first, dir.path(), "above"), below(&second, dir.path(), "beside"));
        let [of_first, of_second, of_gone, of_above, of_beside] =
            [&first, &second, &gone, &above, &beside].map(|authority| authority.crl(NOW).unwrap());
        let all = [&of_first, &of_second, &of_gone, &of_above, &of_beside];
        let (trust, lists) = told(&above, &[&first, &second], &all);
        assert_eq!(trust.crls().count(), 5, "the node itself has them all");
        let sent = |list: &Crl| lists.contains(&list.to_pem());
        assert!(sent(&of_first) && sent(&of_second) && sent(&of_above));
        assert!(!sent(&of_gone), "its root is trusted no more");
        assert!(!sent(&of_beside), "members have nobody of it above them");
    }
}
