//! Chains as a server puts them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::LocalDisk;
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{AuthorityParams, Certificate, CertificateAuthority, CertificateRequest, IssuancePolicy};
use dwcp_pki_vault::{IssuedWithKey, Signed};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_chain_is_put_in_order_and_roots_stand_aside() {
    let lab = dwcp_testkit::Lab::new();
    let node = lab.node("n1");
    let (leaf, root) = (node.chain().leaf(), lab.authority().certificate());
    let intermediates: Vec<_> = node.chain().iter().skip(1).map(Certificate::to_pem).collect();
    let mut chain = vec![root.to_pem()];
    chain.extend(intermediates.iter().rev().cloned());
    let body = serde_json::json!({ "data": {
        "certificate": leaf.to_pem(), "issuing_ca": root.to_pem(), "ca_chain": chain, "private_key": "k",
    }});
    let signed = Signed::from_answer(body.to_string().as_bytes()).unwrap();
    assert_eq!(signed.issued.chain.leaf(), leaf);
    assert_eq!(signed.issued.chain.len(), node.chain().len());
    assert_eq!(signed.issued.roots.as_slice(), std::slice::from_ref(root));
    assert_eq!(signed.serial, leaf.serial());
    let with_key = IssuedWithKey::from_answer(body.to_string().as_bytes()).unwrap();
    assert_eq!(with_key.key.expose(), b"k");
    assert!(!format!("{with_key:?}").contains("\"k\""));
}

/// A root that was renewed with another key under its old name has its new certificate signed by the old key too, to lead over.
#[test]
fn a_certificate_of_a_roll_over_names_itself_and_is_no_root() {
    let lab = dwcp_testkit::Lab::new();
    let params = AuthorityParams { path_length: 1, ..AuthorityParams::new("Root") };
    let create = |name: &str| {
        let path = lab.directory().join(name);
        CertificateAuthority::create(Arc::new(LocalDisk), &path, &params, lab.now()).unwrap()
    };
    let (old, new) = (create("old"), create("new"));
    let next = new.certificate();
    let crossed = old.cross_sign(next, Duration::from_secs(86_400), lab.now()).unwrap();
    assert_eq!(crossed.subject(), crossed.issuer());
    assert!(next.is_self_signed() && !crossed.is_self_signed());
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &["DNS:a.example".parse().unwrap()]).unwrap();
    let node = new.issue(&request, &IssuancePolicy::default(), lab.now()).unwrap();
    let body = serde_json::json!({ "data": {
        "certificate": node.leaf().to_pem(),
        "ca_chain": [crossed.to_pem(), old.certificate().to_pem()],
    }});
    let issued = Signed::from_answer(body.to_string().as_bytes()).unwrap().issued;
    assert_eq!(issued.roots.as_slice(), std::slice::from_ref(old.certificate()));
    assert!(issued.chain.iter().any(|one| *one == crossed), "it stays in the chain");
}
