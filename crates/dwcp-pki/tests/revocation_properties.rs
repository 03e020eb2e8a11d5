//! What holds of revocation for every clock, every order of generations, and every octet of a list.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod lists;

use dwcp_base::UnixTime;
use dwcp_pki::{Crl, CrlNumber, DeltaCrl, Purpose, RevocationMode, TrustStore};
use lab::*;
use lists::{List, entry, tlv};
use proptest::prelude::*;
use std::sync::OnceLock;

const WEB: &str = "URI:spiffe://mesh.example/web";
const MODES: [RevocationMode; 3] =
    [RevocationMode::Required, RevocationMode::WhereKnown, RevocationMode::Off];
const SEED: &[u8] =
    include_bytes!("vectors/attack-seeds/crl-idp-onlysomereasons-empty-bitstring.RUSTSEC-2026-0104.crl");

/// An authority with three leaves: one that its complete CRL lists, one that its delta lists, one on hold in the CRL.
struct Bench {
    root: Party,
    revoked: Party,
    lately: Party,
    held: Party,
    complete: Vec<u8>,
    delta: Vec<u8>,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let root = Party::root("root");
        let leaf = |serial: &[u8]| {
            root.leaf_with(&[WEB], |params| params.serial_number = Some(serial.to_vec().into()))
        };
        let [revoked, lately, held] = [[7, 1], [7, 2], [7, 3]].map(|serial| leaf(&serial));
        let list = List::of(&root.der, 5, NOW);
        let complete = list.clone().listing(&[7, 1], Some(1)).listing(&[7, 3], Some(6)).sign(&root.key);
        let delta = List { extensions: List::of(&root.der, 7, NOW).extensions, ..list };
        let delta = delta.delta(5).listing(&[7, 2], None).sign(&root.key);
        Bench { root, revoked, lately, held, complete, delta }
    })
}

fn store(crls: Vec<Crl>, deltas: Vec<DeltaCrl>, mode: RevocationMode) -> TrustStore {
    trust(&[&bench().root], crls, mode).with_deltas(deltas).unwrap()
}

fn accepts(store: &TrustStore, leaf: &Party, now: UnixTime) -> bool {
    judge(store, &[leaf], Purpose::Client, now).is_ok()
}

#[test]
fn at_x4_a_list_for_no_reason_is_refused_without_a_panic() {
    for error in [Crl::from_der(SEED).unwrap_err(), DeltaCrl::from_der(SEED).unwrap_err()] {
        let said = error.to_string();
        assert_eq!(said, "the CRL is malformed: its issuing distribution point names no reason");
    }
}

#[test]
fn at_x4_no_cut_and_no_flipped_bit_of_the_seed_panics() {
    for at in 0..SEED.len() {
        let _ = (Crl::from_der(&SEED[..at]), DeltaCrl::from_der(&SEED[..at]));
        for bit in 0..8 {
            let mut der = SEED.to_vec();
            der[at] ^= 1 << bit;
            let _ = (Crl::from_der(&der), DeltaCrl::from_der(&der));
        }
    }
}

/// Every document that differs from this one in a bit, or ends early.
fn damaged(der: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let cuts = (0..der.len()).map(|at| der[..at].to_vec());
    let flips = (0..der.len() * 8).map(|bit| {
        let mut flipped = der.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    });
    cuts.chain(flips)
}

#[test]
fn at_x7_no_cut_and_no_flipped_bit_of_a_crl_makes_a_revoked_certificate_pass_where_one_is_required() {
    let bench = bench();
    let delta = DeltaCrl::from_der(&bench.delta).unwrap();
    let mut read = 0;
    for der in damaged(&bench.complete) {
        let Ok(crl) = Crl::from_der(&der) else { continue };
        if crl.number().is_none() {
            continue;
        }
        read += 1;
        let store = store(vec![crl], vec![delta.clone()], RevocationMode::Required);
        for leaf in [&bench.revoked, &bench.lately, &bench.held] {
            assert!(!accepts(&store, leaf, NOW));
        }
    }
    assert!(read > 100, "most flips are in the signature or in numbers, and are read: {read}");
}

#[test]
fn at_x7_no_cut_and_no_flipped_bit_of_a_delta_takes_anything_back() {
    let bench = bench();
    let crl = Crl::from_der(&bench.complete).unwrap();
    for mode in MODES {
        for der in damaged(&bench.delta) {
            let Ok(delta) = DeltaCrl::from_der(&der) else { continue };
            let store = store(vec![crl.clone()], vec![delta], mode);
            for leaf in [&bench.revoked, &bench.held] {
                assert!(!accepts(&store, leaf, NOW), "{mode:?}");
            }
        }
    }
}

#[test]
fn at_x10_numbers_that_no_certificate_has_revoke_no_other_one() {
    let root = Party::root("root");
    let leaf =
        |serial: &[u8]| root.leaf_with(&[WEB], |params| params.serial_number = Some(serial.to_vec().into()));
    let mut list = List::of(&root.der, 1, NOW);
    let long = [&[1][..], &[0; 19], &[0xff]].concat();
    for serial in [&[0xff][..], &[0x80], &[0], &long, &[0xff, 0x7f]] {
        list.entries.extend(entry(serial, None));
    }
    let crl = Crl::from_der(&list.sign(&root.key)).unwrap();
    assert_eq!((crl.len(), crl.is_empty()), (0, true));
    for serial in [&[0xff][..], &[0x80], &[1], &[0x7f]] {
        assert!(verdict(&strict(&[&root], vec![crl.clone()]), &[&leaf(serial)]).is_ok());
    }
    // Zeros in front do not make another number, and the longest one that may be is found.
    let longest = [&[0][..], &[0xff; 20]].concat();
    let mut list = List::of(&root.der, 1, NOW);
    for serial in [&[0, 0, 0x81][..], &longest] {
        list.entries.extend(entry(serial, None));
    }
    let crl = Crl::from_der(&list.sign(&root.key)).unwrap();
    let expected = ["81".to_owned(), "ff".repeat(20)].map(|serial| serial.parse().unwrap());
    assert_eq!(crl.serials().collect::<Vec<_>>(), expected);
    assert!(expected.iter().all(|serial| crl.contains(serial)));
}

#[test]
fn at_x14_times_at_the_edges_are_read_as_they_are_or_refused() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let last = UnixTime::parse_rfc3339("9999-12-31T23:59:59Z").unwrap();
    let list = List::of(&root.der, 1, NOW).lasting(NOW.minus(MINUTE), last);
    let crl = Crl::from_der(&list.sign(&root.key)).unwrap();
    assert_eq!(crl.next_update(), last);
    assert!(verdict(&strict(&[&root], vec![crl]), &[&leaf]).is_ok());
    // UTCTime: 49 is 2049, and 50 is 1950, from before any list (RFC 5280 §5.1.2.4).
    let dated = |text: &[u8; 13]| {
        let mut list = List::of(&root.der, 1, NOW);
        list.entries = tlv(0x30, &[&[2, 1, 9][..], &tlv(0x17, text)].concat());
        Crl::from_der(&list.sign(&root.key)).map(|crl| crl.len())
    };
    assert_eq!(dated(b"491231235959Z"), Ok(1));
    for text in [b"500101000000Z", b"261301000000Z", b"260230000000Z", b"2601010000000", b"260101000060Z"] {
        assert!(dated(text).is_err());
    }
}

#[test]
fn at_x5_a_list_made_to_fall_into_one_run_is_looked_up_all_the_same() {
    let root = Party::root("root");
    let mut list = List::of(&root.der, 1, NOW);
    // One number of 20 octets makes the leading bits of all the others zero; each of them stands there twice.
    list.entries.extend(entry(&[0x7f; 20], None));
    for number in (1..20_000_u32).chain(1..20_000) {
        let octets = number.to_be_bytes();
        list.entries.extend(entry(&[&[1][..], &octets].concat(), Some(if number % 2 == 0 { 6 } else { 1 })));
    }
    let crl = Crl::from_der(&list.sign(&root.key)).unwrap();
    assert_eq!(crl.len(), 20_000);
    let serial =
        |number: u32| dwcp_pki::Serial::from_be_bytes(&[&[1][..], &number.to_be_bytes()].concat()).unwrap();
    assert!((1..20_000).all(|number| crl.contains(&serial(number))));
    assert!(!crl.contains(&serial(0)) && !crl.contains(&serial(20_000)));
}

/// A list of what one generation of trust was given: its number, whether it lists the leaf, and whether it is a delta.
fn generations() -> impl Strategy<Value = Vec<(u64, bool, Option<u64>)>> {
    proptest::collection::vec((1_u64..20, any::<bool>(), proptest::option::of(1_u64..20)), 1..8)
}

/// An intermediate of the bench, somebody else under its name, and a leaf of the first.
fn intermediate() -> &'static (Party, Party, Party) {
    static PARTIES: OnceLock<(Party, Party, Party)> = OnceLock::new();
    PARTIES.get_or_init(|| {
        let sub = bench().root.authority("sub", |_| {});
        let leaf = sub.leaf_with(&[WEB], |params| params.serial_number = Some(vec![7, 2].into()));
        (sub, Party::root("sub"), leaf)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn at_x14_a_revoked_certificate_is_accepted_at_no_time_in_no_mode(
        near in -86_400_i64..=86_400, any in any::<i64>(), with_delta in any::<bool>(),
    ) {
        let bench = bench();
        let crl = Crl::from_der(&bench.complete).unwrap();
        let deltas = || with_delta.then(|| DeltaCrl::from_der(&bench.delta).unwrap()).into_iter().collect();
        for mode in MODES {
            let store = store(vec![crl.clone()], deltas(), mode);
            for now in [NOW.secs() + near, any / 1_000_000] {
                let now = UnixTime::from_secs(now);
                prop_assert!(!accepts(&store, &bench.revoked, now) && !accepts(&store, &bench.held, now));
                prop_assert!(!with_delta || !accepts(&store, &bench.lately, now));
            }
        }
    }

    #[test]
    fn at_x7_numbers_never_go_back_from_one_generation_to_the_next(given in generations()) {
        let bench = bench();
        let mut before = store(Vec::new(), Vec::new(), RevocationMode::Off);
        let (mut newest, mut newest_lists) = (0, false);
        for (number, lists, base) in given {
            let mut list = List::of(&bench.root.der, number, NOW);
            if lists {
                list = list.listing(&[7, 2], None);
            }
            let (mut crls, mut deltas) = (Vec::new(), Vec::new());
            match base {
                Some(base) => deltas.push(DeltaCrl::from_der(&list.delta(base).sign(&bench.root.key)).unwrap()),
                None => {
                    crls.push(Crl::from_der(&list.sign(&bench.root.key)).unwrap());
                    if number > newest {
                        (newest, newest_lists) = (number, lists);
                    } else if number == newest {
                        // The same number twice: what the authority meant is not known.
                        newest_lists = false;
                    }
                }
            }
            let next = store(crls, deltas, RevocationMode::Off).adopting_newer_crls(&before);
            let highest = |store: &TrustStore| store.crls().filter_map(Crl::number).max();
            let highest_delta = |store: &TrustStore| store.revocation().deltas().map(DeltaCrl::number).max();
            prop_assert!(highest(&next) >= highest(&before));
            prop_assert!(newest == 0 || highest(&next) == Some(CrlNumber::from(newest)));
            // A delta goes only when a complete CRL of its number or a later one is here.
            prop_assert!(highest_delta(&next).max(highest(&next)) >= highest_delta(&before).max(highest(&before)));
            prop_assert!(!newest_lists || !accepts(&next, &bench.lately, NOW));
            before = next;
        }
    }

    #[test]
    fn at_x7_numbers_of_an_intermediate_never_go_back_whatever_is_forged_and_whenever_it_is_seen(
        given in proptest::collection::vec((1_u64..20, any::<bool>(), any::<bool>(), any::<bool>()), 1..8),
    ) {
        let (sub, forger, leaf) = intermediate();
        let mut before = store(Vec::new(), Vec::new(), RevocationMode::Off);
        let (mut newest, mut newest_lists) = (0, false);
        for (number, is_forged, lists, is_seen) in given {
            let by = if is_forged { forger } else { sub };
            let mut list = List::of(&sub.der, number, NOW);
            if lists {
                list = list.listing(&[7, 2], None);
            }
            if !is_forged {
                // The same number twice: what the authority meant is not known.
                newest_lists = if number == newest { false } else if number > newest { lists } else { newest_lists };
                newest = newest.max(number);
            }
            let crl = Crl::from_der(&list.sign(&by.key)).unwrap();
            before = store(vec![crl], Vec::new(), RevocationMode::Off).adopting_newer_crls(&before);
            let accepted = |store: &TrustStore| judge(store, &[leaf, sub], Purpose::Client, NOW).is_ok();
            prop_assert!(!(is_seen && newest_lists && accepted(&before)));
        }
        prop_assert!(!newest_lists || judge(&before, &[leaf, sub], Purpose::Client, NOW).is_err());
    }

    #[test]
    fn every_serial_of_a_list_is_found_and_no_other(
        serials in proptest::collection::btree_set(proptest::collection::vec(any::<u8>(), 1..21), 0..200),
        others in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..21), 50),
    ) {
        let bench = bench();
        let mut list = List::of(&bench.root.der, 1, NOW);
        let mut expected = std::collections::BTreeSet::new();
        for octets in &serials {
            list.entries.extend(entry(octets, None));
            if octets[0] < 0x80 {
                expected.extend(dwcp_pki::Serial::from_be_bytes(octets).ok());
            }
        }
        let crl = Crl::from_der(&list.sign(&bench.root.key)).unwrap();
        prop_assert!(crl.serials().eq(expected.iter().copied()));
        for octets in serials.iter().chain(&others) {
            if let Ok(serial) = dwcp_pki::Serial::from_be_bytes(octets) {
                prop_assert_eq!(crl.contains(&serial), expected.contains(&serial));
            }
        }
    }
}
