//! The yardstick: a relay on tokio-rustls with the same suites, groups, checks and buffers, and nothing else.

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, version::TLS13};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What both directions are made from.
pub(crate) struct Material {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) crl: CertificateRevocationListDer<'static>,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) resume: bool,
}

/// Mutual TLS on `listen`, plain TCP to `target`.
pub(crate) async fn listener(material: Arc<Material>, listen: TcpListener, target: SocketAddr) {
    let verifier = WebPkiClientVerifier::builder_with_provider(
        Arc::clone(&material.roots),
        Arc::clone(&material.provider),
    )
    .with_crls([material.crl.clone()])
    .enforce_revocation_expiration()
    .build()
    .unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&material.provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(material.chain.clone(), material.key.clone_key())
        .unwrap();
    if material.resume {
        config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    } else {
        config.send_tls13_tickets = 0;
    }
    let acceptor = TlsAcceptor::from(Arc::new(config));
    loop {
        let (tcp, _) = listen.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            tcp.set_nodelay(true)?;
            let mut tls = acceptor.accept(tcp).await?;
            let mut plain = TcpStream::connect(target).await?;
            plain.set_nodelay(true)?;
            copy_bidirectional_with_sizes(&mut tls, &mut plain, BUFFER, BUFFER).await
        });
    }
}

/// Plain TCP on `listen`, mutual TLS to `remote`.
pub(crate) async fn dialer(material: Arc<Material>, listen: TcpListener, remote: SocketAddr) {
    let verifier = WebPkiServerVerifier::builder_with_provider(
        Arc::clone(&material.roots),
        Arc::clone(&material.provider),
    )
    .with_crls([material.crl.clone()])
    .enforce_revocation_expiration()
    .build()
    .unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&material.provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_webpki_verifier(verifier)
        .with_client_auth_cert(material.chain.clone(), material.key.clone_key())
        .unwrap();
    if !material.resume {
        config.resumption = Resumption::disabled();
    }
    let connector = TlsConnector::from(Arc::new(config));
    loop {
        let (mut plain, _) = listen.accept().await.unwrap();
        let connector = connector.clone();
        tokio::spawn(async move {
            plain.set_nodelay(true)?;
            let tcp = TcpStream::connect(remote).await?;
            tcp.set_nodelay(true)?;
            let mut tls = connector.connect(ServerName::from(remote.ip()), tcp).await?;
            copy_bidirectional_with_sizes(&mut plain, &mut tls, BUFFER, BUFFER).await
        });
    }
}

/// As the node's relay has it.
const BUFFER: usize = 64 * 1_024;
