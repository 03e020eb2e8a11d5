//! A known issuer saves signatures and decides nothing: what the whole path says, the shortcut says.

use super::lab::*;
use super::{issuers, path};
use crate::trust::leaf::Usages;
use crate::{ChainFault, Profile, Purpose, PurposeFault, TrustStore};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose as Eku, GeneralSubtree, IsCa, NameConstraints};
use rustls_pki_types::CertificateDer;

const WEB: &str = "URI:spiffe://mesh.example/web";
const DB: &str = "URI:spiffe://mesh.example/db";

/// Whether the shortcut alone accepts.
fn short(store: &TrustStore, chain: &[&Party], purpose: Purpose, now: dwcp_base::UnixTime) -> bool {
    let ders: Vec<CertificateDer<'_>> = chain.iter().map(|party| party.der.clone()).collect();
    let usages = Usages { purpose, profile: Profile::Mesh };
    let (anchors, crls) = (path::AnchorDates::Enforced, path::CrlRule::ByMode);
    let rules = path::Rules { at: now, anchors, crls, evidence: crate::Evidence::default() };
    issuers::shortcut(store, &ders, usages, &rules).is_some()
}

#[test]
fn the_second_leaf_of_an_issuer_takes_the_shortcut_to_the_same_identity() {
    let root = Party::root("root");
    let (upper, lower);
    upper = root.authority("upper", |_| {});
    lower = upper.authority("lower", |_| {});
    let store = strict(&[&root], vec![root.crl(1, &[]), upper.crl(1, &[]), lower.crl(1, &[])]);
    let (first, second) =
        (lower.leaf(&[WEB]), lower.leaf_with(&[DB], |p| p.serial_number = Some(vec![9].into())));
    assert!(!short(&store, &[&second, &lower, &upper], Purpose::Client, NOW), "nothing is known yet");
    judge(&store, &[&first, &lower, &upper], Purpose::Client, NOW).unwrap();
    assert_eq!(store.issuers.len(), 1);
    assert!(short(&store, &[&second, &lower, &upper], Purpose::Client, NOW));
    assert!(short(&store, &[&second, &upper, &lower], Purpose::Server, NOW));
    assert!(!short(&store, &[&second, &lower], Purpose::Server, NOW), "a part of the path is not shown");
    let known = judge(&store, &[&second, &lower, &upper], Purpose::Client, NOW).unwrap();
    let whole = strict(&[&root], store.crls().cloned().collect());
    let whole = judge(&whole, &[&second, &lower, &upper], Purpose::Client, NOW).unwrap();
    assert_eq!(
        (known.names(), known.serial(), known.not_after()),
        (whole.names(), whole.serial(), whole.not_after())
    );
    assert_eq!((known.revocation(), known.links().len()), (whole.revocation(), whole.links().len()));
}

#[test]
fn only_an_issuer_that_is_shown_is_relied_on() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let store = lax(&[&root]);
    judge(&store, &[&sub.leaf(&[WEB]), &sub], Purpose::Client, NOW).unwrap();
    let bare = judge(&store, &[&sub.leaf(&[WEB])], Purpose::Client, NOW);
    assert_eq!(bare, Err(ChainFault::UnknownIssuer));
}

#[test]
fn nothing_is_learnt_from_a_chain_that_is_refused() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let store = lax(&[&root]);
    let client = sub.leaf_with(&[WEB], |p| p.extended_key_usages = vec![Eku::ClientAuth]);
    assert!(judge(&store, &[&client, &sub], Purpose::Server, NOW).is_err());
    let fake = Party::root("root").authority("sub", |_| {});
    assert!(judge(&store, &[&fake.leaf(&[WEB]), &fake, &sub], Purpose::Client, NOW).is_err());
    assert_eq!(store.issuers.len(), 0);
}

#[test]
fn what_was_learnt_for_one_purpose_is_not_relied_on_for_another() {
    let root = Party::root("root");
    let upper = root.authority("upper", |p| p.extended_key_usages = vec![Eku::ClientAuth]);
    let lower = upper.authority("lower", |_| {});
    let leaf = lower.leaf(&[WEB]);
    let chain = [&leaf, &lower, &upper];
    let store = lax(&[&root]);
    judge(&store, &chain, Purpose::Client, NOW).unwrap();
    assert!(short(&store, &chain, Purpose::Client, NOW));
    assert!(!short(&store, &chain, Purpose::Server, NOW));
    let why = PurposeFault::Other;
    assert_eq!(judge(&store, &chain, Purpose::Server, NOW), Err(ChainFault::Purpose { why }));
}

#[test]
fn at_x2_constraints_above_a_known_issuer_hold_for_each_of_its_leaves() {
    let only = |domain: &str| {
        let permitted = vec![GeneralSubtree::DnsName(domain.to_owned())];
        Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() })
    };
    let excluded = ChainFault::NameConstraint;
    for above in [true, false] {
        let root = Party::root("root");
        let upper = root.authority("upper", |p| p.name_constraints = only("example").filter(|_| above));
        let lower = upper.authority("lower", |p| p.name_constraints = only("example").filter(|_| !above));
        let store = lax(&[&root]);
        let judged =
            |name: &str| judge(&store, &[&lower.leaf(&[name]), &lower, &upper], Purpose::Server, NOW);
        for _ in 0..2 {
            assert!(judged("DNS:a.example").is_ok());
            assert_eq!(judged("DNS:a.other"), Err(excluded.clone()));
            assert_eq!(judged("DNS:*.other.test"), Err(excluded.clone()));
        }
        assert_eq!(store.issuers.len(), usize::from(!above), "constraints above are for the whole path");
    }
}

#[test]
fn dates_and_revocation_are_looked_at_each_time() {
    let root = Party::root("root");
    let upper = root.authority("upper", |p| p.not_after = date(NOW.plus(HOUR)));
    let lower = upper.authority("lower", |_| {});
    let leaf = lower.leaf(&[WEB]);
    let chain = [&leaf, &lower, &upper];
    let store = lax(&[&root]);
    judge(&store, &chain, Purpose::Client, NOW).unwrap();
    let later = NOW.plus(2 * HOUR);
    assert!(!short(&store, &chain, Purpose::Client, later));
    let expired = judge(&store, &chain, Purpose::Client, later);
    assert_eq!(expired, Err(ChainFault::Expired { not_after: NOW.plus(HOUR) }));
    // A CRL, a blocked key and another profile are another store.
    for changed in [
        store.clone().with_blocked_keys([crate::Certificate::from_der(&lower.der).unwrap().key_pin()]),
        store.clone().with_profile(Profile::Interop),
        store.clone().with_max_depth(1),
        store.clone().adopting_newer_crls(&strict(&[&root], vec![root.crl(1, &[&upper])])),
    ] {
        assert_eq!(changed.issuers.len(), 0);
    }
    assert_eq!(store.clone().with_generation(7).issuers.len(), 1, "the number alone changes nothing");
    // A key that was blocked and a serial number that was listed are found under a known issuer as well.
    let blocked =
        lax(&[&root]).with_blocked_keys([crate::Certificate::from_der(&leaf.der).unwrap().key_pin()]);
    let other = lower.leaf(&[DB]);
    judge(&blocked, &[&other, &lower, &upper], Purpose::Client, NOW).unwrap();
    assert_eq!(blocked.issuers.len(), 1);
    assert!(!short(&blocked, &chain, Purpose::Client, NOW));
    assert_eq!(
        judge(&blocked, &chain, Purpose::Client, NOW).unwrap_err(),
        ChainFault::KeyRevoked { pin: crate::Certificate::from_der(&leaf.der).unwrap().key_pin() }
    );
}

#[test]
fn an_authority_under_a_known_issuer_is_no_leaf_and_a_key_identifier_is_compared() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let store = lax(&[&root]);
    judge(&store, &[&sub.leaf(&[WEB]), &sub], Purpose::Client, NOW).unwrap();
    let authority = sub.leaf_with(&[WEB], |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert!(!short(&store, &[&authority, &sub], Purpose::Client, NOW));
    let unlinked = sub.leaf_with(&[WEB], |p| p.use_authority_key_identifier_extension = false);
    assert!(!short(&store, &[&unlinked, &sub], Purpose::Client, NOW));
    // Another key under the same name signed this one.
    let twin = root.authority("sub", |_| {});
    assert!(!short(&store, &[&twin.leaf(&[WEB]), &sub], Purpose::Client, NOW));
    assert!(judge(&store, &[&twin.leaf(&[WEB]), &twin], Purpose::Client, NOW).is_ok());
    assert_eq!(store.issuers.len(), 2);
}

#[test]
fn at_x5_the_table_of_known_issuers_is_bounded() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let store = lax(&[&root]);
    for number in 0..issuers::MOST_JUDGED + 10 {
        let name = u16::try_from(number).unwrap().to_be_bytes();
        let again = root.cross_sign(&sub, |p| p.serial_number = Some([&[7][..], &name].concat().into()));
        judge(&store, &[&sub.leaf(&[WEB]), &again], Purpose::Client, NOW).unwrap();
        assert!(store.issuers.len() <= issuers::MOST_JUDGED);
    }
    assert_eq!(store.issuers.len(), 10);
}

#[test]
fn what_is_shown_beside_a_known_path_has_the_whole_path_judged() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let lists = root.authority("sub", |p| {
        p.is_ca = IsCa::NoCa;
        p.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
        p.serial_number = Some(vec![3, 1].into());
    });
    let (one, two) = (sub.leaf(&[WEB]), sub.leaf_with(&[DB], |p| p.serial_number = Some(vec![9].into())));
    // The list of the key for lists names the second leaf; the authority's own does not.
    let store = strict(&[&root], vec![root.crl(1, &[]), sub.crl(1, &[]), lists.crl(2, &[&two])]);
    judge(&store, &[&one, &sub], Purpose::Client, NOW).unwrap();
    assert!(short(&store, &[&one, &sub, &root], Purpose::Client, NOW));
    assert!(!short(&store, &[&two, &sub, &lists], Purpose::Client, NOW));
    let revoked = judge(&store, &[&two, &sub, &lists], Purpose::Client, NOW).unwrap_err();
    assert_eq!(revoked, ChainFault::Revoked { serial: two.serial() });
}
