//! The mission's mount on a real OpenBao: first the refusal that says what to write, then certificates; and the suite of dwcp-pki.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod rig;

use dwcp_base::Coded;
use dwcp_crypto::KeyType;
use dwcp_pki::testing::conformance::{Means, Rule, check};
use dwcp_pki::{CertProvider, ProviderError};
use dwcp_pki_vault::{Login, RoleId, VaultError};
use dwcp_testkit::OpenBaoOptions;
use rig::{DEADLINE, NODE, Rig, names, request};
use serde_json::json;
use std::error::Error;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn the_role_as_the_mission_has_it_is_refused_with_what_to_write_and_then_issues() {
    let Some(rig) = Rig::bare(&OpenBaoOptions::default()) else { return };
    let ours = rig.client();
    let provider = ours.provider();
    let refused = provider.issue(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Refused(_)), "{refused:?}");
    let said = refused.source().unwrap().to_string();
    assert!(said.contains("key_type=ec"), "{said}");
    assert!(said.contains("allowed_uri_sans='spiffe://novacron.local/*'"), "{said}");
    let trouble = ours.client.preflight(&names(NODE), KeyType::EcdsaP256, DEADLINE).await.unwrap_err();
    assert_eq!(trouble.code(), "vault.role.insufficient");
    // The fix is a command that can be typed.
    let fix = trouble.fix();
    let words: Vec<&str> = fix.split(' ').collect();
    assert_eq!(words[..3], ["bao", "patch", "pki/roles/dwcp-role"]);
    typed(&rig, &fix);
    // The provider looks again by itself.
    let issued = provider.issue(&request(NODE), DEADLINE).await.unwrap();
    let leaf = issued.chain.leaf();
    let mut got = leaf.names().to_vec();
    let mut wanted = names(NODE);
    got.sort();
    wanted.sort();
    assert_eq!(got, wanted);
    assert_eq!((issued.chain.len(), issued.roots.len()), (1, 1));
    assert!(issued.roots[0].subject().contains("NovaCron Root CA"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_as_the_page_writes_it_issues_for_every_kind_of_name_and_key() {
    let Some(rig) = Rig::start() else { return };
    let ours = rig.client();
    let provider = ours.provider();
    for wanted in
        [NODE, &["DNS:a.dwcp.novacron.local"], &["DNS:a.novacron.local", "IP:192.0.2.7", "IP:2001:db8::7"]]
    {
        let request = request(wanted);
        let issued = provider.issue(&request, DEADLINE).await.unwrap();
        assert_eq!(issued.chain.leaf().key_pin(), request.key_pin());
        assert_eq!(issued.chain.leaf().names().len(), wanted.len(), "{:?}", issued.chain.leaf());
        let life = issued.chain.leaf().not_before().until(issued.chain.leaf().not_after());
        assert!(life <= Duration::from_secs(72 * 3_600 + 60), "{life:?}");
    }
    assert_eq!(ours.codes(), ["vault.login.done"]);
}

/// Every rule, over the real server, one that is paused, one that is sealed, and a token that is not known.
#[tokio::test(flavor = "multi_thread")]
async fn at_p12_the_provider_keeps_every_rule_over_a_real_server_and_shows_no_token() {
    let Some(rig) = Rig::start() else { return };
    let Some(silent) = Rig::start() else { return };
    let Some(sealed) = Rig::start() else { return };
    let (login, token) = rig.token_login("1h", &json!({}));
    let ours = rig.client_of(rig.settings(login));
    let stranger = "s.0123456789abcdefghijklmnop";
    let wrong = rig.client_of(rig.settings(Login::TokenFile { path: rig.secret("wrong", stranger) }));
    let quiet = silent.client();
    assert!(quiet.signs().await);
    let (shut_login, shut_token) = sealed.token_login("1h", &json!({}));
    let shut = sealed.client_of(sealed.settings(shut_login));
    assert!(shut.signs().await);
    sealed.bao.seal();
    silent.bao.pause();
    let provider = ours.provider();
    let (quiet, wrong, shut) = (quiet.provider(), wrong.provider(), shut.provider());
    let grants = vec![
        names(NODE),
        names(&["DNS:a.novacron.local"]),
        names(&["DNS:b.novacron.local", "IP:2001:db8::1"]),
    ];
    let means = Means::new(grants, Arc::clone(&rig.clock))
        .with_key_types(&[KeyType::EcdsaP256, KeyType::EcdsaP384])
        .refusing(names(&["DNS:n1.elsewhere.example"]))
        .refusing(names(&["DNS:a.novacron.local", "URI:spiffe://elsewhere.example/node/n1"]))
        .refusing(names(&["DNS:a.novacron.local", "EMAIL:a@novacron.local"]))
        .with_secrets([token, stranger.to_owned(), shut_token])
        .over_silence(&quiet)
        .over_failure(&wrong)
        .over_failure(&shut);
    let report = check(&provider, &means).await;
    silent.bao.resume();
    let report = report.verdict().unwrap();
    assert_eq!(report.held().len(), Rule::ALL.len(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_mount_role_and_permission() {
    let Some(rig) = Rig::start() else { return };
    let root = |rig: &Rig| Login::TokenFile { path: rig.secret("root", rig.bao.root_token()) };
    let no_mount = rig.client_of(rig.settings(root(&rig)).with_mount("pki-not-there").unwrap());
    let error = no_mount.client.role(DEADLINE).await.unwrap_err();
    assert!(
        matches!(&error, VaultError::NotFound { what: "mount", path } if path == "pki-not-there"),
        "{error:?}"
    );
    let no_role = {
        let address = rig.bao.address().parse().unwrap();
        let roots = dwcp_https::Roots::Only(rig.bao.roots());
        rig.client_of(dwcp_pki_vault::VaultSettings::new(address, roots, "nobody", root(&rig)).unwrap())
    };
    let error = no_role.client.role(DEADLINE).await.unwrap_err();
    assert!(
        matches!(&error, VaultError::NotFound { what: "role", path } if path == "pki/roles/nobody"),
        "{error:?}"
    );
    let error = no_role.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(&error, VaultError::NotFound { what: "role", .. }), "{error:?}");
    let error = no_role.provider().issue(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused(_)), "{error:?}");
    let bare = rig.bao.token(&["default"], "1h", &json!({}));
    let nobody = rig.client_of(rig.settings(Login::TokenFile { path: rig.secret("bare", &bare) }));
    let error = nobody.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(&error, VaultError::Denied { path } if path == "pki/sign/dwcp-role"), "{error:?}");
    assert!(
        nobody.count("vault.login.done") == 1,
        "a token that is known was replaced by itself: {:?}",
        nobody.codes()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_be_read_is_asked_all_the_same() {
    let Some(rig) = Rig::start() else { return };
    let policy = "path \"pki/sign/dwcp-role\" { capabilities = [\"update\"] }";
    rig.bao.write("sys/policies/acl/sign-only", &json!({ "policy": policy }));
    let token = rig.bao.token(&["sign-only"], "1h", &json!({}));
    let ours = rig.client_of(rig.settings(Login::TokenFile { path: rig.secret("sign-only", &token) }));
    let provider = ours.provider();
    assert!(provider.issue(&request(NODE), DEADLINE).await.is_ok());
    assert!(provider.issue(&request(NODE), DEADLINE).await.is_ok());
    assert_eq!(ours.count("vault.preflight.skipped"), 1, "{:?}", ours.codes());
    let refused = provider.issue(&request(&["DNS:n1.elsewhere.example"]), DEADLINE).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Refused(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_revoked_and_one_of_another_issuer_is_not() {
    let Some(rig) = Rig::start() else { return };
    let ours =
        rig.client_of(rig.settings(Login::TokenFile { path: rig.secret("root", rig.bao.root_token()) }));
    let issued = ours.client.sign(&request(NODE), DEADLINE).await.unwrap();
    let serial = issued.chain.leaf().serial();
    ours.client.revoke(&serial, DEADLINE).await.unwrap();
    ours.client.revoke(&serial, DEADLINE).await.unwrap();
    let stored = rig.bao.read(&format!("pki/cert/{}", colons(&serial.to_string())));
    assert!(stored["data"]["revocation_time"].as_i64().unwrap() > 0, "{stored}");
    let stranger = "01:02:03".parse().unwrap();
    let error = ours.client.revoke(&stranger, DEADLINE).await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_by_the_server_comes_with_its_certificate_and_only_where_it_is_asked_for() {
    let Some(rig) = Rig::start() else { return };
    let ours =
        rig.client_of(rig.settings(Login::TokenFile { path: rig.secret("root", rig.bao.root_token()) }));
    let made = ours.client.issue_with_key_made_by_server(&names(NODE), DEADLINE).await.unwrap();
    assert!(made.key.expose().starts_with(b"-----BEGIN PRIVATE KEY-----"));
    let (cert, key) = (
        rig.bao.directory().join("made.crt"),
        rig.secret("made.key", std::str::from_utf8(made.key.expose()).unwrap()),
    );
    std::fs::write(&cert, made.issued.chain.to_pem()).unwrap();
    dwcp_pki::Credential::load(&cert, &key).unwrap();
    assert!(!format!("{made:?}").contains("PRIVATE"));
    // The policy of a node does not even allow it.
    let error = rig.client().client.issue_with_key_made_by_server(&names(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(error, VaultError::Denied { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_was_rotated_signs_and_a_named_one_goes_on() {
    let Some(rig) = Rig::start() else { return };
    let ours = rig.client();
    let before = ours.client.issuers(DEADLINE).await.unwrap();
    assert_eq!(before.len(), 1);
    let old = before[0].id.clone();
    let body = json!({ "common_name": "NovaCron Root CA 2", "ttl": "87600h", "issuer_name": "second" });
    rig.bao.write("pki/root/rotate/internal", &body);
    let both = ours.client.issuers(DEADLINE).await.unwrap();
    assert_eq!(both.len(), 2);
    assert_eq!(both.iter().filter(|one| one.default).count(), 1);
    assert!(both.iter().any(|one| one.name == "second"));
    rig.bao.write("pki/root/replace", &json!({ "default": "second" }));
    let issued = ours.client.sign(&request(NODE), DEADLINE).await.unwrap();
    assert!(issued.chain.leaf().issuer().contains("NovaCron Root CA 2"), "{:?}", issued.chain.leaf());
    assert!(ours.client.ca_chain(DEADLINE).await.unwrap()[0].subject().contains("NovaCron Root CA 2"));
    let root = Login::TokenFile { path: rig.secret("root", rig.bao.root_token()) };
    let named = rig.client_of(rig.settings(root).with_issuer(&old).unwrap());
    let issued = named.client.sign(&request(NODE), DEADLINE).await.unwrap();
    assert!(!issued.chain.leaf().issuer().contains("CA 2"), "{:?}", issued.chain.leaf());
    assert_eq!(issued.roots.len(), 1);
    let nobody = Login::TokenFile { path: rig.secret("root", rig.bao.root_token()) };
    let nobody = rig.client_of(rig.settings(nobody).with_issuer("nobody").unwrap());
    let error = nobody.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(error, VaultError::NotFound { what: "issuer", .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_verifies_what_an_intermediate_signed() {
    let Some(rig) = Rig::start() else { return };
    let Some(openssl) = dwcp_testkit::peer("openssl") else { return };
    // A mount below the first one, as an operator keeps it.
    rig.bao.command(&["secrets", "enable", "-path=int", "pki"]);
    rig.bao.command(&["secrets", "tune", "-max-lease-ttl=1000h", "int"]);
    let asked = rig.bao.write(
        "int/intermediate/generate/internal",
        &json!({ "common_name": "NovaCron Mesh CA", "key_type": "ec" }),
    );
    let signed =
        rig.bao.write("pki/root/sign-intermediate", &json!({ "csr": asked["data"]["csr"], "ttl": "1000h" }));
    let both = format!(
        "{}\n{}",
        signed["data"]["certificate"].as_str().unwrap(),
        signed["data"]["issuing_ca"].as_str().unwrap()
    );
    rig.bao.write("int/intermediate/set-signed", &json!({ "certificate": both }));
    let role = json!({ "allowed_domains": "novacron.local", "allow_subdomains": true, "key_type": "ec",
        "allowed_uri_sans": "spiffe://novacron.local/*", "max_ttl": "72h" });
    rig.bao.write("int/roles/dwcp-role", &role);
    let root = Login::TokenFile { path: rig.secret("root", rig.bao.root_token()) };
    let ours = rig.client_of(rig.settings(root).with_mount("int").unwrap());
    let issued = ours.provider().issue(&request(NODE), DEADLINE).await.unwrap();
    assert_eq!((issued.chain.len(), issued.roots.len()), (2, 1), "{issued:?}");
    let write = |name: &str, text: String| {
        let path = rig.bao.directory().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let leaf = write("leaf.pem", issued.chain.leaf().to_pem());
    let rest = write("rest.pem", issued.chain.iter().skip(1).map(dwcp_pki::Certificate::to_pem).collect());
    let root = write("root.pem", issued.roots[0].to_pem());
    for purpose in ["sslserver", "sslclient"] {
        let mut command = Command::new(&openssl);
        command.args(["verify", "-x509_strict", "-purpose", purpose, "-CAfile"]).arg(&root);
        let output = command.arg("-untrusted").arg(&rest).arg(&leaf).output().unwrap();
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let all = ours.client.issuers(DEADLINE).await.unwrap();
    assert_eq!(all.len(), 2, "the mount knows its root too");
    assert_eq!(ours.client.ca_chain(DEADLINE).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_of_a_namespace_is_another_mount() {
    let Some(rig) = Rig::start() else { return };
    rig.bao.command(&["namespace", "create", "edge"]);
    let inside = |arguments: &[&str]| {
        let all: Vec<&str> = [&arguments[..1], &["-namespace=edge"], &arguments[1..]].concat();
        rig.bao.command(&all)
    };
    rig.bao.command(&["secrets", "enable", "-namespace=edge", "pki"]);
    inside(&["write", "pki/root/generate/internal", "common_name=Edge Root", "ttl=700h"]);
    inside(&[
        "write",
        "pki/roles/dwcp-role",
        "allowed_domains=novacron.local",
        "allow_subdomains=true",
        "key_type=ec",
        "max_ttl=72h",
        "allowed_uri_sans=spiffe://novacron.local/*",
    ]);
    let root = || Login::TokenFile { path: rig.secret("root", rig.bao.root_token()) };
    let edge = rig.client_of(rig.settings(root()).with_namespace("edge/").unwrap());
    let issued = edge.provider().issue(&request(NODE), DEADLINE).await.unwrap();
    assert!(issued.chain.leaf().issuer().contains("Edge Root"));
    assert_eq!(edge.client.health(DEADLINE).await.unwrap().fault().map(|fault| fault.code()), None);
    let nowhere = rig.client_of(rig.settings(root()).with_namespace("nowhere").unwrap());
    let error = nowhere.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(
        matches!(&error, VaultError::NotFound { what: "namespace", path } if path == "nowhere"),
        "{error:?}"
    );
    assert!(!error.is_retryable(), "{error:?}");
    let approle = Login::AppRole {
        mount: "approle".to_owned(),
        role_id: RoleId::Text("id".to_owned()),
        secret_id_file: rig.secret("secret-id", "none"),
    };
    let nowhere = rig.client_of(rig.settings(approle).with_namespace("nowhere").unwrap());
    let error = nowhere.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(error.fix().contains("bao namespace create nowhere"), "{error:?}");
}

/// A name of another domain: what is to be written lets it in, and nothing beside it.
#[tokio::test(flavor = "multi_thread")]
async fn the_fix_for_a_name_elsewhere_opens_the_role_to_that_name_alone() {
    let Some(rig) = Rig::start() else { return };
    let ours = rig.client();
    let provider = ours.provider();
    for name in ["DNS:evil.com", "DNS:shop.co.uk"] {
        let error = ours.client.preflight(&names(&[name]), KeyType::EcdsaP256, DEADLINE).await.unwrap_err();
        typed(&rig, &error.fix());
        let issued = provider.issue(&request(&[name]), DEADLINE).await.unwrap();
        assert_eq!(issued.chain.leaf().names(), names(&[name]));
    }
    for other in ["DNS:com", "DNS:bank.com", "DNS:co.uk", "DNS:bank.co.uk"] {
        let refused = ours.client.sign(&request(&[other]), DEADLINE).await;
        assert!(matches!(refused, Err(VaultError::Refused { .. })), "{other}: {refused:?}");
    }
}

/// The rule that a refusal prints is the one that is missing.
#[tokio::test(flavor = "multi_thread")]
async fn the_rule_that_a_refusal_prints_is_enough() {
    let Some(rig) = Rig::start() else { return };
    let token = rig.bao.token(&["default", "grown"], "1h", &json!({}));
    let ours = rig.client_of(rig.settings(Login::TokenFile { path: rig.secret("grown", &token) }));
    let mut rules = String::new();
    let mut allow = |error: VaultError| {
        let fix = error.fix();
        rules.push_str(&format!("path{}\n", fix.split_once(": path").unwrap().1));
        rig.bao.write("sys/policies/acl/grown", &json!({ "policy": rules }));
    };
    allow(ours.client.role(DEADLINE).await.unwrap_err());
    ours.client.role(DEADLINE).await.unwrap();
    allow(ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err());
    ours.client.sign(&request(NODE), DEADLINE).await.unwrap();
}

/// A command of a fix, typed into a shell.
fn typed(rig: &Rig, command: &str) {
    let program = dwcp_testkit::peer("bao").unwrap();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut typed = Command::new(dwcp_testkit::peer("sh").unwrap());
    // Where a pattern without quotes fits a file, another value is written.
    let bait = rig.bao.directory().join("allowed_uri_sans=spiffe:/novacron.local");
    std::fs::create_dir_all(&bait).unwrap();
    std::fs::write(bait.join("file"), "").unwrap();
    typed.arg("-c").arg(command).current_dir(rig.bao.directory()).env("PATH", path);
    typed.env("BAO_ADDR", rig.bao.address()).env("BAO_CACERT", rig.bao.ca_file());
    typed.env("BAO_TOKEN", rig.bao.root_token()).env("HOME", rig.bao.directory());
    let output = typed.output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

fn colons(serial: &str) -> String {
    let octets: Vec<_> = serial.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
    octets.join(":")
}
