//! A mutual TLS 1.3 conversation in one process: an authority, a server and a client on loopback, a rotation under a live
//! session, and a revocation that ends the client's welcome.

use dwcp_base::{Clock, Coded, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, CertificateRequest, CertificateStore, Credential, IssuancePolicy,
    RevocationMode, RevocationReason, SubjectName, TrustStore,
};
use dwcp_tls::{
    ClientAuth, ClientSettings, ExpectedServer, HANDSHAKE_DEADLINE, ServerSettings, TlsConnector, TlsContext,
    TlsError, TlsManager, TlsPolicy, TlsSession,
};
use std::error::Error;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn Error + Send + Sync>;
type Session = TlsSession<TcpStream>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let params = AuthorityParams::new("Example Root");
    let authority =
        CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, clock.unix())?;

    let servers =
        Arc::new(CertificateStore::new(issue(&authority, "server", &*clock)?, trust(&authority, &*clock)?)?);
    let clients =
        Arc::new(CertificateStore::new(issue(&authority, "client", &*clock)?, trust(&authority, &*clock)?)?);
    let server = TlsManager::new(Arc::clone(&servers), TlsPolicy::default(), Arc::clone(&clock))?
        .server(ServerSettings::new(ClientAuth::Required))?;
    let client = TlsManager::new(Arc::clone(&clients), TlsPolicy::default(), Arc::clone(&clock))?
        .client(ClientSettings::default())?;
    let expected = ExpectedServer::name("URI:spiffe://example.org/server".parse()?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    let (mut near, mut far) = connect(&listener, &server, &client, &expected).await?;
    report("first", &near);
    exchange(&mut far, &mut near, b"hello").await?;

    servers.install_credential(issue(&authority, "server", &*clock)?)?;
    exchange(&mut far, &mut near, b"rotation is none of my business").await?;
    let (near, _far) = connect(&listener, &server, &client, &expected).await?;
    report("after rotation", &near);

    let serial = clients.current().credential().chain().leaf().serial();
    let revoked = authority.revoke(&serial, RevocationReason::KeyCompromise, clock.unix())?;
    println!("revoking {serial}: {revoked:?}");
    servers.install_trust(trust(&authority, &*clock)?)?;
    client.forget(&expected);
    match connect(&listener, &server, &client, &expected).await {
        Ok(_) => return Err("a revoked client was let in".into()),
        Err(error) => println!("after revocation: {error} [{}]", error.code()),
    }
    Ok(())
}

fn issue(authority: &CertificateAuthority, name: &str, clock: &dyn Clock) -> Result<Credential, Failure> {
    let key = SigningKey::generate(KeyType::EcdsaP256)?;
    let request =
        CertificateRequest::generate(&key, &[SubjectName::uri(&format!("spiffe://example.org/{name}"))?])?;
    let chain = authority.issue(&request, &IssuancePolicy::default(), clock.unix())?;
    Ok(Credential::new(chain, key)?)
}

fn trust(authority: &CertificateAuthority, clock: &dyn Clock) -> Result<TrustStore, Failure> {
    let anchor = authority.certificate().certificate_der().clone();
    Ok(TrustStore::new(vec![anchor], vec![authority.crl(clock.unix())?], RevocationMode::Required)?)
}

/// Both ends of one connection; the server's error counts, since it is the one that judges the client.
async fn connect(
    listener: &TcpListener,
    server: &TlsContext,
    client: &TlsConnector,
    expected: &ExpectedServer,
) -> Result<(Session, Session), TlsError> {
    let accepting = async {
        let (stream, _) = listener.accept().await.map_err(TlsError::Transport)?;
        server.accept(stream, HANDSHAKE_DEADLINE).await
    };
    let dialling = async {
        let address = listener.local_addr().map_err(TlsError::Transport)?;
        let stream = TcpStream::connect(address).await.map_err(TlsError::Transport)?;
        client.connect(stream, expected, HANDSHAKE_DEADLINE).await
    };
    let (near, far) = tokio::join!(accepting, dialling);
    Ok((near?, far?))
}

async fn exchange(from: &mut Session, to: &mut Session, words: &[u8]) -> Result<(), Failure> {
    from.write_all(words).await?;
    from.flush().await?;
    let mut heard = vec![0; words.len()];
    to.read_exact(&mut heard).await?;
    println!("heard: {}", String::from_utf8_lossy(&heard));
    Ok(())
}

fn report(when: &str, session: &Session) {
    let facts = session.facts();
    println!(
        "{when}: {} over {} with {}, {} handshake in {:?}, generation {}",
        session.peer().label(),
        facts.suite,
        facts.group,
        facts.resumed,
        facts.elapsed,
        session.generation(),
    );
}
