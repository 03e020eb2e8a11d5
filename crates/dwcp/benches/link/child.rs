//! The processes that are measured: a link of two nodes, or a link of two plain relays. Each holds both ends.

use crate::plain_relay::{self, Material};
use dwcp::config::{check, load};
use dwcp::node::Node;
use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{CertificateAuthority, CertificateRequest, IssuancePolicy};
use dwcp_tls::TlsPolicy;
use rustls::RootCertStore;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Runs until it is killed; prints the plain address of the link's near end.
pub(crate) fn run(role: &str, dir: &Path, target: SocketAddr, resume: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match role {
            "node" => {
                let (nodes, near) = link_of_nodes(dir, target, resume).await;
                println!("{near}");
                std::future::pending::<()>().await;
                drop(nodes);
            }
            _ => {
                println!("{}", link_of_relays(dir, target, resume).await);
                std::future::pending::<()>().await;
            }
        }
    });
}

async fn link_of_nodes(dir: &Path, target: SocketAddr, resume: bool) -> ([Node; 2], SocketAddr) {
    let far = node(dir, "far", &format!("listeners: [{{name: l, listen: '127.0.0.1:0', target: '{target}', allow: ['spiffe://bench/**']}}]"), resume).await;
    let remote = far.address_of("l").await.unwrap();
    let near = node(
        dir,
        "near",
        &format!("dialers: [{{name: d, listen: '127.0.0.1:0', remote: '{remote}', server_name: 127.0.0.1}}]"),
        resume,
    )
    .await;
    let address = near.address_of("d").await.unwrap();
    ([far, near], address)
}

/// A node as `dwcp up` starts it, guard, audit and metrics included.
async fn node(dir: &Path, name: &str, what: &str, resume: bool) -> Node {
    let state = dir.join(format!("{name}-{resume}"));
    std::fs::create_dir_all(&state).unwrap();
    let file = state.join("dwcp.yaml");
    let text = format!(
        "node: {{name: {name}, trust_domain: bench, admin: {{listen: '127.0.0.1:0'}}, {what}}}\n\
         security: {{tls: {{tickets: {resume}}}, cert_management: {{provider: embedded, embedded: {{ca_dir: '{}'}}}}}}\n\
         guard: {{exempt: ['127.0.0.0/8'], max_connections: 20000}}\n",
        dir.join("ca").display()
    );
    std::fs::write(&file, text).unwrap();
    Node::start(check(&load(&file, &[]).unwrap()).unwrap()).await.unwrap()
}

async fn link_of_relays(dir: &Path, target: SocketAddr, resume: bool) -> SocketAddr {
    let material = Arc::new(material(&dir.join("ca"), resume));
    let (far, near) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (remote, address) = (far.local_addr().unwrap(), near.local_addr().unwrap());
    tokio::spawn(plain_relay::listener(Arc::clone(&material), far, target));
    tokio::spawn(plain_relay::dialer(material, near, remote));
    address
}

fn material(ca: &Path, resume: bool) -> Material {
    let now = SystemClock::new().unix();
    let authority = CertificateAuthority::open(Arc::new(LocalDisk), ca).unwrap();
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let names = ["IP:127.0.0.1".parse().unwrap(), "URI:spiffe://bench/node/plain".parse().unwrap()];
    let request = CertificateRequest::generate(&key, &names).unwrap();
    let chain = authority.issue(&request, &IssuancePolicy::default(), now).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().certificate_der().clone()).unwrap();
    Material {
        provider: TlsPolicy::default().crypto_provider(),
        roots: Arc::new(roots),
        crl: authority.crl(now).unwrap().der().to_vec().into(),
        chain: chain.ders(),
        key: PrivatePkcs8KeyDer::from(key.pkcs8().expose().to_vec()).into(),
        resume,
    }
}
