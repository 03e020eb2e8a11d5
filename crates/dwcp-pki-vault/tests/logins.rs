//! The ways to log in to a real OpenBao, secrets that are rotated, and tokens that live for seconds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod rig;

use dwcp_base::{Clock, Coded, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{CertificateRequest, Credential};
use dwcp_pki_vault::{Event, Login, RoleId};
use rig::{DEADLINE, NODE, Rig, app_role, app_role_login, kept, request, revoke_all, secret_id, until};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_rotated_in_its_file_is_taken_up_while_running() {
    let Some(rig) = Rig::start() else { return };
    let (login, first) = rig.token_login("1h", &json!({}));
    let ours = rig.client_of(rig.settings(login));
    let _keeper = kept(&ours);
    until("the first login", || ours.count("vault.login.done") == 1).await;
    assert!(ours.signs().await);
    let (_, second) = rig.token_login("1h", &json!({}));
    until("the second login", || ours.count("vault.login.done") == 2).await;
    rig.bao.write("auth/token/revoke", &json!({ "token": first }));
    assert!(ours.signs().await);
    // Revoked with no other in its file: said, and what is in the file next is taken up.
    rig.bao.write("auth/token/revoke", &json!({ "token": second }));
    let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "vault.login.refused", "{error:?}");
    assert!(!ours.client.state().has_token);
    assert_eq!(ours.client.state().trouble.unwrap().code, "vault.login.refused");
    rig.token_login("1h", &json!({}));
    assert!(ours.signs().await, "a fresh file has no pause to sit out");
    assert!(ours.client.state().trouble.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_others_can_read_or_that_hold_no_token_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let Some(rig) = Rig::start() else { return };
    let (login, _) = rig.token_login("1h", &json!({}));
    let Login::TokenFile { path } = &login else { panic!("another login") };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ours = rig.client_of(rig.settings(login.clone()));
    let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "base.secret.exposed");
    assert!(error.fix().contains("chmod 600"));
    for text in ["", "a b", "s.abc\r\nX-Evil: 1", "s.ä"] {
        rig.secret("token", text);
        let error = rig
            .client_of(rig.settings(login.clone()))
            .client
            .sign(&request(NODE), DEADLINE)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "vault.secret.malformed", "{text:?}");
    }
    std::fs::remove_file(path).unwrap();
    let error = rig.client_of(rig.settings(login)).client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "base.file.unreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn app_role_logs_in_again_with_a_secret_that_was_rotated_or_used_up() {
    let Some(rig) = Rig::start() else { return };
    let login = app_role_login(&rig, &json!({ "token_ttl": "1h", "secret_id_num_uses": 1 }));
    let ours = rig.client_of(rig.settings(login));
    assert!(ours.signs().await);
    // The token is gone, and the secret was good for one login alone.
    revoke_all(&rig, "approle");
    let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "vault.login.refused", "{error:?}");
    assert!(error.fix().contains("fresh secret"));
    // Asked at once it does not hammer the login, and says until when.
    let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "vault.login.paused", "{error:?}");
    assert!(error.is_retryable() && error.retry_after().unwrap() <= Duration::from_secs(1));
    rig.secret("secret-id", &secret_id(&rig));
    assert!(ours.signs().await);
    assert_eq!(ours.count("vault.login.done"), 2);
    let text = format!("{:?}{:?}{:?}", ours.events.events(), ours.client, ours.client.state());
    assert!(!text.contains(&std::fs::read_to_string(rig.bao.directory().join("secret-id")).unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_id_may_come_from_a_file_and_a_wrong_one_is_refused() {
    let Some(rig) = Rig::start() else { return };
    let role_id = app_role(&rig, &json!({ "token_ttl": "1h" }));
    let (id, secret) =
        (rig.secret("role-id", &format!("{role_id}\n")), rig.secret("secret-id", &secret_id(&rig)));
    let login =
        Login::AppRole { mount: "approle".to_owned(), role_id: RoleId::File(id), secret_id_file: secret };
    let ours = rig.client_of(rig.settings(login.clone()));
    assert!(ours.signs().await);
    rig.secret("role-id", "00000000-0000-0000-0000-000000000000");
    let error =
        rig.client_of(rig.settings(login.clone())).client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "vault.login.refused", "{error:?}");
    let Login::AppRole { role_id, secret_id_file, .. } = login else { panic!("another login") };
    let nowhere = Login::AppRole { mount: "nowhere".to_owned(), role_id, secret_id_file };
    let error = rig.client_of(rig.settings(nowhere)).client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
}

/// A pair from the mount itself: the server knows a holder by the common name, which a lab's certificates lack.
async fn certified(rig: &Rig, name: &str) -> Credential {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let wanted = rig::names(&[&format!("DNS:{name}.novacron.local")]);
    let request = CertificateRequest::generate(&key, &wanted).unwrap();
    let issued = rig.client().client.sign(&request, DEADLINE).await.unwrap();
    Credential::new(issued.chain, key).unwrap()
}

/// vault#16266: the pair is read again at each login.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_certificate_that_was_rotated_is_shown() {
    let Some(rig) = Rig::start() else { return };
    rig.bao.command(&["auth", "enable", "cert"]);
    let lab = rig.bao.lab();
    let knows = |credential: &Credential| {
        let pem = credential.chain().leaf().to_pem();
        rig.bao.write(
            "auth/cert/certs/node",
            &json!({ "certificate": pem, "token_policies": "dwcp-node", "token_ttl": "1h" }),
        );
    };
    let (first, second) = (certified(&rig, "login-1").await, certified(&rig, "login-2").await);
    knows(&first);
    let files = lab.write("login", &first);
    let login = Login::Certificate {
        mount: "cert".to_owned(),
        role: Some("node".to_owned()),
        cert: files.certificate,
        key: files.key,
    };
    let ours = rig.client_of(rig.settings(login.clone()));
    assert!(ours.signs().await, "{:?}", ours.client.state());
    knows(&second);
    revoke_all(&rig, "cert");
    let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "vault.login.refused", "only the second one is known: {error:?}");
    lab.write("login", &second);
    assert!(ours.signs().await, "{:?}", ours.client.state());
    // The role that is named is asked for, and no other that would fit.
    let Login::Certificate { mount, cert, key, .. } = login.clone() else { panic!("another login") };
    let other = Login::Certificate { mount, role: Some("other".to_owned()), cert, key };
    let error = rig.client_of(rig.settings(other)).client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "vault.login.refused", "{error:?}");
    // OpenBao knows a holder by the common name alone.
    let nameless = lab.node("nameless");
    knows(&nameless);
    lab.write("login", &nameless);
    let error =
        rig.client_of(rig.settings(login.clone())).client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("no common name"), "{error:?}");
    // A pair of which one half was written is a pair that does not belong together.
    std::fs::write(lab.directory().join("half.crt"), first.chain().to_pem()).unwrap();
    let Login::Certificate { key, .. } = &login else { panic!("another login") };
    let half = Login::Certificate {
        mount: "cert".to_owned(),
        role: None,
        cert: lab.directory().join("half.crt"),
        key: key.clone(),
    };
    let error = rig.client_of(rig.settings(half)).client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(error.fix().contains("belongs together"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_certificate_is_renewed_over_the_connection_that_shows_it() {
    let Some(rig) = Rig::start() else { return };
    rig.bao.command(&["auth", "enable", "cert"]);
    let lab = rig.bao.lab();
    let credential = certified(&rig, "login").await;
    let body = json!({ "certificate": credential.chain().leaf().to_pem(), "token_policies": "dwcp-node", "token_ttl": "2s" });
    rig.bao.write("auth/cert/certs/node", &body);
    let files = lab.write("login", &credential);
    let login =
        Login::Certificate { mount: "cert".to_owned(), role: None, cert: files.certificate, key: files.key };
    let ours = rig.client_of(rig.settings(login));
    let _keeper = kept(&ours);
    until("two renewals", || ours.count("vault.token.renewed") >= 2).await;
    assert_eq!(ours.count("vault.login.done"), 1, "{:?}", ours.codes());
    assert!(ours.signs().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_web_token_logs_in_and_a_rotated_one_after_it() {
    let Some(rig) = Rig::start() else { return };
    rig.bao.command(&["auth", "enable", "jwt"]);
    let key = SigningKey::generate(KeyType::Ed25519).unwrap();
    let config = json!({ "jwt_validation_pubkeys": public_pem(&key), "jwt_supported_algs": ["EdDSA"] });
    rig.bao.write("auth/jwt/config", &config);
    let role = json!({ "role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault", "token_policies": "dwcp-node",
        "token_ttl": "1h" });
    rig.bao.write("auth/jwt/role/node", &role);
    let now = SystemClock::new().unix().secs();
    let token = |exp: i64| {
        jwt(&key, &json!({ "sub": "n1", "aud": "vault", "iat": now - 400, "nbf": now - 400, "exp": exp }))
    };
    let jwt_file = rig.secret("jwt", &token(now + 3_600));
    let login = Login::Jwt { mount: "jwt".to_owned(), role: "node".to_owned(), jwt_file };
    let ours = rig.client_of(rig.settings(login));
    assert!(ours.signs().await, "{:?}", ours.client.state());
    // It has run out by the time the next login needs it.
    rig.secret("jwt", &token(now - 300));
    revoke_all(&rig, "jwt");
    let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "vault.login.refused", "{error:?}");
    rig.secret("jwt", &token(now + 3_600));
    assert!(ours.signs().await);
}

/// AT-P1: the token lives for three seconds, for seven at most, and there is always one.
#[tokio::test(flavor = "multi_thread")]
async fn at_p1_tokens_of_seconds_are_renewed_and_replaced_at_their_maximum() {
    let Some(rig) = Rig::start() else { return };
    let login = app_role_login(&rig, &json!({ "token_ttl": "3s", "token_max_ttl": "7s" }));
    let ours = rig.client_of(rig.settings(login));
    let _keeper = kept(&ours);
    until("the first login", || ours.count("vault.login.done") == 1).await;
    for round in 0..75 {
        assert!(ours.client.state().has_token, "round {round}: {:?}", ours.codes());
        if round % 10 == 0 {
            assert!(ours.signs().await, "round {round}");
        }
        sleep(Duration::from_millis(200)).await;
    }
    let (renewals, logins) = (ours.count("vault.token.renewed"), ours.count("vault.login.done"));
    assert!(renewals >= 3 && (2..=6).contains(&logins), "{renewals} renewals, {logins} logins");
    assert_eq!(ours.count("vault.login.failed"), 0, "{:?}", ours.events.events());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_revoked_under_us_is_replaced_by_whoever_meets_it_first() {
    let Some(rig) = Rig::start() else { return };
    let login = app_role_login(&rig, &json!({ "token_ttl": "1h" }));
    let ours = rig.client_of(rig.settings(login));
    for round in 1..=3 {
        assert!(ours.signs().await);
        revoke_all(&rig, "approle");
        assert!(ours.signs().await);
        assert_eq!(ours.count("vault.login.done"), round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_tokens_are_replaced_since_they_can_not_be_renewed() {
    let Some(rig) = Rig::start() else { return };
    let login = app_role_login(&rig, &json!({ "token_ttl": "2s", "token_type": "batch" }));
    let ours = rig.client_of(rig.settings(login));
    let _keeper = kept(&ours);
    until("three logins", || ours.count("vault.login.done") >= 3).await;
    assert!(ours.signs().await);
    ours.client.log_out(DEADLINE).await.unwrap();
    let never = ["vault.token.renewed", "vault.login.failed", "vault.token.left"];
    assert_eq!(never.map(|code| ours.count(code)), [0; 3], "{:?}", ours.codes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_file_that_ends_is_told_in_time_and_used_to_its_end() {
    let Some(rig) = Rig::start() else { return };
    let (login, _) = rig.token_login("6s", &json!({ "renewable": false }));
    let ours = rig.client_of(rig.settings(login));
    let _keeper = kept(&ours);
    until("the alarm", || {
        let ending = |event: &Event| matches!(event, Event::LoginFailed { code: "vault.token.ending", .. });
        ours.events.events().iter().any(ending)
    })
    .await;
    assert!(ours.client.state().has_token && ours.signs().await);
    let trouble = ours.client.state().trouble.expect("what is wrong");
    assert_eq!(trouble.code, "vault.token.ending", "a request that came through does not take it back");
    until("its end", || !ours.client.state().has_token).await;
    rig.token_login("1h", &json!({}));
    until("the next token", || ours.client.state().has_token).await;
    assert!(ours.signs().await && ours.client.state().trouble.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_an_agent_keeps_alive_is_taken_as_it_is() {
    let Some(rig) = Rig::start() else { return };
    let (login, token) = rig.token_login("6s", &json!({}));
    let ours = rig.client_of(rig.settings(login).with_token_ttl(Duration::from_secs(60)));
    let _keeper = kept(&ours);
    until("the renewal", || ours.count("vault.token.renewed") >= 1).await;
    let found = rig.bao.ask(&token, "GET", "auth/token/lookup-self", None).json();
    assert!(found["data"]["ttl"].as_u64().unwrap() > 30, "what was asked for came: {found}");
    assert!(ours.client.state().token_until.is_some() && ours.client.state().renews_at.is_some());
}

/// Renewals that ask for less than the token had at first are renewals, and no sign of its maximum.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_renewed_by_less_than_its_first_life_stays_alive() {
    let Some(rig) = Rig::start() else { return };
    let (login, _) = rig.token_login("6s", &json!({}));
    let ours = rig.client_of(rig.settings(login).with_token_ttl(Duration::from_secs(2)));
    let _keeper = kept(&ours);
    until("three renewals", || ours.count("vault.token.renewed") >= 3).await;
    assert_eq!(
        (ours.count("vault.login.done"), ours.count("vault.login.failed")),
        (1, 0),
        "{:?}",
        ours.codes()
    );
    assert!(ours.signs().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_again_with_the_same_token_is_no_trouble() {
    let Some(rig) = Rig::start() else { return };
    let (login, token) = rig.token_login("1h", &json!({}));
    let ours = rig.client_of(rig.settings(login));
    let _keeper = kept(&ours);
    until("the first login", || ours.count("vault.login.done") == 1).await;
    rig.secret("token", &token);
    until("the second look", || ours.count("vault.login.done") == 2).await;
    // Something that the policy does not allow is no trouble of the token either.
    let denied = ours.client.revoke(&"01".parse().unwrap(), DEADLINE).await.unwrap_err();
    assert_eq!(denied.code(), "vault.permission.denied");
    assert!(denied.fix().contains("path \"pki/revoke\" { capabilities = [\"update\"] }"), "{}", denied.fix());
    assert!(ours.client.state().has_token && ours.signs().await);
    assert_eq!(
        (ours.count("vault.login.failed"), ours.client.state().trouble),
        (0, None),
        "{:?}",
        ours.codes()
    );
}

fn jwt(key: &SigningKey, claims: &Value) -> String {
    let head = base64url(json!({ "alg": "EdDSA", "typ": "JWT" }).to_string().as_bytes());
    let signed = format!("{head}.{}", base64url(claims.to_string().as_bytes()));
    format!("{signed}.{}", base64url(&key.sign(signed.as_bytes()).unwrap()))
}

/// A SubjectPublicKeyInfo of Ed25519 (RFC 8410 §4) in PEM.
fn public_pem(key: &SigningKey) -> String {
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(key.public_key());
    let text = base64url(&der).replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    format!("-----BEGIN PUBLIC KEY-----\n{text}{padding}\n-----END PUBLIC KEY-----\n")
}

/// RFC 4648 §5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number =
            chunk.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(number >> (18 - 6 * at)) as usize & 63]));
        }
    }
    out
}
