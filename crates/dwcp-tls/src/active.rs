//! What one generation of the store serves with, and what of it outlives that generation.

use crate::clock::EngineClock;
use crate::error::TlsError;
use crate::judge::Judge;
use crate::manager::Shared;
use crate::settings::{ServerSettings, Tickets};
use crate::signatures::Signatures;
use crate::signing::resolver;
use crate::tickets::RollingTickets;
use crate::verify_client::ClientVerifier;
use dwcp_crypto::CryptoError;
use dwcp_pki::Generation;
use rustls::server::NoServerSessionStorage;
use rustls::{Error, ServerConfig, version::TLS13};
use std::sync::Arc;

/// One generation, ready to serve.
pub(crate) struct Active {
    pub(crate) judge: Judge,
    pub(crate) config: Arc<ServerConfig>,
    /// The same with no application protocol on offer.
    pub(crate) config_for_strangers: Arc<ServerConfig>,
    pub(crate) ticketer: Arc<RollingTickets>,
}

impl Active {
    pub(crate) fn build(
        shared: &Shared,
        settings: &ServerSettings,
        before: Option<&Self>,
    ) -> Result<Self, TlsError> {
        let judge = shared.judge();
        let ticketer = match before {
            // A CRL alone ends no session that it does not name: those are found when their peer is judged again.
            Some(before) if same_but_for_crls(&before.judge.generation, &judge.generation) => {
                Arc::clone(&before.ticketer)
            }
            _ => Arc::new(RollingTickets::fresh(Arc::clone(&shared.clock)).map_err(no_keys)?),
        };
        let verifier = ClientVerifier {
            judge: judge.clone(),
            client_auth: settings.client_auth,
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
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match settings.tickets {
            Tickets::Stateless => {
                config.ticketer = Arc::<RollingTickets>::clone(&ticketer);
                config.send_tls13_tickets = TICKETS;
                config.max_tls13_tickets = MOST_TICKETS;
            }
            Tickets::Off => config.send_tls13_tickets = 0,
        }
        if let Some(key_log) = &shared.key_log {
            config.key_log = Arc::clone(key_log);
        }
        tracing::debug!(generation = judge.generation.number(), "server configuration built");
        let mut config_for_strangers = config.clone();
        config_for_strangers.alpn_protocols.clear();
        Ok(Self {
            judge,
            config: Arc::new(config),
            config_for_strangers: Arc::new(config_for_strangers),
            ticketer,
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

/// Tickets sent after a handshake: one to come back with, one for when that got lost.
const TICKETS: usize = 2;

/// The most tickets a client is given when it asks for more (RFC 9149).
const MOST_TICKETS: usize = 8;
