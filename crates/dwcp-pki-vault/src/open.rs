//! What the PKI engine tells everybody: its issuers and their lists, asked without a token.

use crate::answer::Body;
use crate::exchange::{self, Question};
use crate::{VaultClient, VaultError};
use dwcp_https::{Limits, Verb};

impl VaultClient {
    /// A request below `v1/` without a token; with it where somebody in between insists.
    pub(crate) async fn open(&self, verb: Verb, path: &str, limits: Limits) -> Result<Body, VaultError> {
        let budget = self.session.budget(limits.deadline);
        let question = Question { verb, path, token: None, body: None, limits };
        match exchange::ask(self.settings(), self.session.plain(), question).await {
            Err(VaultError::Denied { .. }) => {
                let limits = Limits { deadline: budget.left()?, ..limits };
                self.call(verb, path, None, limits).await
            }
            outcome => self.session.note(outcome),
        }
    }
}
