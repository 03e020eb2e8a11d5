//! One deadline over all the steps of a request.

use crate::VaultError;
use dwcp_base::{Clock, Tick};
use std::sync::Arc;
use std::time::Duration;

/// What is left of the time for one request of a caller.
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    began: Tick,
    deadline: Duration,
}

impl Budget {
    /// Counts from now.
    pub(crate) fn new(clock: Arc<dyn Clock>, deadline: Duration) -> Self {
        let began = clock.tick();
        Self { clock, began, deadline }
    }

    /// What is left of it: more than nothing.
    pub(crate) fn left(&self) -> Result<Duration, VaultError> {
        let left = self.deadline.saturating_sub(self.clock.tick().since(self.began));
        if left.is_zero() { Err(self.spent()) } else { Ok(left) }
    }

    /// What is said once nothing is left.
    pub(crate) fn spent(&self) -> VaultError {
        VaultError::TimedOut { deadline: self.deadline }
    }
}
