//! Chains, honest and not, against a trust store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_pki::{
    ChainFault, MAX_PRESENTED, Purpose, PurposeFault, RevocationChecked, RevocationMode, TrustError,
    TrustStore,
};
use lab::*;
use rcgen::{ExtendedKeyUsagePurpose as Eku, GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints};
use rustls_pki_types::CertificateDer;

const WEB: &str = "URI:spiffe://mesh.example/web";

#[test]
fn a_leaf_under_an_anchor_becomes_an_identity() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB, "DNS:web.example"]);
    let identity = verdict(&lax(&[&root]).with_generation(7), &[&leaf]).unwrap();
    assert_eq!(identity.spiffe_id().unwrap().to_string(), "spiffe://mesh.example/web");
    assert_eq!(identity.label(), "spiffe://mesh.example/web");
    assert_eq!(identity.names().len(), 2);
    assert_eq!(identity.serial(), leaf.serial());
    assert_eq!(identity.trust_generation(), 7);
    assert_eq!(identity.not_after(), NOW.plus(DAY));
    assert_eq!(identity.revocation(), RevocationChecked::NotChecked);
}

#[test]
fn the_label_falls_back_from_spiffe_id_to_name_to_serial() {
    let root = Party::root("root");
    let store = lax(&[&root]);
    assert_eq!(
        verdict(&store, &[&root.leaf(&["DNS:a.example", "IP:192.0.2.1"])]).unwrap().label(),
        "DNS:a.example"
    );
    let nameless = root.leaf_with(&[], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "not an identity");
    });
    assert_eq!(verdict(&store, &[&nameless]).unwrap().label(), "serial:025e71a1");
}

#[test]
fn intermediates_come_in_any_order_with_or_without_the_anchor_and_junk_is_ignored() {
    let root = Party::root("root");
    let upper = root.authority("upper", |_| {});
    let lower = upper.authority("lower", |_| {});
    let leaf = lower.leaf(&[WEB]);
    let stranger = Party::root("stranger");
    let store = lax(&[&root]);
    for chain in [
        &[&leaf, &lower, &upper][..],
        &[&leaf, &upper, &lower],
        &[&leaf, &lower, &upper, &root],
        &[&leaf, &stranger, &lower, &upper, &stranger],
    ] {
        assert!(verdict(&store, chain).is_ok());
    }
    assert_eq!(verdict(&store, &[&leaf, &upper]), Err(ChainFault::UnknownIssuer));
    let mut with_garbage: Vec<CertificateDer<'_>> = [&leaf, &lower, &upper].map(|p| p.der.clone()).to_vec();
    with_garbage.insert(1, CertificateDer::from(vec![0x30, 0x03, 0x01, 0x02]));
    assert!(store.validate(&with_garbage, Purpose::Client, NOW).by_rule().is_ok());
}

#[test]
fn an_unknown_issuer_is_refused_and_so_is_one_that_only_bears_the_name() {
    let root = Party::root("root");
    let impostor = Party::root("root");
    let store = lax(&[&root]);
    for issuer in [&Party::root("other"), &impostor] {
        let error = verdict(&store, &[&issuer.leaf(&[WEB]), issuer]).unwrap_err();
        assert_eq!(error, ChainFault::UnknownIssuer);
        assert_eq!(error.code(), "pki.chain.unknown_issuer");
    }
}

#[test]
fn at_x14_dates_are_inclusive_to_the_second() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let store = lax(&[&root]);
    let second = std::time::Duration::from_secs(1);
    let (start, end) = (NOW.minus(HOUR), NOW.plus(DAY));
    let at = |now| judge(&store, &[&leaf], Purpose::Client, now);
    assert!(at(start).is_ok() && at(end).is_ok());
    assert_eq!(at(start.minus(second)), Err(ChainFault::NotYetValid { not_before: start }));
    assert_eq!(at(end.plus(second)), Err(ChainFault::Expired { not_after: end }));
    let soon = root.leaf_with(&[WEB], |p| p.not_before = date(NOW.plus(5 * MINUTE)));
    assert_eq!(verdict(&store, &[&soon]).unwrap_err().code(), "pki.chain.not_yet_valid");
}

#[test]
fn at_x14_dates_beyond_2049_and_up_to_year_9999_are_read() {
    let root =
        Party::root_with("root", |p| p.not_after = date(dwcp_base::UnixTime::from_secs(253_402_300_799)));
    let leaf = root.leaf_with(&[WEB], |p| p.not_after = date(dwcp_base::UnixTime::from_secs(2_524_608_001)));
    let store = lax(&[&root]);
    assert!(judge(&store, &[&leaf], Purpose::Client, dwcp_base::UnixTime::from_secs(2_524_608_000)).is_ok());
    assert!(judge(&store, &[&leaf], Purpose::Client, dwcp_base::UnixTime::from_secs(2_524_608_002)).is_err());
}

#[test]
fn at_t9_extended_key_usage_must_be_there_and_name_the_purpose() {
    let root = Party::root("root");
    let store = lax(&[&root]);
    let with = |usages: &[Eku]| root.leaf_with(&[WEB], |p| p.extended_key_usages = usages.to_vec());
    let refused = |leaf: &Party, purpose| match judge(&store, &[leaf], purpose, NOW) {
        Err(ChainFault::Purpose { why }) => Some(why),
        Err(other) => panic!("{other}"),
        Ok(_) => None,
    };
    let (server, client) = (with(&[Eku::ServerAuth]), with(&[Eku::ClientAuth]));
    assert_eq!(refused(&server, Purpose::Server), None);
    assert_eq!(refused(&server, Purpose::Client), Some(PurposeFault::Other));
    assert_eq!(refused(&client, Purpose::Client), None);
    assert_eq!(refused(&client, Purpose::Server), Some(PurposeFault::Other));
    assert_eq!(refused(&server, Purpose::Any), None);
    assert_eq!(refused(&client, Purpose::Any), None);
    for usages in [&[][..], &[Eku::Any], &[Eku::EmailProtection]] {
        assert_eq!(refused(&with(usages), Purpose::Any), None, "nobody asked");
    }
    for purpose in [Purpose::Server, Purpose::Client] {
        assert_eq!(refused(&with(&[]), purpose), Some(PurposeFault::Missing));
        assert_eq!(refused(&with(&[Eku::Any]), purpose), Some(PurposeFault::AnyUsage));
        assert_eq!(
            refused(&with(&[Eku::Any, Eku::ServerAuth, Eku::ClientAuth]), purpose),
            Some(PurposeFault::AnyUsage)
        );
        assert_eq!(refused(&with(&[Eku::EmailProtection]), purpose), Some(PurposeFault::Other));
    }
}

#[test]
fn an_authority_is_no_peer_and_a_key_that_may_not_sign_neither() {
    let root = Party::root("root");
    let store = lax(&[&root]);
    let authority = root.leaf_with(&[WEB], |p| p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    let cert_sign = root.leaf_with(&[WEB], |p| p.key_usages.push(KeyUsagePurpose::KeyCertSign));
    let no_signature = root.leaf_with(&[WEB], |p| p.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    for (leaf, why) in [
        (&authority, PurposeFault::IsAuthority),
        (&cert_sign, PurposeFault::IsAuthority),
        (&no_signature, PurposeFault::CanNotSign),
    ] {
        assert_eq!(verdict(&store, &[leaf]), Err(ChainFault::Purpose { why }));
    }
}

#[test]
fn at_t9_names_of_a_client_that_mislead_are_refused() {
    let root = Party::root("root");
    let store = lax(&[&root]);
    for names in [
        &[WEB, "URI:spiffe://mesh.example/db"][..],
        &[WEB, "URI:https://mesh.example/web"],
        &["URI:https://mesh.example/web", WEB],
        &["URI:spiffe://Mesh.Example/web"],
        &["URI:SPIFFE://mesh.example/web"],
        &["URI:spiffe://mesh.example/%77eb"],
        &["URI:spiffe://mesh.example./web/"],
        &["URI:spiffe://mesh.example:443/web"],
        &["DNS:*.example.org"],
        &["DNS:192.0.2.1"],
        &["DNS:*"],
    ] {
        let error = judge(&store, &[&root.leaf(names)], Purpose::Client, NOW).unwrap_err();
        assert!(matches!(error.code(), "pki.chain.names" | "pki.chain.malformed"), "{names:?}: {error}");
    }
    let wildcard = root.leaf(&["DNS:*.example.org"]);
    assert!(judge(&store, &[&wildcard], Purpose::Server, NOW).is_ok());
    let nul = root.leaf(&["DNS:web.example\0.evil.example"]);
    assert_eq!(judge(&store, &[&nul], Purpose::Server, NOW).unwrap_err().code(), "pki.chain.malformed");
}

#[test]
fn at_t8_seventeen_presented_certificates_are_refused_unread() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let store = lax(&[&root]);
    let mut chain = vec![&leaf];
    chain.resize(MAX_PRESENTED, &root);
    assert!(verdict(&store, &chain).is_ok());
    chain.push(&root);
    assert_eq!(verdict(&store, &chain), Err(ChainFault::TooMany { presented: 17, limit: 16 }));
    assert_eq!(store.validate(&[], Purpose::Client, NOW).by_rule(), Err(ChainFault::Empty));
    let huge = store.validate(&[CertificateDer::from(vec![0x30; 16 << 20])], Purpose::Client, NOW).by_rule();
    assert_eq!(huge.unwrap_err().code(), "pki.chain.malformed");
}

#[test]
fn at_x5_a_thicket_of_same_named_authorities_ends_at_the_budget() {
    let store = lax(&[&Party::root("same")]);
    let thicket: Vec<Party> = (0..15).map(|_| Party::root("same")).collect();
    let crossed: Vec<Party> = thicket
        .iter()
        .enumerate()
        .map(|(at, party)| thicket[(at + 1) % 15].cross_sign(party, |_| {}))
        .collect();
    let leaf = thicket[0].leaf(&[WEB]);
    let chain: Vec<&Party> = std::iter::once(&leaf).chain(&crossed).collect();
    assert_eq!(verdict(&store, &chain), Err(ChainFault::TooComplex));
    assert_eq!(verdict(&store, &chain[..5]), Err(ChainFault::UnknownIssuer));
    assert_eq!(verdict(&store, &chain[..6]), Err(ChainFault::TooComplex));
}

#[test]
fn at_x8_an_authority_must_be_one_and_may_sign_certificates() {
    let root = Party::root("root");
    let store = lax(&[&root]);
    let no_cert_sign = root.authority("sub", |p| p.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let no_authority = root.authority("sub", |p| p.is_ca = IsCa::ExplicitNoCa);
    let no_room = Party::root_with("root", |p| p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0)));
    for issuer in [&no_cert_sign, &no_authority] {
        let error = verdict(&store, &[&issuer.leaf(&[WEB]), issuer]).unwrap_err();
        assert_eq!(error.code(), "pki.chain.authority", "{error}");
    }
    let below = no_room.authority("sub", |p| p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0)));
    let too_deep = below.authority("subsub", |_| {});
    let chain = [&too_deep.leaf(&[WEB]), &too_deep, &below];
    assert_eq!(verdict(&lax(&[&no_room]), &chain).unwrap_err().code(), "pki.chain.authority");
}

#[test]
fn at_x8_an_anchor_outside_its_validity_holds_nobody() {
    let expired = Party::root_with("root", |p| p.not_after = date(NOW.minus(MINUTE)));
    let leaf = expired.leaf(&[WEB]);
    let store = lax(&[&expired]);
    let error = verdict(&store, &[&leaf]).unwrap_err();
    assert_eq!(error, ChainFault::AnchorExpired);
    // A renewed certificate of the same key and name is enough.
    let renewed = expired.reissued(|p| p.not_after = date(NOW.plus(DAY)));
    assert!(verdict(&lax(&[&expired, &renewed]), &[&leaf]).is_ok());
}

#[test]
fn at_x12_an_expired_cross_certificate_does_not_hide_the_good_path() {
    let old = Party::root_with("old", |p| p.not_after = date(NOW.minus(MINUTE)));
    let new = Party::root("new");
    let crossed = old.cross_sign(&new, |p| p.not_after = date(NOW.minus(MINUTE)));
    let leaf = new.leaf(&[WEB]);
    assert!(verdict(&lax(&[&old, &new]), &[&leaf, &crossed]).is_ok());
    assert!(verdict(&lax(&[&new]), &[&leaf, &crossed, &old]).is_ok());
}

#[test]
fn at_x2_name_constraints_hold_for_wildcards() {
    let only = |name: &str| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(name.to_owned())],
        excluded_subtrees: Vec::new(),
    };
    let root = Party::root("root");
    let bound = root.authority("bound", |p| p.name_constraints = Some(only("inside.example")));
    let store = lax(&[&root]);
    let server = |leaf: &Party| judge(&store, &[leaf, &bound], Purpose::Server, NOW);
    assert!(server(&bound.leaf(&["DNS:a.inside.example"])).is_ok());
    for name in ["DNS:outside.example", "DNS:*.outside.example", "DNS:*.insideinside.example"] {
        assert_eq!(server(&bound.leaf(&[name])), Err(ChainFault::NameConstraint), "{name}");
    }
    assert!(server(&bound.leaf(&["DNS:*.example"])).is_err());
}

#[test]
fn at_x3_a_constraint_on_uris_is_never_passed_over() {
    let root = Party::root("root");
    let host = b"mesh.example";
    let length = u8::try_from(host.len()).unwrap();
    // NameConstraints { permittedSubtrees [0] { GeneralSubtree { uniformResourceIdentifier [6] host } } }
    let mut der = vec![0x30, length + 6, 0xa0, length + 4, 0x30, length + 2, 0x86, length];
    der.extend_from_slice(host);
    let bound = root.authority("bound", |p| {
        let mut constraints = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 30], der);
        constraints.set_criticality(true);
        p.custom_extensions.push(constraints);
    });
    for name in [WEB, "URI:spiffe://other.example/web", "URI:https://other.example/"] {
        let verdict = judge(&lax(&[&root]), &[&bound.leaf(&[name]), &bound], Purpose::Client, NOW);
        assert_eq!(verdict, Err(ChainFault::NameConstraint), "{name}");
    }
}

#[test]
fn at_x10_certificates_with_impossible_serials_are_malformed() {
    let root = Party::root("root");
    let store = lax(&[&root]);
    for serial in [&[0_u8][..], &[0x7f; 21]] {
        let leaf =
            root.leaf_with(&[WEB], |p| p.serial_number = Some(rcgen::SerialNumber::from_slice(serial)));
        assert_eq!(verdict(&store, &[&leaf]).unwrap_err().code(), "pki.chain.malformed");
    }
}

#[test]
fn trust_rolls_over_from_one_root_to_the_next_even_under_one_name() {
    let (old, new) = (Party::root("Mesh CA"), Party::root("Mesh CA"));
    let (before, after) = (old.leaf(&[WEB]), new.leaf(&[WEB]));
    let both = strict(&[&old, &new], vec![old.crl(1, &[]), new.crl(1, &[])]);
    assert!(verdict(&both, &[&before]).is_ok());
    assert!(verdict(&both, &[&after]).is_ok());
    let new_only = strict(&[&new], vec![new.crl(1, &[])]);
    assert_eq!(verdict(&new_only, &[&before]), Err(ChainFault::UnknownIssuer));
}

#[test]
fn nodes_that_know_the_old_root_alone_reach_the_new_one_through_a_cross_certificate() {
    let (old, new) = (Party::root("Mesh CA 1"), Party::root("Mesh CA 2"));
    let crossed = old.cross_sign(&new, |_| {});
    let old_only = strict(&[&old], vec![old.crl(1, &[]), new.crl(1, &[])]);
    let leaf = new.leaf(&[WEB]);
    assert!(verdict(&old_only, &[&leaf, &crossed]).is_ok());
    // Each of the two keys needs its CRL.
    for crl in [old.crl(1, &[]), new.crl(1, &[])] {
        let half = strict(&[&old], vec![crl]);
        assert_eq!(verdict(&half, &[&leaf, &crossed]).unwrap_err().code(), "pki.chain.crl_missing");
    }
    // Also under one name for both keys: CRLs are told apart by the key that signed them.
    let (old, new) = (Party::root("Mesh CA"), Party::root("Mesh CA"));
    let crossed = old.cross_sign(&new, |_| {});
    let leaf = new.leaf(&[WEB]);
    let both = |by_old: &[&Party], by_new: &[&Party]| {
        let store = strict(&[&old], vec![old.crl(1, by_old), new.crl(1, by_new)]);
        verdict(&store, &[&leaf, &crossed]).map(|identity| identity.revocation())
    };
    assert_eq!(both(&[], &[]), Ok(RevocationChecked::Covered));
    assert_eq!(both(&[&crossed], &[]), Err(ChainFault::Revoked { serial: crossed.serial() }));
    assert_eq!(both(&[], &[&leaf]), Err(ChainFault::Revoked { serial: leaf.serial() }));
    for crl in [old.crl(1, &[]), new.crl(1, &[])] {
        let half = strict(&[&old], vec![crl]);
        assert_eq!(verdict(&half, &[&leaf, &crossed]).unwrap_err().code(), "pki.chain.crl_untrusted");
    }
}

#[test]
fn a_store_of_nobody_or_of_leaves_is_not_made() {
    let root = Party::root("root");
    let new = |anchors| TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap_err();
    assert!(matches!(new(Vec::new()), TrustError::NoAnchor));
    assert!(matches!(new(vec![root.leaf(&[WEB]).der]), TrustError::NotAnAuthority { .. }));
    let no_cert_sign = Party::root_with("root", |p| p.key_usages = vec![KeyUsagePurpose::CrlSign]);
    assert!(matches!(new(vec![no_cert_sign.der]), TrustError::NotAnAuthority { .. }));
    assert!(matches!(new(vec![CertificateDer::from(vec![1, 2, 3])]), TrustError::Anchor(_)));
    let riddle = Party::root_with("root", |p| {
        let mut unknown =
            rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
        unknown.set_criticality(true);
        p.custom_extensions.push(unknown);
    });
    assert!(matches!(new(vec![riddle.der]), TrustError::AnchorUnusable(_)));
}

#[test]
fn every_code_is_listed_once() {
    let mut codes = ChainFault::CODES.to_vec();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), ChainFault::CODES.len());
    assert!(ChainFault::CODES.contains(&ChainFault::Empty.code()));
    let revoked = ChainFault::Revoked { serial: "1f".parse().unwrap() };
    assert!(revoked.to_string().contains("revoked"));
    let key = ChainFault::KeyRevoked { pin: dwcp_pki::KeyPin::from([0; 32]) };
    assert!(key.to_string().contains("revoked"));
}
