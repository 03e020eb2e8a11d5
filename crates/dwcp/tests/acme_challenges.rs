//! TLS-ALPN-01 against a real authority, on a listener of the mesh: it validates names and addresses there while members talk, and what comes of
//! it serves strangers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::{Clock, Coded, LocalDisk, Silent, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_https::Roots;
use dwcp_pki::{
    CertificateRequest, CertificateStore, Credential, Profile, RevocationMode, SubjectName, TrustStore,
};
use dwcp_pki_acme::{AcmeIssuer, AcmeProvider, AcmeSettings, Cache, TlsAlpnResponder};
use dwcp_testkit::{Lab, Pebble, PebbleOptions};
use dwcp_tls::{
    ClientAuth, ClientIdentity, ClientSettings, ExpectedServer, ServerSettings, TlsConnector, TlsContext,
    TlsManager, TlsPolicy,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const DEADLINE: Duration = Duration::from_secs(30);

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn tls(store: &Arc<CertificateStore>) -> TlsManager {
    TlsManager::new(Arc::clone(store), TlsPolicy::new(), clock()).unwrap()
}

/// Says back what it is told, until it is dropped; and counts the validations.
struct Echo {
    at: SocketAddr,
    validated: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Echo {
    async fn start(context: TlsContext) -> Self {
        let listener = TcpListener::bind("[::]:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let validated = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&validated);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (context, counted) = (context.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    match context.accept(stream, DEADLINE).await {
                        Ok(mut session) => {
                            let mut word = [0; 4];
                            session.read_exact(&mut word).await.unwrap();
                            session.write_all(&word).await.unwrap();
                            session.shutdown().await.unwrap();
                        }
                        Err(error) if error.code() == "tls.challenge.answered" => {
                            counted.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(_) => {}
                    }
                });
            }
        });
        Self { at, validated, task }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(client: &TlsConnector, at: SocketAddr, expected: &ExpectedServer) {
    let stream = TcpStream::connect(("127.0.0.1", at.port())).await.unwrap();
    let mut session = client.connect(stream, expected, DEADLINE).await.unwrap();
    session.write_all(b"ping").await.unwrap();
    let mut word = Vec::new();
    session.read_to_end(&mut word).await.unwrap();
    assert_eq!(word, b"ping");
}

fn named(name: &str) -> ExpectedServer {
    ExpectedServer::name(name.parse().unwrap()).unwrap()
}

fn requested(names: &[&str]) -> (SigningKey, CertificateRequest) {
    let names: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &names).unwrap();
    (key, request)
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p13_an_authority_validates_on_a_listener_of_the_mesh_while_members_talk() {
    let lab = Lab::new();
    let store = lab.store("node");
    let settings = ServerSettings::new(ClientAuth::Required).with_alpn(["dwcp/1"]);
    let echo = Echo::start(tls(&store).server(settings).unwrap()).await;
    let addresses = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    let options = PebbleOptions {
        tls_port: Some(echo.at.port()),
        addresses,
        nonce_reject: 20,
        ..PebbleOptions::default()
    };
    let Some(pebble) = Pebble::start(&options) else { return };

    let issuer = AcmeIssuer::new(pebble.directory_url().parse().unwrap(), Roots::Only(pebble.roots()));
    let cache = Cache::open(&lab.directory().join("acme"), Arc::new(LocalDisk)).unwrap();
    let responder = Arc::new(TlsAlpnResponder::new(Arc::clone(&store)));
    let provider =
        AcmeProvider::new(AcmeSettings::new(issuer), cache, vec![responder], clock(), Arc::new(Silent))
            .unwrap();

    // Members go on talking, each time over a connection of its own.
    let member = tls(&lab.store("member")).client(ClientSettings::new().with_alpn(["dwcp/1"])).unwrap();
    let (over, at) = (Arc::new(AtomicBool::new(false)), echo.at);
    let (stop, talked) = (Arc::clone(&over), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&talked);
    let talking = tokio::spawn(async move {
        while !stop.load(Ordering::SeqCst) {
            talk(&member, at, &named("URI:spiffe://lab.example/node")).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    });

    let names = ["DNS:shop.example", "DNS:www.shop.example", "IP:127.0.0.1", "IP:::1"];
    let (key, request) = requested(&names);
    let chain = provider.obtain(&request, DEADLINE).await.unwrap();
    assert!(echo.validated.load(Ordering::SeqCst) >= names.len());
    assert!(store.current().challenges().is_empty(), "nothing stays installed");
    // A name that leads nowhere is refused, and leaves nothing either.
    pebble.fail_to_resolve("elsewhere.example");
    let (_, foreign) = requested(&["DNS:mine.example", "DNS:elsewhere.example"]);
    let error = provider.obtain(&foreign, DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "acme.name.unproven", "{error}");
    assert!(store.current().challenges().is_empty());
    over.store(true, Ordering::SeqCst);
    talking.await.unwrap();
    assert!(talked.load(Ordering::SeqCst) > 10, "members were cut off");

    serves_strangers(&pebble, Credential::new(chain, key).unwrap()).await;
}

/// By a store of its own, to clients that show nothing and trust the authority.
async fn serves_strangers(pebble: &Pebble, credential: Credential) {
    let trusted = || {
        let anchors = pebble.issuing_roots().iter().map(|root| root.certificate_der().clone()).collect();
        TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap().with_profile(Profile::Interop)
    };
    let store = CertificateStore::new_public(credential, TrustStore::of_nobody(), trusted()).unwrap();
    let echo =
        Echo::start(tls(&Arc::new(store)).server(ServerSettings::new(ClientAuth::Optional)).unwrap()).await;
    let unused = Lab::new().node("stranger");
    let stranger = Arc::new(CertificateStore::for_client(unused, trusted()));
    let client =
        tls(&stranger).client(ClientSettings::new().with_identity(ClientIdentity::Anonymous)).unwrap();
    for name in ["DNS:shop.example", "DNS:www.shop.example", "IP:127.0.0.1"] {
        talk(&client, echo.at, &named(name)).await;
    }
}
