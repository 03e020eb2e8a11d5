//! The token: obtained once for everybody, renewed and replaced in time, and never shown.

use crate::budget::Budget;
use crate::engine::{self, Grant};
use crate::login::Means;
use crate::token::{Step, TokenCore};
use crate::{Event, LoginError, VaultError, VaultSettings, VaultState, VaultTrouble};
use dwcp_base::{Clock, Coded, Observer, Tick};
use dwcp_https::HttpsClient;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// A token with the connection it belongs to: one that came of a certificate is only good over a connection that shows it.
pub(crate) struct Token {
    pub(crate) text: Zeroizing<String>,
    pub(crate) https: HttpsClient,
}

/// One identity at one server.
pub(crate) struct Session {
    settings: VaultSettings,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer<Event>>,
    plain: HttpsClient,
    /// One login or renewal at a time.
    gate: tokio::sync::Mutex<()>,
    held: Mutex<Held>,
    changed: Notify,
}

/// Why one logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// There is no token, or the one that is there ends.
    Due,
    /// A file changed. Whoever wrote it may have written the same secret again.
    Rotated,
    /// A request was denied: the token may be gone.
    Refused,
}

struct Held {
    core: TokenCore,
    token: Option<Arc<Token>>,
    /// The files as they were when they were read last.
    marks: Option<[u8; 32]>,
    login_trouble: Option<VaultTrouble>,
    trouble: Option<VaultTrouble>,
    down_since: Option<Tick>,
    /// A new token was refused what the old one was refused: not tried again before this.
    futile_until: Option<Tick>,
}

impl Session {
    pub(crate) fn new(
        settings: VaultSettings,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer<Event>>,
    ) -> Result<Self, VaultError> {
        let plain = HttpsClient::new(settings.roots()).map_err(VaultError::Https)?;
        let seed = dwcp_crypto::random::array().map_or(0, u64::from_le_bytes);
        let held = Held {
            core: TokenCore::new(seed),
            token: None,
            marks: None,
            login_trouble: None,
            trouble: None,
            down_since: None,
            futile_until: None,
        };
        let (gate, changed) = (tokio::sync::Mutex::new(()), Notify::new());
        Ok(Self { settings, clock, observer, plain, gate, held: Mutex::new(held), changed })
    }

    pub(crate) fn settings(&self) -> &VaultSettings {
        &self.settings
    }

    /// A connection that shows no certificate, for what needs no token.
    pub(crate) fn plain(&self) -> &HttpsClient {
        &self.plain
    }

    /// A token that may be shown now: the one there is, or one from a login. The caller bounds the time.
    pub(crate) async fn token(&self, budget: &Budget) -> Result<Arc<Token>, VaultError> {
        if let Some(token) = self.usable() {
            return Ok(token);
        }
        let _gate = self.enter(budget).await?;
        // Another caller may have logged in while this one waited.
        if let Some(token) = self.usable() {
            return Ok(token);
        }
        self.may_try()?;
        self.log_in(budget.left()?, Why::Due).await
    }

    async fn enter(&self, budget: &Budget) -> Result<tokio::sync::MutexGuard<'_, ()>, VaultError> {
        timeout(budget.left()?, self.gate.lock()).await.map_err(|_| budget.spent())
    }

    /// Starts to count a deadline.
    pub(crate) fn budget(&self, deadline: Duration) -> Budget {
        Budget::new(Arc::clone(&self.clock), deadline)
    }

    /// Another token in the place of one that was refused; none where the refusal is not the token's fault.
    pub(crate) async fn instead(
        &self,
        refused: &Arc<Token>,
        budget: &Budget,
    ) -> Result<Option<Arc<Token>>, VaultError> {
        let _gate = self.enter(budget).await?;
        {
            let mut held = self.held();
            let now = self.clock.tick();
            match &held.token {
                Some(token) if !Arc::ptr_eq(token, refused) => return Ok(Some(Arc::clone(token))),
                _ if held.futile_until.is_some_and(|until| now < until) => return Ok(None),
                _ => held.futile_until = Some(now.plus(FUTILE)),
            }
        }
        match self.log_in(budget.left()?, Why::Refused).await {
            Ok(token) => Ok(Some(token)),
            // The file still holds the token that was refused, and the server still knows it.
            Err(VaultError::Login { source: LoginError::Ending, .. }) => Ok(None),
            Err(error) => {
                // What was refused here is not shown again.
                self.lose(refused);
                Err(error)
            }
        }
    }

    /// A request with the current token came through: what was refused before was the old token's fault.
    pub(crate) fn fruitful(&self) {
        self.held().futile_until = None;
    }

    /// Looks after the token once, and says how long to wait before the next look.
    pub(crate) async fn step(&self) -> Duration {
        let _gate = self.gate.lock().await;
        let now = self.clock.tick();
        let rotated = {
            let mut held = self.held();
            let rotated = held.marks.is_some_and(|marks| marks != self.settings.login().marks());
            if rotated {
                held.core.hopeful();
            }
            rotated
        };
        let (step, why) = match rotated {
            true => (Step::LogIn, Why::Rotated),
            false => (self.held().core.next(now), Why::Due),
        };
        match step {
            Step::Wait(None) => return WATCH,
            Step::Wait(Some(until)) => return until.since(now).min(WATCH),
            Step::Renew => {
                let _ = self.renew().await;
            }
            Step::LogIn => {
                let _ = self.log_in(REQUEST, why).await;
            }
        }
        match self.held().core.next(self.clock.tick()) {
            Step::Wait(Some(until)) => until.since(self.clock.tick()).min(WATCH),
            Step::Wait(None) => WATCH,
            // Never a busy loop, whatever the core says.
            _ => SHORTEST_ROUND,
        }
    }

    /// Waits for `length`, or until a token was lost.
    pub(crate) async fn rest(&self, length: Duration) {
        let _ = timeout(length, self.changed.notified()).await;
    }

    /// Takes note of how a request went: an outage begins and ends once.
    pub(crate) fn note<T>(&self, outcome: Result<T, VaultError>) -> Result<T, VaultError> {
        let (now, mut held) = (self.clock.tick(), self.held());
        let event = match &outcome {
            Ok(_) => {
                held.trouble = None;
                held.down_since.take().map(|since| Event::ServerBack { after: now.since(since) })
            }
            Err(error) => {
                held.trouble = Some(VaultTrouble::next(error, held.trouble.take(), self.clock.unix()));
                match error.is_outage() && held.down_since.is_none() {
                    true => {
                        held.down_since = Some(now);
                        Some(Event::ServerUnavailable { code: error.code() })
                    }
                    false => None,
                }
            }
        };
        drop(held);
        if let Some(event) = event {
            self.observer.observe(&event);
        }
        outcome
    }

    pub(crate) fn tell(&self, event: &Event) {
        self.observer.observe(event);
    }

    pub(crate) fn state(&self) -> VaultState {
        let (now, unix, held) = (self.clock.tick(), self.clock.unix(), self.held());
        let at = |tick: Tick| unix.plus(tick.since(now));
        let waits = match held.core.next(now) {
            Step::Wait(until) => until.map(at),
            _ => Some(unix),
        };
        let next_try = held.core.next_try().map(at);
        VaultState {
            login: self.settings.login().method(),
            has_token: held.core.is_usable(now),
            token_until: held.core.left(now).map(|left| unix.plus(left)),
            renews_at: if next_try.is_none() { waits } else { None },
            next_try,
            trouble: held.login_trouble.clone().or_else(|| held.trouble.clone()),
        }
    }

    fn usable(&self) -> Option<Arc<Token>> {
        let held = self.held();
        held.token.as_ref().filter(|_| held.core.is_usable(self.clock.tick())).map(Arc::clone)
    }

    /// Whether a login may be tried on somebody's demand.
    fn may_try(&self) -> Result<(), VaultError> {
        let mut held = self.held();
        let wait = held.core.pause(self.clock.tick());
        if wait.is_zero() {
            return Ok(());
        }
        if held.marks.is_some_and(|marks| marks != self.settings.login().marks()) {
            held.core.hopeful();
            return Ok(());
        }
        let code = held.login_trouble.as_ref().map_or("vault.login.paused", |trouble| trouble.code);
        Err(VaultError::Paused { code, wait })
    }

    /// One login, under the gate.
    async fn log_in(&self, deadline: Duration, why: Why) -> Result<Arc<Token>, VaultError> {
        let method = self.settings.login().method();
        let attempt = timeout(deadline, self.attempt(deadline, why));
        let outcome = attempt.await.unwrap_or(Err(VaultError::TimedOut { deadline }));
        // The token is as good as it was: that something else was refused is no trouble of the login.
        if why == Why::Refused && matches!(outcome, Err(VaultError::Login { source: LoginError::Ending, .. }))
        {
            return outcome.map(|(token, _)| token);
        }
        match self.note(outcome) {
            Ok((token, grant)) => {
                let now = self.clock.tick();
                let mut held = self.held();
                held.core.logged_in(now, grant.life, grant.renewable);
                held.login_trouble = None;
                held.token = Some(Arc::clone(&token));
                drop(held);
                tracing::debug!(method, renewable = grant.renewable, life = ?grant.life, "logged in");
                let until = grant.life.map(|life| self.clock.unix().plus(life));
                self.observer.observe(&Event::LoginDone { method, until });
                Ok(token)
            }
            Err(error) => {
                self.failed(method, &error);
                Err(error)
            }
        }
    }

    async fn attempt(&self, deadline: Duration, why: Why) -> Result<(Arc<Token>, Grant), VaultError> {
        let login = self.settings.login();
        // Before the files are read: what changes in between is seen as a change afterwards.
        let marks = login.marks();
        self.held().marks = Some(marks);
        let failed = |source| VaultError::Login { method: login.method(), source };
        let means = login.read().map_err(failed)?;
        let https = match &means {
            Means::Certificate(credential) => {
                HttpsClient::with_credential(self.settings.roots(), credential).map_err(VaultError::Https)?
            }
            _ => self.plain.clone(),
        };
        let (text, grant) = engine::log_in(&self.settings, &https, means, deadline).await?;
        // The same token once more is only worth something where somebody else made it live longer, as an agent with a sink does.
        let held = self.held();
        let same = |old: &Arc<Token>| dwcp_crypto::constant_time_eq(text.as_bytes(), old.text.as_bytes());
        if why != Why::Rotated
            && held.token.as_ref().is_some_and(same)
            && let (Some(life), Some(left)) = (grant.life, held.core.left(self.clock.tick()))
            && life <= left.saturating_add(SLACK)
        {
            return Err(failed(LoginError::Ending));
        }
        drop(held);
        Ok((Arc::new(Token { text, https }), grant))
    }

    /// One renewal, under the gate.
    async fn renew(&self) -> Result<(), VaultError> {
        let Some(token) = self.held().token.clone() else { return Ok(()) };
        let attempt = timeout(REQUEST, engine::renew(&self.settings, &token));
        let outcome = attempt.await.unwrap_or(Err(VaultError::TimedOut { deadline: REQUEST }));
        match outcome {
            Ok(grant) => {
                self.note(Ok(()))?;
                let mut held = self.held();
                held.core.renewed(self.clock.tick(), grant.life, grant.renewable);
                held.login_trouble = None;
                drop(held);
                tracing::debug!(renewable = grant.renewable, life = ?grant.life, "token renewed");
                let until = grant.life.map(|life| self.clock.unix().plus(life));
                self.observer.observe(&Event::TokenRenewed { until });
                Ok(())
            }
            Err(error) if error.is_retryable() => {
                self.failed("renewal", &error);
                self.note(Err(error))
            }
            // Revoked, past its maximum, or not ours to renew. Which of them, only a login tells.
            Err(_) => {
                self.held().core.not_renewable();
                self.observer.observe(&Event::TokenLost);
                self.log_in(REQUEST, Why::Due).await.map(drop)
            }
        }
    }

    fn failed(&self, method: &'static str, error: &VaultError) {
        let mut held = self.held();
        let (attempts, retry_in) = held.core.failed(self.clock.tick(), error.retry_after());
        held.login_trouble = Some(VaultTrouble::next(error, held.login_trouble.take(), self.clock.unix()));
        drop(held);
        self.observer.observe(&Event::LoginFailed { method, code: error.code(), attempts, retry_in });
    }

    /// Forgets a token that the server does not know.
    fn lose(&self, token: &Arc<Token>) {
        let mut held = self.held();
        if held.token.as_ref().is_some_and(|one| Arc::ptr_eq(one, token)) {
            held.token = None;
            held.core.lost();
            drop(held);
            self.observer.observe(&Event::TokenLost);
            self.changed.notify_one();
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// How long one request of the watcher may take.
const REQUEST: Duration = Duration::from_secs(10);
/// How often files are looked at.
const WATCH: Duration = Duration::from_secs(5);
const SHORTEST_ROUND: Duration = Duration::from_millis(100);
/// How long a new token that was refused like the old one keeps us from another login.
const FUTILE: Duration = Duration::from_secs(60);
/// Servers count lives in whole seconds.
const SLACK: Duration = Duration::from_secs(1);
