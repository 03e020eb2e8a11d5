//! Revocation: CRLs fresh, stale, missing, forged, rolled back; blocked keys; identities judged again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    Certificate, CertificateRequest, ChainFault, IssuancePolicy, Purpose, RevocationChecked, RevocationMode,
    RevocationReason, TrustStore,
};
use lab::*;
use rcgen::{
    CrlDistributionPoint, CrlIssuingDistributionPoint, ExtendedKeyUsagePurpose, KeyUsagePurpose, SerialNumber,
};
use rustls_pki_types::CertificateDer;

const WEB: &str = "URI:spiffe://mesh.example/web";

fn code(result: Result<dwcp_pki::PeerIdentity, ChainFault>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn a_revoked_leaf_is_refused_and_the_text_says_so() {
    let root = Party::root("root");
    let (leaf, other) =
        (root.leaf(&[WEB]), root.leaf_with(&[WEB], |p| p.serial_number = Some(vec![7].into())));
    let store = strict(&[&root], vec![root.crl(1, &[&leaf])]);
    let error = verdict(&store, &[&leaf]).unwrap_err();
    assert_eq!(error, ChainFault::Revoked { serial: leaf.serial() });
    assert!(error.to_string().contains("revoked") && error.is_revocation());
    assert_eq!(verdict(&store, &[&other]).unwrap().revocation(), RevocationChecked::Covered);
}

#[test]
fn what_an_authority_revokes_its_crl_refuses_from_then_on() {
    let (_directory, authority) = mesh_authority();
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &[WEB.parse().unwrap()]).unwrap();
    let chain = authority.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
    let anchor = CertificateDer::from(authority.certificate().der().to_vec());
    let store = |now| {
        let crl = authority.crl(now).unwrap();
        TrustStore::new(vec![anchor.clone()], vec![crl], RevocationMode::Required).unwrap()
    };
    let before = store(NOW);
    let identity = before.validate(&chain.ders(), Purpose::Client, NOW).by_rule().unwrap();
    assert_eq!(before.recheck(&identity, NOW).by_rule(), Ok(()));
    let _ = authority.revoke(&identity.serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    let after = store(NOW.plus(MINUTE));
    let revoked = ChainFault::Revoked { serial: identity.serial() };
    assert_eq!(
        after.validate(&chain.ders(), Purpose::Client, NOW.plus(MINUTE)).by_rule(),
        Err(revoked.clone())
    );
    assert_eq!(after.recheck(&identity, NOW.plus(MINUTE)).by_rule(), Err(revoked));
}

#[test]
fn at_x7_an_empty_crl_list_is_no_permission() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let error = verdict(&strict(&[&root], Vec::new()), &[&leaf]).unwrap_err();
    assert_eq!(error, ChainFault::CrlMissing { issuer: "CN=root".to_owned() });
    assert_eq!(error.code(), "pki.chain.crl_missing");
    // A CRL of somebody else is none.
    let other = Party::root("other");
    assert_eq!(code(verdict(&strict(&[&root], vec![other.crl(1, &[])]), &[&leaf])), "pki.chain.crl_missing");
}

#[test]
fn at_x7_a_stale_crl_fails_closed() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let store = strict(&[&root], vec![root.crl(1, &[])]);
    let at = |now| code(judge(&store, &[&leaf], Purpose::Client, now));
    let second = std::time::Duration::from_secs(1);
    assert_eq!(at(NOW.plus(DAY).minus(second)), "ok");
    assert_eq!(at(NOW.plus(DAY)), "pki.chain.crl_stale");
    assert_eq!(store.crl_expiry(), Some(NOW.plus(DAY)));
}

#[test]
fn at_x7_a_crl_from_the_future_is_not_fresh() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let early = |by| vec![root.crl_with(1, &[], |p| p.this_update = date(NOW.plus(by)))];
    assert_eq!(code(verdict(&strict(&[&root], early(MINUTE)), &[&leaf])), "ok");
    assert_eq!(code(verdict(&strict(&[&root], early(2 * MINUTE)), &[&leaf])), "pki.chain.crl_early");
}

#[test]
fn at_x7_the_newest_crl_wins_in_whatever_order() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let (clean, listing) = (root.crl(1, &[]), root.crl(2, &[&leaf]));
    for crls in [vec![clean.clone(), listing.clone()], vec![listing.clone(), clean.clone()]] {
        assert_eq!(code(verdict(&strict(&[&root], crls), &[&leaf])), "pki.chain.revoked");
    }
    // A later number that lists it no more (a certificate taken off hold) counts as well.
    let cleared = root.crl(3, &[]);
    assert_eq!(code(verdict(&strict(&[&root], vec![cleared, listing, clean]), &[&leaf])), "ok");
}

#[test]
fn at_x7_a_rollback_to_an_older_crl_is_undone_by_the_next_generation() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let current = strict(&[&root], vec![root.crl(2, &[&leaf])]);
    let rolled_back = strict(&[&root], vec![root.crl(1, &[])]);
    assert_eq!(code(verdict(&rolled_back, &[&leaf])), "ok");
    assert_eq!(code(verdict(&rolled_back.adopting_newer_crls(&current), &[&leaf])), "pki.chain.revoked");
    let newer = strict(&[&root], vec![root.crl(3, &[])]);
    assert_eq!(code(verdict(&newer.adopting_newer_crls(&current), &[&leaf])), "ok");
    // A forged higher number in the generation before does not stand in the way.
    let forged = strict(&[&root], vec![Party::root("root").crl(9, &[])]);
    let honest = strict(&[&root], vec![root.crl(2, &[&leaf])]);
    assert_eq!(code(verdict(&honest.adopting_newer_crls(&forged), &[&leaf])), "pki.chain.revoked");
}

#[test]
fn at_x13_a_crl_under_the_same_name_by_another_key_is_not_the_issuers() {
    let (root, impostor) = (Party::root("root"), Party::root("root"));
    let leaf = root.leaf(&[WEB]);
    let forged = impostor.crl(9, &[]);
    assert_eq!(code(verdict(&strict(&[&root], vec![forged.clone()]), &[&leaf])), "pki.chain.crl_untrusted");
    // Nor does it displace the real one by its higher number.
    let listing = root.crl(1, &[&leaf]);
    for crls in [vec![forged.clone(), listing.clone()], vec![listing, forged.clone()]] {
        assert_eq!(code(verdict(&strict(&[&root], crls), &[&leaf])), "pki.chain.revoked");
    }
    // And with "where known" a forged one is a refusal, not an absence.
    let known = trust(&[&root], vec![forged], RevocationMode::WhereKnown);
    assert_eq!(code(verdict(&known, &[&leaf])), "pki.chain.crl_untrusted");
}

#[test]
fn at_x8_an_issuer_without_crl_sign_has_no_say() {
    let root = Party::root_with("root", |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let leaf = root.leaf(&[WEB]);
    assert_eq!(code(verdict(&strict(&[&root], vec![root.crl(1, &[])]), &[&leaf])), "pki.chain.crl_untrusted");
    let top = Party::root("top");
    let sub = top.authority("sub", |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let leaf = sub.leaf(&[WEB]);
    let store = strict(&[&top], vec![top.crl(1, &[]), sub.crl(1, &[])]);
    assert_eq!(code(verdict(&store, &[&leaf, &sub])), "pki.chain.crl_untrusted");
}

#[test]
fn the_whole_chain_is_checked_not_the_leaf_alone() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let chain = [&leaf, &sub];
    assert_eq!(code(verdict(&strict(&[&root], vec![root.crl(1, &[]), sub.crl(1, &[])]), &chain)), "ok");
    assert_eq!(code(verdict(&strict(&[&root], vec![sub.crl(1, &[])]), &chain)), "pki.chain.crl_missing");
    assert_eq!(code(verdict(&strict(&[&root], vec![root.crl(1, &[])]), &chain)), "pki.chain.crl_missing");
    let store = strict(&[&root], vec![root.crl(1, &[&sub]), sub.crl(1, &[])]);
    assert_eq!(verdict(&store, &chain), Err(ChainFault::Revoked { serial: sub.serial() }));
    let store = strict(&[&root], vec![root.crl(1, &[]), sub.crl(1, &[&leaf])]);
    assert_eq!(verdict(&store, &chain), Err(ChainFault::Revoked { serial: leaf.serial() }));
}

#[test]
fn revoked_is_the_verdict_that_leads() {
    let root = Party::root("root");
    let old = root.leaf_with(&[WEB], |p| p.not_after = date(NOW.minus(MINUTE)));
    let server =
        root.leaf_with(&[WEB], |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    for leaf in [&old, &server] {
        let store = strict(&[&root], vec![root.crl(1, &[leaf])]);
        assert_eq!(code(judge(&store, &[leaf], Purpose::Client, NOW)), "pki.chain.revoked");
        let clean = strict(&[&root], vec![root.crl(1, &[])]);
        assert_ne!(code(judge(&clean, &[leaf], Purpose::Client, NOW)), "pki.chain.revoked");
    }
    // Also by a CRL that is stale itself, and by one whose anchor has expired.
    let leaf = root.leaf(&[WEB]);
    let stale = root.crl_with(1, &[&leaf], |p| p.next_update = date(NOW.minus(MINUTE / 2)));
    assert_eq!(code(verdict(&strict(&[&root], vec![stale]), &[&leaf])), "pki.chain.revoked");
    // A forged certificate does not become "revoked" by naming the serial of one that is.
    let forged = Party::root("root").leaf_with(&[WEB], |p| p.not_after = date(NOW.minus(MINUTE)));
    let store = strict(&[&root], vec![root.crl(1, &[&forged])]);
    assert_ne!(code(verdict(&store, &[&forged])), "pki.chain.revoked");
}

#[test]
fn modes_differ_in_what_they_ask_for_and_not_in_what_they_refuse() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let stale = || root.crl_with(1, &[], |p| p.next_update = date(NOW.minus(MINUTE / 2)));
    let cases = [
        (RevocationMode::Required, vec![], "pki.chain.crl_missing"),
        (RevocationMode::WhereKnown, vec![], "ok"),
        (RevocationMode::Off, vec![], "ok"),
        (RevocationMode::WhereKnown, vec![stale()], "pki.chain.crl_stale"),
        (RevocationMode::Off, vec![stale()], "ok"),
        (RevocationMode::WhereKnown, vec![sub.crl(1, &[&leaf])], "pki.chain.revoked"),
        (RevocationMode::Off, vec![sub.crl(1, &[&leaf])], "pki.chain.revoked"),
    ];
    for (mode, crls, expected) in cases {
        assert_eq!(code(verdict(&trust(&[&root], crls, mode), &[&leaf, &sub])), expected, "{mode:?}");
    }
    let status = |mode, crls| verdict(&trust(&[&root], crls, mode), &[&leaf, &sub]).unwrap().revocation();
    let both = || vec![root.crl(1, &[]), sub.crl(1, &[])];
    assert_eq!(status(RevocationMode::WhereKnown, both()), RevocationChecked::Covered);
    assert_eq!(status(RevocationMode::WhereKnown, vec![root.crl(1, &[])]), RevocationChecked::NotCovered);
    assert_eq!(status(RevocationMode::Off, both()), RevocationChecked::NotChecked);
}

#[test]
fn at_x1_a_partitioned_crl_counts_for_its_own_distribution_point_alone() {
    let root = Party::root("root");
    let point = |name: &str| CrlDistributionPoint { uris: vec![format!("http://crl.example/{name}")] };
    let scoped = |number, name: &str, revoked: &[&Party]| {
        root.crl_with(number, revoked, |p| {
            p.issuing_distribution_point =
                Some(CrlIssuingDistributionPoint { distribution_point: point(name), scope: None });
        })
    };
    // Its points are "b" and then "a": the CRL of "a" must be found although "a" comes second.
    let leaf = root.leaf_with(&[WEB], |p| p.crl_distribution_points = vec![point("b"), point("a")]);
    assert_eq!(
        code(verdict(&strict(&[&root], vec![scoped(1, "c", &[])]), &[&leaf])),
        "pki.chain.crl_missing"
    );
    assert_eq!(
        code(verdict(&strict(&[&root], vec![scoped(1, "a", &[&leaf])]), &[&leaf])),
        "pki.chain.revoked"
    );
    assert_eq!(code(verdict(&strict(&[&root], vec![scoped(1, "a", &[])]), &[&leaf])), "ok");
}

#[test]
fn at_x10_padding_a_serial_does_not_slip_past_the_crl() {
    let root = Party::root("root");
    let leaf = root.leaf_with(&[WEB], |p| p.serial_number = Some(SerialNumber::from_slice(&[0x81, 2])));
    let store = strict(&[&root], vec![root.crl(1, &[&leaf])]);
    let mut der = leaf.der.to_vec();
    let at = der.windows(5).position(|w| w == [2, 3, 0, 0x81, 2]).unwrap();
    der[at + 2] = 1;
    // Any change breaks the signature; what matters is that no reading of the padded form gets past both checks.
    assert!(store.validate(&[CertificateDer::from(der)], Purpose::Client, NOW).by_rule().is_err());
    assert_eq!(code(verdict(&store, &[&leaf])), "pki.chain.revoked");
}

#[test]
fn a_blocked_key_is_refused_under_every_certificate_and_authority() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let pin = |party: &Party| Certificate::from_der(&party.der).unwrap().key_pin();
    let free = lax(&[&root]);
    let identity = verdict(&free, &[&leaf, &sub]).unwrap();
    for blocked in [&leaf, &sub, &root] {
        let store = lax(&[&root]).with_blocked_keys([pin(blocked)]);
        let error = ChainFault::KeyRevoked { pin: pin(blocked) };
        assert_eq!(verdict(&store, &[&leaf, &sub]), Err(error.clone()));
        assert_eq!(store.recheck(&identity, NOW).by_rule(), Err(error));
    }
}

#[test]
fn at_t3_an_identity_is_judged_again_when_the_world_changes() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let fresh =
        |revoked: &[&Party], subs: &[&Party]| strict(&[&root], vec![root.crl(2, revoked), sub.crl(2, subs)]);
    let identity = verdict(&fresh(&[], &[]), &[&leaf, &sub]).unwrap();
    let code = |result: Result<(), ChainFault>| result.map_or_else(|e| e.code(), |()| "ok");
    assert_eq!(code(fresh(&[], &[]).recheck(&identity, NOW).by_rule()), "ok");
    assert_eq!(code(fresh(&[], &[&leaf]).recheck(&identity, NOW).by_rule()), "pki.chain.revoked");
    assert_eq!(code(fresh(&[&sub], &[]).recheck(&identity, NOW).by_rule()), "pki.chain.revoked");
    assert_eq!(code(fresh(&[], &[]).recheck(&identity, NOW.plus(2 * DAY)).by_rule()), "pki.chain.expired");
    assert_eq!(
        code(fresh(&[], &[]).recheck(&identity, NOW.minus(2 * HOUR)).by_rule()),
        "pki.chain.not_yet_valid"
    );
    assert_eq!(code(fresh(&[], &[]).recheck(&identity, NOW.plus(DAY)).by_rule()), "pki.chain.crl_stale");
    assert_eq!(
        code(strict(&[&root], vec![root.crl(1, &[])]).recheck(&identity, NOW).by_rule()),
        "pki.chain.crl_missing"
    );
    let impostor = Party::root("root");
    assert_eq!(code(lax(&[&impostor]).recheck(&identity, NOW).by_rule()), "pki.chain.unknown_issuer");
    let expired = root.reissued(|p| p.not_after = date(NOW.minus(MINUTE)));
    assert_eq!(code(lax(&[&expired]).recheck(&identity, NOW).by_rule()), "pki.chain.anchor_expired");
}

#[test]
fn a_recheck_against_a_hundred_thousand_serials_costs_a_lookup() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let entry = |n: u32| rcgen::RevokedCertParams {
        serial_number: SerialNumber::from(u64::from(n) + 1),
        revocation_time: date(NOW.minus(MINUTE)),
        reason_code: None,
        invalidity_date: None,
    };
    // The quickest of many rounds: what else the machine does then stays out of it.
    let quickest = |serials: u32| {
        let list = root.crl_with(1, &[], |p| p.revoked_certs = (0..serials).map(entry).collect());
        let store = strict(&[&root], vec![list]);
        assert_eq!(store.revocation().serial_count(), usize::try_from(serials).unwrap());
        let identity = verdict(&store, &[&leaf]).unwrap();
        let clock = dwcp_base::SystemClock::new();
        let round = |_| {
            let start = dwcp_base::Clock::tick(&clock);
            for _ in 0..100 {
                store.recheck(&identity, NOW).by_rule().unwrap();
            }
            dwcp_base::Clock::tick(&clock).since(start)
        };
        (0..50).map(round).min().unwrap()
    };
    let (few, many) = (quickest(10), quickest(100_000));
    // A scan would take thousands of times as long.
    assert!(many < few * 20, "{few:?} for ten serials, {many:?} for a hundred thousand");
}

#[test]
fn a_leaf_whose_intermediate_signs_crls_is_found_revoked_by_the_first_lookup_already() {
    // The signer of this CRL is no anchor: a store that has seen no chain yet must not overlook it.
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let identity = verdict(&lax(&[&root]), &[&leaf, &sub]).unwrap();
    let fresh = trust(&[&root], vec![sub.crl(1, &[&leaf])], RevocationMode::Off);
    assert_eq!(fresh.recheck(&identity, NOW).by_rule(), Err(ChainFault::Revoked { serial: leaf.serial() }));
    assert_eq!(fresh.recheck(&identity, NOW).by_rule(), Err(ChainFault::Revoked { serial: leaf.serial() }));
    // Signed by a stranger under the same name it says nothing.
    let forged = Party::root("root").authority("sub", |_| {}).crl(9, &[&leaf]);
    assert_eq!(trust(&[&root], vec![forged], RevocationMode::Off).recheck(&identity, NOW).by_rule(), Ok(()));
}
