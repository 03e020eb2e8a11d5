//! A node whose certificate a public authority issues: the provider, its first certificate, and the authority's advice on renewal.

use super::acme_bootstrap::{Bootstrap, Stage};
use super::brought;
use super::error::NodeError;
use super::pki_files::{certificates, credential_error, prefix};
use super::renewal::own;
use super::shared::Shared;
use crate::config::{AcmeIssuerPlan, AcmePlan, ChallengePlan, ConfigProblem, NodePlan, ProviderPlan};
use dwcp_base::{Clock, Disk, LocalDisk, Observer};
use dwcp_https::Roots;
use dwcp_pki::{Credential, FirstTrust, Profile, RevocationMode, SlotSpec, TrustStore, Usage, obtain};
use dwcp_pki_acme::{
    AcmeIssuer, AcmeProvider, AcmeSettings, Cache, Event, ExternalAccount, Http01Responder, Responder,
    ResponderError,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// The authorities of a node, for as long as it runs.
pub(crate) struct Acme {
    pub(super) provider: Arc<AcmeProvider>,
    /// Where TLS-ALPN-01 is answered; `None` where HTTP-01 is.
    pub(super) stage: Option<Arc<Stage>>,
}

impl Acme {
    /// The provider that a plan asks for; `None` for plans of other providers. Nobody is asked yet.
    pub(super) async fn of(
        plan: &NodePlan,
        clock: &Arc<dyn Clock>,
        observer: Arc<dyn Observer<Event>>,
    ) -> Result<Option<Self>, NodeError> {
        let ProviderPlan::Acme { acme, .. } = &plan.provider else { return Ok(None) };
        let disk = LocalDisk;
        disk.make_dir(&plan.state_dir)
            .map_err(|source| NodeError::Unwritten { path: plan.state_dir.clone(), source })?;
        let cache = Cache::open(&acme.cache_dir, Arc::new(disk))
            .map_err(|error| problem("cache_dir", &error, &error.fix()))?;
        let (stage, responder): (_, Arc<dyn Responder>) = match acme.challenge {
            ChallengePlan::TlsAlpn => {
                let stage = Arc::new(Stage::default());
                (Some(Arc::clone(&stage)), stage)
            }
            ChallengePlan::Http(port) => (None, Arc::new(answering(port).await?)),
        };
        let provider =
            AcmeProvider::new(settings(acme)?, cache, vec![responder], Arc::clone(clock), observer);
        let provider = provider.map_err(|error| problem("cache_dir", &error, &error.fix()))?;
        Ok(Some(Self { provider: Arc::new(provider), stage }))
    }

    /// Sees to it that there is a certificate to start from. A pair that is there is enough, and one that has ended or lacks a name is
    /// replaced where an authority lets it.
    pub(super) async fn first(&self, plan: &NodePlan, clock: &Arc<dyn Clock>) -> Result<(), NodeError> {
        let ProviderPlan::Acme { acme, .. } = &plan.provider else { return Ok(()) };
        let saved = match brought::credential(plan) {
            Err(NodeError::NotIssued { .. }) => None,
            other => Some(other?),
        };
        let fit = |credential: &Credential| {
            credential.not_after() > clock.unix()
                && acme.names.iter().all(|name| credential.names().contains(name))
        };
        if saved.as_ref().is_some_and(fit) {
            return Ok(());
        }
        match (self.obtain(plan, acme, clock).await, saved) {
            (Err(error), Some(saved)) => {
                let text = super::onion::reason_text(&error);
                tracing::warn!(%text, ends = %saved.not_after(), "the node starts with the certificate that it has");
                Ok(())
            }
            (done, _) => done,
        }
    }

    async fn obtain(
        &self,
        plan: &NodePlan,
        acme: &AcmePlan,
        clock: &Arc<dyn Clock>,
    ) -> Result<(), NodeError> {
        // Ended before the listeners of the node need their addresses.
        let bootstrap = match &self.stage {
            Some(stage) => Some(Bootstrap::begin(plan, stage, clock)?),
            None => None,
        };
        let issuers = issuers(acme)?;
        let spec = spec(plan, acme);
        let asked = obtain(&*self.provider, &spec, FirstTrust::Known(&issuers), &**clock, DEADLINE).await;
        if let Some(bootstrap) = bootstrap {
            bootstrap.end().await;
        }
        let (credential, _) = asked.map_err(NodeError::Unissued)?;
        credential
            .save(&LocalDisk, &prefix(&plan.identity)?)
            .map_err(|source| credential_error(&plan.identity, source))
    }

    /// Asks when the authority would like the certificate renewed, as often as it says, until `stop` changes.
    pub(super) async fn follow_advice(&self, shared: &Shared, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asked = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stop.changed() => return,
            }
            let generation = shared.store.current();
            let leaf = generation.credential().chain().leaf();
            if asked.is_some_and(|(serial, again)| serial == leaf.serial() && shared.now() < again) {
                continue;
            }
            let advice = tokio::select! {
                advice = self.provider.renewal_advice(leaf, ADVICE_DEADLINE) => advice,
                _ = stop.changed() => return,
            };
            let again = match advice {
                Ok(advice) => {
                    let slot = own(&shared.plan.load());
                    // One that was replaced meanwhile has an advice of its own.
                    let _ = shared.manager.advise(&slot, leaf.serial(), advice.renew_at);
                    advice.ask_again
                }
                Err(error) => {
                    tracing::debug!(error = %super::onion::reason_text(&error), "no advice on renewal");
                    shared.now().plus(AFTER_FAILURE)
                }
            };
            asked = Some((leaf.serial(), again));
        }
    }
}

/// What is asked for: a certificate for servers.
pub(super) fn spec(plan: &NodePlan, acme: &AcmePlan) -> SlotSpec {
    let mut spec = SlotSpec::new(own(plan), acme.names.clone());
    spec.usage = Usage::Server;
    spec
}

/// Whose certificates the node's own may be.
pub(super) fn issuers(acme: &AcmePlan) -> Result<TrustStore, NodeError> {
    let mut anchors = Vec::new();
    for issuer in &acme.issuers {
        let found = roots(issuer)?.certificates().map_err(|error| problem("ca_file", &error, SYSTEM))?;
        for root in found {
            if !anchors.contains(root.certificate_der()) {
                anchors.push(root.certificate_der().clone());
            }
        }
    }
    let store = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).map_err(NodeError::Trust)?;
    // Public authorities owe nothing to the profile of the mesh.
    Ok(store.with_profile(Profile::Interop))
}

fn roots(issuer: &AcmeIssuerPlan) -> Result<Roots, NodeError> {
    match &issuer.roots {
        Some(path) => Ok(Roots::Only(certificates(path)?)),
        None => Ok(Roots::System),
    }
}

fn settings(acme: &AcmePlan) -> Result<AcmeSettings, NodeError> {
    let bad = |error: dwcp_pki_acme::SettingsError| problem("issuers", &error, "correct what is named");
    let mut built = Vec::new();
    for (at, plan) in acme.issuers.iter().enumerate() {
        let mut issuer = AcmeIssuer::new(plan.directory.clone(), roots(plan)?);
        if acme.issuers.iter().take(at).any(|before| before.directory.host() == plan.directory.host()) {
            // Two directories of one host are told apart by their place.
            issuer = issuer.named(&format!("{}-{}", host(plan), at + 1)).map_err(bad)?;
        }
        if let Some(profile) = &plan.profile {
            issuer = issuer.with_profile(profile).map_err(bad)?;
        }
        if let Some(eab) = &plan.eab {
            issuer =
                issuer.with_external_account(ExternalAccount::new(&eab.kid, &eab.hmac_file).map_err(bad)?);
        }
        built.push(issuer);
    }
    let mut built = built.into_iter();
    let Some(first) = built.next() else {
        let fix = "name one in directory, or remove the key";
        let key = "security.cert_management.acme.issuers";
        return Err(NodeError::Config(ConfigProblem::new(key, "names no authority", fix)));
    };
    let mut settings = AcmeSettings::new(first);
    for issuer in built {
        settings = settings.with_issuer(issuer).map_err(bad)?;
    }
    match &acme.email {
        Some(mail) => settings.with_contact(mail).map_err(bad),
        None => Ok(settings),
    }
}

fn host(plan: &AcmeIssuerPlan) -> String {
    plan.directory
        .host()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
        .take(48)
        .collect()
}

/// HTTP-01 at every address of the machine.
async fn answering(port: u16) -> Result<Http01Responder, NodeError> {
    let any = |ip: IpAddr| SocketAddr::new(ip, port);
    let (six, four) = (any(Ipv6Addr::UNSPECIFIED.into()), any(Ipv4Addr::UNSPECIFIED.into()));
    // A machine without IPv6 has no such address.
    let bound = match Http01Responder::listen(six).await {
        Err(_) => Http01Responder::listen(four).await,
        bound => bound,
    };
    bound.map_err(|error| match error {
        ResponderError::Listen { address, source } => NodeError::Bind {
            what: "security.cert_management.acme.http_challenge_port".to_owned(),
            address,
            source,
        },
        other => problem("http_challenge_port", &other, &other.fix()),
    })
}

fn problem(key: &str, error: &dyn std::error::Error, fix: &str) -> NodeError {
    let key = format!("security.cert_management.acme.{key}");
    NodeError::Config(ConfigProblem::new(key, super::onion::reason_text(error), fix))
}

const SYSTEM: &str =
    "install the roots of the operating system (ca-certificates), or name the authority's in ca_file";
/// An authority looks at several names from several places.
const DEADLINE: Duration = Duration::from_secs(120);
const ADVICE_DEADLINE: Duration = Duration::from_secs(30);
const AFTER_FAILURE: Duration = Duration::from_secs(3_600);
const POLL: Duration = Duration::from_secs(1);
