//! A real OpenBao with the mission's mount, and clients of it.

#![allow(unreachable_pub, reason = "a module of each test binary")]
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::{Disk, LocalDisk, Observer, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_https::Roots;
use dwcp_pki::{CertificateRequest, Issued, SubjectName};
use dwcp_pki_vault::{Event, Login, VaultClient, VaultSettings};
use dwcp_testkit::OpenBao;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const SOON: Duration = Duration::from_secs(10);

/// Codes of what was told.
#[derive(Debug, Default)]
pub struct Told(Mutex<Vec<&'static str>>);

impl Told {
    pub fn codes(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer<Event> for Told {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.code());
    }
}

/// A server with the role completed.
pub fn bao() -> Option<OpenBao> {
    let bao = OpenBao::start()?;
    bao.set_up_pki();
    bao.complete_role();
    Some(bao)
}

pub fn token_file(bao: &OpenBao, name: &str, token: &str) -> PathBuf {
    let path = bao.directory().join(name);
    LocalDisk.replace(&path, token.as_bytes(), true).unwrap();
    path
}

pub fn settings(bao: &OpenBao, token: &str) -> VaultSettings {
    let login = Login::TokenFile { path: token_file(bao, "token", token) };
    let roots = Roots::Only(bao.roots());
    VaultSettings::new(bao.address().parse().unwrap(), roots, "dwcp-role", login).unwrap()
}

pub fn client(settings: VaultSettings) -> (Arc<VaultClient>, Arc<Told>) {
    let told = Arc::new(Told::default());
    let observer: Arc<dyn Observer<Event>> = Arc::clone(&told) as _;
    (Arc::new(VaultClient::new(settings, Arc::new(SystemClock::new()), observer).unwrap()), told)
}

/// A client that may do everything.
pub fn root(bao: &OpenBao) -> Arc<VaultClient> {
    client(settings(bao, bao.root_token())).0
}

/// A certificate of the role.
pub async fn signed(client: &VaultClient) -> Issued {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let names: Vec<SubjectName> = ["URI:spiffe://novacron.local/node/n1", "DNS:n1.novacron.local"]
        .iter()
        .map(|name| name.parse().unwrap())
        .collect();
    let request = CertificateRequest::generate(&key, &names).unwrap();
    client.sign(&request, SOON).await.unwrap()
}
