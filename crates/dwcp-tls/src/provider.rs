//! The one place that puts a rustls provider together.

use crate::group::Group;
use crate::policy::TlsPolicy;
use rustls::crypto::{CryptoProvider, ring};
use std::sync::Arc;

/// ring's primitives with exactly the suites and groups of `policy`.
///
/// It is handed to every configuration and never installed as the default of the process, so two policies can live in one
/// program and a library that does install a default changes nothing here.
pub(crate) fn provider(policy: &TlsPolicy) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: policy.suites().iter().map(|suite| suite.engine()).collect(),
        kx_groups: policy.groups().into_iter().map(|group| group.engine()).collect(),
        ..ring::default_provider()
    })
}

/// The same with one group alone.
pub(crate) fn only(provider: &CryptoProvider, group: Group) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups: vec![group.engine()], ..provider.clone() })
}

impl TlsPolicy {
    /// The policy as a rustls provider, for programs that configure rustls themselves and want the same suites and groups,
    /// the hybrid X25519MLKEM768 included. Nothing of it becomes the default of the process.
    ///
    /// # Security
    /// It is primitives and their order alone. Who is trusted, revocation and the bounds on strangers are the business of
    /// [`TlsContext`](crate::TlsContext) and [`TlsConnector`](crate::TlsConnector), and are missing where those are not used.
    pub fn crypto_provider(&self) -> Arc<CryptoProvider> {
        provider(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::ProtocolVersion;

    #[test]
    fn nothing_below_tls13_is_on_offer() {
        let provider = provider(&TlsPolicy::new());
        let version = |suite: &rustls::SupportedCipherSuite| suite.version().version;
        assert!(provider.cipher_suites.iter().all(|suite| version(suite) == ProtocolVersion::TLSv1_3));
        assert_eq!((provider.cipher_suites.len(), provider.kx_groups.len()), (3, 4));
        assert!(CryptoProvider::get_default().is_none(), "no default of the process is set");
    }
}
