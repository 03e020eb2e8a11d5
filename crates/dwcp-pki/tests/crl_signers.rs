//! Authorities that sign their CRLs with a key of its own (RFC 5280 §6.3.3 (f)), and others that claim to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_pki::{Certificate, ChainFault, Purpose, RevocationChecked, RevocationMode, TrustStore};
use lab::*;
use rcgen::{IsCa, KeyUsagePurpose};

const WEB: &str = "URI:spiffe://mesh.example/web";

/// An authority that may not sign lists, and who signs them for it.
fn divided(root: &Party) -> (Party, Party) {
    let sub = root.authority("sub", |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    (sub, signer(root, "sub"))
}

fn signer(above: &Party, name: &str) -> Party {
    above.authority(name, |p| {
        p.is_ca = IsCa::NoCa;
        p.key_usages = vec![KeyUsagePurpose::CrlSign];
        p.serial_number = Some(vec![3, 1].into());
    })
}

#[test]
fn a_key_for_lists_alone_speaks_for_the_authority_that_shares_its_name() {
    let root = Party::root("root");
    let (sub, lists) = divided(&root);
    let leaf = sub.leaf(&[WEB]);
    let store = strict(&[&root], vec![root.crl(1, &[]), lists.crl(1, &[])]);
    let identity = verdict(&store, &[&leaf, &sub, &lists]).unwrap();
    assert_eq!(identity.revocation(), RevocationChecked::Covered);
    assert_eq!(store.recheck(&identity, NOW).by_rule(), Ok(()));
    // Not shown, it is not known.
    assert_eq!(verdict(&store, &[&leaf, &sub]).unwrap_err().code(), "pki.chain.crl_untrusted");
    let revoking = strict(&[&root], vec![root.crl(1, &[]), lists.crl(2, &[&leaf])]);
    let revoked = ChainFault::Revoked { serial: leaf.serial() };
    assert_eq!(verdict(&revoking, &[&leaf, &sub, &lists]).unwrap_err(), revoked);
    assert_eq!(revoking.recheck(&identity, NOW).by_rule(), Err(revoked));
}

#[test]
fn at_x13_a_key_under_the_name_that_no_authority_of_the_path_certified_signs_nothing() {
    let root = Party::root("root");
    let (sub, _) = divided(&root);
    let leaf = sub.leaf(&[WEB]);
    let stranger = Party::root("root");
    let elsewhere = root.authority("elsewhere", |_| {});
    let with_both = |p: &mut rcgen::CertificateParams| {
        p.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    };
    for claimed in [
        signer(&stranger, "sub"),
        // Another authority of the same root may not speak for this one, nor may a key that has certificates of its own to list.
        signer(&elsewhere, "sub"),
        root.authority("sub", with_both),
        // The leaf's own key, self-made.
        Party::root_with("sub", |p| p.key_usages = vec![KeyUsagePurpose::CrlSign]),
    ] {
        let store = strict(&[&root], vec![root.crl(1, &[]), claimed.crl(9, &[])]);
        let refused = verdict(&store, &[&leaf, &sub, &claimed, &elsewhere]).unwrap_err();
        assert_eq!(refused.code(), "pki.chain.crl_untrusted");
    }
}

#[test]
fn a_key_for_lists_that_was_taken_back_signs_nothing() {
    let root = Party::root("root");
    let (sub, lists) = divided(&root);
    let leaf = sub.leaf(&[WEB]);
    let code = |store: &TrustStore| verdict(store, &[&leaf, &sub, &lists]).unwrap_err().code();
    let listed = strict(&[&root], vec![root.crl(1, &[&lists]), lists.crl(1, &[])]);
    assert_eq!(code(&listed), "pki.chain.crl_untrusted");
    let pin = Certificate::from_der(&lists.der).unwrap().key_pin();
    let blocked = strict(&[&root], vec![root.crl(1, &[]), lists.crl(1, &[])]).with_blocked_keys([pin]);
    assert_eq!(code(&blocked), "pki.chain.crl_untrusted");
    let expired = root.authority("sub", |p| {
        p.is_ca = IsCa::NoCa;
        p.key_usages = vec![KeyUsagePurpose::CrlSign];
        p.not_after = date(NOW.minus(HOUR));
    });
    let store = strict(&[&root], vec![root.crl(1, &[]), expired.crl(1, &[])]);
    assert_eq!(verdict(&store, &[&leaf, &sub, &expired]).unwrap_err().code(), "pki.chain.crl_untrusted");
}

#[test]
fn where_an_authority_goes_over_to_another_key_each_key_needs_its_list() {
    let root = Party::root("root");
    let old = root.authority("sub", |_| {});
    let new = root.authority("sub", |p| p.serial_number = Some(vec![4, 4].into()));
    let leaf = old.leaf(&[WEB]);
    let of_new = strict(&[&root], vec![root.crl(1, &[]), new.crl(1, &[])]);
    assert_eq!(verdict(&of_new, &[&leaf, &old, &new]).unwrap_err().code(), "pki.chain.crl_untrusted");
    let of_both = strict(&[&root], vec![root.crl(1, &[]), new.crl(1, &[]), old.crl(1, &[])]);
    assert!(verdict(&of_both, &[&leaf, &old, &new]).is_ok());
}

#[test]
fn at_x7_who_leaves_the_signer_of_the_newer_list_out_is_not_covered_by_the_older_one() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let lists = signer(&root, "sub");
    let one = sub.leaf(&[WEB]);
    let other = sub.leaf_with(&[WEB], |p| p.serial_number = Some(vec![9].into()));
    for mode in [RevocationMode::Required, RevocationMode::WhereKnown, RevocationMode::Off] {
        let crls = || vec![root.crl(1, &[]), sub.crl(1, &[]), lists.crl(2, &[&one])];
        let code = |store: &TrustStore, chain: &[&Party]| {
            judge(store, chain, Purpose::Client, NOW).map_or_else(|error| error.code(), |_| "ok")
        };
        let store = trust(&[&root], crls(), mode);
        assert_eq!(code(&store, &[&one, &sub]), "pki.chain.crl_untrusted", "{mode:?}");
        assert_eq!(code(&store, &[&other, &sub]), "ok", "{mode:?}");
        // A path that showed the signer changes nothing for one that does not.
        assert_eq!(code(&store, &[&one, &sub, &lists]), "pki.chain.revoked", "{mode:?}");
        assert_eq!(code(&store, &[&one, &sub]), "pki.chain.crl_untrusted", "{mode:?}");
        // Nor does what an earlier generation knew, or an identity that was made before.
        let before = trust(&[&root], vec![root.crl(1, &[]), sub.crl(1, &[])], mode);
        let identity = judge(&before, &[&one, &sub], Purpose::Client, NOW).unwrap();
        let after = trust(&[&root], crls(), mode).adopting_newer_crls(&before);
        assert_eq!(code(&after, &[&one, &sub]), "pki.chain.crl_untrusted", "{mode:?}");
        assert_eq!(after.recheck(&identity, NOW).by_rule(), Err(ChainFault::CrlUntrusted), "{mode:?}");
        // The own key says something newer.
        let newer = trust(&[&root], [crls(), vec![sub.crl(3, &[])]].concat(), mode);
        assert_eq!(code(&newer, &[&one, &sub]), "ok", "{mode:?}");
    }
}
