//! What the PKI engine tells everybody: its issuers and their lists, asked without a token.

use crate::answer::{self, Body};
use crate::{VaultClient, VaultError, health};
use dwcp_https::{Ask, HttpsError, Limits, Verb};
use zeroize::Zeroizing;

impl VaultClient {
    /// A request below `v1/` without a token; with it where somebody in between insists.
    pub(crate) async fn open(&self, verb: Verb, path: &str, limits: Limits) -> Result<Body, VaultError> {
        let budget = self.session.budget(limits.deadline);
        match self.ask_openly(verb, path, limits).await {
            Err(VaultError::Denied { .. }) => {
                let limits = Limits { deadline: budget.left()?, ..limits };
                self.call(verb, path, None, limits).await
            }
            outcome => self.session.note(outcome),
        }
    }

    async fn ask_openly(&self, verb: Verb, path: &str, limits: Limits) -> Result<Body, VaultError> {
        let url = self.settings().address().join(&format!("v1/{path}"));
        let url = url.map_err(|error| VaultError::Https(error.into()))?;
        let mut headers = vec![health::REQUEST];
        headers.extend(self.settings().namespace().map(|namespace| ("X-Vault-Namespace", namespace)));
        let asked = self.session.plain().ask(Ask { verb, url: &url, headers: &headers, body: None, limits });
        let answer = asked.await.map_err(|error| match error {
            HttpsError::TimedOut { deadline, .. } => VaultError::TimedOut { deadline },
            // A standby that does not forward names the active node. It is not followed: who it is would be taken on its word.
            HttpsError::Redirected { .. } => VaultError::Standby,
            other => VaultError::Https(other),
        })?;
        let body = Zeroizing::new(answer.body);
        match answer.status {
            200..=299 => Ok(body),
            status => Err(answer::fault(status, &answer::words(&body), answer.retry_after, path)),
        }
    }
}
