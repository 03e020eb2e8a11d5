//! The provider: authorities in their order, one order at a time.

use crate::account::{self, Accounts};
use crate::budget::Budget;
use crate::error::sound;
use crate::identifiers::identifiers;
use crate::order::{Judge, Ordering};
use crate::state::{AcmeState, IssuerState, told};
use crate::wire::Wire;
use crate::{
    AcmeError, AcmeIssuer, AcmeSettings, Cache, CacheError, Event, LockedCache, PauseRecord, Responder, Said,
};
use dwcp_base::{Clock, Coded, Observer};
use dwcp_https::{HttpsClient, HttpsError};
use dwcp_pki::{BoxFuture, CertProvider, CertificateChain, CertificateRequest, Issued, ProviderError};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as Turn;
use tokio::time::timeout;

/// Gets certificates from ACME authorities: the first of them that can issue.
///
/// Its certificates are for servers. Public authorities issue none for clients any more, and a certificate for a name that everybody can
/// look up is nobody's identity in a mesh.
///
/// # Security
/// An authority is who its directory's URL names, over TLS 1.3 and the roots that are configured for it. Of what it answers only the key is looked
/// at here, so that the certificate is ours; [`CertificateManager`](dwcp_pki::CertificateManager) judges the rest.
pub struct AcmeProvider {
    pub(crate) settings: AcmeSettings,
    clients: Vec<HttpsClient>,
    pub(crate) cache: Cache,
    responders: Vec<Arc<dyn Responder>>,
    judge: Box<Judge>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer<Event>>,
    /// One order at a time: the cache has one writer, and no authority likes two orders for one name.
    turn: Turn<()>,
    state: Mutex<AcmeState>,
}

impl AcmeProvider {
    /// A provider that remembers in `cache` and proves names by `responders`, the first that fits what an authority offers. It asks nobody yet.
    ///
    /// # Errors
    /// [`AcmeError::Https`] where an authority's roots can not be used, [`AcmeError::Cache`] where records can not be read.
    pub fn new(
        settings: AcmeSettings,
        cache: Cache,
        responders: Vec<Arc<dyn Responder>>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer<Event>>,
    ) -> Result<Self, AcmeError> {
        let client = |issuer: &AcmeIssuer| HttpsClient::new(&issuer.roots).map_err(AcmeError::Https);
        let clients = settings.issuers().iter().map(client).collect::<Result<_, _>>()?;
        let now = clock.unix();
        let mut issuers = Vec::new();
        for issuer in settings.issuers() {
            let mut state = IssuerState::new(issuer.name(), issuer.directory.as_str());
            let pause = sound(cache.pause(issuer.directory.as_str()))?;
            state.next_try =
                pause.map(|pause| pause.left(now)).filter(|left| !left.is_zero()).map(|left| now.plus(left));
            issuers.push(state);
        }
        let state = Mutex::new(AcmeState { issuers, in_use: None });
        let (turn, judge) = (Turn::new(()), Box::new(nothing_against));
        Ok(Self { settings, clients, cache, responders, judge, clock, observer, turn, state })
    }

    /// Has each chain judged before it counts as issued: one that `judge` refuses, with the reason, is a failure of its authority
    /// ([`AcmeError::Unfit`]), and the next one is asked. Default: every chain for our key passes, and whoever asked finds out later.
    ///
    /// A program gives the test here that [`CertificateManager`](dwcp_pki::CertificateManager) makes afterwards: exactly the names of the request, and
    /// [`TrustStore::validate_own`](dwcp_pki::TrustStore::validate_own).
    #[must_use]
    pub fn with_judge(
        mut self,
        judge: impl Fn(&CertificateRequest, &CertificateChain) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.judge = Box::new(judge);
        self
    }

    /// How it stands with each authority.
    pub fn state(&self) -> AcmeState {
        self.locked_state().clone()
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &AcmeSettings {
        &self.settings
    }

    /// Asks the authorities, one after the other. As [`CertProvider::issue`], with an error that says more.
    ///
    /// # Errors
    /// [`AcmeError`]; [`AcmeError::All`] when several were asked in vain.
    pub async fn obtain(
        &self,
        request: &CertificateRequest,
        deadline: Duration,
    ) -> Result<CertificateChain, AcmeError> {
        // What no authority issues is told without a turn.
        identifiers(request.names())?;
        let budget = Budget::begin(Arc::clone(&self.clock), deadline);
        // A budget counts by a clock that a test may hold; the deadline holds all the same.
        let within = timeout(deadline, self.in_turn(request, &budget));
        within.await.unwrap_or(Err(AcmeError::TimedOut { deadline }))
    }

    async fn in_turn(
        &self,
        request: &CertificateRequest,
        budget: &Budget,
    ) -> Result<CertificateChain, AcmeError> {
        let _turn = self.turn.lock().await;
        let cache = self.lock_cache(budget).await?;
        let (mut errors, mut asked) = (Vec::new(), Vec::new());
        for at in self.in_order() {
            let Some((issuer, _)) = self.issuer(at) else { continue };
            match self.paused(&cache, at, issuer)? {
                None => asked.push(at),
                Some(paused) => errors.push((issuer.name.clone(), paused)),
            }
        }
        for (place, at) in asked.iter().enumerate() {
            let Some((issuer, client)) = self.issuer(*at) else { continue };
            let share = budget.share(asked.len() - place);
            match self.ask(*at, issuer, client, &cache, request, share).await {
                Ok(chain) => return Ok(chain),
                Err(error) if error.is_our_own() => return Err(error),
                Err(error) => errors.push((issuer.name.clone(), error)),
            }
            if budget.left().is_zero() {
                break;
            }
        }
        match errors.len() {
            1 => errors.pop().map_or(Err(budget.over()), |(_, error)| Err(error)),
            _ => Err(AcmeError::All(errors)),
        }
    }

    /// One authority, and what becomes of its answer.
    async fn ask(
        &self,
        at: usize,
        issuer: &AcmeIssuer,
        client: &HttpsClient,
        cache: &LockedCache,
        request: &CertificateRequest,
        budget: Budget,
    ) -> Result<CertificateChain, AcmeError> {
        let asked = self.order(at, issuer, client, cache, request, budget).await;
        let now = self.clock.unix();
        match &asked {
            Ok(chain) => {
                self.tell_unsaved("pause", cache.clear_pause(issuer.directory.as_str()));
                let mut state = self.locked_state();
                state.in_use = Some(issuer.name.clone());
                if let Some(state) = state.issuers.get_mut(at) {
                    state.succeeded(now);
                }
                drop(state);
                let (issuer, not_after) = (issuer.name.clone(), chain.leaf().not_after());
                self.observer.observe(&Event::CertificateIssued { issuer, not_after });
            }
            Err(error) => {
                let pause = error.retry_after();
                if let Some(state) = self.locked_state().issuers.get_mut(at) {
                    state.failed(error, now);
                    state.next_try = pause.map(|pause| now.plus(pause));
                }
                let (name, message) = (issuer.name.clone(), told(error));
                let failed = Event::IssuerFailed {
                    issuer: name.clone(),
                    code: error.code(),
                    message: message.clone(),
                };
                self.observer.observe(&failed);
                if let Some(pause) = pause {
                    let record = PauseRecord::new(issuer.directory.as_str(), now, pause, &message);
                    self.tell_unsaved("pause", cache.put_pause(&record));
                    self.observer.observe(&Event::IssuerPaused { issuer: name, pause, message });
                }
            }
        }
        asked
    }

    async fn order(
        &self,
        at: usize,
        issuer: &AcmeIssuer,
        client: &HttpsClient,
        cache: &LockedCache,
        request: &CertificateRequest,
        budget: Budget,
    ) -> Result<CertificateChain, AcmeError> {
        let wire = Wire::open(client.clone(), issuer.directory.clone(), budget).await?;
        let (contacts, observer) = (self.settings.contacts(), &*self.observer);
        let accounts = Accounts { wire: &wire, cache, issuer, contacts, observer };
        let (responders, judge) = (&self.responders, &*self.judge);
        let mut account = accounts.open().await?;
        let mut made_anew = false;
        loop {
            if let Some(state) = self.locked_state().issuers.get_mut(at) {
                state.account = Some(account.id().to_owned());
            }
            let order = Ordering {
                wire: &wire,
                account: &account,
                cache,
                issuer,
                request,
                responders,
                judge,
                observer,
            };
            match order.run().await {
                Err(error) if account::is_lost(&error) && !made_anew => {
                    account = accounts.make_anew(&account).await?;
                    made_anew = true;
                }
                done => return done,
            }
        }
    }

    /// The places of the authorities as they are to be asked: those that failed lately last.
    fn in_order(&self) -> Vec<usize> {
        let (state, now) = (self.locked_state(), self.clock.unix());
        let mut places: Vec<usize> = (0..state.issuers.len()).collect();
        places.sort_by_key(|at| state.issuers.get(*at).is_some_and(|one| one.is_out_of_favour(now)));
        places
    }

    /// Why an authority is not asked yet, if so: as the disk knows, and where that failed as this process does.
    fn paused(&self, cache: &Cache, at: usize, issuer: &AcmeIssuer) -> Result<Option<AcmeError>, AcmeError> {
        let now = self.clock.unix();
        let kept = sound(cache.pause(issuer.directory.as_str()))?;
        if let Some(pause) = kept.filter(|pause| !pause.left(now).is_zero()) {
            let (until, reason) = (now.plus(pause.left(now)), Said::new(&pause.reason));
            return Ok(Some(AcmeError::Paused { until, reason }));
        }
        let state = self.locked_state();
        let known = state.issuers.get(at).and_then(|one| Some((one.next_try?, one.last_error.as_ref()?)));
        // A clock that was set back makes no pause longer.
        let known = known.filter(|(until, error)| now >= error.at && now < *until);
        Ok(known.map(|(until, error)| AcmeError::Paused { until, reason: Said::new(&error.message) }))
    }

    pub(crate) async fn lock_cache(&self, budget: &Budget) -> Result<LockedCache, AcmeError> {
        self.cache.lock(budget.left()).await.map_err(|error| match error {
            // Another process is at it: nothing is wrong with the records.
            CacheError::Busy { .. } => budget.over(),
            error => AcmeError::Cache(error),
        })
    }

    fn tell_unsaved(&self, what: &'static str, written: Result<(), CacheError>) {
        if let Some(news) = Event::unsaved(what, written) {
            self.observer.observe(&news);
        }
    }

    pub(crate) fn issuer(&self, at: usize) -> Option<(&AcmeIssuer, &HttpsClient)> {
        Some((self.settings.issuers().get(at)?, self.clients.get(at)?))
    }

    fn locked_state(&self) -> MutexGuard<'_, AcmeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nothing_against(_: &CertificateRequest, _: &CertificateChain) -> Result<(), String> {
    Ok(())
}

impl CertProvider for AcmeProvider {
    fn name(&self) -> &str {
        "acme"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move {
            match self.obtain(request, deadline).await {
                Ok(chain) => Ok(Issued { chain, roots: Vec::new() }),
                Err(error) => Err(error.into_provider_error(self.clock.unix())),
            }
        })
    }
}

impl fmt::Debug for AcmeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcmeProvider").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl From<HttpsError> for AcmeError {
    fn from(error: HttpsError) -> Self {
        Self::Https(error)
    }
}
