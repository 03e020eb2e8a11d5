//! Asks a server of its own making over TLS 1.3, and shows what is refused.
//!
//! `cargo run -p dwcp-https --example ask` needs nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an example ends where it fails")]

use dwcp_base::{Clock, Coded, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_https::{Ask, HttpsClient, HttpsUrl, Limits, Roots, Verb};
use dwcp_pki::{AuthorityParams, Certificate, CertificateAuthority, CertificateRequest, IssuancePolicy};
use rustls::crypto::ring;
use rustls::{ServerConfig, version::TLS13};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let ours = authority(&directory.path().join("ours"));
    let others = authority(&directory.path().join("others"));
    let server = serve(&ours).await;
    let limits = Limits { deadline: Duration::from_secs(5), body: 64 << 10 };

    let trusted = HttpsClient::new(&Roots::Only(vec![root(&ours)]))?;
    let url = server.join("v1/sys/health")?;
    let answer = trusted.ask(Ask { verb: Verb::Get, url: &url, headers: &[], body: None, limits }).await?;
    println!("{url}\n  answers {} {}", answer.status, String::from_utf8_lossy(&answer.body));

    let url = server.join("elsewhere")?;
    let asked = trusted.ask(Ask { verb: Verb::Get, url: &url, headers: &[], body: None, limits }).await;
    let error = asked.expect_err("a redirect is no answer");
    println!("{url}\n  {}: {error}", error.code());

    let stranger = HttpsClient::new(&Roots::Only(vec![root(&others)]))?;
    let asked = stranger.ask(Ask { verb: Verb::Get, url: &server, headers: &[], body: None, limits }).await;
    let error = asked.expect_err("another authority vouches for nobody here");
    println!("{server} under other roots\n  {}: {error}\n  fix: {}", error.code(), error.fix());
    Ok(())
}

fn authority(directory: &Path) -> CertificateAuthority {
    let params = AuthorityParams::new("Example Root");
    CertificateAuthority::create(Arc::new(LocalDisk), directory, &params, SystemClock::new().unix())
        .expect("a new authority")
}

fn root(authority: &CertificateAuthority) -> Certificate {
    authority.certificate().clone()
}

/// A server that knows one answer and one redirect.
async fn serve(authority: &CertificateAuthority) -> HttpsUrl {
    let key = SigningKey::generate(KeyType::EcdsaP256).expect("a new key");
    let name = "IP:127.0.0.1".parse().expect("a name");
    let request = CertificateRequest::generate(&key, &[name]).expect("a request");
    let chain = authority
        .issue(&request, &IssuancePolicy::default(), SystemClock::new().unix())
        .expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(key.pkcs8().expose().to_vec());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(chain.ders(), PrivateKeyDer::Pkcs8(key))
        .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4_096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let health = head[..length].starts_with(b"GET /v1/sys/health ");
            let _ = stream.write_all(if health { HEALTH } else { ELSEWHERE }).await;
            let _ = stream.shutdown().await;
        }
    });
    url.parse().expect("an address")
}

const HEALTH: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"sealed\":false}";
const ELSEWHERE: &[u8] =
    b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n";
