//! What a server shows of itself, for a look at it: the handshake is broken off before anything could be believed.

use crate::bounded_io::BoundedIo;
use crate::error::TlsError;
use crate::expected::ExpectedServer;
use crate::facts::HandshakeState;
use crate::farewell;
use crate::policy::TlsPolicy;
use crate::provider::provider;
use crate::settings::{LARGEST_HANDSHAKE, LONGEST_DEADLINE};
use crate::signatures::Signatures;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// What a server showed of itself; see [`shown_by`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShownCertificates {
    /// Its certificates, in its order.
    pub chain: Vec<CertificateDer<'static>>,
    /// The OCSP response it stapled; empty where it showed none.
    pub staple: Vec<u8>,
}

/// The certificates that the server at the other end of `io` shows a client that asks for `server`, in its order: at most
/// [`LARGEST_HANDSHAKE`] bytes of them, within `deadline`. It is offered `policy`, `h2` and `http/1.1`.
///
/// # Errors
/// [`TlsError`] when no certificate came: no TLS 1.3, nothing in common, a name that the server does not serve, silence.
///
/// # Security
/// Nothing is known of whoever showed them, not even that they hold the keys: no session can come of this call, since every
/// chain is refused once it was noted, and the server is told so. To talk to a server, use [`TlsConnector`](crate::TlsConnector).
pub async fn presented_by<IO>(
    io: IO,
    server: &ExpectedServer,
    policy: &TlsPolicy,
    deadline: Duration,
) -> Result<Vec<CertificateDer<'static>>, TlsError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    shown_by(io, server, policy, deadline).await.map(|shown| shown.chain)
}

/// As [`presented_by`], with the status response that came along: what [`PeerRules::examine`](crate::PeerRules::examine) asks about.
///
/// # Errors
/// As [`presented_by`].
///
/// # Security
/// As [`presented_by`].
pub async fn shown_by<IO>(
    io: IO,
    server: &ExpectedServer,
    policy: &TlsPolicy,
    deadline: Duration,
) -> Result<ShownCertificates, TlsError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = deadline.min(LONGEST_DEADLINE);
    let state = HandshakeState::Negotiating;
    let provider = provider(policy);
    let notes = Arc::new(Notes { signatures: Signatures(Arc::clone(&provider)), shown: OnceLock::new() });
    let verifier: Arc<Notes> = Arc::clone(&notes);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Engine)?
        // rustls files every verifier that is not its own under "dangerous"; this one says no to everything.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.enable_sni = server.sends_name();
    config.resumption = Resumption::disabled();
    let connect = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(server.engine_name()?, BoundedIo::new(io, LARGEST_HANDSHAKE))
        .into_fallible();
    let failure = match timeout(deadline, connect).await {
        Err(_) => TlsError::Timeout { deadline, state },
        // Not reached: whoever shows no certificate is refused by the engine, and whoever shows one by the notes.
        Ok(Ok(_)) => TlsError::CertificateMissing,
        Ok(Err((error, io))) => {
            farewell::linger(io).await;
            TlsError::from_handshake(error, state, None)
        }
    };
    notes.shown.get().cloned().ok_or(failure)
}

/// A verifier that keeps what it is shown and refuses it.
#[derive(Debug)]
struct Notes {
    signatures: Signatures,
    shown: OnceLock<ShownCertificates>,
}

impl ServerCertVerifier for Notes {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = std::iter::once(end_entity).chain(intermediates);
        let chain = all.map(|certificate| certificate.clone().into_owned()).collect();
        let _ = self.shown.set(ShownCertificates { chain, staple: ocsp_response.to_vec() });
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.schemes()
    }
}
