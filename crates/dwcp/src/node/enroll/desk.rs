//! The desk of an embedded authority at which machines join and renew: how many at once, and how often somebody may be wrong.

use super::answer::Trouble;
use super::bundle::Bundle;
use crate::config::{ConfigProblem, NodePlan, ProviderPlan};
use crate::enroll::{EnrollError, Registrar};
use crate::node::compose::{ENROLMENT, unfit};
use crate::node::embedded::issuance_policy;
use crate::node::error::NodeError;
use crate::node::off_loop::off_loop;
use crate::node::publication_port;
use crate::node::shared::Shared;
use arc_swap::{ArcSwap, ArcSwapOption};
use dwcp_base::{Disk, LocalDisk};
use dwcp_guard::{Guard, GuardSettings};
use dwcp_pki::CertificateAuthority;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The registrar of an embedded authority and its bounds.
pub(in crate::node) struct Enrolment {
    registrar: Arc<Registrar>,
    places: Arc<Semaphore>,
    /// Its permits are refusals: being right costs nothing, so whoever holds a token is let in however many from the same address
    /// do not.
    pub(in crate::node) attempts: Guard,
    /// Who may come in at the port; `None` where the guard is switched off.
    pub(in crate::node) gate: ArcSwap<Option<Guard>>,
    bundle: ArcSwapOption<Bundle>,
}

impl Enrolment {
    /// Whether machines can join where the plan wants them to.
    pub(in crate::node) fn fits(plan: &NodePlan) -> Result<(), NodeError> {
        if plan.enroll.is_none() || plan.trust_domain.is_some() {
            return Ok(());
        }
        let what = "the node's certificate has no SPIFFE ID, so there is no trust domain to grant names of";
        Err(NodeError::Config(ConfigProblem::new(ENROLMENT, what, "write node.trust_domain")))
    }

    /// The desk of the authority that `plan` names; `None` where the node knows of no trust domain to grant names of.
    pub(in crate::node) fn of(
        authority: &Arc<CertificateAuthority>,
        plan: &NodePlan,
    ) -> Result<Option<Self>, NodeError> {
        let (ProviderPlan::Embedded { ca_dir, .. }, Some(domain)) = (&plan.provider, &plan.trust_domain)
        else {
            return Ok(None);
        };
        let disk: Arc<dyn Disk> = Arc::new(LocalDisk);
        let (authority, policy) = (Arc::clone(authority), issuance_policy(plan)?);
        let settings = GuardSettings {
            handshakes_per_second: WRONG_PER_SOURCE,
            burst: WRONG_PER_SOURCE * 5,
            global_per_second: WRONG,
            global_burst: WRONG * 2,
            max_connections: AT_ONCE,
            max_connections_per_source: AT_ONCE,
            max_pending: AT_ONCE,
            max_pending_per_source: AT_ONCE,
            table_capacity: SOURCES,
            ..GuardSettings::default()
        };
        Ok(Some(Self {
            registrar: Arc::new(Registrar::new(authority, policy, domain.clone(), &disk, ca_dir)),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            attempts: Guard::new(settings).map_err(unfit)?,
            gate: ArcSwap::from_pointee(publication_port::gate(plan)?),
            bundle: ArcSwapOption::empty(),
        }))
    }

    /// Runs `work` off the event loop, with few others beside it.
    pub(super) async fn at_work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Registrar) -> Result<T, EnrollError> + Send + 'static,
    ) -> Result<T, Trouble> {
        let place = timeout(WAIT, Arc::clone(&self.places).acquire_owned());
        let Ok(Ok(place)) = place.await else { return Err(Trouble::Busy) };
        let registrar = Arc::clone(&self.registrar);
        // It goes on where nobody waits any more: its place is taken until then.
        let done = off_loop(move || {
            let done = work(&registrar);
            drop(place);
            done
        });
        Ok(done.await.ok_or(Trouble::Broken)??)
    }

    /// What members are to trust now; made once for each generation.
    pub(super) async fn bundle(&self, shared: &Shared) -> Result<Arc<Bundle>, Trouble> {
        let generation = shared.store.current();
        if let Some(known) = self.bundle.load_full()
            && known.number == generation.number()
        {
            return Ok(known);
        }
        let domain = shared.plan.load().trust_domain.clone();
        let made = off_loop(move || Arc::new(Bundle::of(&generation, domain.as_ref()))).await;
        let made = made.ok_or(Trouble::Broken)?;
        self.bundle.store(Some(Arc::clone(&made)));
        Ok(made)
    }
}

/// Requests at work: each holds a thread, and most of them wait for one lock.
const AT_ONCE: usize = 4;
/// How long a request may wait for its turn.
const WAIT: Duration = Duration::from_secs(3);
/// Refusals a second for one source in the long run, five times as many after a rest.
const WRONG_PER_SOURCE: u32 = 2;
/// Refusals a second for all sources.
const WRONG: u32 = 100;
/// Sources whose rate is remembered.
const SOURCES: usize = 8_192;
