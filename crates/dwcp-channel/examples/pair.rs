//! Two nodes on loopback: one serves a plain echo to the mesh, the other dials it, is revoked, and is cut.
//!
//! Run with `cargo run -p dwcp-channel --example pair`.

use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_channel::{
    CloseReason, Judgement, LivePolicy, Lookups, NODE_ALPN, Premises, Registry, RelaySettings,
    SecureTransport, ServeSettings, TlsAcceptor, forward, listen, serve,
};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AllowList, AuthorityParams, CertificateAuthority, CertificateRequest, CertificateStore, Credential,
    IssuancePolicy, Peer, RevocationMode, RevocationReason, SubjectName, TrustStore,
};
use dwcp_tls::{ClientAuth, ClientSettings, ExpectedServer, ServerSettings, TlsManager, TlsPolicy};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let directory = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let params = AuthorityParams::new("pair CA");
    let path = directory.path().join("ca");
    let authority = CertificateAuthority::create(Arc::new(LocalDisk), &path, &params, clock.unix())?;
    let (alice, bob) = (node("alice", &authority, &clock)?, node("bob", &authority, &clock)?);

    // Bob serves an echo that knows nothing of TLS to every peer of the mesh.
    let echo = TcpListener::bind("127.0.0.1:0").await?;
    let target = echo.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = echo.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
    });
    let context = bob.0.server(ServerSettings::new(ClientAuth::Required).with_alpn([NODE_ALPN]))?;
    let policy = LivePolicy::new(AllowList::new(vec!["spiffe://mesh/*".parse()?]));
    let listener = listen("127.0.0.1:0".parse()?)?;
    let remote = listener.local_addr()?.to_string();
    let acceptor = TlsAcceptor::new(context, bob.1.clone(), policy, "echo");
    let lookups = Lookups::default();
    let handler = move |session| {
        let (target, lookups) = (target.clone(), lookups.clone());
        async move {
            let settings = RelaySettings::default();
            let outcome = forward(session, &target, &lookups, Duration::from_secs(5), &settings).await;
            println!("bob:   the connection ended: {outcome:?}");
        }
    };
    tokio::spawn(serve(listener, acceptor, handler, ServeSettings::default(), std::future::pending()));

    // Alice expects Bob and nobody else.
    let connector = alice.0.client(ClientSettings::new().with_alpn([NODE_ALPN]))?;
    let transport = SecureTransport::new(connector, alice.1.clone(), "to bob");
    let expected = ExpectedServer::name("URI:spiffe://mesh/bob".parse()?)?;
    let mut session = transport.dial(&remote, &expected, Duration::from_secs(5)).await?;
    println!("alice: accepted by {} with {:?}", session.peer().label(), session.facts().suite);
    session.write_all(b"hello").await?;
    session.flush().await?;
    let mut answer = [0; 5];
    session.read_exact(&mut answer).await?;
    println!("alice: the echo says {}", String::from_utf8_lossy(&answer));
    for row in bob.1.registry.snapshot() {
        println!("bob:   {} {} in {} out {}", row.id, row.label, row.bytes_in, row.bytes_out);
    }

    // Alice is revoked: trust first, then the judgement of what lives.
    for record in bob.1.registry.snapshot().iter().filter_map(|row| row.serial()) {
        let _ = authority.revoke(&record, RevocationReason::KeyCompromise, clock.unix())?;
    }
    bob.1.store.install_trust(trust(&authority, &clock)?)?;
    let current = bob.1.store.current();
    let report = bob.1.registry.judge(|peer| match peer {
        Peer::Identified(identity) if current.trust().recheck(identity, clock.unix()).is_ok() => {
            Judgement::Keep
        }
        _ => Judgement::Close(CloseReason::Revoked),
    });
    println!("bob:   {report:?}");
    println!("alice: reading gives {:?}", session.read_u8().await.map_err(|error| error.kind()));
    match transport.dial(&remote, &expected, Duration::from_secs(5)).await {
        Ok(_) => Err("a revoked peer came in".into()),
        Err(error) => {
            println!("alice: dialing again gives: {error} ({:?})", error.source().map(ToString::to_string));
            Ok(())
        }
    }
}

fn node(
    name: &str,
    authority: &CertificateAuthority,
    clock: &Arc<dyn Clock>,
) -> Outcome<(TlsManager, Premises)> {
    let key = SigningKey::generate(KeyType::EcdsaP256)?;
    let names: Vec<SubjectName> = vec![format!("URI:spiffe://mesh/{name}").parse()?];
    let request = CertificateRequest::generate(&key, &names)?;
    let chain = authority.issue(&request, &IssuancePolicy::default(), clock.unix())?;
    let store = CertificateStore::new(Credential::new(chain, key)?, trust(authority, clock)?)?;
    let store = Arc::new(store);
    let manager = TlsManager::new(Arc::clone(&store), TlsPolicy::default(), Arc::clone(clock))?;
    let registry = Registry::new(100, Arc::clone(clock));
    Ok((manager, Premises { store, registry, clock: Arc::clone(clock) }))
}

fn trust(authority: &CertificateAuthority, clock: &Arc<dyn Clock>) -> Outcome<TrustStore> {
    let anchors = vec![authority.certificate().certificate_der().clone()];
    Ok(TrustStore::new(anchors, vec![authority.crl(clock.unix())?], RevocationMode::Required)?)
}
