//! What lists say, and of what they are silent.

use super::{Given, Row};
use crate::lab::*;
use crate::lists::{List, entry, full_name, subject, tlv};
use rcgen::{CrlDistributionPoint, KeyUsagePurpose};

/// An authority, its leaf, and lists about it.
pub(super) struct Bench {
    pub(super) root: Party,
    other: Party,
    pub(super) leaf: Party,
    serial: Vec<u8>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    fn with(points: &[&str]) -> Self {
        let root = Party::root("root");
        let leaf = root.leaf_with(&["URI:spiffe://mesh.example/web"], |params| {
            params.crl_distribution_points =
                points.iter().map(|uri| CrlDistributionPoint { uris: vec![(*uri).to_owned()] }).collect();
        });
        let serial = leaf.params.serial_number.as_ref().unwrap().to_bytes();
        Self { root, other: Party::root("root"), leaf, serial }
    }

    pub(super) fn list(&self, number: u64) -> List {
        List::of(&self.root.der, number, NOW)
    }

    fn listing(&self, number: u64) -> List {
        self.list(number).listing(&self.serial, Some(1))
    }

    fn held(&self, number: u64) -> List {
        self.list(number).listing(&self.serial, Some(6))
    }

    fn removing(&self, number: u64) -> List {
        self.list(number).listing(&self.serial, Some(8))
    }

    pub(super) fn complete(&self, list: &List) -> Given {
        Given::complete(&list.sign(&self.root.key))
    }

    fn delta(&self, list: &List) -> Given {
        Given::delta(&list.sign(&self.root.key))
    }

    fn forged(&self, list: &List) -> Vec<u8> {
        list.sign(&self.other.key)
    }

    pub(super) fn row(&self, name: &'static str, given: Vec<Given>) -> Row {
        Row::new(name, &self.root, &self.leaf, given)
    }
}

fn stale(list: List) -> List {
    list.lasting(NOW.minus(DAY), NOW.minus(MINUTE))
}

fn early(list: List) -> List {
    list.lasting(NOW.plus(2 * MINUTE), NOW.plus(DAY))
}

const A: &str = "http://crl.example/a";
const B: &str = "http://crl.example/b";

pub(super) fn all() -> Vec<Row> {
    let rows = [silent(), parts(), deltas(), deltas_that_list(), listed(), millions()];
    rows.into_iter().flatten().collect()
}

fn silent() -> Vec<Row> {
    let b = Bench::new();
    let fresh = b.list(2);
    let mut broken = fresh.sign(&b.root.key);
    *broken.last_mut().unwrap() ^= 1;
    let elsewhere = Party::root("elsewhere");
    let weak = Party::root_with("root", |params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let of_weak = weak.leaf(&["URI:spiffe://mesh.example/web"]);
    let weak_list = List::of(&weak.der, 1, NOW).sign(&weak.key);
    vec![
        b.row("nothing: an empty list of CRLs", vec![]),
        b.row("a fresh CRL", vec![b.complete(&fresh)]),
        b.row("a stale CRL", vec![b.complete(&stale(b.list(2)))]),
        b.row("a CRL from the future", vec![b.complete(&early(b.list(2)))]),
        b.row(
            "a fresh CRL, and a newer one from the future",
            vec![b.complete(&fresh), b.complete(&early(b.list(3)))],
        ),
        b.row(
            "a CRL of another issuer",
            vec![Given::complete(&List::of(&elsewhere.der, 1, NOW).sign(&elsewhere.key))],
        ),
        b.row("a CRL of the issuer's name by another key", vec![Given::complete(&b.forged(&fresh))]),
        b.row("a CRL with a signature that is wrong", vec![Given::complete(&broken)]),
        Row::new("a CRL of an issuer without cRLSign", &weak, &of_weak, vec![Given::complete(&weak_list)]),
        b.row(
            "a CRL older than one that was known",
            vec![b.complete(&b.list(1)), Given::Known(vec![b.complete(&fresh)])],
        ),
    ]
}

fn parts() -> Vec<Row> {
    let (b, at_a) = (Bench::new(), Bench::with(&[A]));
    let directory_name = tlv(0xa0, &tlv(0xa0, &tlv(0xa4, &subject(&b.root.der))));
    let (compromise, others) = (tlv(0x83, &[5, 0x60]), tlv(0x83, &[7, 0x1f, 0x80]));
    let about = |b: &Bench, point: &[u8]| b.complete(&b.list(1).about(point));
    let stale_about = |b: &Bench, point: &[u8]| b.complete(&stale(b.list(2)).about(point));
    vec![
        b.row("a CRL for users only", vec![about(&b, &[0x81, 1, 0xff])]),
        b.row("a CRL for authorities only", vec![about(&b, &[0x82, 1, 0xff])]),
        at_a.row("a CRL of the certificate's point", vec![about(&at_a, &full_name(A))]),
        at_a.row("a CRL of another point", vec![about(&at_a, &full_name(B))]),
        b.row("a CRL of a point, for a certificate that names none", vec![about(&b, &full_name(A))]),
        b.row(
            "a CRL of the point of its issuer's name, for a certificate that names none",
            vec![about(&b, &directory_name)],
        ),
        at_a.row(
            "a CRL of the point of its issuer's name, for a certificate that names another",
            vec![about(&at_a, &directory_name)],
        ),
        b.row("a CRL for some reasons", vec![about(&b, &compromise)]),
        b.row("CRLs for all reasons together", vec![about(&b, &compromise), about(&b, &others)]),
        b.row(
            "CRLs for all reasons together, one of them stale",
            vec![about(&b, &compromise), b.complete(&stale(b.list(1)).about(&others))],
        ),
        at_a.row(
            "a CRL of the certificate's point, and a stale one of another",
            vec![about(&at_a, &full_name(A)), stale_about(&at_a, &full_name(B))],
        ),
        at_a.row("a stale CRL of another point", vec![stale_about(&at_a, &full_name(B))]),
        b.row(
            "a fresh CRL, and a stale one for users only",
            vec![b.complete(&b.list(1)), stale_about(&b, &[0x81, 1, 0xff])],
        ),
        b.row(
            "CRLs for all reasons together, one of them from the future",
            vec![about(&b, &compromise), b.complete(&early(b.list(1)).about(&others))],
        ),
    ]
}

fn deltas() -> Vec<Row> {
    let b = Bench::new();
    let (fresh, old) = (b.complete(&b.list(5)), b.complete(&stale(b.list(5))));
    let held = || b.complete(&b.held(5));
    vec![
        b.row("a fresh CRL and a delta that fits", vec![fresh.clone(), b.delta(&b.list(7).delta(4))]),
        b.row("a fresh CRL and a stale delta", vec![fresh.clone(), b.delta(&stale(b.list(7)).delta(4))]),
        b.row("a stale CRL and a fresh delta that fits", vec![old.clone(), b.delta(&b.list(7).delta(5))]),
        b.row(
            "a stale CRL and a delta from the future",
            vec![old.clone(), b.delta(&early(b.list(7)).delta(5))],
        ),
        b.row(
            "a stale CRL and a fresh delta of a later base",
            vec![old.clone(), b.delta(&b.list(7).delta(6))],
        ),
        b.row(
            "a stale CRL and a fresh delta of another scope",
            vec![old.clone(), b.delta(&b.list(7).delta(5).about(&[0x81, 1, 0xff]))],
        ),
        b.row(
            "a stale CRL and a fresh delta by another key",
            vec![old, Given::delta(&b.forged(&b.list(7).delta(5)))],
        ),
        b.row("a delta alone", vec![b.delta(&b.list(7).delta(5))]),
        b.row("on hold, and a delta that fits takes it off", vec![held(), b.delta(&b.removing(7).delta(5))]),
        b.row(
            "on hold, and a stale delta that fits takes it off",
            vec![held(), b.delta(&stale(b.removing(7)).delta(5))],
        ),
        b.row(
            "on hold, and a delta from the future takes it off",
            vec![held(), b.delta(&early(b.removing(7)).delta(5))],
        ),
        b.row(
            "on hold, and a delta of a later base takes it off",
            vec![held(), b.delta(&b.removing(7).delta(6))],
        ),
        b.row(
            "on hold, and a delta by another key takes it off",
            vec![held(), Given::delta(&b.forged(&b.removing(7).delta(5)))],
        ),
        b.row(
            "revoked for good, and a delta takes it off",
            vec![b.complete(&b.listing(5)), b.delta(&b.removing(7).delta(5))],
        ),
        b.row(
            "listed and taken off by one delta",
            vec![held(), b.delta(&b.removing(7).listing(&b.serial, Some(1)).delta(5))],
        ),
    ]
}

fn deltas_that_list() -> Vec<Row> {
    let b = Bench::new();
    let fresh = || b.complete(&b.list(5));
    let listing = |base| b.delta(&b.listing(7).delta(base));
    vec![
        b.row("listed in a delta that fits", vec![fresh(), listing(5)]),
        b.row("listed in a stale delta", vec![fresh(), b.delta(&stale(b.listing(7)).delta(5))]),
        b.row("listed in a delta of a later base", vec![fresh(), listing(6)]),
        b.row("listed in a delta alone", vec![listing(5)]),
        b.row(
            "listed in a delta, and no more in a complete CRL of its number",
            vec![b.complete(&b.list(7)), listing(5)],
        ),
        b.row(
            "listed in an older delta, and no more in a newer one that fits",
            vec![fresh(), listing(5), b.delta(&b.list(8).delta(5))],
        ),
        b.row(
            "listed in a delta that fits, and no more in a newer one from the future",
            vec![fresh(), listing(5), b.delta(&early(b.list(8)).delta(5))],
        ),
        b.row("listed in a delta from the future", vec![fresh(), b.delta(&early(b.listing(7)).delta(5))]),
        b.row(
            "listed in a delta by another key",
            vec![fresh(), Given::delta(&b.forged(&b.listing(7).delta(5)))],
        ),
        b.row(
            "listed in a delta that was known and is left out",
            vec![fresh(), Given::Known(vec![fresh(), listing(5)])],
        ),
    ]
}

fn listed() -> Vec<Row> {
    let (b, at_a) = (Bench::new(), Bench::with(&[A]));
    let listing = || b.complete(&b.listing(2));
    vec![
        b.row("listed in a fresh CRL", vec![listing()]),
        b.row("on hold in a fresh CRL", vec![b.complete(&b.held(2))]),
        b.row("listed in a stale CRL", vec![b.complete(&stale(b.listing(2)))]),
        b.row("listed in a CRL from the future", vec![b.complete(&early(b.listing(2)))]),
        at_a.row(
            "listed in a CRL of another point",
            vec![at_a.complete(&at_a.listing(2).about(&full_name(B)))],
        ),
        b.row(
            "listed in a CRL for some reasons",
            vec![b.complete(&b.listing(2).about(&tlv(0x83, &[5, 0x60])))],
        ),
        b.row(
            "listed in a newer CRL that was known",
            vec![b.complete(&b.list(1)), Given::Known(vec![listing()])],
        ),
        b.row("listed in a CRL that was known and is left out", vec![Given::Known(vec![listing()])]),
        b.row("listed in an older CRL and no more in a newer", vec![listing(), b.complete(&b.list(3))]),
        b.row(
            "listed in a CRL, and no more in a newer one from the future",
            vec![listing(), b.complete(&early(b.list(3)))],
        ),
        b.row(
            "listed in a newer CRL from the future",
            vec![b.complete(&b.list(1)), b.complete(&early(b.listing(2)))],
        ),
        b.row(
            "listed in a newer CRL by another key, beside a fresh one",
            vec![b.complete(&b.list(1)), Given::complete(&b.forged(&b.listing(2)))],
        ),
        b.row(
            "listed in an older CRL by another key, beside a fresh one",
            vec![b.complete(&b.list(3)), Given::complete(&b.forged(&b.listing(2)))],
        ),
        b.row("listed in a CRL by another key", vec![Given::complete(&b.forged(&b.listing(2)))]),
    ]
}

/// One list, for a leaf that it names and for one that it does not.
fn millions() -> Vec<Row> {
    let b = Bench::new();
    let given = vec![b.complete(&million(&b))];
    let another = b.root.leaf_with(&["URI:spiffe://mesh.example/other"], |params| {
        params.serial_number = Some(vec![9].into());
    });
    vec![
        Row::new("a fresh CRL of a million entries", &b.root, &another, given.clone()),
        b.row("listed among a million others", given),
    ]
}

/// A CRL with a million entries of 16 octets that are nobody's, and the leaf's.
fn million(b: &Bench) -> List {
    let mut list = b.list(3);
    let one = entry(&[0x40; 16], None);
    list.entries.reserve(1_000_001 * one.len());
    for at in 0..1_000_000_u64 {
        // An odd factor brings each number to another place among all.
        let spread = at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let from = list.entries.len() + 5;
        list.entries.extend_from_slice(&one);
        list.entries[from..from + 8].copy_from_slice(&spread);
    }
    list.listing(&b.serial, Some(1))
}
