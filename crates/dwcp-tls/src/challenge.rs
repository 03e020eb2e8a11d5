//! A domain validation over TLS (RFC 8737): a certificate is shown, the connection is closed, and nothing is said on it.

use crate::bounded_io::BoundedIo;
use crate::clock::EngineClock;
use crate::context::unboxed;
use crate::error::TlsError;
use crate::facts::HandshakeState;
use crate::farewell;
use crate::offer::ACME_TLS;
use crate::shelf::ChallengeShelf;
use dwcp_base::Clock;
use dwcp_pki::Generation;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, version::TLS13};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::StartHandshake;

/// A configuration that answers challenges and can do nothing else: no client is asked for a certificate, no ticket is given, and the one
/// protocol is `acme-tls/1`.
pub(crate) fn configuration(
    provider: Arc<CryptoProvider>,
    generation: &Generation,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Engine)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ChallengeShelf::new(generation)));
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    config.time_provider = Arc::new(EngineClock(Arc::clone(clock)));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Shows the certificate and closes. There is never a session, so the outcome is always an error:
/// [`TlsError::ChallengeAnswered`] where all went well.
pub(crate) async fn answer<IO>(
    start: Box<StartHandshake<BoundedIo<IO>>>,
    config: Arc<ServerConfig>,
    domain: String,
    (deadline, end): (Duration, Instant),
) -> TlsError
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let state = HandshakeState::Negotiating;
    let mut stream = match timeout_at(end, Box::pin(unboxed(start).into_stream(config).into_fallible())).await
    {
        Err(_) => return TlsError::Timeout { deadline, state },
        Ok(Ok(stream)) => stream,
        Ok(Err((error, io))) => {
            farewell::linger(io).await;
            return TlsError::from_handshake(error, state, None);
        }
    };
    // A second hello may have offered no protocol at all.
    let is_challenge = stream.get_ref().1.alpn_protocol() == Some(ACME_TLS);
    if is_challenge && timeout_at(end, stream.shutdown()).await.is_err() {
        return TlsError::Timeout { deadline, state };
    }
    farewell::linger(stream.into_inner().0).await;
    if is_challenge { TlsError::ChallengeAnswered { domain } } else { TlsError::NoApplicationProtocol }
}
