//! Where server and client sides of one node come from.

use crate::connector::TlsConnector;
use crate::context::TlsContext;
use crate::error::TlsError;
use crate::judge::{Judge, Verdicts};
use crate::key_log::KeyLogging;
use crate::policies::Policies;
use crate::policy::TlsPolicy;
use crate::provider::provider;
use crate::settings::{ClientSettings, ServerSettings};
use dwcp_base::Clock;
use dwcp_pki::{CertificateStore, Credential, TrustStore};
use rustls::{KeyLog, ServerConfig, version::TLS13};
use std::fmt;
use std::sync::Arc;

/// Makes the TLS sides of a node from one certificate store, one policy and one clock.
///
/// Sides made here follow the store: a generation that is installed there serves from the next handshake on, and
/// connections that are already up are left alone.
#[derive(Clone)]
pub struct TlsManager {
    shared: Arc<Shared>,
}

/// What every side of a node has in common.
pub(crate) struct Shared {
    pub(crate) store: Arc<CertificateStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) verdicts: Arc<Verdicts>,
    /// `None` unless somebody asked for secrets to be written down, three times.
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
    /// Where a side or a destination has none of its own.
    pub(crate) policies: Arc<Policies>,
}

impl TlsManager {
    /// A manager over `store`. Sides share one table of at most 1 024 verdicts on chains.
    ///
    /// # Errors
    /// [`TlsError::Engine`] when rustls can not serve TLS 1.3 with what the policy offers.
    pub fn new(
        store: Arc<CertificateStore>,
        policy: TlsPolicy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        check(&policy)?;
        let (verdicts, policies) = (Arc::default(), Arc::new(Policies::new(policy)));
        Ok(Self { shared: Arc::new(Shared { store, clock, verdicts, key_log: None, policies }) })
    }

    /// Replaces the policy together with the own certificate and what is trusted, where these are given, as one generation of the store:
    /// no handshake meets one of them without the others. Returns its number.
    ///
    /// Sides that were made by this manager follow it, but for those, and for destinations, that have a policy of their own. Connections that are
    /// up are left alone.
    ///
    /// # Errors
    /// [`TlsError::Install`] when certificate and trust do not belong together, [`TlsError::Engine`] as [`new`](Self::new); nothing was
    /// changed then.
    pub fn install(
        &self,
        credential: Option<Credential>,
        trust: Option<TrustStore>,
        policy: TlsPolicy,
    ) -> Result<u64, TlsError> {
        check(&policy)?;
        let begin = |generation| self.shared.policies.begin(generation, policy);
        self.shared.store.install_along(credential, trust, begin).map_err(TlsError::Install)
    }

    /// Has sides that are made from here on write down the secrets of their sessions (RFC 9850), if the environment variable
    /// `SSLKEYLOGFILE` is set and not empty: only with this feature, this call and that variable together. `open` gets the variable's value and
    /// says where the lines go; a file should be readable by its owner alone, and no link that somebody else laid.
    ///
    /// # Errors
    /// What `open` says.
    ///
    /// # Security
    /// Whoever reads the lines reads every session, and writes in its name. [`key_log`](Self::key_log) says whether it is on, so that health
    /// and audit can say it too.
    #[cfg(feature = "keylog")]
    pub fn dangerous_with_key_log(
        self,
        open: impl FnOnce(&std::path::Path) -> std::io::Result<Arc<dyn crate::KeyLogLines>>,
    ) -> std::io::Result<Self> {
        let key_log = crate::key_log::opened(open)?;
        let Shared { store, clock, verdicts, policies, .. } = &*self.shared;
        let (store, clock) = (Arc::clone(store), Arc::clone(clock));
        let (verdicts, policies) = (Arc::clone(verdicts), Arc::clone(policies));
        Ok(Self { shared: Arc::new(Shared { store, clock, verdicts, key_log, policies }) })
    }

    /// Whether the secrets of sessions are written down.
    pub fn key_log(&self) -> KeyLogging {
        match self.shared.key_log {
            None => KeyLogging::Off,
            Some(_) => KeyLogging::On,
        }
    }

    /// A server side. Its configuration is built now, so that what can not work is known before the first client comes.
    ///
    /// # Errors
    /// [`TlsError::Protocols`] for an application protocol that can not be one, [`TlsError::Engine`] when rustls refuses the
    /// configuration or there is no randomness for ticket keys, [`TlsError::EarlyData`] for early data where it can not be taken.
    pub fn server(&self, settings: ServerSettings) -> Result<TlsContext, TlsError> {
        TlsContext::new(Arc::clone(&self.shared), settings)
    }

    /// A client side. A configuration is built per expected server, when it is first dialled.
    ///
    /// # Errors
    /// [`TlsError::Protocols`] for an application protocol that can not be one, [`TlsError::PublicIdentity`] for one that is to show
    /// the [public](CertificateStore::new_public) certificate of its store.
    pub fn client(&self, settings: ClientSettings) -> Result<TlsConnector, TlsError> {
        TlsConnector::new(Arc::clone(&self.shared), settings)
    }

    /// The policy in force, of the newest generation.
    pub fn policy(&self) -> Arc<TlsPolicy> {
        self.shared.policies.of(self.shared.store.number())
    }

    /// The store whose generations are served.
    pub fn store(&self) -> &Arc<CertificateStore> {
        &self.shared.store
    }
}

impl Shared {
    /// A judge over the newest generation.
    pub(crate) fn judge(&self) -> Judge {
        Judge {
            generation: self.store.current(),
            clock: Arc::clone(&self.clock),
            verdicts: Arc::clone(&self.verdicts),
        }
    }
}

impl fmt::Debug for TlsManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsManager")
            .field("policy", &self.policy())
            .field("generation", &self.shared.store.number())
            .finish_non_exhaustive()
    }
}

/// Whether rustls can serve TLS 1.3 with it.
fn check(policy: &TlsPolicy) -> Result<(), TlsError> {
    let builder = ServerConfig::builder_with_provider(provider(policy));
    builder.with_protocol_versions(&[&TLS13]).map(|_| ()).map_err(TlsError::Engine)
}
