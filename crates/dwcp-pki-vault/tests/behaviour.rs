//! A real OpenBao that is sealed, killed, paused, limited or not initialised: what is said of it, and that it is survived.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod rig;

use dwcp_base::{Clock, Coded, SystemClock};
use dwcp_https::Roots;
use dwcp_pki::{CertProvider, ProviderError};
use dwcp_pki_vault::{Login, RoleId, VaultError, VaultSettings};
use dwcp_testkit::{Lab, OpenBaoOptions};
use rig::{DEADLINE, NODE, Rig, request};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn durable() -> OpenBaoOptions {
    OpenBaoOptions { durable: true, ..OpenBaoOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_killed_restarted_each_is_told_apart_and_survived() {
    let Some(mut rig) = Rig::start_with(&durable()) else { return };
    let ours = rig.client();
    let provider = ours.provider();
    assert!(provider.issue(&request(NODE), DEADLINE).await.is_ok());
    rig.bao.seal();
    let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("vault.server.sealed", true));
    assert!(ours.client.state().is_sealed());
    assert_eq!(ours.client.health(DEADLINE).await.unwrap().fault().unwrap().code(), "vault.server.sealed");
    let error = provider.issue(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error:?}");
    rig.bao.unseal();
    assert!(provider.issue(&request(NODE), DEADLINE).await.is_ok());
    rig.bao.kill();
    let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(error.is_retryable() && matches!(error, VaultError::Https(_)), "{error:?}");
    let error = provider.issue(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error:?}");
    rig.bao.restart_sealed();
    let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "vault.server.sealed");
    rig.bao.unseal();
    assert!(provider.issue(&request(NODE), DEADLINE).await.is_ok(), "{:?}", ours.client.state());
    assert!(ours.client.state().trouble.is_none());
    // One outage is said once, however often somebody asked.
    assert_eq!(
        (ours.count("vault.server.unavailable"), ours.count("vault.server.back")),
        (2, 2),
        "{:?}",
        ours.codes()
    );
}

/// What a login meets is told like what a request meets.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_login_against_a_server_of_no_use_says_what_it_is() {
    let Some(mut rig) = Rig::start_with(&durable()) else { return };
    let (login, _) = rig.token_login("1h", &json!({}));
    rig.bao.seal();
    let sealed =
        rig.client_of(rig.settings(login.clone())).client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(sealed.code(), "vault.server.sealed", "{sealed:?}");
    rig.bao.pause();
    let (clock, limit) = (SystemClock::new(), Duration::from_secs(1));
    let began = clock.tick();
    let silent =
        rig.client_of(rig.settings(login.clone())).client.sign(&request(NODE), limit).await.unwrap_err();
    assert!(matches!(silent, VaultError::TimedOut { deadline } if deadline <= limit), "{silent:?}");
    assert!(clock.tick().since(began) < Duration::from_secs(2));
    rig.bao.resume();
    rig.bao.kill();
    let gone =
        rig.client_of(rig.settings(login.clone())).client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert_eq!(gone.code(), "https.server.unreachable", "{gone:?}");
    // Another server than the one that was named: nothing is sent to it.
    rig.bao.restart();
    let lab = Lab::new();
    let roots = Roots::Only(vec![lab.authority().certificate().clone()]);
    let settings = VaultSettings::new(rig.bao.address().parse().unwrap(), roots, "dwcp-role", login).unwrap();
    let stranger = rig.client_of(settings).client.sign(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(&stranger, VaultError::Https(error) if !error.is_retryable()), "{stranger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_paused_is_given_up_within_the_deadline() {
    let Some(rig) = Rig::start() else { return };
    let ours = rig.client();
    let provider = ours.provider();
    assert!(provider.issue(&request(NODE), DEADLINE).await.is_ok());
    rig.bao.pause();
    let (clock, deadline) = (SystemClock::new(), Duration::from_millis(700));
    let began = clock.tick();
    // Three at once: those that wait for their turn are given up in time too.
    let (first, second, third) = (request(NODE), request(NODE), request(NODE));
    let ended = tokio::join!(
        provider.issue(&first, deadline),
        provider.issue(&second, deadline),
        provider.issue(&third, deadline)
    );
    let took = clock.tick().since(began);
    rig.bao.resume();
    assert!(took < Duration::from_millis(1_400), "{took:?}");
    for ended in [ended.0, ended.1, ended.2] {
        assert!(
            matches!(ended, Err(ProviderError::TimedOut { deadline: said }) if said == deadline),
            "{ended:?}"
        );
    }
    assert_eq!(ours.client.state().trouble.unwrap().code, "vault.server.silent");
    assert!(provider.issue(&request(NODE), DEADLINE).await.is_ok());
    assert!(ours.client.state().trouble.is_none());
}

/// A quota of the server's own, not a status of ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_told_with_the_time_to_wait() {
    let Some(rig) = Rig::start() else { return };
    let ours = rig.client();
    let provider = ours.provider();
    assert!(provider.issue(&request(NODE), DEADLINE).await.is_ok());
    // Without this it limits, and does not say for how long.
    rig.bao.write("sys/quotas/config", &json!({ "enable_rate_limit_response_headers": true }));
    let quota = json!({ "path": "pki/", "rate": 1, "interval": "30s" });
    rig.bao.write("sys/quotas/rate-limit/node", &quota);
    let mut limited = None;
    for _ in 0..10 {
        if let Err(error) = ours.client.sign(&request(NODE), DEADLINE).await {
            limited = Some(error);
            break;
        }
    }
    let error = limited.expect("a limit of one request");
    assert_eq!((error.code(), error.is_retryable()), ("vault.rate.limited", true), "{error:?}");
    let wait = error.retry_after().expect("the server says how long");
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(30), "{wait:?}");
    let error = provider.issue(&request(NODE), DEADLINE).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { retry_after: Some(_), .. }), "{error:?}");
    rig.bao.delete("sys/quotas/rate-limit/node");
    assert!(provider.issue(&request(NODE), DEADLINE).await.is_ok());
    // A login that is limited keeps the server's time as well.
    let login = approle(&rig, "dwcp-node", &json!({}));
    let quota = json!({ "path": "auth/approle/", "rate": 1, "interval": "30s" });
    rig.bao.write("sys/quotas/rate-limit/login", &quota);
    let mut limited = None;
    for _ in 0..5 {
        let ours = rig.client_of(rig.settings(login.clone()));
        if let Err(error) = ours.client.revoke(&"01".parse().unwrap(), DEADLINE).await
            && error.code() == "vault.rate.limited"
        {
            limited = Some((error, ours.client.revoke(&"01".parse().unwrap(), DEADLINE).await.unwrap_err()));
            break;
        }
    }
    let (error, paused) = limited.expect("a limit of one login");
    assert!(
        error.retry_after().unwrap() > Duration::ZERO && paused.code() == "vault.login.paused",
        "{paused:?}"
    );
}

/// The token is as good as it was: no other is asked for, and what is added to a policy counts at once.
#[tokio::test(flavor = "multi_thread")]
async fn at_p2_requests_that_are_denied_do_not_log_in_each_time() {
    let Some(rig) = Rig::start() else { return };
    let ours = rig.client_of(rig.settings(approle(&rig, "default,later", &json!({}))));
    for _ in 0..5 {
        let error = ours.client.sign(&request(NODE), DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), "vault.permission.denied");
    }
    rig.bao.write("sys/policies/acl/later", &json!({ "policy": rig::POLICY }));
    assert!(ours.signs().await);
    assert_eq!(ours.count("vault.login.done"), 1, "{:?}", ours.codes());
}

/// Signing is allowed, and no look at the role; the secret is good for one login.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_lets_nothing_be_read_costs_neither_the_token_nor_the_certificate() {
    let Some(rig) = Rig::start() else { return };
    let only = r#"path "pki/sign/dwcp-role" { capabilities = ["update"] }"#;
    rig.bao.write("sys/policies/acl/only", &json!({ "policy": only }));
    let ours = rig.client_of(rig.settings(approle(&rig, "only", &json!({ "secret_id_num_uses": 1 }))));
    let provider = ours.provider();
    let lists = dwcp_pki_vault::VaultLists::new(std::sync::Arc::clone(&ours.client));
    for _ in 0..3 {
        let issued = provider.issue(&request(NODE), DEADLINE).await;
        assert!(issued.is_ok(), "{issued:?} {:?}", ours.codes());
        assert_eq!(lists.fetch(&[], DEADLINE).await.unwrap().complete.len(), 1);
    }
    assert_eq!(
        (ours.count("vault.login.done"), ours.count("vault.login.failed"), ours.count("vault.token.lost")),
        (1, 0, 0),
        "{:?}",
        ours.codes()
    );
    assert_eq!((ours.count("vault.preflight.skipped"), ours.count("vault.list.unchecked")), (1, 1));
}

/// A role of AppRole with a policy, and a secret for it.
fn approle(rig: &Rig, policies: &str, more: &serde_json::Value) -> Login {
    rig.bao.command(&["auth", "enable", "approle"]);
    let mut role = json!({ "token_policies": policies, "token_ttl": "1h" });
    role.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rig.bao.write("auth/approle/role/node", &role);
    let found = rig.bao.read("auth/approle/role/node/role-id");
    let role_id = RoleId::Text(found["data"]["role_id"].as_str().unwrap().to_owned());
    let made = rig.bao.write("auth/approle/role/node/secret-id", &json!({}));
    let secret_id_file = rig.secret("secret-id", made["data"]["secret_id"].as_str().unwrap());
    Login::AppRole { mount: "approle".to_owned(), role_id, secret_id_file }
}

/// What a server says of itself when it is none of the above, in the very bytes that OpenBao's documentation gives.
#[tokio::test(flavor = "multi_thread")]
async fn standby_and_uninitialised_are_told_by_health_and_by_every_request() {
    let lab = Lab::new();
    for (status, body, code) in [
        (
            429,
            r#"{"initialized":true,"sealed":false,"standby":true,"version":"2.7.2"}"#,
            "vault.server.standby",
        ),
        (
            473,
            r#"{"initialized":true,"sealed":false,"standby":true,"version":"2.7.2"}"#,
            "vault.server.standby",
        ),
        (
            501,
            r#"{"initialized":false,"sealed":true,"standby":true,"version":"2.7.2"}"#,
            "vault.server.uninitialised",
        ),
        (
            503,
            r#"{"initialized":true,"sealed":true,"standby":true,"version":"2.7.2"}"#,
            "vault.server.sealed",
        ),
    ] {
        let server = Scripted::start(&lab, status, body, "").await;
        let health = server.client(&lab).health(DEADLINE).await.unwrap();
        assert_eq!(health.fault().unwrap().code(), code);
    }
    for (status, body, head, code) in [
        (473, "", "", "vault.server.standby"),
        (307, "", "Location: https://active.example:8200/v1/x\r\n", "vault.server.standby"),
        (501, r#"{"errors":["Vault is not initialized"]}"#, "", "vault.server.uninitialised"),
        (503, r#"{"errors":["Vault is sealed"]}"#, "", "vault.server.sealed"),
        (502, "<html>bad gateway</html>", "", "vault.server.failed"),
        (429, r#"{"errors":["quota"]}"#, "Retry-After: 9\r\n", "vault.rate.limited"),
        (200, "{\"data\":", "", "vault.answer.malformed"),
    ] {
        let server = Scripted::start(&lab, status, body, head).await;
        let error = server.client(&lab).role(DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), code, "{status} {body}: {error:?}");
        if status == 429 {
            assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));
        }
    }
}

/// A server that logs anybody in and answers everything else with one answer.
struct Scripted {
    port: u16,
    directory: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Scripted {
    async fn start(lab: &Lab, status: u16, body: &'static str, head: &'static str) -> Self {
        let credential = lab.credential(&["DNS:localhost"]);
        let acceptor = acceptor(&credential);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let (mut seen, mut chunk) = (Vec::new(), [0; 4_096]);
                while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
                    match stream.read(&mut chunk).await {
                        Ok(0) | Err(_) => break,
                        Ok(count) => seen.extend_from_slice(&chunk[..count]),
                    }
                }
                let text = String::from_utf8_lossy(&seen);
                let login = text.starts_with("GET /v1/auth/token/lookup-self");
                let (status, body, head) = if login { (200, TOKEN, "") } else { (status, body, head) };
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{head}\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, directory: tempfile::tempdir().unwrap(), task }
    }

    fn client(&self, lab: &Lab) -> dwcp_pki_vault::VaultClient {
        use std::os::unix::fs::PermissionsExt;
        let path = self.directory.path().join("token");
        std::fs::write(&path, "s.anything").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let address = format!("https://localhost:{}", self.port).parse().unwrap();
        let roots = Roots::Only(vec![lab.authority().certificate().clone()]);
        let settings = VaultSettings::new(address, roots, "dwcp-role", Login::TokenFile { path }).unwrap();
        let clock = std::sync::Arc::new(SystemClock::new());
        dwcp_pki_vault::VaultClient::new(settings, clock, std::sync::Arc::new(dwcp_base::Silent)).unwrap()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn acceptor(credential: &dwcp_pki::Credential) -> tokio_rustls::TlsAcceptor {
    let key = credential.key().pkcs8().expose().to_vec();
    let key = tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer::from(key).into();
    let provider = std::sync::Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&tokio_rustls::rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(credential.chain().ders(), key)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config))
}

const TOKEN: &str = r#"{"request_id":"a","lease_id":"","renewable":false,"lease_duration":0,"data":{"accessor":"a",
"creation_time":1,"creation_ttl":0,"display_name":"x","entity_id":"","expire_time":null,"explicit_max_ttl":0,"id":"s.anything",
"num_uses":0,"orphan":true,"path":"auth/token/create","policies":["root"],"ttl":0},"wrap_info":null,"warnings":null,"auth":null}"#;
