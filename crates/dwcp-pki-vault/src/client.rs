//! The client: one identity at one server, with the requests that a node makes.

use crate::answer::Body;
use crate::budget::Budget;
use crate::exchange::{self, Question};
use crate::health;
use crate::session::{Session, Token};
use crate::{Event, VaultError, VaultHealth, VaultRole, VaultSettings, VaultState};
use dwcp_base::{Clock, Observer};
use dwcp_crypto::KeyType;
use dwcp_https::{Limits, Verb};
use dwcp_pki::{SubjectName, Usage};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A client of Vault or OpenBao: logs in, keeps its token alive, and asks under one role.
///
/// Nothing is sent before the first request, or before [`keep`](Self::keep) runs. A request that has no token logs in first. Where one is
/// denied the server is asked whether it still knows the token; if not, one logs in once more, and asks once more. Nothing else is repeated: when to come back is for the
/// caller to decide, who is told by [`VaultError::is_retryable`] and [`VaultError::retry_after`].
pub struct VaultClient {
    pub(crate) session: Session,
}

impl VaultClient {
    /// A client, not yet logged in.
    ///
    /// # Errors
    /// [`VaultError::Https`] when no client can be made of the roots.
    pub fn new(
        settings: VaultSettings,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer<Event>>,
    ) -> Result<Self, VaultError> {
        Ok(Self { session: Session::new(settings, clock, observer)? })
    }

    /// What it was made with.
    pub fn settings(&self) -> &VaultSettings {
        self.session.settings()
    }

    /// The session as it is now: token, next renewal, last error, next try. Asks nobody.
    pub fn state(&self) -> VaultState {
        self.session.state()
    }

    /// Looks after the token for ever: renews it at two thirds of its life, logs in again when it can not be renewed, reached its
    /// maximum or was lost, and when a file with a secret changed. Waits between attempts that fail double up to a minute and are drawn at
    /// random from their upper half. Drop the future to end it.
    pub async fn keep(&self) {
        loop {
            let wait = self.session.step().await;
            self.session.rest(wait).await;
        }
    }

    /// Forgets the token, and has the server forget it where a login made it (AppRole, TLS certificate, JWT): what a program does when it
    /// ends. A token of a file stays what it is, and so does one whose certificates came with leases (`generate_lease` of the role): the
    /// server would revoke them along. End [`keep`](Self::keep) before: it, and any request that follows, logs in anew.
    ///
    /// # Errors
    /// [`VaultError`]; then the token is forgotten here, and lives to its end there. [`VaultError::Denied`] where the policy does not allow
    /// `auth/token/revoke-self`, which `default` does. Batch tokens, which nobody can revoke, are no failure.
    pub async fn log_out(&self, deadline: Duration) -> Result<(), VaultError> {
        self.session.log_out(deadline).await
    }

    /// What the server says of itself. Needs no token.
    ///
    /// # Errors
    /// [`VaultError::Https`] and [`VaultError::Malformed`]; a server that is sealed or a standby is an answer, see [`VaultHealth::fault`].
    pub async fn health(&self, deadline: Duration) -> Result<VaultHealth, VaultError> {
        let health = health::ask(self.settings(), self.session.plain(), deadline).await;
        // That it answers does not make it one that can be used.
        if let Some(fault) = health.as_ref().ok().and_then(VaultHealth::fault) {
            let _ = self.session.note::<()>(Err(fault));
            return health;
        }
        self.session.note(health)
    }

    /// The settings of the role.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] that says whether mount or role is missing; [`VaultError::Denied`] where the policy does not let it be
    /// read; otherwise [`VaultError`].
    pub async fn role(&self, deadline: Duration) -> Result<VaultRole, VaultError> {
        let limits = Limits { deadline, body: SMALL };
        VaultRole::from_answer(&self.call(Verb::Get, &self.role_path(), None, limits).await?)
    }

    /// Whether the role allows certificates with these names for a key of this kind, good for servers and clients both, before one is asked
    /// for.
    ///
    /// # Errors
    /// [`VaultError::Preflight`] with each setting that is missing and the value to write; otherwise as [`role`](Self::role).
    pub async fn preflight(
        &self,
        names: &[SubjectName],
        key_type: KeyType,
        deadline: Duration,
    ) -> Result<(), VaultError> {
        let role = self.role(deadline).await?;
        self.judge(&role, names, key_type, Usage::Both)
    }

    pub(crate) fn judge(
        &self,
        role: &VaultRole,
        names: &[SubjectName],
        key_type: KeyType,
        usage: Usage,
    ) -> Result<(), VaultError> {
        let mut missing = role.shortcomings(names, key_type);
        missing.extend(role.shortcomings_of_usage(usage));
        match missing.is_empty() {
            true => Ok(()),
            false => Err(VaultError::Preflight { role: self.role_path(), missing }),
        }
    }

    pub(crate) fn role_path(&self) -> String {
        format!("{}/roles/{}", self.settings().mount(), self.settings().role())
    }

    /// One request below `v1/`, with a token; the body of its answer, which is at most `limits.body` bytes.
    pub(crate) async fn call(
        &self,
        verb: Verb,
        path: &str,
        body: Option<&Value>,
        limits: Limits,
    ) -> Result<Body, VaultError> {
        let budget = self.session.budget(limits.deadline);
        let token = self.session.token(&budget).await?;
        match self.ask(&token, verb, path, body, &budget, limits).await {
            Err(VaultError::Denied { path: denied }) => {
                let Some(token) = self.session.instead(&token, &budget).await? else {
                    return self.session.note(Err(VaultError::Denied { path: denied }));
                };
                let outcome = self.ask(&token, verb, path, body, &budget, limits).await;
                if !matches!(outcome, Err(VaultError::Denied { .. })) {
                    self.session.fruitful();
                }
                self.session.note(outcome)
            }
            outcome => self.session.note(outcome),
        }
    }

    async fn ask(
        &self,
        token: &Arc<Token>,
        verb: Verb,
        path: &str,
        body: Option<&Value>,
        budget: &Budget,
        limits: Limits,
    ) -> Result<Body, VaultError> {
        let limits = Limits { deadline: budget.left()?, ..limits };
        let question = Question { verb, path, token: Some(&token.text), body, limits };
        match exchange::ask(self.settings(), &token.https, question).await {
            Err(VaultError::TimedOut { .. }) => Err(budget.spent()),
            outcome => outcome,
        }
    }
}

impl fmt::Debug for VaultClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultClient").field("settings", self.settings()).finish_non_exhaustive()
    }
}

/// Answers of a few certificates or settings.
pub(crate) const SMALL: usize = 256 << 10;
