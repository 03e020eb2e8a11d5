//! A listener that answers `acme-tls/1` from a store, and nothing else: what dwcp-tls does for a node, in thirty lines for these tests.

use dwcp_pki::CertificateStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, version::TLS13};

/// Listens at a port of both families, until it is dropped.
pub struct Listener {
    port: u16,
    shown: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    pub async fn start(store: Arc<CertificateStore>) -> Self {
        let shown = Arc::new(AtomicUsize::new(0));
        let resolver = Answers { store, shown: Arc::clone(&shown) };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("[::]:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move { acceptor.accept(stream).await.map(drop) });
            }
        });
        Self { port, shown, task }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How often an answer was shown.
    pub fn shown(&self) -> usize {
        self.shown.load(Ordering::SeqCst)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct Answers {
    store: Arc<CertificateStore>,
    shown: Arc<AtomicUsize>,
}

impl ResolvesServerCert for Answers {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let generation = self.store.current();
        let answer = generation.challenges().answer_for(hello.server_name()?)?;
        self.shown.fetch_add(1, Ordering::SeqCst);
        let key = PrivatePkcs8KeyDer::from(answer.key().pkcs8().expose().to_vec());
        let key = ring::sign::any_supported_type(&key.into()).ok()?;
        Some(Arc::new(CertifiedKey::new(answer.chain().ders(), key)))
    }
}
