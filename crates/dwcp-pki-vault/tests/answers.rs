//! Chains as a server puts them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_pki::Certificate;
use dwcp_pki_vault::{IssuedWithKey, Signed};

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
