//! CRLs from one generation of trust to the next: none goes back, none is lost, none piles up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_pki::{ChainFault, Crl, Purpose, RevocationMode, TrustStore};
use lab::*;

const WEB: &str = "URI:spiffe://mesh.example/web";

fn code(store: &TrustStore, chain: &[&Party]) -> &'static str {
    verdict(store, chain).map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn at_x7_of_several_crls_the_newest_is_adopted_not_the_first() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let (clean, listing) = (root.crl(2, &[]), root.crl(3, &[&leaf]));
    for crls in [vec![clean.clone(), listing.clone()], vec![listing.clone(), clean.clone()]] {
        let current = strict(&[&root], crls);
        for rolled_back in [root.crl(1, &[]), clean.clone()] {
            let next = strict(&[&root], vec![rolled_back]).adopting_newer_crls(&current);
            assert_eq!(code(&next, &[&leaf]), "pki.chain.revoked");
            assert_eq!(next.revocation().crl_count(), 1, "the outdated one takes no memory");
            // And once more: what was kept is kept by the next generation as well.
            let again = strict(&[&root], vec![root.crl(1, &[])]).adopting_newer_crls(&next);
            assert_eq!(code(&again, &[&leaf]), "pki.chain.revoked");
        }
    }
}

#[test]
fn at_x7_an_intermediates_crl_does_not_go_back_before_anybody_has_connected() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let store = |crl: Crl| strict(&[&root], vec![root.crl(1, &[]), crl]);
    let current = store(sub.crl(5, &[&leaf]));
    let rolled_back = store(sub.crl(4, &[])).adopting_newer_crls(&current);
    assert_eq!(code(&rolled_back, &[&leaf, &sub]), "pki.chain.revoked");
    // The same when a connection has shown the signer, in either generation.
    for connect in [true, false] {
        let current = store(sub.crl(5, &[&leaf]));
        let older = store(sub.crl(4, &[]));
        let shown = if connect { &current } else { &older };
        let _ = verdict(shown, &[&sub.leaf_with(&[WEB], |p| p.serial_number = Some(vec![9].into())), &sub]);
        assert_eq!(code(&older.adopting_newer_crls(&current), &[&leaf, &sub]), "pki.chain.revoked");
    }
    let newer = store(sub.crl(6, &[])).adopting_newer_crls(&rolled_back);
    assert_eq!(code(&newer, &[&leaf, &sub]), "ok", "a newer one that lists it no more counts");
}

#[test]
fn at_x7_a_crl_that_is_left_out_revokes_nobody_less() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let (leaf, of_sub) = (root.leaf(&[WEB]), sub.leaf(&[WEB]));
    let current = strict(&[&root], vec![root.crl(2, &[&leaf]), sub.crl(1, &[&of_sub])]);
    for mode in [RevocationMode::Required, RevocationMode::WhereKnown, RevocationMode::Off] {
        let next = trust(&[&root], Vec::new(), mode).adopting_newer_crls(&current);
        assert_eq!(code(&next, &[&leaf]), "pki.chain.revoked", "{mode:?}");
        assert_eq!(code(&next, &[&of_sub, &sub]), "pki.chain.revoked", "{mode:?}");
    }
    // What is kept ages as it would have: no removal makes it last.
    let good = root.leaf_with(&[WEB], |p| {
        p.serial_number = Some(vec![9].into());
        p.not_after = date(NOW.plus(3 * DAY));
    });
    let next = strict(&[&root], Vec::new()).adopting_newer_crls(&current);
    assert_eq!(code(&next, &[&good]), "ok");
    let late = judge(&next, &[&good], Purpose::Client, NOW.plus(2 * DAY)).unwrap_err();
    assert_eq!(late.code(), "pki.chain.crl_stale");
}

#[test]
fn at_x7_a_forged_newer_crl_displaces_nothing_that_is_known_to_be_signed() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let current = strict(&[&root], vec![root.crl(2, &[&leaf])]);
    let forged = Party::root("root").crl(99, &[]);
    for mode in [RevocationMode::Required, RevocationMode::WhereKnown, RevocationMode::Off] {
        let next = trust(&[&root], vec![forged.clone()], mode).adopting_newer_crls(&current);
        assert_eq!(code(&next, &[&leaf]), "pki.chain.revoked", "{mode:?}");
    }
}

#[test]
fn at_x7_a_forged_newer_crl_makes_no_room_for_an_older_one_of_an_unseen_signer() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let current = strict(&[&root], vec![root.crl(1, &[]), sub.crl(5, &[&leaf])]);
    let forged = Party::root("sub").crl(99, &[]);
    for sub_crls in [vec![forged.clone(), sub.crl(4, &[])], vec![forged]] {
        let crls = [vec![root.crl(1, &[])], sub_crls].concat();
        let next = strict(&[&root], crls).adopting_newer_crls(&current);
        assert_ne!(code(&next, &[&leaf, &sub]), "ok");
    }
}

#[test]
fn at_x7_a_forged_newer_crl_makes_no_room_over_two_reloads() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    for mode in [RevocationMode::Required, RevocationMode::WhereKnown, RevocationMode::Off] {
        let store = |crl: Crl| trust(&[&root], vec![root.crl(1, &[]), crl], mode);
        let current = store(sub.crl(5, &[&leaf]));
        let forged = store(Party::root("sub").crl(9, &[])).adopting_newer_crls(&current);
        let rolled_back = store(sub.crl(4, &[])).adopting_newer_crls(&forged);
        assert_eq!(code(&rolled_back, &[&leaf, &sub]), "pki.chain.revoked", "{mode:?}");
        // The first path that shows the key settles what the next generation holds of it.
        let newer = store(sub.crl(6, &[])).adopting_newer_crls(&rolled_back);
        assert_eq!(newer.revocation().crl_count(), 3, "the root's, the newest and the forged one");
        assert_eq!(code(&newer, &[&leaf, &sub]), "ok");
    }
}

#[test]
fn at_x7_crls_do_not_pile_up_over_a_year_of_reloads() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let dated = |issuer: &Party, day: u64| {
        issuer.crl_with(day, &[], |params| {
            let from = NOW.plus(DAY * u32::try_from(day).unwrap());
            (params.this_update, params.next_update) = (date(from), date(from.plus(DAY)));
        })
    };
    let made = |day| strict(&[&root], vec![dated(&root, day), dated(&sub, day)]);
    let mut store = made(1);
    for day in 2..=365 {
        store = made(day).adopting_newer_crls(&store);
        // Whose key no path has shown stays for thirty days after it lapsed.
        assert!(store.revocation().crl_count() <= 34, "day {day}: {}", store.revocation().crl_count());
    }
    let first = store.crls().filter(|crl| crl.issuer() == "CN=sub").filter_map(Crl::number).min();
    assert_eq!(first, Some(dwcp_pki::CrlNumber::from(334)));
    // A handshake shows it, and the newest alone is left.
    let leaf = sub.leaf_with(&[WEB], |p| p.not_after = date(NOW.plus(DAY * 364)));
    assert!(judge(&store, &[&leaf, &sub], Purpose::Client, NOW).is_err(), "the lists are of next year");
    assert_eq!(made(366).adopting_newer_crls(&store).revocation().crl_count(), 2);
}

fn issuer(root: &Party, at: u64) -> Party {
    root.reissued(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("issuer {at}"));
    })
}

fn crl_of(root: &Party, at: u64) -> Crl {
    let lapses = date(NOW.plus(DAY + MINUTE * u32::try_from(at).unwrap()));
    issuer(root, at).crl_with(1, &[], |params| params.next_update = lapses)
}

#[test]
fn at_x7_more_crls_than_are_held_drop_the_ones_of_before_that_lapse_first() {
    let root = Party::root("root");
    let earlier = strict(&[&root], (0..700).map(|at| crl_of(&root, at)).collect());
    let issuers: Vec<Party> = (1_000..1_700).map(|at| issuer(&root, at)).collect();
    let anchors: Vec<&Party> = issuers.iter().collect();
    let crls = (1_000..1_700).map(|at| crl_of(&root, at)).collect();
    let next = strict(&anchors, crls).adopting_newer_crls(&earlier);
    let held: Vec<&str> = next.crls().map(Crl::issuer).collect();
    assert_eq!(held.len(), 1_024);
    assert!(held.contains(&"CN=issuer 1000") && held.contains(&"CN=issuer 1699"));
    assert!(held.contains(&"CN=issuer 699") && !held.contains(&"CN=issuer 0"));
}

#[test]
fn at_x7_new_crls_of_unknown_signers_push_out_nothing_that_was_known() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let (leaf, of_sub) = (root.leaf(&[WEB]), sub.leaf(&[WEB]));
    for mode in [RevocationMode::Required, RevocationMode::WhereKnown, RevocationMode::Off] {
        let first = trust(&[&root], vec![root.crl(5, &[&leaf]), sub.crl(5, &[&of_sub])], mode);
        let junk = (0..1_024).map(|at| crl_of(&sub, at)).collect();
        let second = trust(&[&root], junk, mode).adopting_newer_crls(&first);
        assert_eq!(second.revocation().crl_count(), 1_024);
        // What was known and is given again is not new, whoever signed it.
        let junk = (2_000..3_023).map(|at| crl_of(&sub, at));
        let given = std::iter::once(sub.crl(5, &[&of_sub])).chain(junk).collect();
        let third = trust(&[&root], given, mode).adopting_newer_crls(&second);
        for store in [&second, &third] {
            assert_eq!(code(store, &[&leaf]), "pki.chain.revoked", "{mode:?}");
            assert_eq!(code(store, &[&of_sub, &sub]), "pki.chain.revoked", "{mode:?}");
        }
    }
}

#[test]
fn a_crl_that_is_given_twice_is_held_once() {
    let root = Party::root("root");
    let crl = root.crl(1, &[]);
    let store = strict(&[&root], vec![crl.clone(), crl.clone(), root.crl(2, &[]), crl]);
    assert_eq!(store.revocation().crl_count(), 2);
}

#[test]
fn a_clean_reload_does_not_bring_an_identity_back_that_was_revoked_before_it() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let before = strict(&[&root], vec![root.crl(1, &[]), sub.crl(1, &[])]);
    let identity = verdict(&before, &[&leaf, &sub]).unwrap();
    let revoking =
        strict(&[&root], vec![root.crl(2, &[]), sub.crl(2, &[&leaf])]).adopting_newer_crls(&before);
    let rolled_back =
        strict(&[&root], vec![root.crl(1, &[]), sub.crl(1, &[])]).adopting_newer_crls(&revoking);
    let revoked = Err(ChainFault::Revoked { serial: leaf.serial() });
    assert_eq!(revoking.recheck(&identity, NOW).by_rule(), revoked);
    assert_eq!(rolled_back.recheck(&identity, NOW).by_rule(), revoked);
}
