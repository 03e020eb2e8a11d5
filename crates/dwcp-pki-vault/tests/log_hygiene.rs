//! No token, no secret and no key in whatever is said at the finest level, by us and by everything below us.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod hygiene;
mod mount;
mod scripted;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use dwcp_base::{Clock, Disk, LocalDisk, SystemClock};
use dwcp_crypto::{KeyEncryptionKey, KeyType, Secret, SigningKey, random};
use dwcp_https::Roots;
use dwcp_pki::{CertificateRequest, Credential};
use dwcp_pki_vault::{
    Login, RoleId, TransitKek, VaultClient, VaultError, VaultLists, VaultProvider, VaultSettings,
};
use dwcp_testkit::{Lab, OpenBao};
use hygiene::secrets::Secrets;
use hygiene::{Heard, listen};
use mount::{SOON, client, settings, signed};
use serde_json::{Value, json};
use std::error::Error;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// As many as it takes to meet what is said rarely; `DWCP_LOG_LINES` asks for more.
const LINES: u64 = 30_000;

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_any_log_has_a_secret_in_it() {
    let heard = listen();
    let Some(bao) = mount::bao() else { return };
    let mut secrets = Secrets::default();
    secrets.add("root token", bao.root_token().as_bytes());
    let logins = logins(&bao, &mut secrets).await;
    let wanted = std::env::var("DWCP_LOG_LINES").ok().and_then(|text| text.parse().ok()).unwrap_or(LINES);
    let mut round = 0;
    while heard.lines() < wanted || round < 3 {
        for login in &logins {
            well(&bao, login.clone(), heard, &mut secrets).await;
        }
        badly(&bao, heard, &mut secrets).await;
        round += 1;
    }
    renewals(&bao, heard, &mut secrets).await;
    outages(bao, heard).await;
    println!("{} lines in {round} rounds, by {:?}", heard.lines(), heard.speakers());

    let found = heard.search(|line| secrets.find(line));
    assert!(
        found.is_empty(),
        "{} lines give something away, for example {:#?}",
        found.len(),
        &found[..found.len().min(5)]
    );
    for speaker in ["vaultrs", "rustify", "reqwest", "rustls", "dwcp_https", "shown"] {
        assert!(heard.speakers().contains(speaker), "{speaker} said nothing: {:?}", heard.speakers());
    }
    heard.forget();
    canaries(heard, &mut secrets);
}

/// The search finds what is there: said by either way of logging, in fields, spans and errors, in every disguise.
fn canaries(heard: &Heard, secrets: &mut Secrets) {
    let canary = fresh("canary");
    secrets.add("canary", canary.as_bytes());
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    secrets.add_key("key of a canary", key.pkcs8().expose());
    let finds = |secrets: &Secrets| heard.search(|line| secrets.find(line)).len();
    let mut expected = finds(secrets);
    assert_eq!(expected, 0);
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let unknown = format!("s.{}", &hex[..24]);
    let said: [&dyn Fn(); 9] = [
        &|| tracing::trace!("a line with {canary}"),
        &|| tracing::debug!(token = canary.as_str(), "a field"),
        &|| tracing::debug!(body = ?canary.as_bytes(), "bytes"),
        &|| log::trace!("a record with {canary}"),
        &|| log::trace!("{hex}"),
        &|| log::trace!("a key: {:?}", key.pkcs8().expose()),
        &|| log::trace!("{}", Base64::encode_string(canary.as_bytes())),
        &|| drop(tracing::trace_span!("a span", token = %canary).entered()),
        &|| tracing::warn!("the answer was {{\"client_token\":\"{unknown}\"}}"),
    ];
    for (at, say) in said.iter().enumerate() {
        say();
        expected += 1;
        assert_eq!(finds(secrets), expected, "canary {at} was not found");
    }
}

/// One login by each method, with what must not be seen of it.
async fn logins(bao: &OpenBao, secrets: &mut Secrets) -> Vec<Login> {
    for method in ["approle", "jwt", "cert"] {
        bao.command(&["auth", "enable", method]);
    }
    bao.command(&["secrets", "enable", "transit"]);
    bao.write("transit/keys/node", &json!({}));
    bao.write(
        "sys/policies/acl/all",
        &json!({ "policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"list\"] }" }),
    );

    let token = bao.token(&["all"], "1h", &json!({}));
    secrets.add("token of a file", token.as_bytes());
    let by_token = Login::TokenFile { path: file(bao, "by-token", &token) };

    bao.write("auth/approle/role/node", &json!({ "token_policies": "all", "token_ttl": "1h" }));
    let role_id = text(&bao.read("auth/approle/role/node/role-id")["data"]["role_id"]);
    let secret_id = text(&bao.write("auth/approle/role/node/secret-id", &json!({}))["data"]["secret_id"]);
    secrets.add("secret id", secret_id.as_bytes());
    let by_role = Login::AppRole {
        mount: "approle".to_owned(),
        role_id: RoleId::Text(role_id),
        secret_id_file: file(bao, "secret-id", &secret_id),
    };

    let signer = SigningKey::generate(KeyType::Ed25519).unwrap();
    bao.write(
        "auth/jwt/config",
        &json!({ "jwt_validation_pubkeys": public_pem(&signer), "jwt_supported_algs": ["EdDSA"] }),
    );
    let role = json!({ "role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault", "token_policies": "all" });
    bao.write("auth/jwt/role/node", &role);
    let jwt = jwt(&signer);
    secrets.add("JWT", jwt.as_bytes());
    secrets.add("signature of the JWT", jwt.rsplit('.').next().unwrap().as_bytes());
    let by_jwt =
        Login::Jwt { mount: "jwt".to_owned(), role: "node".to_owned(), jwt_file: file(bao, "jwt", &jwt) };

    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &["DNS:login.novacron.local".parse().unwrap()]).unwrap();
    let issued = mount::root(bao).sign(&request, SOON).await.unwrap();
    let credential = Credential::new(issued.chain, key).unwrap();
    secrets.add_key("key of a login", credential.key().pkcs8().expose());
    let files = bao.lab().write("login", &credential);
    secrets.add_key("key file of a login", &std::fs::read(&files.key).unwrap());
    let pem = credential.chain().leaf().to_pem();
    bao.write(
        "auth/cert/certs/node",
        &json!({ "certificate": pem, "token_policies": "all", "token_ttl": "1h" }),
    );
    let by_certificate =
        Login::Certificate { mount: "cert".to_owned(), role: None, cert: files.certificate, key: files.key };
    vec![by_token, by_role, by_jwt, by_certificate]
}

/// Everything that a client does, as it should go.
async fn well(bao: &OpenBao, login: Login, heard: &Heard, secrets: &mut Secrets) {
    let settings = settings_of(bao, login);
    let (client, _) = client(settings.clone());
    signed(&client).await;
    let names = ["DNS:served.novacron.local".parse().unwrap()];
    let served = client.issue_with_key_made_by_server(&names, SOON).await.unwrap();
    secrets.add_key("key made by the server", served.key.expose());
    client.revoke(&served.issued.chain.leaf().serial(), SOON).await.unwrap();
    client.preflight(&names, KeyType::EcdsaP256, SOON).await.unwrap();
    client.ca_chain(SOON).await.unwrap();
    let lists = VaultLists::new(Arc::clone(&client));
    let listing = lists.fetch(&[], SOON).await.unwrap();
    let kek = TransitKek::new(Arc::clone(&client), "transit", "node").unwrap();
    let key = Secret::from(fresh("transit").into_bytes());
    secrets.add("plaintext of a transit key", key.expose());
    let wrapped = kek.wrap(&key, b"keyring", SOON).await.unwrap();
    let unwrapped = kek.unwrap(&wrapped, b"keyring", SOON).await.unwrap();
    assert_eq!(unwrapped.expose(), key.expose());
    let provider = VaultProvider::new(Arc::clone(&client));
    let shown: [&dyn Debug; 11] = [
        &settings,
        &settings.login(),
        &client,
        &client.state(),
        &served,
        &lists,
        &listing,
        &kek,
        &wrapped,
        &unwrapped,
        &provider,
    ];
    shown.iter().for_each(|one| heard.take(format!("shown {one:?} {one:#?}")));
}

/// Everything that can be wrong with a secret, a request or an answer.
async fn badly(bao: &OpenBao, heard: &Heard, secrets: &mut Secrets) {
    let wrong = fresh("wrong");
    secrets.add("wrong secret", wrong.as_bytes());
    let path = file(bao, "wrong", &wrong);
    let approle = |secret_id_file: PathBuf| Login::AppRole {
        mount: "approle".to_owned(),
        role_id: RoleId::Text("nobody".to_owned()),
        secret_id_file,
    };
    let (mount, role) = ("jwt".to_owned(), "node".to_owned());
    let jwt = Login::Jwt { mount, role, jwt_file: path.clone() };
    for login in [Login::TokenFile { path: path.clone() }, approle(path.clone()), jwt] {
        told(heard, &try_all(&client(settings_of(bao, login)).0).await);
    }
    // Files that are none: several lines, a control character, open to everybody.
    let lines = file(bao, "lines", &format!("{wrong}\n{wrong}\u{1b}"));
    let open = bao.directory().join("open");
    std::fs::write(&open, &wrong).unwrap();
    for path in [lines, open] {
        told(heard, &try_all(&client(settings_of(bao, approle(path))).0).await);
    }
    // A login that is good, and a request that is not.
    let root = settings(bao, bao.root_token());
    for settings in [root.clone().with_mount("none").unwrap(), root.with_issuer("none").unwrap()] {
        told(heard, &try_all(&client(settings).0).await);
    }
    let default = bao.token(&["default"], "1m", &json!({}));
    secrets.add("token that may do nothing", default.as_bytes());
    told(heard, &try_all(&client(settings(bao, &default)).0).await);
    answers(heard, secrets).await;
}

/// Answers with secrets in them that are not what they should be, so that they end in errors.
async fn answers(heard: &Heard, secrets: &mut Secrets) {
    let lab = Lab::new();
    let secret = fresh("answer");
    secrets.add("secret of an answer", secret.as_bytes());
    let token = lab.directory().join("token");
    LocalDisk.replace(&token, b"s.0123456789abcdef01234567", true).unwrap();
    secrets.add("token shown to a stranger", b"s.0123456789abcdef01234567");
    for (status, body) in [
        (200, format!("{{\"auth\":{{\"client_token\":\"{secret}\",\"lease_duration\":\"soon\"}}}}")),
        (200, format!("{{\"data\":{{\"plaintext\":7,\"private_key\":\"{secret}\"}}}}")),
        (200, format!("{{\"data\":{{\"id\":\"{secret}\",\"ttl\":-1}}}}")),
        (200, format!("{{\"data\":\"{secret}")),
        (200, format!("<html>{secret}</html>")),
        (502, format!("<html>{secret}</html>")),
        (204, String::new()),
    ] {
        let address = scripted::serve(&lab, move |_| (status, body.clone().into_bytes())).await;
        let roots = Roots::Only(vec![lab.authority().certificate().clone()]);
        let approle = Login::AppRole {
            mount: "approle".to_owned(),
            role_id: RoleId::Text("node".to_owned()),
            secret_id_file: token.clone(),
        };
        let jwt = Login::Jwt { mount: "jwt".to_owned(), role: "node".to_owned(), jwt_file: token.clone() };
        for login in [Login::TokenFile { path: token.clone() }, approle, jwt] {
            let settings = VaultSettings::new(address.parse().unwrap(), roots.clone(), "r", login).unwrap();
            told(heard, &try_all(&client(settings).0).await);
        }
    }
}

/// Tokens that are renewed, replaced and lost while somebody looks after them.
async fn renewals(bao: &OpenBao, heard: &Heard, secrets: &mut Secrets) {
    let token = bao.token(&["all"], "2s", &json!({}));
    secrets.add("token that is renewed", token.as_bytes());
    let login = Login::TokenFile { path: file(bao, "renewed", &token) };
    let (client, codes) = client(settings_of(bao, login));
    signed(&client).await;
    let _ = timeout(Duration::from_millis(2_500), client.keep()).await;
    assert!(codes.codes().contains(&"vault.token.renewed"), "{:?}", codes.codes());
    bao.write("auth/token/revoke", &json!({ "token": token }));
    told(heard, &try_all(&client).await);
    let _ = timeout(Duration::from_millis(500), client.keep()).await;
}

/// A server that is sealed, then gone.
async fn outages(mut bao: OpenBao, heard: &Heard) {
    let login = Login::TokenFile { path: file(&bao, "by-token", bao.root_token()) };
    let (client, _) = client(settings_of(&bao, login));
    signed(&client).await;
    bao.seal();
    told(heard, &try_all(&client).await);
    bao.kill();
    told(heard, &try_all(&client).await);
}

/// Asks for one of everything, whatever comes of it.
async fn try_all(client: &Arc<VaultClient>) -> Vec<Box<dyn Error + Send + Sync>> {
    let mut errors: Vec<Box<dyn Error + Send + Sync>> = Vec::new();
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let names = ["DNS:n1.novacron.local".parse().unwrap()];
    let request = CertificateRequest::generate(&key, &names).unwrap();
    let mut vault = |outcome: Result<(), VaultError>| errors.extend(outcome.err().map(Into::into));
    vault(client.sign(&request, SOON).await.map(drop));
    vault(client.issue_with_key_made_by_server(&names, SOON).await.map(drop));
    vault(client.preflight(&names, KeyType::EcdsaP256, SOON).await);
    vault(client.health(SOON).await.map(drop));
    vault(VaultLists::new(Arc::clone(client)).fetch(&[], SOON).await.map(drop));
    let kek = TransitKek::new(Arc::clone(client), "transit", "node").unwrap();
    errors.extend(kek.wrap(&Secret::from(vec![1; 32]), b"a", SOON).await.err().map(Into::into));
    errors
}

/// Errors as a program tells them: with all that lies under them.
fn told(heard: &Heard, errors: &[Box<dyn Error + Send + Sync>]) {
    for error in errors {
        heard.take(format!("shown {error} {error:?} {error:#?}"));
        let mut next = error.source();
        while let Some(cause) = next {
            heard.take(format!("shown {cause} {cause:?}"));
            next = cause.source();
        }
    }
}

fn settings_of(bao: &OpenBao, login: Login) -> VaultSettings {
    let roots = Roots::Only(bao.roots());
    VaultSettings::new(bao.address().parse().unwrap(), roots, "dwcp-role", login).unwrap()
}

fn file(bao: &OpenBao, name: &str, text: &str) -> PathBuf {
    mount::token_file(bao, name, text)
}

/// A text that is nowhere else.
fn fresh(name: &str) -> String {
    let bytes: [u8; 12] = random::array().unwrap();
    bytes.iter().fold(name.to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn jwt(key: &SigningKey) -> String {
    let now = SystemClock::new().unix().secs();
    let claims = json!({ "sub": "n1", "aud": "vault", "iat": now - 60, "nbf": now - 60, "exp": now + 3_600 });
    let part = |value: Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(json!({ "alg": "EdDSA", "typ": "JWT" })), part(claims));
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&key.sign(signed.as_bytes()).unwrap()))
}

/// A SubjectPublicKeyInfo of Ed25519 (RFC 8410 §4) in PEM.
fn public_pem(key: &SigningKey) -> String {
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(key.public_key());
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", Base64::encode_string(&der))
}
