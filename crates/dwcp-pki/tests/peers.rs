//! Server names, allow lists and patterns, against peers that were really validated.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_pki::{AllowList, ChainFault, IdentityPattern, Peer, Purpose, WhyAnonymous, check_server_name};
use lab::*;

fn allow(patterns: &[&str]) -> AllowList {
    AllowList::new(patterns.iter().map(|text| text.parse().unwrap()).collect())
}

#[test]
fn a_server_is_for_its_names_and_no_others() {
    let root = Party::root("root");
    let server = root.leaf_with(
        &[
            "DNS:a.example",
            "DNS:*.b.example",
            "IP:192.0.2.1",
            "IP:2001:db8::1",
            "URI:spiffe://mesh.example/web",
        ],
        |p| p.distinguished_name.push(rcgen::DnType::CommonName, "cn.example"),
    );
    for (name, expected) in [
        ("DNS:a.example", true),
        ("DNS:A.EXAMPLE", true),
        ("DNS:x.b.example", true),
        ("DNS:x.y.b.example", false),
        ("DNS:b.example", false),
        ("DNS:a.example.evil.example", false),
        ("DNS:cn.example", false),
        ("DNS:*.b.example", false),
        ("IP:192.0.2.1", true),
        ("IP:192.0.2.2", false),
        ("IP:2001:db8::1", true),
        ("IP:::ffff:192.0.2.1", false),
        ("URI:spiffe://mesh.example/web", true),
        ("URI:spiffe://mesh.example/web/a", false),
        ("URI:spiffe://mesh.example", false),
        ("EMAIL:a@a.example", false),
    ] {
        let result = check_server_name(&server.der, &name.parse().unwrap());
        assert_eq!(result.is_ok(), expected, "{name}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.code(), "pki.chain.name");
        }
    }
}

#[test]
fn at_x6_a_common_name_gets_past_no_name_constraint_since_it_is_no_name() {
    let root = Party::root("root");
    let bound = root.authority("bound", |p| {
        p.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("inside.example".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    });
    let outside = |p: &mut rcgen::CertificateParams| {
        p.distinguished_name.push(rcgen::DnType::CommonName, "bank.example");
    };
    let store = lax(&[&root]);
    let list = allow(&["dns:bank.example"]);
    // With an innocent name beside it, with an address the constraint does not speak of, and with no name at all.
    for names in [&["DNS:a.inside.example"][..], &["IP:192.0.2.1"], &[]] {
        let leaf = bound.leaf_with(names, outside);
        let judged = judge(&store, &[&leaf, &bound], Purpose::Server, NOW);
        let bank = "DNS:bank.example".parse().unwrap();
        assert!(check_server_name(&leaf.der, &bank).is_err(), "{names:?}");
        if let Ok(identity) = judged {
            assert!(identity.names().iter().all(|name| *name != bank), "{names:?}");
            assert!(list.judge(&Peer::Identified(identity)).is_err(), "{names:?}");
        }
    }
    // As a name it is refused by the constraint itself.
    let named = bound.leaf(&["DNS:bank.example"]);
    let refused = judge(&store, &[&named, &bound], Purpose::Server, NOW);
    assert_eq!(refused, Err(ChainFault::NameConstraint));
}

#[test]
fn an_address_in_a_dns_name_is_no_address_and_a_second_uri_spoils_the_first() {
    let root = Party::root("root");
    let address = root.leaf(&["DNS:192.0.2.1"]);
    assert!(check_server_name(&address.der, &"IP:192.0.2.1".parse().unwrap()).is_err());
    let two = root.leaf(&["URI:spiffe://mesh.example/web", "URI:spiffe://mesh.example/db"]);
    for name in ["URI:spiffe://mesh.example/web", "URI:spiffe://mesh.example/db"] {
        assert!(check_server_name(&two.der, &name.parse().unwrap()).is_err());
    }
    let plain = root.leaf(&["URI:https://mesh.example/web"]);
    assert!(check_server_name(&plain.der, &"URI:https://mesh.example/web".parse().unwrap()).is_err());
    let broken = rustls_pki_types::CertificateDer::from(vec![0x30, 0x80]);
    let malformed = check_server_name(&broken, &"DNS:a.example".parse().unwrap()).unwrap_err();
    assert!(matches!(malformed.fault(), ChainFault::Malformed { .. }));
}

#[test]
fn an_allow_list_grants_by_its_first_pattern_and_denies_the_rest() {
    let root = Party::root("root");
    let peer = |names: &[&str]| Peer::from(verdict(&lax(&[&root]), &[&root.leaf(names)]).unwrap());
    let web = peer(&["URI:spiffe://mesh.example/web/1", "DNS:web.example"]);
    let list = allow(&["spiffe://mesh.example/db", "spiffe://mesh.example/web/*", "dns:*.example"]);
    assert_eq!(list.judge(&web).unwrap().pattern().to_string(), "spiffe://mesh.example/web/*");
    let named = peer(&["DNS:web.example"]);
    assert_eq!(list.judge(&named).unwrap().pattern().to_string(), "dns:*.example");
    let denial = list.judge(&peer(&["URI:spiffe://other.example/web/1"])).unwrap_err();
    assert_eq!(denial.code(), "pki.policy.denied");
    assert_eq!(denial.to_string(), "spiffe://other.example/web/1 is not on the allow list");
    // A name in another kind of field is not the name.
    assert!(list.judge(&peer(&["URI:https://web.example/"])).is_err());
}

#[test]
fn a_pin_names_the_key_whatever_the_names_say() {
    let root = Party::root("root");
    let leaf = root.leaf(&["DNS:web.example"]);
    let peer = Peer::from(verdict(&lax(&[&root]), &[&leaf]).unwrap());
    let Peer::Identified(identity) = &peer else { panic!() };
    let pin: IdentityPattern = format!("pin:{}", identity.key_pin()).parse().unwrap();
    assert!(pin.matches(&peer));
    let other = Peer::from(verdict(&lax(&[&root]), &[&root.leaf(&["DNS:web.example"])]).unwrap());
    assert!(!pin.matches(&other));
}

#[test]
fn nobody_is_admitted_by_omission() {
    let root = Party::root("root");
    let web = Peer::from(verdict(&lax(&[&root]), &[&root.leaf(&["DNS:web.example"])]).unwrap());
    let anonymous = Peer::Anonymous(WhyAnonymous::NoneSent);
    for peer in [&web, &anonymous] {
        assert!(allow(&[]).judge(peer).is_err());
    }
    let list = allow(&["anonymous"]);
    assert!(list.admits_anonymous() && !allow(&["dns:**", "spiffe://d/**"]).admits_anonymous());
    assert!(list.judge(&anonymous).is_ok());
    assert!(list.judge(&web).is_err(), "anonymous is not a wildcard");
    let denial = allow(&["dns:**"]).judge(&anonymous).unwrap_err();
    assert!(denial.to_string().contains("it sent no certificate"));
    assert_eq!(anonymous.label(), "anonymous");
}

#[test]
fn an_anchor_is_bound_to_no_trust_domain_so_each_domain_has_a_store_of_its_own() {
    let (ours, partners) = (Party::root("ours"), Party::root("partner's"));
    let minted = partners.leaf(&["URI:spiffe://our.domain/admin"]);
    let list = allow(&["spiffe://our.domain/admin"]);
    // What the documentation warns of: in one store the partner's authority can issue our names.
    let both = verdict(&lax(&[&ours, &partners]), &[&minted]).unwrap();
    assert!(list.judge(&Peer::Identified(both)).is_ok());
    // And what it asks for instead.
    assert_eq!(verdict(&lax(&[&ours]), &[&minted]), Err(ChainFault::UnknownIssuer));
    let theirs = verdict(&lax(&[&partners]), &[&minted]).unwrap();
    assert!(allow(&["spiffe://partner.domain/*"]).judge(&Peer::Identified(theirs)).is_err());
}
