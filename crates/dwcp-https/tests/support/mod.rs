//! Servers of one kind of answer each, over real TLS, on loopback.

#![allow(unreachable_pub, reason = "a module of each test binary")]
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_https::{Answer, Ask, HttpsClient, HttpsError, HttpsUrl, Limits, Roots, Verb};
use dwcp_pki::Credential;
use dwcp_testkit::Lab;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, version::TLS13};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a server says to every question.
#[derive(Clone)]
pub struct Script {
    /// Once it has read a head.
    pub first: String,
    /// After that, for as long as anybody listens.
    pub again: &'static [u8],
    /// How far apart.
    pub pause: Duration,
    /// Whether the connection is ended as TLS wants it, with an alert.
    pub farewell: bool,
    /// Whether the connection waits for another question.
    pub stays: bool,
}

impl Script {
    pub fn once(first: &str) -> Self {
        Self { first: first.to_owned(), again: b"", pause: Duration::ZERO, farewell: true, stays: false }
    }

    pub fn endless(first: &str, again: &'static [u8], pause: Duration) -> Self {
        Self { again, pause, ..Self::once(first) }
    }
}

/// A server at work, until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    said: Arc<AtomicU64>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub async fn start(config: ServerConfig, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, said, connections) = (Arc::default(), Arc::default(), Arc::default());
        let talk = Talk { script, heard: Arc::clone(&heard), said: Arc::clone(&said) };
        let counted: Arc<AtomicUsize> = Arc::clone(&connections);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(talk.clone().held(acceptor.clone(), stream));
            }
        });
        Self { address, heard, said, connections, task }
    }

    pub fn url(&self, path: &str) -> HttpsUrl {
        format!("https://{}{path}", self.address).parse().unwrap()
    }

    /// The heads that were read, in small letters.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Bytes that were said again and again.
    pub fn said(&self) -> u64 {
        self.said.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Talk {
    script: Script,
    heard: Arc<Mutex<Vec<String>>>,
    said: Arc<AtomicU64>,
}

impl Talk {
    async fn held(self, acceptor: TlsAcceptor, stream: TcpStream) {
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        loop {
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            self.heard.lock().unwrap().push(String::from_utf8_lossy(&head).to_lowercase());
            let mut open = stream.write_all(self.script.first.as_bytes()).await.is_ok();
            open &= stream.flush().await.is_ok();
            while open && !self.script.again.is_empty() {
                tokio::time::sleep(self.script.pause).await;
                open = stream.write_all(self.script.again).await.is_ok() && stream.flush().await.is_ok();
                self.said.fetch_add(self.script.again.len() as u64, Ordering::SeqCst);
            }
            if !open || !self.script.stays {
                break;
            }
        }
        if self.script.farewell {
            let _ = stream.shutdown().await;
        }
    }
}

/// A lab, and a client that trusts it.
pub struct World {
    pub lab: Lab,
    pub client: HttpsClient,
}

impl World {
    pub fn new() -> Self {
        let lab = Lab::new();
        let client = HttpsClient::new(&roots(&lab)).unwrap();
        Self { lab, client }
    }

    /// A server of this lab, under its right name.
    pub async fn server(&self, script: Script) -> Server {
        Server::start(tls(&self.lab.credential(&["IP:127.0.0.1", "DNS:localhost"]), None), script).await
    }

    pub async fn once(&self, answer: &str) -> Server {
        self.server(Script::once(answer)).await
    }

    pub async fn ask(&self, server: &Server) -> Result<Answer, HttpsError> {
        get(&self.client, &server.url("/list?x=1")).await
    }
}

pub async fn get(client: &HttpsClient, url: &HttpsUrl) -> Result<Answer, HttpsError> {
    let limits = Limits { deadline: Duration::from_secs(3), body: 100_000 };
    client.ask(Ask { verb: Verb::Get, url, headers: &[("x-token", "secret")], body: None, limits }).await
}

pub fn roots(lab: &Lab) -> Roots {
    Roots::Only(vec![lab.authority().certificate().clone()])
}

/// TLS 1.3 of a server that shows `credential`, and takes clients of `clients` alone where that is given.
pub fn tls(credential: &Credential, clients: Option<&Lab>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[&TLS13]).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(lab) => {
            let mut roots = RootCertStore::empty();
            roots.add(lab.authority().certificate().certificate_der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivatePkcs8KeyDer::from(credential.key().pkcs8().expose().to_vec());
    builder.with_single_cert(credential.chain().ders(), PrivateKeyDer::Pkcs8(key)).unwrap()
}
