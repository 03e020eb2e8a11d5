//! Names that tokens grant, and names that somebody has.

use super::*;

fn names(texts: &[&str]) -> Vec<SubjectName> {
    // As a request brings them: not normalised by reading.
    let name = |text: &&str| match text.split_once(':').unwrap() {
        ("DNS", dns) => SubjectName::Dns(dns.to_owned()),
        ("URI", uri) => SubjectName::Uri(uri.to_owned()),
        ("EMAIL", mail) => SubjectName::Email(mail.to_owned()),
        (_, address) => SubjectName::Ip(address.parse().unwrap()),
    };
    texts.iter().map(name).collect()
}

fn domain() -> TrustDomain {
    "mesh.example".parse().unwrap()
}

fn asked(grant: &Grant, texts: &[&str]) -> Result<String, NameFault> {
    grant.identity(&names(texts), &domain()).map(|id| id.to_string())
}

const B: &str = "URI:spiffe://mesh.example/node/b";

#[test]
fn a_token_without_bounds_grants_one_node_and_its_addresses() {
    let any = Grant::default();
    assert_eq!(asked(&any, &[B, "DNS:b.example", "IP:10.0.0.7", "IP:::1"]).unwrap(), &B[4..]);
    for texts in [
        &["DNS:b.example"][..],
        &[B, "URI:spiffe://mesh.example/node/c"],
        &[B, "URI:https://b.example/"],
        &["URI:https://b.example/"],
    ] {
        assert_eq!(asked(&any, texts), Err(NameFault::Identities), "{texts:?}");
    }
    for odd in [
        "URI:spiffe://other.example/node/b",
        "URI:spiffe://mesh.example",
        "URI:spiffe://mesh.example/b",
        "URI:spiffe://mesh.example/node",
        "URI:spiffe://mesh.example/node/b/c",
        "URI:spiffe://mesh.example/node/B",
        "URI:spiffe://mesh.example/node/-b",
        "URI:spiffe://mesh.example/node/.b",
        "URI:spiffe://mesh.example/Node/b",
        "URI:spiffe://mesh.example/ns/b",
    ] {
        assert!(matches!(asked(&any, &[odd]), Err(NameFault::NotGranted(_))), "{odd}");
    }
    for odd in ["DNS:*.b.example", "IP:0.0.0.0", "IP:::", "IP:224.0.0.1", "IP:255.255.255.255", "EMAIL:a@b.c"]
    {
        assert!(matches!(asked(&any, &[B, odd]), Err(NameFault::NotGranted(_))), "{odd}");
    }
    for odd in [
        "URI:spiffe://mesh.example/node/*",
        "URI:spiffe://mesh.example/node/%62",
        "URI:spiffe://mesh.example/node/b/",
        "URI:spiffe://mesh.example/node/../b",
        "URI:SPIFFE://mesh.example/node/b",
        "URI:spiffe://MESH.example/node/b",
        "URI:spiffe://mesh.example:1/node/b",
        "DNS:B.example",
        "DNS:b.example.",
        "DNS:10.0.0.1",
        "IP:::ffff:10.0.0.1",
    ] {
        let texts = if odd.starts_with("URI") { vec![odd] } else { vec![B, odd] };
        assert_eq!(asked(&any, &texts), Err(NameFault::Malformed), "{odd}");
    }
    let many: Vec<String> = (0..64).map(|n| format!("DNS:h{n}.example")).collect();
    let many: Vec<&str> = std::iter::once(B).chain(many.iter().map(String::as_str)).collect();
    assert_eq!(asked(&any, &many), Err(NameFault::Many));
    assert!(asked(&any, &many[..64]).is_ok());
}

#[test]
fn a_bound_token_grants_its_name_alone() {
    let bound = Grant { name: Some("b".to_owned()), allow: Vec::new() };
    assert!(asked(&bound, &[B]).is_ok());
    assert!(matches!(asked(&bound, &["URI:spiffe://mesh.example/node/bb"]), Err(NameFault::NotGranted(_))));
    assert!(matches!(asked(&bound, &["URI:spiffe://mesh.example/ns/b"]), Err(NameFault::NotGranted(_))));
    let both = Grant { name: Some("b".to_owned()), allow: vec!["DNS:*.example".to_owned()] };
    assert!(asked(&both, &[B, "DNS:b.example"]).is_ok());
    assert!(matches!(asked(&both, &["URI:spiffe://mesh.example/x"]), Err(NameFault::NotGranted(_))));
}

#[test]
fn patterns_have_to_be_patterns_and_have_room_for_an_identity() {
    let sound = |name: Option<&str>, allow: &[&str]| {
        let allow = allow.iter().map(|text| (*text).to_owned()).collect();
        Grant { name: name.map(str::to_owned), allow }.is_sound(&domain())
    };
    assert!(sound(None, &[]) && sound(Some("b"), &[]) && sound(Some("b"), &["DNS:*.x.example"]));
    assert!(sound(None, &["URI:spiffe://mesh.example/*", "IP:10.0.0.0/8"]));
    assert!(sound(None, &["uri:spiffe://mesh.example/ns/web"]));
    assert!(!sound(None, &["DNS:*.x.example"]), "nothing of it is an identity");
    assert!(!sound(None, &["URI:spiffe://other.example/*"]));
    assert!(!sound(None, &["URI:spiffe://mesh.example/node/a*"]));
    for name in ["", "B", "b/c", "b*", "..", ".", "-b", "b c", "b%41", &"b".repeat(64)] {
        assert!(!sound(Some(name), &[]), "{name}");
    }
    let many = vec!["IP:10.0.0.0/8"; 33];
    assert!(!sound(Some("b"), &many));
}

fn record(texts: &[&str], until: i64, revoked: bool) -> IssuedRecord {
    use dwcp_base::{Clock, LocalDisk, ManualClock};
    use dwcp_pki::{
        AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy, RevocationReason,
    };
    // What an index says of a certificate is made by an index alone.
    let dir = tempfile::tempdir().unwrap();
    let at = ManualClock::at(UnixTime::from_secs(1_790_000_000)).unix();
    let params = AuthorityParams::new("names");
    let ca = CertificateAuthority::create(std::sync::Arc::new(LocalDisk), dir.path(), &params, at).unwrap();
    let key = dwcp_crypto::SigningKey::generate(dwcp_crypto::KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &names(texts)).unwrap();
    let ttl = std::time::Duration::from_secs(u64::try_from(until).unwrap());
    let chain = ca.issue(&request, &IssuancePolicy::default().with_ttl(ttl).unwrap(), at).unwrap();
    if revoked {
        let _ = ca.revoke(&chain.leaf().serial(), RevocationReason::Superseded, at).unwrap();
    }
    ca.issued().unwrap().remove(0)
}

#[test]
fn what_a_standing_certificate_has_nobody_else_gets() {
    let now = UnixTime::from_secs(1_790_000_000 + 100);
    let held = [
        "URI:spiffe://mesh.example/node/b",
        "DNS:b.example",
        "DNS:*.w.example",
        "DNS:localhost",
        "IP:10.0.0.7",
        "IP:127.0.0.1",
    ];
    let standing = [record(&held, 3_600, false)];
    let first = |texts: &[&str], issued: &[IssuedRecord]| {
        taken(&names(texts), &names(&["DNS:ca.example"]), issued, now).map(ToString::to_string)
    };
    for text in [
        "URI:spiffe://mesh.example/node/b",
        "URI:spiffe://mesh.example/NODE/B",
        "DNS:b.example",
        "DNS:B.EXAMPLE",
        "DNS:x.w.example",
        "DNS:*.w.example",
        "DNS:*.example",
        "IP:10.0.0.7",
        "DNS:ca.example",
    ] {
        assert_eq!(first(&["DNS:free.example.org", text], &standing).as_deref(), Some(text));
    }
    let free = [
        "URI:spiffe://mesh.example/node/c",
        "DNS:c.example.org",
        "DNS:localhost",
        "IP:127.0.0.1",
        "IP:127.9.9.9",
        "IP:::1",
        "IP:10.0.0.8",
        "DNS:x.y.w.example",
    ];
    assert_eq!(first(&free, &standing), None);
    // What was revoked or has ended holds nothing.
    assert_eq!(first(&held, &[record(&held, 3_600, true)]), None);
    assert_eq!(first(&held, &[record(&held, 60, false)]), None);
}
