//! Roles as servers tell them, and what they lack.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn role(settings: serde_json::Value) -> VaultRole {
    let body = json!({ "request_id": "x", "data": settings });
    VaultRole::from_answer(body.to_string().as_bytes()).unwrap()
}

fn names(texts: &[&str]) -> Vec<SubjectName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn missing(role: &VaultRole, texts: &[&str], key_type: KeyType) -> Vec<String> {
    role.shortcomings(&names(texts), key_type).iter().map(ToString::to_string).collect()
}

const NODE: &[&str] = &["URI:spiffe://novacron.local/node/n1", "DNS:n1.novacron.local"];

#[test]
fn the_role_as_the_mission_has_it_lacks_two_settings() {
    let mut settings = json!({
        "key_type": "rsa", "key_bits": 2048, "require_cn": true, "allow_subdomains": true, "allow_ip_sans": true,
        "allowed_domains": ["novacron.local", "dwcp.novacron.local"], "allowed_uri_sans": [], "max_ttl": 259_200,
    });
    assert_eq!(
        missing(&role(settings.clone()), NODE, KeyType::EcdsaP256),
        ["key_type=ec", "allowed_uri_sans='spiffe://novacron.local/*'"]
    );
    settings["key_type"] = json!("ec");
    settings["key_bits"] = json!(256);
    settings["allowed_uri_sans"] = json!(["spiffe://novacron.local/*"]);
    assert!(missing(&role(settings.clone()), NODE, KeyType::EcdsaP256).is_empty());
    assert!(missing(&role(settings.clone()), NODE, KeyType::EcdsaP384).is_empty());
    assert_eq!(missing(&role(settings), NODE, KeyType::Ed25519), ["key_type=ed25519"]);
}

#[test]
fn each_name_asks_for_the_setting_that_allows_it() {
    let base = json!({ "key_type": "any", "allowed_domains": "a.example,b.example", "allow_ip_sans": false });
    let role = role(base);
    for (wanted, lacks) in [
        ("DNS:a.example", "allow_bare_domains=true"),
        ("DNS:x.a.example", "allow_subdomains=true"),
        ("DNS:x.c.example", "allowed_domains=a.example,b.example,x.c.example"),
        ("EMAIL:a@a.example", "allow_bare_domains=true"),
        ("EMAIL:a@x.a.example", "allow_subdomains=true"),
    ] {
        assert!(missing(&role, &[wanted], KeyType::EcdsaP256).contains(&lacks.to_owned()), "{wanted}");
    }
    assert_eq!(missing(&role, &["IP:::1"], KeyType::EcdsaP256), ["allow_ip_sans=true", "require_cn=false"]);
    assert!(missing(&role, &["DNS:localhost"], KeyType::EcdsaP256).is_empty());
    assert_eq!(
        missing(
            &role,
            &["DNS:localhost", "URI:spiffe://a/x", "URI:spiffe://b/x", "URI:urn:x"],
            KeyType::EcdsaP256
        ),
        ["allowed_uri_sans='spiffe://a/*,spiffe://b/*,urn:x'"],
        "one entry that grows"
    );
}

#[test]
fn a_look_alike_of_a_domain_is_not_below_it() {
    let role =
        role(json!({ "key_type": "ec", "allowed_domains": ["novacron.local"], "allow_subdomains": true }));
    assert!(missing(&role, &["DNS:a.novacron.local"], KeyType::EcdsaP256).is_empty());
    for other in ["DNS:anovacron.local", "DNS:novacron.local.evil.example", "DNS:novacron.local"] {
        assert!(!missing(&role, &[other], KeyType::EcdsaP256).is_empty(), "{other}");
    }
}

#[test]
fn what_is_to_be_written_opens_the_role_to_no_parent_of_a_name() {
    let mission =
        json!({ "key_type": "ec", "allow_subdomains": true, "allowed_domains": ["novacron.local"] });
    for (wanted, lacks) in [
        (&["DNS:evil.com"][..], &["allowed_domains=novacron.local,evil.com", "allow_bare_domains=true"][..]),
        (&["DNS:shop.co.uk"], &["allowed_domains=novacron.local,shop.co.uk", "allow_bare_domains=true"]),
        (&["DNS:host"], &["allowed_domains=novacron.local,host", "allow_bare_domains=true"]),
        (&["DNS:*.evil.com"], &["allowed_domains=novacron.local,evil.com"]),
        (
            &["EMAIL:a@evil.com", "DNS:localhost"],
            &["allowed_domains=novacron.local,evil.com", "allow_bare_domains=true"],
        ),
        (
            &["DNS:a.evil.com", "DNS:b.evil.com"],
            &["allowed_domains=novacron.local,a.evil.com,b.evil.com", "allow_bare_domains=true"],
        ),
    ] {
        assert_eq!(missing(&role(mission.clone()), wanted, KeyType::EcdsaP256), lacks, "{wanted:?}");
        // What is written then is enough.
        let mut written = mission.clone();
        for one in lacks {
            let (setting, value) = one.split_once('=').unwrap();
            written[setting] = if value == "true" { json!(true) } else { json!(value) };
        }
        assert!(missing(&role(written), wanted, KeyType::EcdsaP256).is_empty(), "{wanted:?}");
    }
    let narrow = role(json!({ "key_type": "ec", "allow_bare_domains": true }));
    assert_eq!(
        missing(&narrow, &["DNS:*.evil.com"], KeyType::EcdsaP256),
        ["allowed_domains=evil.com", "allow_subdomains=true"]
    );
    assert_eq!(missing(&narrow, &["DNS:evil.com"], KeyType::EcdsaP256), ["allowed_domains=evil.com"]);
}

#[test]
fn settings_of_any_kind_of_server_are_read() {
    for value in [json!(null), json!([]), json!("")] {
        let settings = json!({ "key_type": "ec", "allowed_uri_sans": value, "unheard_of": { "a": [1] } });
        assert_eq!(
            missing(&role(settings), &["URI:spiffe://a/b", "DNS:localhost"], KeyType::EcdsaP256).len(),
            1
        );
    }
    for body in
        ["", "[]", "{}", "{\"data\":1}", "{\"data\":{\"key_bits\":-1}}", "{\"data\":{\"allowed_domains\":7}}"]
    {
        assert!(VaultRole::from_answer(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn what_a_role_said_is_quoted_before_it_is_shown() {
    let role = role(json!({ "key_type": "r\u{1b}[31msa\n", "allowed_uri_sans": ["x'; rm -rf / #"] }));
    let all = role.shortcomings(&names(NODE), KeyType::EcdsaP256);
    let text = Shortcoming::list(&all);
    assert!(!text.contains(['\u{1b}', '\n']), "{text:?}");
    let uris = all.iter().find(|one| one.setting == "allowed_uri_sans").unwrap().to_string();
    assert_eq!(uris.matches('\'').count(), 2, "{uris}");
}

#[test]
fn a_star_stands_for_any_run() {
    for (pattern, text, fits) in [
        ("spiffe://a/*", "spiffe://a/node/n1", true),
        ("spiffe://a/*", "spiffe://ab/node", false),
        ("*", "", true),
        ("a*c*e", "abcde", true),
        ("a*c*e", "abde", false),
        ("abc", "abcd", false),
        ("a*", "ba", false),
        ("*a*a", "a", false),
    ] {
        assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
    }
}

#[test]
fn a_mail_address_opens_the_role_to_no_other_name() {
    let base = json!({ "key_type": "any", "allowed_domains": ["a.example"], "require_cn": false });
    for wanted in ["EMAIL:a@a.example", "EMAIL:a@b.a.example", "EMAIL:a@elsewhere.example", "EMAIL:a@com"] {
        let lacks = missing(&role(base.clone()), &[wanted], KeyType::EcdsaP256);
        assert!(!lacks.is_empty() && !lacks.iter().any(|one| one.contains("any_name")), "{lacks:?}");
    }
    let bare = json!({ "key_type": "any", "allowed_domains": ["a.example"], "require_cn": false, "allow_bare_domains": true });
    assert!(missing(&role(bare), &["EMAIL:a@a.example"], KeyType::EcdsaP256).is_empty());
}

#[test]
fn a_role_says_what_its_certificates_are_for() {
    let lacks = |settings: serde_json::Value, usage| {
        role(settings).shortcomings_of_usage(usage).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let one = json!({ "server_flag": true, "client_flag": false });
    assert_eq!(lacks(one.clone(), Usage::Both), ["client_flag=true"]);
    assert_eq!(lacks(one.clone(), Usage::Client), ["client_flag=true"]);
    assert!(lacks(one, Usage::Server).is_empty() && lacks(json!({}), Usage::Both).is_empty());
    let named = json!({ "server_flag": false, "client_flag": false, "ext_key_usage": ["ClientAuth"] });
    assert_eq!(lacks(named, Usage::Both), ["server_flag=true"]);
}

proptest! {
    #[test]
    fn any_role_is_judged_without_a_panic(body in "\\PC{0,200}", uri in "[a-z:/*]{0,30}", pattern in "[a-z:/*]{0,10}") {
        if let Ok(role) = VaultRole::from_answer(body.as_bytes()) {
            let _ = role.shortcomings(&names(NODE), KeyType::EcdsaP256);
        }
        let _ = glob(&pattern, &uri);
        prop_assert!(glob("*", &uri) && glob(&uri.replace('*', ""), &uri.replace('*', "")));
    }
}
