//! A real OpenBao with the mount of the mission, and clients that may do what a node may.
#![allow(dead_code, reason = "each suite uses its part")]

use dwcp_base::{Clock, Recorder, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_https::Roots;
use dwcp_pki::{CertificateRequest, SubjectName};
use dwcp_pki_vault::{Event, Login, RoleId, VaultClient, VaultProvider, VaultSettings};
use dwcp_testkit::{OpenBao, OpenBaoOptions};
use serde_json::{Value, json};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Rig {
    pub(crate) bao: OpenBao,
    pub(crate) clock: Arc<dyn Clock>,
}

/// One client with what it told.
pub(crate) struct Ours {
    pub(crate) client: Arc<VaultClient>,
    pub(crate) events: Arc<Recorder<Event>>,
}

/// What a request may take; a loaded machine takes a hundredth of it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The least that a node needs: what `docs/providers/vault.md` tells operators to write.
pub(crate) const POLICY: &str = r#"
path "pki/sign/dwcp-role"  { capabilities = ["update"] }
path "pki/roles/dwcp-role" { capabilities = ["read"] }
path "pki/issuer/+/json"   { capabilities = ["read"] }
path "pki/issuers"         { capabilities = ["list"] }
path "pki/config/crl"      { capabilities = ["read"] }
"#;

pub(crate) const NODE: &[&str] = &["URI:spiffe://novacron.local/node/n1", "DNS:n1.novacron.local"];

impl Rig {
    /// The mount and the role as the mission has them; `None` where there is no server to be had.
    pub(crate) fn bare(options: &OpenBaoOptions) -> Option<Self> {
        let bao = OpenBao::start_with(options)?;
        bao.set_up_pki();
        bao.write("sys/policies/acl/dwcp-node", &json!({ "policy": POLICY }));
        Some(Self { bao, clock: Arc::new(SystemClock::new()) })
    }

    /// The same with the two settings added.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&OpenBaoOptions::default())
    }

    pub(crate) fn start_with(options: &OpenBaoOptions) -> Option<Self> {
        let rig = Self::bare(options)?;
        rig.bao.complete_role();
        Some(rig)
    }

    /// Writes a secret for a login.
    pub(crate) fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.bao.directory().join(name);
        let staged = self.bao.directory().join(format!("{name}.new"));
        let mut file = std::fs::OpenOptions::new();
        let mut file = file.write(true).create(true).truncate(true).mode(0o600).open(&staged).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        std::fs::rename(staged, &path).unwrap();
        path
    }

    /// A token under the policy of a node, in a file.
    pub(crate) fn token_login(&self, ttl: &str, more: &Value) -> (Login, String) {
        let token = self.bao.token(&["dwcp-node"], ttl, more);
        (Login::TokenFile { path: self.secret("token", &token) }, token)
    }

    pub(crate) fn settings(&self, login: Login) -> VaultSettings {
        let address = self.bao.address().parse().unwrap();
        let settings =
            VaultSettings::new(address, Roots::Only(self.bao.roots()), "dwcp-role", login).unwrap();
        // Nobody waits five seconds for each file that is rotated.
        settings.with_file_watch(Duration::from_millis(100))
    }

    pub(crate) fn client_of(&self, settings: VaultSettings) -> Ours {
        let events = Arc::new(Recorder::with_capacity(1_000));
        let client = VaultClient::new(settings, Arc::clone(&self.clock), Arc::clone(&events) as _).unwrap();
        Ours { client: Arc::new(client), events }
    }

    /// A client with a token for an hour.
    pub(crate) fn client(&self) -> Ours {
        self.client_of(self.settings(self.token_login("1h", &json!({})).0))
    }
}

impl Ours {
    pub(crate) fn provider(&self) -> VaultProvider {
        VaultProvider::new(Arc::clone(&self.client))
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.events.events().iter().map(Event::code).collect()
    }

    pub(crate) fn count(&self, code: &str) -> usize {
        self.codes().iter().filter(|one| **one == code).count()
    }

    /// Whether a request for the node's names comes through.
    pub(crate) async fn signs(&self) -> bool {
        self.client.sign(&request(NODE), DEADLINE).await.is_ok()
    }
}

pub(crate) fn names(texts: &[&str]) -> Vec<SubjectName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn request(texts: &[&str]) -> CertificateRequest {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    CertificateRequest::generate(&key, &names(texts)).unwrap()
}

/// Waits until it is so, for ten seconds at most.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came: {what}");
}

/// Runs the watcher beside the test.
pub(crate) fn kept(ours: &Ours) -> tokio::task::JoinHandle<()> {
    let client = Arc::clone(&ours.client);
    tokio::spawn(async move { client.keep().await })
}

/// A role of AppRole with the node's policy; its id.
pub(crate) fn app_role(rig: &Rig, settings: &Value) -> String {
    let _ = rig.bao.try_command(&["auth", "enable", "approle"]);
    let mut body = json!({ "token_policies": "dwcp-node" });
    body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    rig.bao.write("auth/approle/role/node", &body);
    rig.bao.read("auth/approle/role/node/role-id")["data"]["role_id"].as_str().unwrap().to_owned()
}

pub(crate) fn secret_id(rig: &Rig) -> String {
    let made = rig.bao.write("auth/approle/role/node/secret-id", &json!({}));
    made["data"]["secret_id"].as_str().unwrap().to_owned()
}

pub(crate) fn app_role_login(rig: &Rig, settings: &Value) -> Login {
    let role_id = app_role(rig, settings);
    let secret_id_file = rig.secret("secret-id", &secret_id(rig));
    Login::AppRole { mount: "approle".to_owned(), role_id: RoleId::Text(role_id), secret_id_file }
}

pub(crate) fn revoke_all(rig: &Rig, method: &str) {
    rig.bao.write(&format!("sys/leases/revoke-prefix/auth/{method}/login"), &json!({}));
}
