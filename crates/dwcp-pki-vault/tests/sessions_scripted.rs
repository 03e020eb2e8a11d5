//! Logins, renewals and signings over servers and lines that do what real ones do now and then.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod scripted;

use dwcp_base::{Coded, Disk, LocalDisk, Recorder, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_https::Roots;
use dwcp_pki::{CertProvider, CertificateRequest};
use dwcp_pki_vault::{
    Event, Login, RoleId, VaultClient, VaultError, VaultLists, VaultProvider, VaultSettings,
};
use dwcp_testkit::Lab;
use scripted::{CUT, SILENT};
use serde_json::json;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(5);

type Said = (u16, Vec<u8>);

/// What a server says to each path, which a test can change.
#[derive(Clone)]
struct Script(Arc<Mutex<Vec<(&'static str, Said)>>>);

impl Script {
    fn new(lines: &[(&'static str, u16, String)]) -> Self {
        let lines = lines.iter().map(|(path, status, body)| (*path, (*status, body.clone().into_bytes())));
        Self(Arc::new(Mutex::new(lines.collect())))
    }

    fn says(&self, path: &str) -> Said {
        let lines = self.0.lock().unwrap();
        let found = lines.iter().find(|(one, _)| *one == path).map(|(_, said)| said.clone());
        found.unwrap_or((404, br#"{"errors":[]}"#.to_vec()))
    }

    fn set(&self, path: &'static str, status: u16, body: &str) {
        let mut lines = self.0.lock().unwrap();
        lines.retain(|(one, _)| *one != path);
        lines.push((path, (status, body.as_bytes().to_vec())));
    }

    async fn client(&self, lab: &Lab, approle: bool) -> (Arc<VaultClient>, Arc<Recorder<Event>>) {
        let script = self.clone();
        let address = scripted::serve(lab, move |path| script.says(path)).await;
        over(lab, &address, approle)
    }
}

/// A client of a server, with a secret in a file.
fn over(lab: &Lab, address: &str, approle: bool) -> (Arc<VaultClient>, Arc<Recorder<Event>>) {
    let path = lab.directory().join("secret");
    LocalDisk.replace(&path, b"s.token", true).unwrap();
    let (mount, role_id) = ("approle".to_owned(), RoleId::Text("id".to_owned()));
    let login = match approle {
        true => Login::AppRole { mount, role_id, secret_id_file: path },
        false => Login::TokenFile { path },
    };
    let roots = Roots::Only(vec![lab.authority().certificate().clone()]);
    let settings = VaultSettings::new(address.parse().unwrap(), roots, "r", login).unwrap();
    let settings = settings.with_file_watch(Duration::from_millis(50));
    let events = Arc::new(Recorder::with_capacity(1_000));
    let client = VaultClient::new(settings, Arc::new(SystemClock::new()), Arc::clone(&events) as _).unwrap();
    (Arc::new(client), events)
}

fn count(events: &Recorder<Event>, code: &str) -> usize {
    events.events().iter().filter(|event| event.code() == code).count()
}

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came: {what}");
}

fn request() -> CertificateRequest {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    CertificateRequest::generate(&key, &["DNS:n1.novacron.local".parse().unwrap()]).unwrap()
}

fn auth(token: &str, seconds: u32) -> String {
    json!({ "auth": { "client_token": token, "lease_duration": seconds, "renewable": true } }).to_string()
}

/// A look at a token that has `ttl` seconds left and can be renewed.
fn look(ttl: u32) -> String {
    json!({ "request_id": "", "lease_id": "", "renewable": false, "lease_duration": 0, "wrap_info": null, "warnings": null,
        "auth": null, "data": { "id": "s.token", "ttl": ttl, "renewable": true, "accessor": "a", "creation_time": 1,
        "creation_ttl": ttl, "display_name": "t", "entity_id": "", "expire_time": "2030-01-01T00:00:00Z", "explicit_max_ttl": 0,
        "meta": null, "num_uses": 0, "orphan": true, "path": "p", "policies": ["default"], "type": "service" } })
    .to_string()
}

const LOGIN: &str = "auth/approle/login";
const LOOK: &str = "auth/token/lookup-self";
const RENEW: &str = "auth/token/renew-self";
const HEALTH: &str = "sys/health";
const HEALTHY: &str = r#"{"initialized":true,"sealed":false,"standby":false,"version":"2.7.2"}"#;

/// The file has the same token, whose life grew no longer: a login in its place would end it.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_says_nothing_of_the_token_costs_no_login() {
    let cases = [
        (CUT, ""),
        (404, "<html>no such page</html>"),
        (413, "<html>too large</html>"),
        (502, "<html>bad gateway</html>"),
        (200, "<html>welcome to the hotel</html>"),
    ];
    // All at once: each waits for two thirds of a life.
    let cases = cases.map(|(status, body)| tokio::spawn(renewed_after(status, body)));
    for case in cases {
        case.await.unwrap();
    }
}

async fn renewed_after(status: u16, body: &str) {
    let lab = Lab::new();
    let lines = [(LOOK, 200, look(4)), (RENEW, status, body.to_owned()), (HEALTH, 200, HEALTHY.to_owned())];
    let script = Script::new(&lines);
    let (client, events) = script.client(&lab, false).await;
    let keeper = Arc::clone(&client);
    let keeper = tokio::spawn(async move { keeper.keep().await });
    until("a renewal that failed", || count(&events, "vault.login.failed") > 0).await;
    script.set(RENEW, 200, &auth("s.token", 3_600));
    until("the renewal", || count(&events, "vault.token.renewed") == 1).await;
    assert_eq!(
        (count(&events, "vault.token.lost"), count(&events, "vault.login.done")),
        (0, 1),
        "{status} {body}: {:?}",
        events.events()
    );
    assert!(client.state().trouble.is_none());
    keeper.abort();
}

/// A server of ACME, for example: the address is wrong, and no path of it is to be created.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_vault_is_told_as_that() {
    let lab = Lab::new();
    for (approle, body) in [
        (false, "404 page not found\n"),
        (true, "404 page not found\n"),
        (false, r#"{"type":"urn:ietf:params:acme:error:malformed","status":404}"#),
        (true, r#"{"type":"urn:ietf:params:acme:error:malformed","status":404}"#),
    ] {
        let address = scripted::serve(&lab, move |_| (404, body.as_bytes().to_vec())).await;
        let (client, _) = over(&lab, &address, approle);
        let error = client.role(DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), "vault.answer.malformed", "{approle} {body}: {error:?}");
        assert!(error.fix().contains("address"), "{}", error.fix());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_in_a_login_is_told_as_that() {
    let lab = Lab::new();
    for (approle, path) in [(false, LOOK), (true, LOGIN)] {
        let script = Script::new(&[(path, CUT, String::new()), (HEALTH, 200, HEALTHY.to_owned())]);
        let (client, _) = script.client(&lab, approle).await;
        let error = client.sign(&request(), DEADLINE).await.unwrap_err();
        assert!(matches!(error, VaultError::Https(_)) && error.is_retryable(), "{path}: {error:?}");
        assert_eq!(error.code(), "https.answer.cut");
        script.set(path, SILENT, "");
        let (client, _) = script.client(&lab, approle).await;
        let error = client.sign(&request(), Duration::from_millis(300)).await.unwrap_err();
        assert_eq!(error.code(), "vault.server.silent", "{path}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p5_a_server_that_limits_logins_or_renewals_is_left_alone_as_long_as_it_says() {
    let lab = Lab::new();
    let script = Script::new(&[(LOGIN, 429, r#"{"errors":["rate limit quota exceeded"]}"#.to_owned())]);
    let (client, events) = script.client(&lab, true).await;
    let error = client.sign(&request(), DEADLINE).await.unwrap_err();
    assert_eq!((error.code(), error.retry_after()), ("vault.rate.limited", Some(Duration::from_secs(59))));
    let error = client.sign(&request(), DEADLINE).await.unwrap_err();
    assert!(error.retry_after().unwrap() > Duration::from_secs(50), "{error:?}");
    let waits =
        |event: &Event| matches!(event, Event::LoginFailed { retry_in, .. } if retry_in.as_secs() == 59);
    assert!(events.events().iter().all(waits));

    let limited = r#"{"errors":["rate limit quota exceeded"]}"#;
    let script = Script::new(&[(LOOK, 200, look(2)), (RENEW, 429, limited.to_owned())]);
    let (client, events) = script.client(&lab, false).await;
    let keeper = tokio::spawn(async move { client.keep().await });
    until("the renewal", || count(&events, "vault.login.failed") == 1).await;
    assert!(events.events().iter().any(waits), "{:?}", events.events());
    keeper.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_can_not_be_sent_is_refused_and_the_watcher_lives() {
    let lab = Lab::new();
    for token in ["", "a\r\nX-Evil: 1", "a\u{1}", "t\u{f6}k", &"t".repeat(5_000)] {
        let script = Script::new(&[(LOGIN, 200, auth(token, 3_600))]);
        let (client, events) = script.client(&lab, true).await;
        let error = client.sign(&request(), DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), "vault.answer.malformed", "{token:?}");
        let keeper = Arc::clone(&client);
        let keeper = tokio::spawn(async move { keeper.keep().await });
        script.set(LOGIN, 200, &auth("s.good", 3_600));
        until("a login", || count(&events, "vault.login.done") == 1).await;
        assert!(!keeper.is_finished());
        keeper.abort();
    }
}

/// A refusal by policy: the token is as good as it was, and no secret is spent for another.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_refuses_costs_no_login_while_the_server_knows_the_token() {
    let lab = Lab::new();
    let logins = Arc::new(AtomicUsize::new(0));
    let look_says = Arc::new(AtomicU16::new(200));
    let (counted, said) = (Arc::clone(&logins), Arc::clone(&look_says));
    let address = scripted::serve(&lab, move |path| match path {
        LOGIN => (200, auth(&format!("s.{}", counted.fetch_add(1, Ordering::SeqCst)), 3_600).into_bytes()),
        LOOK => (said.load(Ordering::SeqCst), look(3_600).into_bytes()),
        _ => (403, br#"{"errors":["permission denied"]}"#.to_vec()),
    })
    .await;
    let (client, events) = over(&lab, &address, true);
    for _ in 0..3 {
        let error = client.sign(&request(), DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), "vault.permission.denied");
    }
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    // What it is can not be asked: the token stays, and so does the error.
    look_says.store(503, Ordering::SeqCst);
    assert!(client.sign(&request(), DEADLINE).await.unwrap_err().is_retryable());
    assert_eq!((logins.load(Ordering::SeqCst), client.state().has_token), (1, true));
    // Only a token that nobody knows is replaced, and no other within the minute.
    look_says.store(403, Ordering::SeqCst);
    for _ in 0..3 {
        let error = client.sign(&request(), DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), "vault.permission.denied");
    }
    assert_eq!((logins.load(Ordering::SeqCst), count(&events, "vault.token.lost")), (2, 0));
}

/// A token was revoked, and whoever met it gave up before the login came to an end: the next one logs in.
#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_was_given_up_is_tried_again_at_once() {
    let lab = Lab::new();
    let denied = r#"{"errors":["permission denied"]}"#;
    let script = Script::new(&[(LOGIN, 200, auth("s.one", 3_600)), (LOOK, 200, look(3_600))]);
    let (client, events) = script.client(&lab, true).await;
    let _ = client.role(DEADLINE).await;
    assert_eq!(count(&events, "vault.login.done"), 1);
    script.set("pki/roles/r", 403, denied);
    script.set(LOOK, 403, denied);
    script.set(LOGIN, SILENT, "");
    let role = tokio::time::timeout(Duration::from_millis(500), client.role(DEADLINE));
    assert!(role.await.is_err(), "the login hangs");
    script.set(LOGIN, 200, &auth("s.two", 3_600));
    let _ = client.role(DEADLINE).await;
    assert_eq!(count(&events, "vault.login.done"), 2, "{:?}", events.events());
    // And once it was made, no third one follows within the minute.
    let _ = client.role(DEADLINE).await;
    assert_eq!(count(&events, "vault.login.done"), 2);
}

/// Lists come without a token, and say nothing of the role.
#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_the_role_from_signing_is_told_until_something_is_signed() {
    let lab = Lab::new();
    let refused = r#"{"errors":["role requires keys of type rsa"]}"#.to_owned();
    let issuer = lab.authority().certificate();
    let script = Script::new(&[
        (LOGIN, 200, auth("s.one", 3_600)),
        (LOOK, 200, look(3_600)),
        ("pki/roles/r", 200, json!({ "data": { "key_type": "rsa" } }).to_string()),
        ("pki/sign/r", 400, refused),
        ("pki/issuers", 200, r#"{"data":{"keys":[]}}"#.to_owned()),
        ("pki/config/crl", 200, r#"{"data":{}}"#.to_owned()),
    ]);
    let (client, _) = script.client(&lab, true).await;
    let provider = VaultProvider::new(Arc::clone(&client));
    let trouble = || client.state().trouble.map(|trouble| trouble.code);
    let lists = VaultLists::new(Arc::clone(&client));

    let _ = provider.issue(&request(), DEADLINE).await.unwrap_err();
    assert_eq!(trouble(), Some("vault.role.insufficient"));
    assert!(lists.fetch(&[], DEADLINE).await.is_ok() && client.health(DEADLINE).await.is_err());
    assert!(lists.fetch(&[], DEADLINE).await.is_ok());
    assert_eq!(trouble(), Some("vault.role.insufficient"), "a list is no signing");

    script.set("pki/roles/r", 200, r#"{"data":{"key_type":"any","allow_any_name":true}}"#);
    let _ = provider.issue(&request(), DEADLINE).await.unwrap_err();
    assert!(lists.fetch(&[], DEADLINE).await.is_ok());
    assert_eq!(trouble(), Some("vault.request.refused"));

    let signed = json!({ "data": { "certificate": issuer.to_pem(), "issuing_ca": issuer.to_pem() } });
    script.set("pki/sign/r", 200, &signed.to_string());
    assert!(provider.issue(&request(), DEADLINE).await.is_ok());
    assert_eq!(trouble(), None);
}

/// The file changes while the server is of no use: what is in it is taken up when the server is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_rotated_in_an_outage_is_taken_up_after_it() {
    let lab = Lab::new();
    let script = Script::new(&[(LOGIN, 200, auth("s.one", 3_600))]);
    let (client, events) = script.client(&lab, true).await;
    let keeper = Arc::clone(&client);
    let keeper = tokio::spawn(async move { keeper.keep().await });
    until("the first login", || count(&events, "vault.login.done") == 1).await;
    script.set(LOGIN, 503, r#"{"errors":["Vault is sealed"]}"#);
    LocalDisk.replace(&lab.directory().join("secret"), b"s.another", true).unwrap();
    until("a login that failed", || count(&events, "vault.login.failed") == 1).await;
    script.set(LOGIN, 200, &auth("s.two", 3_600));
    until("the login", || count(&events, "vault.login.done") == 2).await;
    assert!(client.state().trouble.is_none());
    keeper.abort();
}
