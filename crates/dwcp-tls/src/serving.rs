//! The configurations of one generation, and which of them answers a client.

use crate::active::Active;
use crate::error::TlsError;
use crate::group::Group;
use crate::hello::{ClientOffer, Look};
use crate::inspect::InspectError;
use crate::offer::{Serve, Unserved, judge_offer, judge_resolved};
use crate::preference::{Providers, choose_for};
use crate::resolver::{Resolved, ResolverError};
use crate::settings::ServerSettings;
use crate::shelf::{ResolvedShelf, protocols_of};
use dwcp_pki::Credential;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets};
use rustls::{PeerIncompatible, ServerConfig};
use std::sync::Arc;

/// Configurations that differ in the group they agree on and in whether they offer a protocol. Built once for a generation.
pub(crate) struct Configs {
    groups: Vec<Group>,
    each: Vec<Pair>,
    /// With every group: for a client that has none of them, which the engine refuses.
    whole: Pair,
}

struct Pair {
    ours: Arc<ServerConfig>,
    /// The same with no application protocol on offer.
    strangers: Arc<ServerConfig>,
}

impl Configs {
    /// Builds them with `build`, which takes a provider.
    pub(crate) fn build<F>(providers: &Providers, build: F) -> Result<Self, TlsError>
    where
        F: Fn(Arc<CryptoProvider>) -> Result<ServerConfig, TlsError>,
    {
        let pair = |provider: &Arc<CryptoProvider>| {
            let ours = build(Arc::clone(provider))?;
            let mut strangers = ours.clone();
            strangers.alpn_protocols.clear();
            Ok(Pair { ours: Arc::new(ours), strangers: Arc::new(strangers) })
        };
        Ok(Self {
            groups: providers.each.iter().map(|(group, _)| *group).collect(),
            each: providers
                .each
                .iter()
                .map(|(_, provider)| pair(provider))
                .collect::<Result<_, TlsError>>()?,
            whole: pair(&providers.whole)?,
        })
    }

    fn get(&self, group: Option<Group>, serve: Serve) -> &Arc<ServerConfig> {
        let at = group.and_then(|group| self.groups.iter().position(|ours| *ours == group));
        let pair = at.and_then(|at| self.each.get(at)).unwrap_or(&self.whole);
        match serve {
            Serve::AsStranger => &pair.strangers,
            _ => &pair.ours,
        }
    }
}

/// How a client is going to be served, read from its hello at one go, so that nothing of the hello is kept.
pub(crate) struct Serving {
    pub(crate) serve: Serve,
    group: Option<Group>,
    /// What the engine is going to refuse it for, if that can be seen already.
    doomed: Option<Doom>,
    suits_store: Result<(), Unserved>,
    /// What it offers to speak, where a resolver's answer is for that.
    protocols: [u8; 32],
}

/// Why the handshake can not succeed.
enum Doom {
    /// It speaks no TLS 1.3, which the engine looks at first.
    Version,
    /// It has no suite or no group in common.
    Incompatible(PeerIncompatible),
}

impl Serving {
    pub(crate) fn read(
        settings: &ServerSettings,
        active: &Active,
        hello: &ClientHello<'_>,
        look: &Result<Look, InspectError>,
    ) -> Result<Self, Unserved> {
        let (serve, suits_store) = judge_offer(settings, &active.judge.generation, hello)?;
        let look = look.as_ref().ok();
        let group = choose_for(&active.configs.groups, hello, look);
        let suites = &active.configs.whole.ours.crypto_provider().cipher_suites;
        let doomed = if serve == Serve::TooOld || look.is_some_and(|look| !look.offers_tls13) {
            Some(Doom::Version)
        } else if group.is_none() {
            Some(Doom::Incompatible(PeerIncompatible::NoKxGroupsInCommon))
        } else if !suites.iter().any(|suite| hello.cipher_suites().contains(&suite.suite())) {
            Some(Doom::Incompatible(PeerIncompatible::NoCipherSuitesInCommon))
        } else {
            None
        };
        let protocols = settings.resolving.as_ref().map_or([0; 32], |_| protocols_of(hello));
        Ok(Self { serve, group, doomed, suits_store, protocols })
    }

    /// Asks the caller's resolver, if there is one and the handshake is not refused anyway.
    pub(crate) async fn ask(
        &self,
        settings: &ServerSettings,
        offer: &ClientOffer,
    ) -> Result<Option<Resolved>, Unserved> {
        let Some(resolving) = &settings.resolving else { return Ok(None) };
        if self.serve == Serve::Challenge {
            return Ok(None);
        }
        match &self.doomed {
            Some(Doom::Version) => Ok(None),
            Some(Doom::Incompatible(why)) => Err(Unserved::Incompatible(why.clone())),
            None => resolving.ask(offer).await.map(Some).map_err(Unserved::Resolver),
        }
    }

    /// The configuration that answers, with what a resolver said.
    pub(crate) fn configuration(
        self,
        settings: &ServerSettings,
        active: &Active,
        offer: &ClientOffer,
        resolved: Option<Resolved>,
    ) -> Result<Arc<ServerConfig>, Unserved> {
        let config = active.configs.get(self.group, self.serve);
        match resolved {
            // Not asked, for a reason that is gone since: a challenge that was withdrawn.
            None if settings.resolving.is_some() && self.doomed.is_none() => {
                Err(Unserved::Resolver(ResolverError::Failed("it was not asked".into())))
            }
            None => Ok(Arc::clone(config)),
            Some(Resolved::Store) => self.suits_store.map(|()| Arc::clone(config)),
            Some(Resolved::Credential(credential)) => {
                judge_resolved(settings, &credential, offer)?;
                Ok(Arc::new(showing(config, &credential, self.protocols)))
            }
        }
    }
}

/// The same with another certificate, and without tickets: a ticket would stand in for whatever is resolved next time.
fn showing(config: &ServerConfig, credential: &Arc<Credential>, protocols: [u8; 32]) -> ServerConfig {
    let mut config = config.clone();
    config.cert_resolver = Arc::new(ResolvedShelf::new(credential, protocols));
    config.ticketer = Arc::new(NoTickets);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config
}

#[derive(Debug)]
struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _plain: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _ticket: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
