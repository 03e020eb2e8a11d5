//! What one generation of the store serves with, and what of it outlives that generation.

use crate::clock::EngineClock;
use crate::error::TlsError;
use crate::judge::Judge;
use crate::manager::Shared;
use crate::settings::ServerSettings;
use crate::signatures::Signatures;
use crate::signing::resolver;
use crate::ticketing::Ticketing;
use crate::verify_client::ClientVerifier;
use dwcp_crypto::CryptoError;
use dwcp_pki::Generation;
use rustls::{Error, ServerConfig, version::TLS13};
use std::sync::Arc;

/// One generation, ready to serve.
pub(crate) struct Active {
    pub(crate) judge: Judge,
    pub(crate) config: Arc<ServerConfig>,
    /// The same with no application protocol on offer.
    pub(crate) config_for_strangers: Arc<ServerConfig>,
    pub(crate) ticketing: Ticketing,
}

impl Active {
    pub(crate) fn build(
        shared: &Shared,
        settings: &ServerSettings,
        before: Option<&Self>,
    ) -> Result<Self, TlsError> {
        let judge = shared.judge();
        let ticketing = match before {
            // A CRL alone ends no session that it does not name: those are found when their peer is judged again.
            Some(before) if same_but_for_crls(&before.judge.generation, &judge.generation) => {
                before.ticketing.clone()
            }
            _ => Ticketing::fresh(shared, settings, &judge)?,
        };
        let verifier = ClientVerifier {
            judge: judge.clone(),
            client_auth: settings.client_auth,
            rules: settings.rules.clone(),
            signatures: Signatures(Arc::clone(&shared.provider)),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&shared.provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Engine)?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(resolver(judge.generation.credential()));
        // The order of the policy is the server's to keep; a client's order is a wish.
        config.ignore_client_order = true;
        config.alpn_protocols.clone_from(&settings.alpn);
        config.time_provider = Arc::new(EngineClock(Arc::clone(&shared.clock)));
        ticketing.apply(settings, &mut config);
        tracing::debug!(generation = judge.generation.number(), "server configuration built");
        let mut config_for_strangers = config.clone();
        config_for_strangers.alpn_protocols.clear();
        Ok(Self {
            judge,
            config: Arc::new(config),
            config_for_strangers: Arc::new(config_for_strangers),
            ticketing,
        })
    }
}

/// Fresh ticket keys fail for want of randomness alone.
pub(crate) fn no_keys(_: CryptoError) -> TlsError {
    TlsError::Engine(Error::FailedToGetRandomBytes)
}

fn same_but_for_crls(before: &Generation, after: &Generation) -> bool {
    let (trusted, trusts) = (before.trust(), after.trust());
    Arc::ptr_eq(before.credential(), after.credential())
        && trusts.has_anchors_of(trusted)
        && trusts.asks_the_same_as(trusted)
}
