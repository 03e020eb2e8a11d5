//! The token: obtained once for everybody, renewed and replaced in time, and never shown.

mod log_in;
mod log_out;
mod notes;

use crate::budget::Budget;
use crate::engine;
use crate::token::{Step, TokenCore};
use crate::{Event, LoginError, VaultError, VaultSettings, VaultTrouble};
use dwcp_base::{Clock, Observer, Tick};
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
    /// A look at the files that has not ended: a file system may hang.
    looking: Arc<tokio::sync::Mutex<()>>,
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
    /// What keeps the role from signing; cleared by a signing alone.
    signing_trouble: Option<VaultTrouble>,
    down_since: Option<Tick>,
    /// A new token was refused what the old one was refused: not tried again before this.
    futile_until: Option<Tick>,
    /// Certificates hang on the token: the server would revoke them with it.
    leased: bool,
    /// It was told that certificates live shorter than was asked for.
    shortened: bool,
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
            core: TokenCore::new(seed, settings.token_ttl()),
            token: None,
            marks: None,
            login_trouble: None,
            trouble: None,
            signing_trouble: None,
            down_since: None,
            futile_until: None,
            leased: false,
            shortened: false,
        };
        let (gate, changed) = (tokio::sync::Mutex::new(()), Notify::new());
        Ok(Self {
            settings,
            clock,
            observer,
            plain,
            gate,
            held: Mutex::new(held),
            changed,
            looking: Arc::default(),
        })
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
        timeout(budget.left()?, self.may_try()).await.map_err(|_| budget.spent())??;
        self.log_in(budget.left()?, Why::Due).await
    }

    async fn enter(&self, budget: &Budget) -> Result<tokio::sync::MutexGuard<'_, ()>, VaultError> {
        timeout(budget.left()?, self.gate.lock()).await.map_err(|_| budget.spent())
    }

    pub(crate) fn now(&self) -> Tick {
        self.clock.tick()
    }

    /// Starts to count a deadline.
    pub(crate) fn budget(&self, deadline: Duration) -> Budget {
        Budget::new(Arc::clone(&self.clock), deadline)
    }

    /// Another token in the place of one that was refused; none where the refusal is not the token's fault: the server still knows it.
    pub(crate) async fn instead(
        &self,
        refused: &Arc<Token>,
        budget: &Budget,
    ) -> Result<Option<Arc<Token>>, VaultError> {
        let _gate = self.enter(budget).await?;
        {
            let held = self.held();
            let now = self.clock.tick();
            match &held.token {
                Some(token) if !Arc::ptr_eq(token, refused) => return Ok(Some(Arc::clone(token))),
                _ if held.futile_until.is_some_and(|until| now < until) => return Ok(None),
                _ => {}
            }
        }
        // Most refusals are the policy's. A login for each would use up secrets and leave tokens behind.
        match engine::is_known(&self.settings, refused, budget.left()?).await {
            Ok(true) => return Ok(None),
            Ok(false) => {}
            Err(error) => return self.note(Err(error)),
        }
        let outcome = self.log_in(budget.left()?, Why::Refused).await;
        if !outcome.as_ref().is_err_and(VaultError::is_retryable) {
            self.held().futile_until = Some(self.clock.tick().plus(FUTILE));
        }
        match outcome {
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
        let rotated = self.rotated().await;
        let watch = self.settings.file_watch();
        let (now, step, why) = {
            let (now, mut held) = (self.clock.tick(), self.held());
            if rotated {
                held.core.rotated();
            }
            (now, held.core.next(now), if held.core.is_rotated() { Why::Rotated } else { Why::Due })
        };
        let before = self.usable();
        match step {
            Step::Wait(None) => return watch,
            Step::Wait(Some(until)) => return until.since(now).min(watch),
            Step::Renew => {
                let _ = self.renew().await;
            }
            Step::LogIn => {
                let _ = self.log_in(REQUEST, why).await;
            }
        }
        self.replaced(before).await;
        match self.held().core.next(self.clock.tick()) {
            Step::Wait(Some(until)) => until.since(self.clock.tick()).min(watch),
            Step::Wait(None) => watch,
            // Never a busy loop, whatever the core says.
            _ => SHORTEST_ROUND,
        }
    }

    /// Waits for `length`, or until a token was lost.
    pub(crate) async fn rest(&self, length: Duration) {
        let _ = timeout(length, self.changed.notified()).await;
    }

    fn usable(&self) -> Option<Arc<Token>> {
        let held = self.held();
        held.token.as_ref().filter(|_| held.core.is_usable(self.clock.tick())).map(Arc::clone)
    }

    /// Whether a login may be tried on somebody's demand. Under the gate.
    async fn may_try(&self) -> Result<(), VaultError> {
        let wait = self.held().core.pause(self.clock.tick());
        if wait.is_zero() {
            return Ok(());
        }
        if self.rotated().await {
            self.held().core.hopeful();
            return Ok(());
        }
        let held = self.held();
        let code = held.login_trouble.as_ref().map_or("vault.login.paused", |trouble| trouble.code);
        Err(VaultError::Paused { code, wait })
    }

    /// Whether a file changed since it was read. Under the gate.
    async fn rotated(&self) -> bool {
        let Some(before) = self.held().marks else { return false };
        let login = self.settings.login().clone();
        self.off_loop(move || login.marks()).await.is_some_and(|marks| marks != before)
    }

    /// Does what asks the file system, which may hang: then `None`, and one thread at most that waits for it.
    async fn off_loop<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let looked = async {
            let turn = Arc::clone(&self.looking).lock_owned().await;
            let work = tokio::task::spawn_blocking(move || {
                let outcome = work();
                drop(turn);
                outcome
            });
            work.await.ok()
        };
        timeout(FILES, looked).await.ok()?
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
/// How long files may take to be read.
const FILES: Duration = Duration::from_secs(5);
const SHORTEST_ROUND: Duration = Duration::from_millis(100);
/// How long a new token that was refused like the old one keeps us from another login.
const FUTILE: Duration = Duration::from_secs(60);
/// Servers count lives in whole seconds.
const SLACK: Duration = Duration::from_secs(1);
