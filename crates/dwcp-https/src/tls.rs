//! The TLS that questions go out over: version 1.3 with ring, and nothing of it the default of the process.

use crate::{HttpsError, Roots};
use dwcp_pki::Credential;
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, version::TLS13};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// A configuration that trusts `roots`, and shows `credential` to servers that ask who is there.
pub(crate) fn config(roots: &Roots, credential: Option<&Credential>) -> Result<ClientConfig, HttpsError> {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(roots.store()?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(HttpsError::setup)?;
    let shown = credential.map(shown).transpose()?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(HttpsError::setup)?
        .with_webpki_verifier(verifier);
    let mut config = match shown {
        Some(shown) => builder.with_client_cert_resolver(shown),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session that is taken up again is not judged again, and questions are too rare for it to matter.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn shown(credential: &Credential) -> Result<Arc<dyn ResolvesClientCert>, HttpsError> {
    // The key is lent: the engine reads it and makes a pair of its own.
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(credential.key().pkcs8().expose()));
    let key = ring::sign::any_supported_type(&key).map_err(HttpsError::setup)?;
    let certified = CertifiedKey::new(credential.chain().ders(), key);
    Ok(Arc::new(SingleCertAndKey::from(certified)))
}
