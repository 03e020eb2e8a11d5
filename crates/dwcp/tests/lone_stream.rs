//! One stream and no other connection, between two nodes that are renewed over and over: it outlives every certificate it began with.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp::config::{check, load};
use dwcp::node::Node;
use dwcp_base::{Clock, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{CertificateRequest, Credential, IssuancePolicy};
use dwcp_testkit::Lab;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::site::{Pair, replace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Long enough to be served and seen, short enough for three of them and the grace of 30 s in a test.
const LIFE: Duration = Duration::from_secs(12);

/// Two nodes, `far` with a listener and `near` with a dialer to it, and what their target saw.
struct Line {
    lab: Lab,
    near: Node,
    far: Node,
    stream: TcpStream,
    began: Instant,
    connections: Arc<AtomicUsize>,
}

impl Line {
    async fn new() -> Self {
        let lab = Lab::at(SystemClock::new().unix().minus(Duration::from_secs(3_600)));
        let connections = Arc::<AtomicUsize>::default();
        let target = echo(&connections).await;
        let listener = format!(
            "listeners: [{{name: l, listen: '127.0.0.1:0', target: '{target}', allow: ['spiffe://lab.example/near']}}]"
        );
        let far = node(&lab, "far", &listener).await;
        let remote = far.address_of("l").await.unwrap();
        let dialer = format!(
            "dialers: [{{name: d, listen: '127.0.0.1:0', remote: '{remote}', expect: ['spiffe://lab.example/far']}}]"
        );
        let near = node(&lab, "near", &dialer).await;
        let stream = TcpStream::connect(near.address_of("d").await.unwrap()).await.unwrap();
        let mut line = Self { lab, near, far, stream, began: Instant::now(), connections };
        assert!(line.echoes().await);
        line
    }

    async fn echoes(&mut self) -> bool {
        let mut back = [0; 5];
        let talk = async {
            self.stream.write_all(b"hello").await?;
            self.stream.read_exact(&mut back).await
        };
        let talked = tokio::time::timeout(Duration::from_secs(5), talk).await;
        talked.is_ok_and(|talked| talked.is_ok()) && &back == b"hello"
    }

    /// How long the stream lives, at most for `limit`, while `renewed` get a new pair at every half of a life.
    async fn lives(&mut self, limit: Duration, renewed: &[&str]) -> Duration {
        let mut next = LIFE / 2;
        while self.began.elapsed() < limit {
            if self.began.elapsed() >= next {
                renewed.iter().for_each(|name| put(&self.lab, name));
                next += LIFE / 2;
            }
            if !self.echoes().await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        self.began.elapsed()
    }

    async fn stop(self) {
        self.near.stop().await;
        self.far.stop().await;
    }
}

/// A node of that name whose files are followed.
async fn node(lab: &Lab, name: &str, works: &str) -> Node {
    let dir = home(lab, name);
    fs::create_dir_all(&dir).unwrap();
    put(lab, name);
    fs::copy(lab.directory().join("ca/ca.crt"), dir.join("roots.pem")).unwrap();
    replace(&dir.join("list.pem"), lab.crl().to_pem().as_bytes(), 0o644);
    let file = dir.join("dwcp.yaml");
    let text = format!(
        "node: {{name: {name}, state_dir: state, admin: {{listen: '127.0.0.1:0'}}, {works}}}\n\
         security: {{tls: {{cert_file: tls.crt, key_file: tls.key, ca_file: roots.pem, crl_file: list.pem}}, \
         cert_management: {{provider: manual}}}}\n\
         guard: {{exempt: ['127.0.0.0/8']}}\n"
    );
    fs::write(&file, text).unwrap();
    Node::start(check(&load(&file, &[]).unwrap()).unwrap()).await.unwrap()
}

/// A new pair in the place of the one that is there, both files by renaming.
fn put(lab: &Lab, name: &str) {
    let pair = Pair::of(&short(lab, name));
    replace(&home(lab, name).join("tls.key"), &pair.key, 0o600);
    replace(&home(lab, name).join("tls.crt"), &pair.cert, 0o644);
}

fn short(lab: &Lab, name: &str) -> Credential {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let id = format!("URI:spiffe://lab.example/{name}");
    let request = CertificateRequest::generate(&key, &[id.parse().unwrap()]).unwrap();
    let policy = IssuancePolicy::default().with_ttl(LIFE).unwrap();
    let chain = lab.authority().issue(&request, &policy, SystemClock::new().unix()).unwrap();
    Credential::new(chain, key).unwrap()
}

fn home(lab: &Lab, name: &str) -> PathBuf {
    lab.directory().canonicalize().unwrap().join(name)
}

async fn echo(connections: &Arc<AtomicUsize>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, connections) = (listener.local_addr().unwrap(), Arc::clone(connections));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_stream_outlives_the_certificates_of_both_sides() {
    let mut line = Line::new().await;
    // Beyond the first end, the grace, and what a machine may be late by.
    let limit = LIFE + GRACE + Duration::from_secs(6);
    assert!(limit > LIFE * 3);
    assert!(line.lives(limit, &["near", "far"]).await >= limit, "cut after {:?}", line.began.elapsed());
    assert_eq!(line.connections.load(Ordering::SeqCst), 1, "the target saw the stream alone");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_stream_of_a_side_that_is_not_renewed_ends_after_the_grace() {
    let (mut one, mut other) = (Line::new().await, Line::new().await);
    let limit = LIFE + GRACE * 2;
    let (near_stays, far_stays) = tokio::join!(one.lives(limit, &["far"]), other.lives(limit, &["near"]));
    for lived in [near_stays, far_stays] {
        assert!(lived >= GRACE && lived <= LIFE + GRACE + Duration::from_secs(8), "{lived:?}");
    }
    one.stop().await;
    other.stop().await;
}

/// What the node gives a connection whose peer's certificate has ended.
const GRACE: Duration = Duration::from_secs(30);
