//! Authorities that sign their CRLs with a key of its own (RFC 5280 §6.3.3 (f)), and others that claim to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_pki::{Certificate, ChainFault, Profile, Purpose, RevocationChecked, RevocationMode, TrustStore};
use lab::*;
use rcgen::{CertificateParams, CustomExtension, IsCa, KeyPair, KeyUsagePurpose};

const WEB: &str = "URI:spiffe://mesh.example/web";

/// An authority that may not sign lists, and who signs them for it.
fn divided(root: &Party) -> (Party, Party) {
    let sub = root.authority("sub", |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    (sub, signer(root, "sub"))
}

fn signer(above: &Party, name: &str) -> Party {
    signer_with(above, name, |_| {})
}

fn signer_with(above: &Party, name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Party {
    above.authority(name, |p| {
        p.is_ca = IsCa::NoCa;
        p.key_usages = vec![KeyUsagePurpose::CrlSign];
        p.serial_number = Some(vec![3, 1].into());
        edit(p);
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
    let with_both = |p: &mut CertificateParams| {
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

#[test]
fn at_t3_a_key_for_lists_is_judged_again_with_the_identity_that_relies_on_it() {
    let root = Party::root("root");
    let (sub, _) = divided(&root);
    let lists = signer_with(&root, "sub", |p| p.not_after = date(NOW.plus(HOUR)));
    let leaf = sub.leaf(&[WEB]);
    let store =
        |number, revoked: &[&Party]| strict(&[&root], vec![root.crl(number, revoked), lists.crl(1, &[])]);
    let first = store(1, &[]);
    let identity = verdict(&first, &[&leaf, &sub, &lists]).unwrap();
    let pin = Certificate::from_der(&lists.der).unwrap().key_pin();
    let listed = store(2, &[&lists]).adopting_newer_crls(&first);
    for (store, now) in
        [(&listed, NOW), (&first.clone().with_blocked_keys([pin]), NOW), (&first, NOW.plus(2 * HOUR))]
    {
        assert_eq!(store.recheck(&identity, now).by_rule(), Err(ChainFault::CrlUntrusted));
        let again = judge(store, &[&leaf, &sub, &lists], Purpose::Client, now);
        assert_eq!(again, Err(ChainFault::CrlUntrusted));
    }
    assert_eq!(first.recheck(&identity, NOW.plus(MINUTE)).by_rule(), Ok(()));
}

#[test]
fn at_x13_a_key_for_lists_of_a_root_that_is_gone_signs_nothing_any_more() {
    let old = Party::root("old");
    let new = Party::root_with("new", |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let crossed = old.cross_sign(&new, |p| p.serial_number = Some(vec![5].into()));
    let lists = signer(&old, "new");
    let leaf = new.leaf(&[WEB]);
    let before = strict(&[&old], vec![old.crl(1, &[]), lists.crl(1, &[])]);
    let identity = verdict(&before, &[&leaf, &crossed, &lists]).unwrap();
    let after = strict(&[&new], vec![lists.crl(1, &[])]).adopting_newer_crls(&before);
    assert!(verdict(&after, &[&leaf, &crossed, &lists]).is_err());
    assert!(after.recheck(&identity, NOW).is_err());
}

#[test]
fn at_x8_a_key_for_lists_needs_a_certificate_that_is_accepted_anywhere() {
    let root = Party::root("root");
    let (sub, good) = divided(&root);
    let critical = signer_with(&root, "sub", |p| {
        let mut odd = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
        odd.set_criticality(true);
        p.custom_extensions.push(odd);
    });
    let bare = signer_with(&root, "sub", |p| p.use_authority_key_identifier_extension = false);
    let of_another_kind = root.cross_sign(
        &Party { key: KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(), ..signer(&root, "sub") },
        |_| {},
    );
    let leaf = sub.leaf(&[WEB]);
    for (lists, expected) in [
        (&good, "ok"),
        (&of_another_kind, "ok"),
        (&critical, "pki.chain.crl_untrusted"),
        (&bare, "pki.chain.crl_untrusted"),
    ] {
        let store = strict(&[&root], vec![root.crl(1, &[]), lists.crl(1, &[])]);
        let found = verdict(&store, &[&leaf, &sub, lists]).map_or_else(|error| error.code(), |_| "ok");
        assert_eq!(found, expected);
    }
    let store = strict(&[&root], vec![root.crl(1, &[]), bare.crl(1, &[])]).with_profile(Profile::Interop);
    assert!(verdict(&store, &[&leaf, &sub, &bare]).is_ok(), "a rule of the mesh");
}

#[test]
fn at_x7_a_key_for_lists_needs_a_fresh_list_of_its_own_where_one_is_required() {
    let root = Party::root("root");
    let upper = root.authority("upper", |_| {});
    // The list of the one above is of a point that the authority names and the signer of its lists does not.
    let of_point = |p: &mut rcgen::CertificateRevocationListParams| {
        p.issuing_distribution_point = Some(rcgen::CrlIssuingDistributionPoint {
            distribution_point: rcgen::CrlDistributionPoint { uris: vec!["http://crl.example/u".to_owned()] },
            scope: None,
        });
    };
    let at_point = |p: &mut CertificateParams| {
        p.crl_distribution_points =
            vec![rcgen::CrlDistributionPoint { uris: vec!["http://crl.example/u".to_owned()] }];
    };
    let sub = upper.authority("sub", |p| {
        p.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        at_point(p);
    });
    let leaf = sub.leaf(&[WEB]);
    let lists = signer(&upper, "sub");
    let crls = |extra: Vec<dwcp_pki::Crl>| {
        [vec![root.crl(1, &[]), upper.crl_with(1, &[], of_point), lists.crl(1, &[])], extra].concat()
    };
    let chain = [&leaf, &sub, &upper, &lists];
    assert_eq!(verdict(&strict(&[&root], crls(vec![])), &chain).unwrap_err(), ChainFault::CrlUntrusted);
    assert!(verdict(&strict(&[&root], crls(vec![upper.crl(2, &[])])), &chain).is_ok());
    let known = trust(&[&root], crls(vec![]), RevocationMode::WhereKnown);
    assert!(verdict(&known, &chain).is_ok());
}
