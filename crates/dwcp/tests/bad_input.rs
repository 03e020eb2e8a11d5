//! What goes wrong for operators: each has a clear error, the documented exit code, and loses nothing.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_pki::{AuthorityParams, CertificateAuthority};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use support::{Place, assert_three_lines, command, eventually, ok, refused, text};

fn up(place: &Place) -> (i32, String) {
    let (code, said) = refused(&["up", "--config", &place.config()]);
    let error = &said[said.find("error: ").unwrap_or_else(|| panic!("no error in {said}"))..];
    assert_three_lines(error);
    (code, said)
}

#[test]
fn up_without_a_configuration_says_init() {
    let (code, said) = refused(&["up"]);
    assert_three_lines(&said);
    assert_eq!(code, 3);
    assert!(said.contains("dwcp init"), "{said}");
}

#[test]
fn a_missing_key_is_named() {
    let place = Place::new();
    fs::remove_file(place.node("identity.key")).unwrap();
    let (code, said) = up(&place);
    assert_eq!(code, 1);
    assert!(said.contains("identity.key"), "{said}");
}

#[test]
fn at_p10_a_world_readable_key_is_refused() {
    let place = Place::new();
    fs::set_permissions(place.node("identity.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = up(&place);
    assert_eq!(code, 3);
    assert!(said.contains("chmod 600"), "{said}");

    let place = Place::new();
    fs::set_permissions(place.node("ca/ca.key"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(up(&place).0, 3);
}

#[test]
fn a_certificate_that_does_not_match_its_key_is_refused() {
    let place = Place::new();
    let other = place.issue("other");
    for name in ["identity.crt", "identity.next.crt"] {
        fs::copy(format!("{other}.crt"), place.node(name)).unwrap();
    }
    let (code, said) = up(&place);
    assert_eq!(code, 3);
    assert!(said.contains("does not belong"), "{said}");
}

#[test]
fn an_expired_authority_issues_nothing_and_still_revokes_publishes_and_starts() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca");
    let past = SystemClock::new().unix().minus(Duration::from_secs(30 * 86_400));
    let params = AuthorityParams { lifetime: Duration::from_secs(86_400), ..AuthorityParams::new("Old") };
    let authority = CertificateAuthority::create(Arc::new(LocalDisk), &ca, &params, past).unwrap();
    let key = dwcp_crypto::SigningKey::generate(dwcp_crypto::KeyType::EcdsaP256).unwrap();
    let names = ["DNS:localhost".parse().unwrap(), "URI:spiffe://test.example/node/a".parse().unwrap()];
    let request = dwcp_pki::CertificateRequest::generate(&key, &names).unwrap();
    let chain = authority.issue(&request, &dwcp_pki::IssuancePolicy::default(), past).unwrap();
    let serial = chain.leaf().serial().to_string();
    dwcp_pki::Credential::new(chain, key).unwrap().save(&LocalDisk, &dir.path().join("identity")).unwrap();

    let ca = text(&ca);
    let (code, said) = refused(&[
        "cert",
        "issue",
        "--ca",
        &ca,
        "--san",
        "DNS:a.example",
        "--out",
        &text(&dir.path().join("x")),
    ]);
    assert_three_lines(&said);
    assert_eq!(code, 3);
    assert!(said.contains("expired"), "{said}");
    assert!(!dir.path().join("x.key").exists(), "nothing is left behind");
    ok(&["cert", "revoke", "--ca", &ca, "--serial", &serial]);
    ok(&["cert", "crl", "--ca", &ca, "--out", &text(&dir.path().join("crl.pem"))]);

    let admin = support::free_port();
    let config = dir.path().join("dwcp.yaml");
    fs::write(
        &config,
        format!("node: {{name: a, trust_domain: test.example, admin: {{listen: '127.0.0.1:{admin}'}}}}\n"),
    )
    .unwrap();
    let mut child = command().args(["up", "--config", &text(&config)]).spawn().unwrap();
    eventually(Duration::from_secs(20), "the node answers", || {
        std::net::TcpStream::connect(("127.0.0.1", admin)).is_ok()
    });
    assert!(child.try_wait().unwrap().is_none(), "it runs, with health at fail");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new();
    let _taken = std::net::TcpListener::bind(place.listen).unwrap();
    let (code, said) = up(&place);
    assert_eq!(code, 1);
    assert!(said.contains(&place.listen.to_string()) && said.contains("example"), "{said}");
}

#[test]
fn a_broken_configuration_names_its_line() {
    let place = Place::new();
    place.edit("pq: prefer", "pqq: prefer");
    let (code, said) = up(&place);
    assert_eq!(code, 3);
    assert!(said.contains("dwcp.yaml:") && said.contains("did you mean `pq`?"), "{said}");
    for (bad, word) in [
        ("node: [", "dwcp.yaml"),
        ("security: {tls: {enabled: false}}", "without TLS"),
        ("security: {mtls: {verify_peer: false}}", "always verified"),
        ("security: {tls: {min_version: '1.2'}}", "1.3"),
        ("security: {encryption: {algorithm: mac-then-encrypt}}", "padding oracles"),
        ("security: {encryption: {algorithm: AES-256-CBC MAC then encrypt}}", "padding oracles"),
        ("security: {encryption: {algorithm: hmac_sha256_aes_256_cbc}}", "padding oracles"),
        ("security: {encryption: {algorithm: encrypt-and-mac}}", "two plaintexts are equal"),
        ("security: {encryption: {algorithm: AES-256-CBC}}", "can be altered"),
        ("security: {encryption: {pbkdf2: {iterations: 5000}}}", "600000"),
        (
            "node: {listeners: [{name: x, listen: '127.0.0.1:1', target: 'a:1'}]}",
            "nobody is admitted by omission",
        ),
        ("network: {x: 1}\nbogus: 1", "unknown key `bogus`"),
        ("security: {tls: {groups: [rsa]}}", "not offered"),
        ("security: {cert_management: {renew_before: 30d}}", "no duration"),
        ("security: {tls: {pins: [x]}}", "44 characters of base64"),
        ("security: {tls: {crl_url: 'file:///x'}}", "http://"),
        ("node: {tunnels: [{name: t}]}", "not part of this version"),
        ("node: {drain: 999999h}", "outside"),
        ("security: {cert_management: {embedded: {ttl: 1s}}}", "outside"),
        ("monitoring: {logging: {level: verbose}}", "no level"),
        ("monitoring: {metrics_port: 9443}", "admin listener"),
    ] {
        fs::write(place.config(), bad).unwrap();
        let (code, said) = refused(&["config", "check", &place.config()]);
        assert_three_lines(&said);
        assert_eq!(code, 3, "{bad}");
        assert!(said.contains(word), "{bad}: {said}");
    }
}

#[test]
fn the_originals_sections_load_as_they_stand() {
    let place = Place::new();
    fs::write(
        place.config(),
        "security:\n  tls: {enabled: true, min_version: \"1.3\", cert_file: s.crt, key_file: s.key, ca_file: ca.crt}\n  \
         mtls: {enabled: true, require_client_cert: true, verify_peer: true}\n  \
         cert_management: {auto_renew: true, renew_before: 720h, provider: manual}\n  \
         encryption: {enabled: true, algorithm: AES-256-GCM, key_derivation: argon2id, argon2: {time: 1, memory: 65536, threads: 4}, pbkdf2: {iterations: 100000}}\n  \
         auditing: {enabled: true, max_events: 10000}\nmonitoring: {enabled: true, prometheus: {enabled: true, path: /metrics}}\n\
         network: {listen: x}\ncompression: {}\nperformance: {}\nfederation: {}\n",
    )
    .unwrap();
    let said = ok(&["config", "check", &place.config()]);
    assert!(said.contains("argon2.time is 1: raised to 3") && said.contains("raised to 1000000"), "{said}");
    assert!(said.contains("s.crt does not exist yet"), "{said}");
    assert_eq!(refused(&["config", "check", "--files", &place.config()]).0, 1);
}

#[test]
fn init_and_ca_init_overwrite_nothing() {
    let place = Place::new();
    let before = fs::read(place.config()).unwrap();
    let (code, said) = refused(&["init", &place.node("")]);
    assert_three_lines(&said);
    assert_eq!(code, 1);
    let (code, said) = refused(&["cert", "ca", "init", "--dir", &place.node("ca"), "--name", "Again"]);
    assert_three_lines(&said);
    assert_eq!(code, 1);
    assert_eq!(fs::read(place.config()).unwrap(), before);
    ok(&["config", "check", "--files", &place.config()]);
}

#[test]
fn init_that_fails_leaves_nothing_in_the_way_and_takes_ipv6() {
    let dir = tempfile::tempdir().unwrap();
    let place = text(&dir.path().join("a place"));
    let (code, said) = refused(&["init", &place, "--san", "URI:http://example.org"]);
    assert_three_lines(&said);
    assert_ne!(code, 0);
    assert!(!dir.path().join("a place/dwcp.yaml").exists() && !dir.path().join("a place/ca").exists());
    ok(&["init", &place, "--listen", "[::1]:7555", "--name", "b"]);
    ok(&["config", "check", "--files", &format!("{place}/dwcp.yaml")]);
}

#[test]
fn at_e8_output_goes_through_a_link_and_in_the_place_of_nothing_but_a_file() {
    let place = Place::new();
    let (ca, file, link) = (place.node("ca"), place.path("real.crl"), place.path("link.crl"));
    fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    ok(&["cert", "crl", "--ca", &ca, "--out", &text(&link)]);
    assert!(link.is_symlink(), "the link is still one");
    assert!(fs::read_to_string(&file).unwrap().starts_with("-----BEGIN X509 CRL"));
    let pipe = text(&place.path("pipe"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let directory = text(place.dir.path());
    for taken in [pipe, directory] {
        let (code, said) = refused(&["cert", "crl", "--ca", &ca, "--out", &taken]);
        assert_three_lines(&said);
        assert_eq!(code, 1, "{said}");
    }
    assert!(ok(&["-q", "cert", "crl", "--ca", &ca, "--out", "-"]).starts_with("-----BEGIN X509 CRL"));
    let json: serde_json::Value =
        serde_json::from_str(&ok(&["--json", "cert", "crl", "--ca", &ca, "--out", "-"])).unwrap();
    assert!(json["pem"].as_str().unwrap().starts_with("-----BEGIN X509 CRL"));
}

#[test]
fn what_does_not_exist_and_what_is_no_name() {
    let place = Place::new();
    let ca = place.node("ca");
    let cases: [(&[&str], i32); 7] = [
        (&["cert", "revoke", "--ca", &ca, "--serial", "01"], 5),
        (&["cert", "revoke", "--ca", &ca, "--serial", "xyz"], 2),
        (&["cert", "revoke", "--ca", &ca], 2),
        (&["cert", "issue", "--ca", &ca, "--san", "DNS:a..b", "--out", "/nonexistent/x"], 2),
        (&["cert", "issue", "--ca", &ca, "--san", "DNS:a.b", "--ttl", "9999h", "--out", "/nonexistent/x"], 2),
        (&["cert", "crl", "--ca", "/nonexistent", "--out", "-"], 1),
        (&["audit", "verify", "/nonexistent"], 1),
    ];
    for (arguments, expected) in cases {
        let (code, said) = refused(arguments);
        assert_eq!(code, expected, "{arguments:?}: {said}");
        assert_three_lines(&said);
    }
    let (code, said) = refused(&["audit", "verify", &place.config()]);
    assert_three_lines(&said);
    assert!(code == 1 && said.contains("fix: name the directory") && said.contains("not a file"), "{said}");
    let said = refused(&["cert", "revoke", "--ca", &ca, "--serial", "01", "--reason", "boredom"]).1;
    assert!(said.contains("keyCompromise"), "{said}");
    let output = support::dwcp(&["--json", "audit", "verify", "/nonexistent"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["error"]["code"], "audit.log.missing");
    assert!(json["error"]["message"].is_string() && json["error"]["fix"].is_string());
}

#[test]
fn a_command_line_that_does_not_parse_says_what_to_write() {
    let cases: [(&[&str], &str); 5] = [
        (&["demo", "--secnods", "3"], "--seconds"),
        (&["demo", "--seconds", "999"], "2..=60"),
        (&["cert", "crl", "--ca", "x"], "dwcp cert crl --ca <DIR> --out <FILE>"),
        (&["cert", "isue"], "issue"),
        (&["--bogus"], "see `dwcp --help`"),
    ];
    for (arguments, hint) in cases {
        let (code, said) = refused(arguments);
        assert_eq!(code, 2, "{said}");
        assert_three_lines(&said);
        assert!(said.contains(hint), "{said}");
    }
    let (code, help) = refused(&["cert"]);
    assert!(
        code == 2 && help.contains("Usage: dwcp cert"),
        "no verb at all is answered with the verbs: {help}"
    );
    let output = support::dwcp(&["--json", "cert"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["error"]["fix"], "see `dwcp cert --help`");
}

#[test]
fn a_tour_that_can_not_keep_its_files_does_not_begin() {
    let dir = tempfile::tempdir().unwrap();
    let (taken, file, locked) =
        (dir.path().join("taken"), dir.path().join("file"), dir.path().join("locked"));
    for made in [&taken, &locked] {
        fs::create_dir(made).unwrap();
    }
    fs::write(taken.join("notes"), "mine").unwrap();
    fs::write(&file, "mine").unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    let mut bad =
        vec![(text(&taken), "not empty"), (text(&file), "directory"), (text(&file.join("x")), "directory")];
    // Nothing is locked for the superuser.
    if fs::write(locked.join("x"), "").is_err() {
        bad.push((text(&locked), "denied"));
    }
    for (place, why) in bad {
        let (code, said) = refused(&["demo", "--seconds", "2", "--keep", &place]);
        assert_three_lines(&said);
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains(&format!("can not be kept in {place}")) && said.to_lowercase().contains(why),
            "{said}"
        );
        assert!(said.contains("is empty or does not exist yet"), "{said}");
    }
    assert_eq!(fs::read_dir(&taken).unwrap().count(), 1, "nothing was put beside what was there");
}

#[test]
fn a_handshake_with_nobody_is_unavailable_and_with_the_wrong_one_is_refused() {
    let place = Place::new();
    let root = place.node("ca/ca.crt");
    let nobody = format!("127.0.0.1:{}", support::free_port());
    assert_eq!(refused(&["tls", "handshake", &nobody, "--ca", &root]).0, 6);
    for bad in
        ["127.0.0.1", "localhost:notaport", "localhost:", ":443", "localhost:0", "localhost:65536", "[]:443"]
    {
        let (code, said) = refused(&["tls", "handshake", bad, "--ca", &root]);
        assert_three_lines(&said);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(&format!("`{bad}` is not HOST:PORT")), "{said}");
    }
    let _node = place.up();
    let admin = place.admin.to_string();
    assert!(ok(&["tls", "handshake", &admin, "--ca", &root]).contains("revocation: not checked"));
    assert_eq!(refused(&["tls", "handshake", &admin, "--ca", &root, "--server-name", "other.example"]).0, 7);
    let other = Place::new();
    assert_eq!(refused(&["tls", "handshake", &admin, "--ca", &other.node("ca/ca.crt")]).0, 7);
}

#[test]
fn a_look_at_the_files_reads_those_of_whoever_issues_elsewhere() {
    let place = Place::new();
    let looked = |provider: &str| {
        let text = format!(
            "node: {{name: n1, trust_domain: example.org, state_dir: s}}\nsecurity:\n  cert_management:\n    {provider}\n"
        );
        fs::write(place.node("elsewhere.yaml"), text).unwrap();
        command().args(["config", "check", "--files", &place.node("elsewhere.yaml")]).output().unwrap()
    };
    let vault = "provider: vault\n    vault: {address: 'https://127.0.0.1:1', role: r, ca_file: ca/ca.crt, token_file: secret}";
    let acme = "provider: acme\n    acme: {domains: [a.example.org], http_challenge_port: 15002, directory: 'https://127.0.0.1:1/dir', ca_file: ca/ca.crt, eab: {kid: k, hmac_file: secret}}";
    let secret = place.node("secret");
    for provider in [vault, acme] {
        let mode = |mode| fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let _ = fs::remove_file(&secret);
        for (code, what) in [(1, "missing"), (3, "exposed"), (0, "good")] {
            match what {
                "exposed" => {
                    fs::write(&secret, "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0").unwrap();
                    mode(0o644);
                }
                "good" => mode(0o600),
                _ => {}
            }
            let output = looked(provider);
            let said = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
            assert_eq!(output.status.code(), Some(code), "{what}, {provider}: {said}");
            assert!(code == 0 || said.contains("secret"), "{said}");
        }
        let other = looked(&provider.replace("ca/ca.crt", "nowhere.pem"));
        assert_eq!(other.status.code(), Some(1), "{provider}");
    }
}
