//! A throw-away mesh: one authority, nodes with real certificates, listeners on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_channel::{
    BoxedAccept, Event, LivePolicy, Lookups, NODE_ALPN, Premises, Registry, RelayOutcome, RelaySettings,
    SecureTransport, ServeSettings, Served, Session, TargetUnreachable, TlsAcceptor, forward, listen, serve,
};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AllowList, AuthorityParams, CertificateAuthority, CertificateRequest, CertificateStore, Credential,
    IssuancePolicy, RevocationMode, RevocationReason, SubjectName, TrustStore,
};
use dwcp_tls::{ClientAuth, ClientSettings, ExpectedServer, ServerSettings, TlsManager, TlsPolicy};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub const DEADLINE: Duration = Duration::from_secs(10);

pub struct Mesh {
    pub directory: tempfile::TempDir,
    pub authority: CertificateAuthority,
    pub clock: Arc<SystemClock>,
}

pub struct Node {
    pub manager: TlsManager,
    pub premises: Premises,
    pub credential: (String, SubjectName),
}

impl Mesh {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock::new());
        let params = AuthorityParams::new("channel test CA");
        let authority = CertificateAuthority::create(
            Arc::new(LocalDisk),
            &directory.path().join("ca"),
            &params,
            clock.unix(),
        )
        .unwrap();
        Self { directory, authority, clock }
    }

    pub fn trust(&self) -> TrustStore {
        let anchors = vec![self.authority.certificate().certificate_der().clone()];
        let crl = self.authority.crl(self.clock.unix()).unwrap();
        TrustStore::new(anchors, vec![crl], RevocationMode::Required).unwrap()
    }

    pub fn credential(&self, name: &str) -> Credential {
        self.credential_for(name, Duration::from_secs(86_400))
    }

    pub fn credential_for(&self, name: &str, ttl: Duration) -> Credential {
        let names =
            ["URI:spiffe://mesh/".to_owned() + name, "IP:127.0.0.1".to_owned(), format!("DNS:{name}.mesh")];
        let names: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let request = CertificateRequest::generate(&key, &names).unwrap();
        let policy = IssuancePolicy::default().with_ttl(ttl).unwrap();
        let chain = self.authority.issue(&request, &policy, self.clock.unix()).unwrap();
        Credential::new(chain, key).unwrap()
    }

    pub fn node(&self, name: &str) -> Node {
        self.node_with(name, 10_000)
    }

    pub fn node_with(&self, name: &str, capacity: usize) -> Node {
        self.node_of(self.credential(name), self.trust(), capacity)
    }

    pub fn node_of(&self, credential: Credential, trust: TrustStore, capacity: usize) -> Node {
        let serial = credential.chain().leaf().serial().to_string();
        let uri = credential.names()[0].clone();
        let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
        let clock = Arc::<SystemClock>::clone(&self.clock) as Arc<dyn Clock>;
        let manager = TlsManager::new(Arc::clone(&store), TlsPolicy::default(), Arc::clone(&clock)).unwrap();
        let registry = Registry::new(capacity, Arc::clone(&clock));
        Node { manager, premises: Premises { store, registry, clock }, credential: (serial, uri) }
    }

    pub fn revoke(&self, node: &Node) {
        let serial = node.credential.0.parse().unwrap();
        let _ = self.authority.revoke(&serial, RevocationReason::KeyCompromise, self.clock.unix()).unwrap();
    }
}

impl Node {
    pub fn acceptor(&self, patterns: &[&str]) -> TlsAcceptor {
        let policy = LivePolicy::new(allow(patterns));
        self.acceptor_with(&policy, patterns.contains(&"anonymous"))
    }

    pub fn acceptor_with(&self, policy: &Arc<LivePolicy>, anonymous: bool) -> TlsAcceptor {
        let auth = if anonymous { ClientAuth::Optional } else { ClientAuth::Required };
        let context = self.manager.server(ServerSettings::new(auth).with_alpn([NODE_ALPN])).unwrap();
        TlsAcceptor::new(context, self.premises.clone(), Arc::clone(policy), "test")
    }

    pub fn transport(&self) -> SecureTransport {
        let connector = self.manager.client(ClientSettings::new().with_alpn([NODE_ALPN])).unwrap();
        SecureTransport::new(connector, self.premises.clone(), "dialer")
    }

    /// A client that speaks TLS and knows nothing of nodes.
    pub fn stranger(&self) -> SecureTransport {
        let connector = self.manager.client(ClientSettings::new()).unwrap();
        SecureTransport::new(connector, self.premises.clone(), "stranger")
    }

    pub fn expected(&self) -> ExpectedServer {
        ExpectedServer::name(self.credential.1.clone()).unwrap()
    }

    pub fn registry(&self) -> &Arc<Registry> {
        &self.premises.registry
    }
}

pub fn allow(patterns: &[&str]) -> AllowList {
    AllowList::new(patterns.iter().map(|pattern| pattern.parse().unwrap()).collect())
}

/// A listener that forwards to a target, and what became of its connections.
pub struct Forwarder {
    pub address: SocketAddr,
    pub outcomes: mpsc::UnboundedReceiver<Result<RelayOutcome, TargetUnreachable>>,
    pub events: Arc<Mutex<Vec<Event>>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Served>,
}

impl Forwarder {
    pub fn start(accept: impl dwcp_channel::Accept + 'static, target: SocketAddr) -> Self {
        Self::start_with(accept, target, RelaySettings::default(), ServeSettings::default())
    }

    pub fn start_with(
        accept: impl dwcp_channel::Accept + 'static,
        target: SocketAddr,
        relaying: RelaySettings,
        settings: ServeSettings,
    ) -> Self {
        let (report, outcomes) = mpsc::unbounded_channel();
        let (target, lookups) = (target.to_string(), Lookups::default());
        let handler = move |session: Session| {
            let (report, target, lookups) = (report.clone(), target.clone(), lookups.clone());
            async move {
                let outcome = forward(session, &target, &lookups, DEADLINE, &relaying).await;
                let _ = report.send(outcome);
            }
        };
        let (address, events, stop, task) = start(accept, handler, settings);
        Self { address, outcomes, events, stop, task }
    }

    pub fn remote(&self) -> String {
        self.address.to_string()
    }

    pub async fn stop(self) -> Served {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }
}

pub type Started = (SocketAddr, Arc<Mutex<Vec<Event>>>, oneshot::Sender<()>, JoinHandle<Served>);

pub fn start<H, F>(
    accept: impl dwcp_channel::Accept + 'static,
    handler: H,
    mut settings: ServeSettings,
) -> Started
where
    H: Fn(Session) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&events);
    settings.observer = Arc::new(move |event: &Event| kept.lock().unwrap().push(*event));
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let task = tokio::spawn(serve(listener, BoxedAccept::new(accept), handler, settings, shutdown));
    (address, events, stop, task)
}

/// A target that sends back what it gets, and passes the end on.
pub async fn echo() -> SocketAddr {
    target(|mut stream| async move {
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
        let _ = writer.shutdown().await;
    })
    .await
}

pub async fn target<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// An address of loopback on which nothing listens.
pub async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Sends one message and reads it back.
pub async fn ping(session: &mut Session, message: &[u8]) {
    session.write_all(message).await.unwrap();
    session.flush().await.unwrap();
    let mut answer = vec![0; message.len()];
    session.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, message);
}

/// Waits until `condition` holds; fails after ten seconds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}");
}

/// Bytes that differ everywhere, so that a lost or doubled block shows.
pub fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
