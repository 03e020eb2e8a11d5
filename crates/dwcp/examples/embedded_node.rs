//! A node inside of a program: an authority, an identity, a listener in front of a plain service, and a client that uses it.

use dwcp::config::{check, load};
use dwcp::node::{Node, Outside};
use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, CertificateRequest, Credential, IssuancePolicy, SubjectName,
};
use dwcp_tls::ExpectedServer;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let dir = std::env::temp_dir().join(format!("dwcp-embedded-{}", std::process::id()));
    let outcome = run(&dir).await;
    std::fs::remove_dir_all(&dir)?;
    outcome
}

async fn run(dir: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let now = SystemClock::new().unix();
    let authority = CertificateAuthority::create(
        Arc::new(LocalDisk),
        &dir.join("ca"),
        &AuthorityParams::new("Example"),
        now,
    )?;

    // A plain service that greets whoever comes.
    let service = TcpListener::bind("127.0.0.1:0").await?;
    let target = service.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = service.accept().await {
            let _ = stream.write_all(b"hello from a service that knows nothing of TLS").await;
        }
    });

    // The node in front of it, from the same configuration that `dwcp up` reads.
    let file = dir.join("dwcp.yaml");
    std::fs::write(
        &file,
        format!(
            "node:\n  name: greeter\n  trust_domain: example.org\n  admin: {{listen: '127.0.0.1:0'}}\n  listeners:\n    \
             - {{name: hello, listen: '127.0.0.1:0', target: '{target}', allow: ['spiffe://example.org/guest']}}\n"
        ),
    )?;
    let node = Node::start(check(&load(&file, &[])?)?).await?;
    let listener = node.address_of("hello").await.ok_or("no listener")?;

    // A guest with an identity of its own.
    let key = SigningKey::generate(KeyType::EcdsaP256)?;
    let request = CertificateRequest::generate(&key, &[SubjectName::uri("spiffe://example.org/guest")?])?;
    let credential = Credential::new(authority.issue(&request, &IssuancePolicy::default(), now)?, key)?;
    let root = authority.certificate().certificate_der().clone();
    let guest = Outside::with(vec![root], Vec::new(), Some(credential))?;
    let expected = ExpectedServer::name(SubjectName::uri("spiffe://example.org/node/greeter")?)?;
    let mut session = guest.dial(&listener.to_string(), &expected, Duration::from_secs(5)).await?;
    let mut greeting = String::new();
    session.read_to_string(&mut greeting).await?;
    println!("{}: {greeting}", session.peer().label());
    drop(session);
    node.stop().await;
    Ok(())
}
