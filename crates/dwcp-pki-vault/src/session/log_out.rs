//! The end of a token that a login of ours made: given back to the server when it is needed no longer, instead of being left there to its end.

use super::{Session, Token};
use crate::engine;
use crate::{Event, VaultError};
use dwcp_base::Coded;
use std::sync::Arc;
use std::time::Duration;

impl Session {
    /// Forgets the token, and gives it back where a login made it. Waits for a login that is under way.
    pub(crate) async fn log_out(&self, deadline: Duration) -> Result<(), VaultError> {
        let budget = self.budget(deadline);
        let _gate = self.enter(&budget).await?;
        let usable = self.usable();
        {
            let mut held = self.held();
            held.token = None;
            held.core.lost();
        }
        match usable {
            Some(token) => self.give_back(&token, budget.left()?).await,
            None => Ok(()),
        }
    }

    /// A certificate came with a lease (`generate_lease` of the role), which the server revokes together with the token.
    pub(crate) fn leased(&self) {
        self.held().leased = true;
    }

    /// Gives back a token that another one replaced, if it is another one: what answers in between may keep logins.
    pub(super) async fn replaced(&self, before: Option<Arc<Token>>) {
        let Some(before) = before else { return };
        let other = self.held().token.as_ref().is_some_and(|now| {
            !Arc::ptr_eq(now, &before)
                && !dwcp_crypto::constant_time_eq(now.text.as_bytes(), before.text.as_bytes())
        });
        if other {
            // It is told, and that is all there is to do: the token that is there is good.
            let _ = self.give_back(&before, REPLACED).await;
        }
    }

    async fn give_back(&self, token: &Token, deadline: Duration) -> Result<(), VaultError> {
        // A token of a file is its writer's, and certificates outlive the process that they were issued to.
        if !self.settings.login().makes_tokens() || self.held().leased {
            return Ok(());
        }
        let outcome = match engine::revoke(&self.settings, token, deadline).await {
            // Nobody is to know it, and nobody does; or the policy lacks the path.
            Err(error @ VaultError::Denied { .. }) => {
                match engine::is_known(&self.settings, token, deadline).await {
                    Ok(false) => return Ok(()),
                    _ => Err(error),
                }
            }
            // What is on no list can not be struck from it.
            Err(VaultError::Refused { said, .. }) if said.contains("batch token") => return Ok(()),
            outcome => outcome,
        };
        self.observer.observe(&match &outcome {
            Ok(()) => Event::TokenRevoked,
            Err(error) => Event::TokenLeft { code: error.code() },
        });
        outcome
    }
}

/// How long the watcher is kept by a token that is needed no longer.
const REPLACED: Duration = Duration::from_secs(2);
