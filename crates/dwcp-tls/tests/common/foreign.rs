//! Peers of the engine's own, without a node behind them: they show whatever they are given, and say which alert they got.

use super::{Authority, DEADLINE, Outcome, now};
use dwcp_tls::{ExpectedServer, TlsConnector, TlsContext, TlsError};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The time of the tests.
#[derive(Debug)]
struct Noon;

impl rustls::time_provider::TimeProvider for Noon {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let seconds = u64::try_from(now().secs()).unwrap();
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn shown(chain: Vec<CertificateDer<'static>>, pkcs8: &[u8]) -> CertifiedKey {
    let key = PrivatePkcs8KeyDer::from(pkcs8.to_vec()).into();
    CertifiedKey::new(chain, rustls::crypto::ring::sign::any_supported_type(&key).unwrap())
}

/// A client that shows `chain` and signs with the key.
pub fn client(
    authority: &Authority,
    chain: Vec<CertificateDer<'static>>,
    pkcs8: &[u8],
) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate.certificate_der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_details(provider, Arc::new(Noon))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown(chain, pkcs8))));
    Arc::new(config)
}

/// A server that shows `chain` with the status response, if there is one, and asks for no certificate.
pub fn server(
    chain: Vec<CertificateDer<'static>>,
    pkcs8: &[u8],
    staple: Option<Vec<u8>>,
) -> Arc<rustls::ServerConfig> {
    let mut shown = shown(chain, pkcs8);
    shown.ocsp = staple;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_details(provider, Arc::new(Noon))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    Arc::new(config)
}

/// Our server facing a foreign client: what our side made of it, and the code of the alert that the client read, if any.
pub async fn facing(
    server: &TlsContext,
    client: Arc<rustls::ClientConfig>,
) -> (Outcome, Option<&'static str>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let dialling = async {
        let connector = tokio_rustls::TlsConnector::from(client);
        let mut stream = connector.connect("server.mesh".try_into().unwrap(), far).await?;
        // In TLS 1.3 it learns only here what the server thinks of it.
        stream.read(&mut [0; 1]).await
    };
    let accepting = async {
        let mut session = server.accept(near, DEADLINE).await?;
        session.write_all(b"w").await.unwrap();
        session.flush().await.unwrap();
        Ok(session)
    };
    let (outcome, read) = tokio::join!(accepting, dialling);
    (outcome, read.err().and_then(alert))
}

/// Our client facing a foreign server; the session, once a word went from the server to the client, and what the server was told.
pub async fn dialling(
    client: &TlsConnector,
    server: &Arc<rustls::ServerConfig>,
    expected: &ExpectedServer,
) -> (Outcome, Option<&'static str>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(server));
    let accepting = async {
        let mut stream = acceptor.accept(near).await?;
        stream.write_all(b"w").await?;
        stream.flush().await?;
        stream.read(&mut [0; 1]).await
    };
    let connecting = async {
        let mut session = client.connect(far, expected, DEADLINE).await?;
        // Tickets come with the word.
        session.read_exact(&mut [0; 1]).await.unwrap();
        session.shutdown().await.unwrap();
        Ok::<_, TlsError>(session)
    };
    let (read, outcome) = tokio::join!(accepting, connecting);
    (outcome, read.err().and_then(alert))
}

fn alert(error: io::Error) -> Option<&'static str> {
    let error = error.into_inner()?.downcast::<rustls::Error>().ok()?;
    match *error {
        rustls::Error::AlertReceived(alert) => Some(dwcp_tls::Alert::from(alert).code()),
        _ => None,
    }
}
