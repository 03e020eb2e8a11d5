//! A node whose certificate a public authority issues: the provider, and its first certificate.

use super::acme_bootstrap::{Bootstrap, Stage};
use super::acme_http::Everywhere;
use super::acme_settings::{cache, issuers, problem, settings, spec};
use super::brought;
use super::error::NodeError;
use super::pki_files::{credential_error, prefix};
use crate::config::{AcmePlan, ChallengePlan, NodePlan, ProviderPlan};
use dwcp_base::{Clock, Disk, LocalDisk, Observer};
use dwcp_pki::{Credential, FirstTrust, Purpose, TrustStore, Usage, check_issued, obtain};
use dwcp_pki_acme::{AcmeProvider, Event, Responder};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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
        let cache = cache(acme)?;
        let (stage, responder): (_, Arc<dyn Responder>) = match acme.challenge {
            ChallengePlan::TlsAlpn => {
                let stage = Arc::new(Stage::default());
                (Some(Arc::clone(&stage)), stage)
            }
            ChallengePlan::Http(port) => (None, Arc::new(Everywhere::listen(port).await?)),
        };
        let provider =
            AcmeProvider::new(settings(acme)?, cache, vec![responder], Arc::clone(clock), observer);
        let provider = provider.map_err(|error| problem("cache_dir", &error, &error.fix()))?;
        // What the manager would refuse is refused where another authority can still be asked.
        let (trust, reader) = (issuers(acme)?, Arc::clone(clock));
        let provider = provider.with_judge(move |request, chain| {
            check_issued(chain, request, Usage::Server, &trust, reader.unix())
                .map_err(|fault| super::onion::reason_text(&fault))
        });
        Ok(Some(Self { provider: Arc::new(provider), stage }))
    }

    /// Sees to it that there is a certificate to start from. A pair of these authorities that is good is enough; what it lacks is ordered
    /// while the node runs. One that has ended is replaced where an authority lets it.
    pub(super) async fn first(&self, plan: &NodePlan, clock: &Arc<dyn Clock>) -> Result<(), NodeError> {
        let ProviderPlan::Acme { acme, .. } = &plan.provider else { return Ok(()) };
        let saved = match brought::credential(plan) {
            Err(NodeError::NotIssued { .. }) => None,
            other => Some(other?),
        };
        let issuers = issuers(acme)?;
        // A pair of an authority that was configured before is none to start from: nobody here trusts it.
        let ours = |saved: &Credential| issuers.covers_for(saved.chain(), Purpose::Server).is_ok();
        let saved = saved.filter(ours);
        if saved.as_ref().is_some_and(|saved| clock.unix() < saved.not_after()) {
            return Ok(());
        }
        match (self.obtain(plan, acme, &issuers, clock).await, saved) {
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
        issuers: &TrustStore,
        clock: &Arc<dyn Clock>,
    ) -> Result<(), NodeError> {
        let prefix = prefix(&plan.identity)?;
        has_room(&prefix)?;
        // Ended before the listeners of the node need their addresses.
        let bootstrap = match &self.stage {
            Some(stage) => Some(Bootstrap::begin(plan, stage, clock)?),
            None => None,
        };
        let spec = spec(plan, acme);
        let asked = obtain(&*self.provider, &spec, FirstTrust::Known(issuers), &**clock, DEADLINE).await;
        if let Some(bootstrap) = bootstrap {
            bootstrap.end().await;
        }
        let (credential, _) = asked.map_err(NodeError::Unissued)?;
        credential.save(&LocalDisk, &prefix).map_err(|source| credential_error(&plan.identity, source))
    }
}

/// Shows that a pair can be written: what was issued and could not be kept would be ordered again at each start, against limits that last a week.
fn has_room(prefix: &Path) -> Result<(), NodeError> {
    let path = prefix.with_extension("next.key");
    let tried = LocalDisk.stage(&path, true).and_then(|mut file| {
        file.write_all(&[0; ROOM])?;
        file.flush()
    });
    tried.map_err(|source| NodeError::Unwritten { path, source })
}

/// More than the longest chain with its key, twice.
const ROOM: usize = 256 << 10;
/// An authority looks at several names from several places.
const DEADLINE: Duration = Duration::from_secs(120);
