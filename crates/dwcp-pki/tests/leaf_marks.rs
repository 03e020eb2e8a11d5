//! What tells a public certificate from one of the mesh, and which leaf has to come with a status response.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_pki::{Certificate, Profile, PublicMark, Purpose};
use lab::*;
use rcgen::CustomExtension;
use rustls_pki_types::CertificateDer;

const WEB: &str = "URI:spiffe://mesh.example/web";
const POLICIES: &[u64] = &[2, 5, 29, 32];
const TIMESTAMPS: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
const TLS_FEATURE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 24];

/// A leaf below an intermediate, with one more extension.
fn marked(oid: &[u64], content: &[u8]) -> (Party, Party, Party) {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf_with(&[WEB], |params| {
        params.custom_extensions = vec![CustomExtension::from_oid_content(oid, content.to_vec())];
    });
    (root, sub, leaf)
}

/// What the certificate by itself and the identities of two judgements say: the second finds its issuer known.
fn marks(oid: &[u64], content: &[u8]) -> (Option<PublicMark>, bool) {
    let (root, sub, leaf) = marked(oid, content);
    let certificate = Certificate::from_der(&leaf.der).unwrap();
    let alone = (certificate.public_mark(), certificate.requires_status());
    // The profile of the mesh refuses extensions that can not be read.
    let store = lax(&[&root]).with_profile(Profile::Interop);
    let chain: Vec<CertificateDer<'_>> = vec![leaf.der.clone(), sub.der.clone()];
    for _ in 0..2 {
        let identity = store.validate(&chain, Purpose::Client, NOW).unwrap();
        assert_eq!((identity.public_mark(), identity.requires_status()), alone);
        assert_eq!(identity.vouched_until(), None);
    }
    alone
}

/// One policy without qualifiers, by the content octets of its identifier.
fn policy(oid: &[u8]) -> Vec<u8> {
    let length = u8::try_from(oid.len()).unwrap();
    [&[0x30, length + 4, 0x30, length + 2, 0x06, length], oid].concat()
}

#[test]
fn policies_of_the_forum_for_servers_mark_a_public_certificate() {
    let public: [&[u8]; 4] = [&[1, 1], &[1, 2, 1], &[1, 2, 2], &[1, 2, 3]];
    for below in public {
        let oid = [&[0x67, 0x81, 0x0c], below].concat();
        assert_eq!(marks(POLICIES, &policy(&oid)).0, Some(PublicMark::ForumPolicy), "{below:?}");
    }
    // Extended validation of code, code, mail; a longer relative of the first; a policy of one's own; anyPolicy.
    let others: [&[u8]; 6] = [
        &[0x67, 0x81, 0x0c, 1, 3],
        &[0x67, 0x81, 0x0c, 1, 4, 1],
        &[0x67, 0x81, 0x0c, 1, 5, 1, 1],
        &[0x67, 0x81, 0x0c, 1, 1, 9],
        &[0x2a, 3, 4],
        &[0x55, 0x1d, 0x20, 0],
    ];
    for oid in others {
        assert_eq!(marks(POLICIES, &policy(oid)).0, None, "{oid:?}");
    }
}

#[test]
fn timestamps_mark_a_public_certificate_whatever_is_in_them() {
    for content in [&[0x04, 0x02, 0, 0][..], &[0x05, 0], b"odd"] {
        assert_eq!(marks(TIMESTAMPS, content), (Some(PublicMark::Timestamps), false));
    }
}

#[test]
fn a_leaf_says_that_it_comes_with_a_status_response() {
    assert_eq!(marks(TLS_FEATURE, &[0x30, 3, 2, 1, 5]), (None, true));
    assert_eq!(marks(TLS_FEATURE, &[0x30, 6, 2, 1, 17, 2, 1, 5]), (None, true));
    assert_eq!(marks(TLS_FEATURE, &[0x30, 3, 2, 1, 17]), (None, false), "another feature");
    // What can not be read may well have said so.
    assert_eq!(marks(TLS_FEATURE, &[0x04, 1, 5]), (None, true));
    let root = Party::root("root");
    let plain = Certificate::from_der(&root.leaf(&[WEB]).der).unwrap();
    assert_eq!((plain.public_mark(), plain.requires_status()), (None, false));
}
