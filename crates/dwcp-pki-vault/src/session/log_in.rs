//! Logins and renewals: one at a time, under the gate of the session.

use super::{REQUEST, SLACK, Session, Token, Why};
use crate::engine::{self, Grant};
use crate::login::Means;
use crate::{Event, LoginError, VaultError, VaultTrouble};
use dwcp_base::Coded;
use dwcp_https::HttpsClient;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

impl Session {
    /// One login, under the gate.
    pub(super) async fn log_in(&self, deadline: Duration, why: Why) -> Result<Arc<Token>, VaultError> {
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
        let failed = |source| VaultError::Login { method: login.method(), source };
        let files = login.clone();
        // The marks before the files are read: what changes in between is seen as a change afterwards.
        let read = self.off_loop(move || (files.marks(), files.read())).await;
        let (marks, means) = read.ok_or_else(|| failed(login.silent()))?;
        self.held().marks = Some(marks);
        let means = means.map_err(failed)?;
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
    pub(super) async fn renew(&self) -> Result<(), VaultError> {
        let Some(token) = self.held().token.clone() else { return Ok(()) };
        match engine::renew(&self.settings, &token, REQUEST).await {
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
            // Revoked, past its maximum, or not ours to renew. Which of them, only a login tells.
            Err(VaultError::Denied { .. } | VaultError::Refused { status: 400, .. }) => {
                self.held().core.not_renewable();
                self.observer.observe(&Event::TokenLost);
                self.log_in(REQUEST, Why::Due).await.map(drop)
            }
            // All else says nothing of the token: a connection that was reset, a proxy in between.
            Err(error) => {
                self.failed("renewal", &error);
                self.note(Err(error))
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
}
