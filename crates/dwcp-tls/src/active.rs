//! What one generation of the store serves with, and what of it outlives that generation.

use crate::challenge;
use crate::clock::EngineClock;
use crate::error::TlsError;
use crate::judge::Judge;
use crate::manager::Shared;
use crate::preference::Providers;
use crate::serving::Configs;
use crate::settings::ServerSettings;
use crate::shelf::Shelf;
use crate::signatures::Signatures;
use crate::ticketing::Ticketing;
use crate::verify_client::ClientVerifier;
use dwcp_crypto::CryptoError;
use dwcp_pki::Generation;
use rustls::crypto::CryptoProvider;
use rustls::{Error, ServerConfig, version::TLS13};
use std::sync::Arc;

/// One generation, ready to serve.
pub(crate) struct Active {
    pub(crate) judge: Judge,
    pub(crate) configs: Configs,
    /// For challenges, and for nothing else.
    pub(crate) config_for_challenges: Arc<ServerConfig>,
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
        let policy = shared.policies.of(judge.generation.number());
        let providers = Providers::of(settings.policy.as_ref().unwrap_or(&policy));
        let shelf = Arc::new(Shelf::new(&judge.generation, settings, &shared.clock));
        let configs = Configs::build(&providers, |provider| {
            Self::engine(shared, settings, &judge, &ticketing, Arc::clone(&shelf), provider)
        })?;
        let whole = Arc::clone(&providers.whole);
        let config_for_challenges = challenge::configuration(whole, &judge.generation, &shared.clock)?;
        tracing::debug!(generation = judge.generation.number(), "server configurations built");
        Ok(Self { judge, configs, config_for_challenges, ticketing })
    }

    /// The engine's configuration with one provider.
    fn engine(
        shared: &Shared,
        settings: &ServerSettings,
        judge: &Judge,
        ticketing: &Ticketing,
        shelf: Arc<Shelf>,
        provider: Arc<CryptoProvider>,
    ) -> Result<ServerConfig, TlsError> {
        let verifier = ClientVerifier {
            judge: judge.clone(),
            client_auth: settings.client_auth,
            rules: settings.rules.clone(),
            signatures: Signatures(Arc::clone(&provider)),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Engine)?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::<Shelf>::clone(&shelf));
        config.cert_compressors = settings.compression.compressors();
        config.cert_decompressors = settings.compression.decompressors_of_clients();
        config.cert_compression_cache = Arc::clone(&shelf.packed);
        // The order of the policy is the server's to keep; a client's order is a wish.
        config.ignore_client_order = true;
        config.alpn_protocols.clone_from(&settings.alpn);
        config.time_provider = Arc::new(EngineClock(Arc::clone(&shared.clock)));
        ticketing.apply(settings, &mut config);
        if let Some(key_log) = &shared.key_log {
            config.key_log = Arc::clone(key_log);
        }
        Ok(config)
    }
}

/// Fresh ticket keys fail for want of randomness alone.
pub(crate) fn no_keys(_: CryptoError) -> TlsError {
    TlsError::Engine(Error::FailedToGetRandomBytes)
}

fn same_but_for_crls(before: &Generation, after: &Generation) -> bool {
    let (trusted, trusts) = (before.trust(), after.trust());
    Arc::ptr_eq(before.served(), after.served())
        && trusts.has_anchors_of(trusted)
        && trusts.asks_the_same_as(trusted)
}
