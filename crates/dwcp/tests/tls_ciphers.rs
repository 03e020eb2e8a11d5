//! `dwcp tls ciphers`: what can be spoken, with its numbers, and what a configuration leaves of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::{Place, ok, refused};

fn listed(more: &[&str]) -> Value {
    serde_json::from_str(&ok(&[&["--json", "tls", "ciphers"], more].concat())).unwrap()
}

#[test]
fn everything_is_listed_with_its_number_in_the_registries() {
    let all = listed(&[]);
    let numbers = |rows: &Value| {
        let row = |row: &Value| {
            (row["name"].as_str().unwrap().to_owned(), row["code_point"].as_str().unwrap().to_owned())
        };
        rows.as_array().unwrap().iter().map(row).collect::<std::collections::BTreeMap<_, _>>()
    };
    let suites = numbers(&all["suite_details"]);
    assert_eq!(suites.len(), 3);
    assert_eq!(suites["TLS_CHACHA20_POLY1305_SHA256"], "0x1303");
    let groups = numbers(&all["group_details"]);
    assert_eq!((groups["X25519MLKEM768"].as_str(), groups["secp384r1"].as_str()), ("0x11ec", "0x0018"));
    assert_eq!(
        all["group_details"][0],
        json!({ "name": "X25519MLKEM768", "code_point": "0x11ec", "post_quantum": true })
    );
    let schemes = numbers(&all["signature_schemes"]);
    assert_eq!(schemes["ecdsa_secp256r1_sha256"], "0x0403");
    assert!(
        schemes.keys().all(|name| !name.contains("sha1") && !name.starts_with("rsa_pkcs1")),
        "{schemes:?}"
    );
    assert_eq!((&all["version"], &all["pq"]), (&"1.3".into(), &"prefer".into()));
    let text = ok(&["tls", "ciphers"]);
    for word in ["0x1302  TLS_AES_256_GCM_SHA384", "0x11ec  X25519MLKEM768  holds", "0x0807  ed25519"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_configuration_shows_what_it_leaves() {
    let place = Place::new();
    place.edit(
        "    pq: prefer ",
        "    groups: [X25519MLKEM768, secp256r1]\n    suites: [TLS_AES_128_GCM_SHA256]\n    pq: require ",
    );
    let left = listed(&["--config", &place.config()]);
    assert_eq!(left["suites"], json!(["TLS_AES_128_GCM_SHA256"]));
    assert_eq!((&left["groups"], &left["pq"]), (&json!(["X25519MLKEM768"]), &"require".into()));
    assert_eq!(refused(&["tls", "ciphers", "--config", &place.node("ca/ca.crt")]).0, 3);
}
