//! The provider: authorities in their order, one order at a time.

use crate::account::{self, Accounts};
use crate::budget::Budget;
use crate::error::unread;
use crate::identifiers::identifiers;
use crate::order::{self, Judge};
use crate::state::{AcmeState, IssuerState, told};
use crate::wire::Wire;
use crate::{
    AcmeError, AcmeIssuer, AcmeSettings, Cache, CacheError, Event, LockedCache, NamesDigest, PauseRecord,
    Responder, pauses,
};
use dwcp_base::{Clock, Coded, Observer};
use dwcp_https::HttpsClient;
use dwcp_pki::{CertificateChain, CertificateRequest};
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Pauses of this process, for where the disk loses them.
    pauses: Mutex<Vec<PauseRecord>>,
    at_once: AtomicBool,
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
            let pause = unread("pause", cache.pause(issuer.directory.as_str()), &*observer);
            if let Some(pause) = pause.filter(|pause| !pause.left(now).is_zero()) {
                state.failed(&pauses::of(&pause), pause.from);
                state.next_try = Some(pause.to);
            }
            issuers.push(state);
        }
        let state = Mutex::new(AcmeState { issuers, in_use: None });
        let (turn, judge) = (Turn::new(()), Box::new(nothing_against));
        let (pauses, at_once) = (Mutex::default(), AtomicBool::new(false));
        Ok(Self {
            settings,
            clients,
            cache,
            responders,
            judge,
            clock,
            observer,
            turn,
            state,
            pauses,
            at_once,
        })
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

    /// Has the next attempt heed no pause of our own making, since an operator wants it. One that an authority asked for holds all the same.
    pub fn ask_at_once(&self) {
        self.at_once.store(true, Ordering::SeqCst);
    }

    /// How it stands with each authority.
    pub fn state(&self) -> AcmeState {
        let (mut state, now) = (self.locked_state().clone(), self.clock.unix());
        for issuer in &mut state.issuers {
            issuer.next_try = issuer.next_try.filter(|at| *at > now);
        }
        state
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &AcmeSettings {
        &self.settings
    }

    /// Asks the authorities, one after the other. As [`CertProvider::issue`](dwcp_pki::CertProvider::issue), with an error that says more.
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
        let at_once = self.at_once.swap(false, Ordering::SeqCst);
        let names = NamesDigest::of(request.names());
        let cache = self.lock_cache(budget).await.inspect_err(|error| self.all_failed(error))?;
        let (mut errors, mut asked) = (Vec::new(), Vec::new());
        for at in self.in_order() {
            let Some((issuer, _)) = self.issuer(at) else { continue };
            match self.paused(&cache, issuer, &names, at_once) {
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
        let (now, names) = (self.clock.unix(), NamesDigest::of(request.names()));
        match &asked {
            Ok(chain) => {
                self.end_pauses(cache, issuer, &names);
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
                if let Some(state) = self.locked_state().issuers.get_mut(at) {
                    state.failed(error, now);
                }
                let (issuer_name, message) = (issuer.name.clone(), told(error));
                let failed = Event::IssuerFailed { issuer: issuer_name, code: error.code(), message };
                self.observer.observe(&failed);
                let next_try = self.pause_after(cache, issuer, &names, error);
                if let Some(state) = self.locked_state().issuers.get_mut(at) {
                    state.next_try = next_try;
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
            let order = order::Ordering {
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

    /// Puts on record what keeps all authorities from being asked.
    fn all_failed(&self, error: &AcmeError) {
        let now = self.clock.unix();
        self.locked_state().issuers.iter_mut().for_each(|issuer| issuer.failed(error, now));
    }

    pub(crate) async fn lock_cache(&self, budget: &Budget) -> Result<LockedCache, AcmeError> {
        // Short of all the time there is: who is waited for is told before it is over.
        self.cache.lock(budget.left() / 10 * 9).await.map_err(AcmeError::Cache)
    }

    pub(crate) fn locked_pauses(&self) -> MutexGuard<'_, Vec<PauseRecord>> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell_unsaved(&self, what: &'static str, written: Result<(), CacheError>) {
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
