//! What the protocol's library says, in our words; and what is tried again at once.

use crate::problem::ProblemKind;
use crate::wire::Wire;
use crate::{AcmeError, AcmeProblem, Said, verdict};
use instant_acme::Error as LibraryError;
use std::time::Duration;
use tokio::time::sleep;

/// The error of the newest question over `wire`.
pub(crate) fn translate(wire: &Wire, error: LibraryError) -> AcmeError {
    let noted = wire.noted();
    let refused = noted.status >= 300;
    match error {
        LibraryError::Api(problem) => {
            verdict::of_problem(AcmeProblem::read(&problem, noted.status), noted.retry_after)
        }
        LibraryError::Other(source) => match source.downcast::<AcmeError>() {
            Ok(own) => *own,
            Err(other) => AcmeError::Answer { what: Said::new(&other.to_string()) },
        },
        LibraryError::Crypto | LibraryError::KeyRejected => AcmeError::Key,
        LibraryError::Unsupported(what) => AcmeError::Unsupported { what },
        // A page of a proxy, or an answer without a body: its status says what it is.
        _ if refused => noted.failure(),
        LibraryError::Json(_) => {
            AcmeError::Answer { what: Said::new("it is not what the protocol prescribes") }
        }
        other => AcmeError::Answer { what: Said::new(&other.to_string()) },
    }
}

/// How often one operation is tried: where a nonce was not taken, or nothing came back.
pub(crate) struct Tries {
    nonces: u32,
    faults: u32,
    repeatable: bool,
}

impl Tries {
    /// For what does no harm when it is done twice.
    pub(crate) const fn repeatable() -> Self {
        Self { nonces: 0, faults: 0, repeatable: true }
    }

    /// For what may have been done although nothing came back.
    pub(crate) const fn once() -> Self {
        Self { nonces: 0, faults: 0, repeatable: false }
    }

    /// Whether to try again after `error`; waits where that is better. A nonce that was not taken means that nothing was done (RFC 8555 §6.5).
    pub(crate) async fn again(&mut self, wire: &Wire, error: &LibraryError) -> bool {
        if is_bad_nonce(error) {
            // The library has tried three of them each time.
            self.nonces += 1;
            return self.nonces < MOST_NONCES;
        }
        if !self.repeatable || !passes_by_itself(wire, error) || self.faults >= MOST_FAULTS {
            return false;
        }
        self.faults += 1;
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.faults);
        if wire.budget().left() <= pause {
            return false;
        }
        sleep(pause).await;
        true
    }

    /// The last word on an operation that is not tried again.
    pub(crate) fn told(&self, wire: &Wire, error: LibraryError) -> AcmeError {
        match is_bad_nonce(&error) {
            true => AcmeError::Nonces { attempts: self.nonces.saturating_mul(NONCES_EACH) },
            false => translate(wire, error),
        }
    }
}

/// Runs an operation of the library until it is done or it makes no sense to try again. The operation is written out at its place, so
/// that it borrows anew each time.
macro_rules! asked {
    ($wire:expr, $tries:expr, $operation:expr) => {{
        let mut tries: $crate::translate::Tries = $tries;
        loop {
            match $operation.await {
                Ok(done) => break Ok(done),
                Err(error) if tries.again($wire, &error).await => {}
                Err(error) => break Err(tries.told($wire, error)),
            }
        }
    }};
}

pub(crate) use asked;

fn is_bad_nonce(error: &LibraryError) -> bool {
    matches!(error, LibraryError::Api(problem)
        if ProblemKind::of(problem.r#type.as_deref().unwrap_or_default()) == ProblemKind::BadNonce)
}

/// Whether the same question, asked a moment later, may well be answered.
fn passes_by_itself(wire: &Wire, error: &LibraryError) -> bool {
    let noted = wire.noted();
    match error {
        LibraryError::Other(source) => match source.downcast_ref::<AcmeError>() {
            Some(AcmeError::Https(error)) => {
                error.is_retryable() && !matches!(error, dwcp_https::HttpsError::TimedOut { .. })
            }
            _ => false,
        },
        LibraryError::Api(_) | LibraryError::Json(_) | LibraryError::Str(_) => {
            let soon = noted.retry_after.is_none_or(|wait| wait <= SOON);
            // Half an answer is one of the 2xx that is no JSON.
            (noted.status >= 500 || matches!(error, LibraryError::Json(_)) && noted.status < 300) && soon
        }
        _ => false,
    }
}

const MOST_NONCES: u32 = 5;
const NONCES_EACH: u32 = 3;
const MOST_FAULTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_secs(2);
