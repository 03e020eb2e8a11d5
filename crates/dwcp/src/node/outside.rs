//! A client that is no node: one identity or none, roots from a file, to dial nodes and other TLS servers with.

use super::NodeError;
use super::pki_files::{crls, roots};
use dwcp_base::{Clock, SystemClock};
use dwcp_channel::{DialError, NODE_ALPN, Premises, Registry, SecureTransport, Session};
use dwcp_crypto::KeyType;
use dwcp_pki::{CertificateStore, Credential, Crl, RevocationMode, SubjectName, TrustStore};
use dwcp_tls::{ClientIdentity, ClientSettings, ExpectedServer, TlsConnector, TlsManager, TlsPolicy};
use rustls_pki_types::CertificateDer;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Dials servers as somebody, or as nobody.
pub struct Outside {
    transport: SecureTransport,
}

impl Outside {
    /// A client that trusts the roots in `ca`, checks revocation where a list is given, and shows `identity` (certificate
    /// and key file) where there is one.
    ///
    /// # Errors
    /// [`NodeError`] with the file and what is wrong with it.
    pub fn new(ca: &Path, list: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<Self, NodeError> {
        let credential = identity.map(credential).transpose()?;
        Self::with(roots(ca)?, list.map(crls).transpose()?.unwrap_or_default(), credential)
    }

    /// The same from what is in memory already.
    ///
    /// # Errors
    /// [`NodeError`] when there are no roots, or no randomness.
    pub fn with(
        roots: Vec<CertificateDer<'static>>,
        lists: Vec<Crl>,
        credential: Option<Credential>,
    ) -> Result<Self, NodeError> {
        let mode = if lists.is_empty() { RevocationMode::Off } else { RevocationMode::Required };
        let trust = TrustStore::new(roots, lists, mode).map_err(NodeError::Trust)?;
        let alpn = [NODE_ALPN.to_vec(), b"http/1.1".to_vec()];
        let (connector, premises) = client(trust, credential, TlsPolicy::default(), &alpn)?;
        Ok(Self { transport: SecureTransport::new(connector, premises, "outside") })
    }

    /// Dials `remote` (`host:port`) and returns when it has accepted.
    ///
    /// # Errors
    /// [`DialError`].
    pub async fn dial(
        &self,
        remote: &str,
        expected: &ExpectedServer,
        within: Duration,
    ) -> Result<Session, DialError> {
        self.transport.dial(remote, expected, within).await
    }
}

/// A client side of its own: what it trusts, what it shows (nothing where there is no credential), what it offers.
///
/// # Errors
/// [`NodeError`] when there is no randomness, or the policy can not be used.
pub(crate) fn client(
    trust: TrustStore,
    credential: Option<impl Into<Arc<Credential>>>,
    policy: TlsPolicy,
    alpn: &[Vec<u8>],
) -> Result<(TlsConnector, Premises), NodeError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (credential, shown) = match credential {
        Some(credential) => (credential.into(), ClientIdentity::Credential),
        // A store holds a pair in any case; this one is never shown and its key is forgotten with this value.
        None => (Arc::new(nobody(&*clock)?), ClientIdentity::Anonymous),
    };
    let store = Arc::new(CertificateStore::for_client(credential, trust));
    let tls = TlsManager::new(Arc::clone(&store), policy, Arc::clone(&clock)).map_err(NodeError::Tls)?;
    let settings = ClientSettings::new().with_alpn(alpn.iter().cloned()).with_identity(shown);
    let connector = tls.client(settings).map_err(NodeError::Tls)?;
    Ok((connector, Premises { store, registry: Registry::new(MOST, Arc::clone(&clock)), clock }))
}

/// A pair of nobody, which is in a store since one has to be.
pub(super) fn nobody(clock: &dyn Clock) -> Result<Credential, NodeError> {
    let name = SubjectName::Dns("nobody.invalid".to_owned());
    Credential::self_signed(KeyType::EcdsaP256, &[name], A_DAY, clock.unix()).map_err(NodeError::Unmade)
}

/// The pair in these files.
pub(crate) fn credential((cert, key): (&Path, &Path)) -> Result<Credential, NodeError> {
    Credential::load(cert, key).map_err(|source| NodeError::Credential {
        cert: cert.to_owned(),
        key: key.to_owned(),
        source,
    })
}

const A_DAY: Duration = Duration::from_secs(86_400);
const MOST: usize = 1_024;
