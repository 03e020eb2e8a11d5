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
fn at_x7_crls_do_not_pile_up_over_a_year_of_reloads() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let mut store = strict(&[&root], vec![root.crl(1, &[]), sub.crl(1, &[])]);
    for day in 2..=365 {
        let next = strict(&[&root], vec![root.crl(day, &[]), sub.crl(day, &[])]);
        store = next.adopting_newer_crls(&store);
        assert_eq!(store.revocation().crl_count(), 2, "day {day}");
    }
}

#[test]
fn at_x7_more_crls_than_are_held_drop_the_ones_of_before_that_lapse_first() {
    let root = Party::root("root");
    let issuer = |at: u64| {
        root.reissued(|params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, format!("issuer {at}"));
        })
    };
    let crl = |at: u64| {
        let lapses = date(NOW.plus(DAY + MINUTE * u32::try_from(at).unwrap()));
        issuer(at).crl_with(1, &[], |params| params.next_update = lapses)
    };
    let earlier = strict(&[&root], (0..700).map(crl).collect());
    let next = strict(&[&root], (1_000..1_700).map(crl).collect()).adopting_newer_crls(&earlier);
    let held: Vec<&str> = next.crls().map(Crl::issuer).collect();
    assert_eq!(held.len(), 1_024);
    assert!(held.contains(&"CN=issuer 1000") && held.contains(&"CN=issuer 699"));
    assert!(!held.contains(&"CN=issuer 0"));
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
