//! What the mesh profile asks beyond a sound path, one rule at a time; interop lets it pass unless it says otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_pki::{
    Certificate, ChainFault, ChainPlace, Profile, ProfileRule, Purpose, RevocationMode, TrustStore,
};
use lab::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints,
};
use std::net::TcpListener;

const WEB: &str = "URI:spiffe://mesh.example/web";

/// A chain, what mesh says, where the rule is broken, and whether interop accepts.
struct Case {
    rule: ProfileRule,
    place: ChainPlace,
    interop: bool,
    anchor: Party,
    chain: Vec<Party>,
}

/// A leaf that breaks the rule, straight under a good root.
fn leaf(rule: ProfileRule, edit: impl FnOnce(&mut CertificateParams)) -> Case {
    let anchor = Party::root("root");
    let chain = vec![anchor.leaf_with(&[WEB], edit)];
    Case { rule, place: ChainPlace::Leaf, interop: true, anchor, chain }
}

/// An authority between a good leaf and a good root.
fn issuer(rule: ProfileRule, edit: impl FnOnce(&mut CertificateParams)) -> Case {
    let anchor = Party::root("root");
    let sub = anchor.authority("sub", edit);
    let chain = vec![sub.leaf(&[WEB]), sub];
    Case { rule, place: ChainPlace::Intermediate(1), interop: true, anchor, chain }
}

/// A root above a good leaf.
fn root(rule: ProfileRule, edit: impl FnOnce(&mut CertificateParams)) -> Case {
    let anchor = Party::root_with("root", edit);
    let chain = vec![anchor.leaf(&[WEB])];
    Case { rule, place: ChainPlace::Anchor, interop: true, anchor, chain }
}

fn refused_by_both(case: Case) -> Case {
    Case { interop: false, ..case }
}

fn extension(arcs: &[u64], critical: bool, content: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(arcs, content.to_vec());
    extension.set_criticality(critical);
    extension
}

const KEY_ID: &[u64] = &[2, 5, 29, 14];
const BASIC: &[u64] = &[2, 5, 29, 19];
const CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
const POLICIES: &[u64] = &[2, 5, 29, 32];
const MAPPINGS: &[u64] = &[2, 5, 29, 33];
const ISSUER_KEY_ID: &[u64] = &[2, 5, 29, 35];
const POLICY_CONSTRAINTS: &[u64] = &[2, 5, 29, 36];
const USAGES: &[u64] = &[2, 5, 29, 37];
const ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];

/// An authority that writes its own extensions: `rcgen` makes only good ones.
fn by_hand(params: &mut CertificateParams, extensions: Vec<CustomExtension>) {
    params.is_ca = IsCa::NoCa;
    params.use_authority_key_identifier_extension = false;
    params.custom_extensions = extensions;
}

fn named(params: &mut CertificateParams, common_name: &str) {
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
}

/// SEQUENCE { [0] 20 octets }, SEQUENCE { cA TRUE }, OCTET STRING of 20 octets.
fn parts() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let key = [7_u8; 20];
    ([&[0x30, 22, 0x80, 20][..], &key].concat(), vec![0x30, 3, 1, 1, 0xff], [&[4, 20][..], &key].concat())
}

fn cases() -> Vec<Case> {
    use ProfileRule as R;
    let (key_of_issuer, authority, key_id) = parts();
    let subtree = |base: &str| {
        Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(base.to_owned())],
            excluded_subtrees: Vec::new(),
        })
    };
    let key_ids = [key_of_issuer.clone(), authority.clone(), key_id.clone()];
    let [aki, ca, ski] = key_ids;
    let dns = |name: &str| rcgen::SanType::DnsName(name.to_owned().try_into().unwrap());
    let hand = |rule, extensions: Vec<CustomExtension>| issuer(rule, |p| by_hand(p, extensions));
    vec![
        root(R::IssuerEmpty, |p| p.distinguished_name = DistinguishedName::new()),
        issuer(R::AuthorityNameless, |p| p.distinguished_name = DistinguishedName::new()),
        leaf(R::ExtensionUnreadable, |p| p.custom_extensions = vec![extension(ACCESS, false, &[0x30, 0])]),
        root(R::BasicConstraints, |p| {
            p.is_ca = IsCa::NoCa;
            p.custom_extensions = vec![extension(BASIC, false, &ca)];
        }),
        leaf(R::PathLength, |p| p.custom_extensions = vec![extension(BASIC, true, &[0x30, 3, 2, 1, 0])]),
        issuer(R::CertSign, |p| p.key_usages = Vec::new()),
        hand(
            R::SubjectKeyIdMissing,
            vec![extension(BASIC, true, &ca), extension(ISSUER_KEY_ID, false, &aki)],
        ),
        refused_by_both(leaf(R::SubjectKeyIdCritical, |p| {
            p.custom_extensions = vec![extension(KEY_ID, true, &ski)]
        })),
        leaf(R::AuthorityKeyIdMissing, |p| p.use_authority_key_identifier_extension = false),
        issuer(R::AuthorityKeyIdMissing, |p| p.use_authority_key_identifier_extension = false),
        refused_by_both(leaf(R::AuthorityKeyIdCritical, |p| {
            p.use_authority_key_identifier_extension = false;
            p.custom_extensions = vec![extension(ISSUER_KEY_ID, true, &aki)];
        })),
        leaf(R::AuthorityKeyIdMismatch, |p| {
            p.use_authority_key_identifier_extension = false;
            p.custom_extensions = vec![extension(ISSUER_KEY_ID, false, &aki)];
        }),
        root(R::RootAuthorityKeyId, |p| {
            p.use_authority_key_identifier_extension = false;
            p.custom_extensions = vec![extension(ISSUER_KEY_ID, false, &aki)];
        }),
        leaf(R::NameConstraintsMisplaced, |p| {
            let content = [0x30, 13, 0xa0, 11, 0x30, 9, 0x82, 7, b'e', b'x', b'a', b'm', b'p', b'l', b'e'];
            p.custom_extensions = vec![extension(CONSTRAINTS, true, &content)];
        }),
        issuer(R::NameConstraintsNotCritical, |p| {
            let content = [0x30, 13, 0xa0, 11, 0x30, 9, 0x82, 7, b'e', b'x', b'a', b'm', b'p', b'l', b'e'];
            p.custom_extensions = vec![extension(CONSTRAINTS, false, &content)];
        }),
        issuer(R::NameConstraintMalformed, |p| p.name_constraints = subtree(".example")),
        refused_by_both(issuer(R::PoliciesRequired, |p| {
            p.custom_extensions = vec![extension(POLICY_CONSTRAINTS, false, &[0x30, 3, 0x80, 1, 0])];
        })),
        leaf(R::PoliciesMalformed, |p| {
            let twice = [0x30, 12, 0x30, 4, 6, 2, 0x2a, 3, 0x30, 4, 6, 2, 0x2a, 3];
            p.custom_extensions = vec![extension(POLICIES, false, &twice)];
        }),
        refused_by_both(issuer(R::PoliciesMalformed, |p| {
            let from_any = [0x30, 12, 0x30, 10, 6, 4, 0x55, 0x1d, 0x20, 0, 6, 2, 0x2a, 3];
            p.custom_extensions = vec![extension(MAPPINGS, false, &from_any)];
        })),
        leaf(R::ExtendedKeyUsageCritical, |p| {
            p.extended_key_usages = Vec::new();
            let client = [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
            p.custom_extensions = vec![extension(USAGES, true, &client)];
        }),
        root(R::RootExtendedKeyUsage, |p| {
            p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        }),
        leaf(R::AlternativeNamesCriticality, |p| {
            p.subject_alt_names = Vec::new();
            let content = [0x30, 9, 0x82, 7, b'e', b'x', b'a', b'm', b'p', b'l', b'e'];
            p.custom_extensions = vec![extension(&[2, 5, 29, 17], false, &content)];
        }),
        leaf(R::Nameless, |p| p.subject_alt_names = Vec::new()),
        leaf(R::CommonName, |p| {
            named(p, "db.example");
            p.subject_alt_names.push(dns("web.example"));
        }),
        leaf(R::CommonName, |p| {
            named(p, "0xC0000201");
            p.subject_alt_names.push(dns("web.example"));
        }),
    ]
}

fn store(case: &Case, profile: Profile) -> TrustStore {
    trust(&[&case.anchor], Vec::new(), RevocationMode::Off).with_profile(profile)
}

#[test]
fn at_x6_at_x8_each_rule_of_the_mesh_refuses_and_names_the_certificate() {
    for case in cases() {
        let chain: Vec<_> = case.chain.iter().map(|party| party.der.clone()).collect();
        let error = store(&case, Profile::Mesh).validate(&chain, Purpose::Client, NOW).unwrap_err();
        let rule = case.rule;
        if *error.fault() != (ChainFault::Profile { rule }) {
            // What webpki itself refuses has no rule of ours.
            assert!(!case.interop, "{}: {error}", rule.name());
        } else {
            assert_eq!(error.code(), "pki.chain.profile");
            // What is required of policies is required of the whole path.
            let whole = [ProfileRule::PoliciesRequired, ProfileRule::PoliciesMalformed].contains(&rule)
                && !case.interop;
            let place = (!whole).then_some(case.place);
            assert_eq!(error.certificate().map(|member| member.place), place, "{}", rule.name());
            assert!(error.to_string().starts_with(&rule.to_string()), "{error}");
        }
        let verdict = store(&case, Profile::Interop).validate(&chain, Purpose::Client, NOW);
        assert_eq!(verdict.is_ok(), case.interop, "{}: {verdict:?}", rule.name());
    }
}

#[test]
fn an_anchor_that_the_profile_refuses_is_told_before_anybody_comes() {
    let good = Party::root("good");
    let bad = Party::root_with("bad", |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let worse = Party::root_with("worse", |p| {
        p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    let store = trust(&[&good, &bad, &worse], Vec::new(), RevocationMode::Off);
    let told: Vec<_> = store.unsuitable_anchors().map(|(anchor, rule)| (anchor.subject(), rule)).collect();
    assert_eq!(told, [("CN=worse", ProfileRule::RootExtendedKeyUsage)]);
    assert_eq!(store.with_profile(Profile::Interop).unsuitable_anchors().count(), 0);
}

#[test]
fn what_the_own_authority_issues_passes_the_mesh_profile() {
    let (_directory, authority) = mesh_authority();
    let names =
        ["DNS:db_1.mesh.example", "DNS:*.mesh.example", "IP:192.0.2.1", "URI:spiffe://mesh.example/db"];
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    let key = dwcp_crypto::SigningKey::generate(dwcp_crypto::KeyType::EcdsaP256).unwrap();
    let request = dwcp_pki::CertificateRequest::generate(&key, &names).unwrap();
    let policy = dwcp_pki::IssuancePolicy::default();
    let issued = authority.issue(&request, &policy, NOW).unwrap();
    let anchor = authority.certificate().certificate_der().clone();
    let store =
        TrustStore::new(vec![anchor], vec![authority.crl(NOW).unwrap()], RevocationMode::Required).unwrap();
    assert_eq!(store.unsuitable_anchors().count(), 0);
    assert!(store.validate(&issued.ders(), Purpose::Server, NOW).is_ok());
}

#[test]
fn at_x9_nothing_that_a_certificate_points_to_is_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/crl", listener.local_addr().unwrap());
    let name = |url: &str| [&[0x86, u8::try_from(url.len()).unwrap()][..], url.as_bytes()].concat();
    let sequence = |content: &[u8]| [&[0x30, u8::try_from(content.len()).unwrap()][..], content].concat();
    let ca_issuers = sequence(&[&[6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2][..], &name(&url)].concat());
    let root = Party::root("root");
    let leaf = root.leaf_with(&[WEB], |p| {
        p.crl_distribution_points = vec![rcgen::CrlDistributionPoint { uris: vec![url.clone()] }];
        p.custom_extensions = vec![extension(ACCESS, false, &sequence(&ca_issuers))];
    });
    assert!(Certificate::from_der(&leaf.der).is_ok());
    let refused = verdict(&strict(&[&root], Vec::new()), &[&leaf]);
    assert_eq!(refused.unwrap_err().code(), "pki.chain.crl_missing");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn the_depth_of_a_path_can_be_bounded() {
    let root = Party::root("root");
    let upper = root.authority("upper", |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let lower = upper.authority("lower", |_| {});
    let leaf = lower.leaf(&[WEB]);
    let bounded = |most| verdict(&lax(&[&root]).with_max_depth(most), &[&leaf, &lower, &upper]);
    assert!(bounded(2).is_ok());
    assert_eq!(bounded(1).unwrap_err(), ChainFault::TooDeep { authorities: 2, limit: 1 });
    assert_eq!(verdict(&lax(&[&root]).with_max_depth(0), &[&root.leaf(&[WEB])]).map(|_| ()), Ok(()));
}

#[test]
fn the_path_length_and_the_purposes_of_an_anchor_are_obeyed() {
    let short = Party::root_with("short", |p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let sub = short.authority("sub", |_| {});
    assert_eq!(
        verdict(&lax(&[&short]), &[&sub.leaf(&[WEB]), &sub]).unwrap_err().code(),
        "pki.chain.authority"
    );
    assert!(verdict(&lax(&[&short]), &[&short.leaf(&[WEB])]).is_ok());
    let clients = Party::root_with("clients", |p| {
        p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    let leaf = clients.leaf(&[WEB]);
    let store = lax(&[&clients]).with_profile(Profile::Interop);
    assert!(judge(&store, &[&leaf], Purpose::Client, NOW).is_ok());
    assert_eq!(judge(&store, &[&leaf], Purpose::Server, NOW).unwrap_err().code(), "pki.chain.authority");
}
