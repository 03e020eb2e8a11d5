//! How far a handshake got and what its peer proved itself with, noted where it happens.

use crate::facts::HandshakeState;
use crate::inspect::SchemeCode;
use dwcp_base::Clock;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::futures::TaskLocalFuture;

/// Where the parts of a handshake that the engine calls (transport, verifier) note how far it is.
///
/// It travels with the task that polls the handshake, as one verifier serves every connection of a generation. What is
/// noted is evidence for errors, facts and logs; nothing is decided by it.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Mutex<Reached>>);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    pub(crate) state: HandshakeState,
    /// Time spent on judging what the peer showed.
    pub(crate) judging: Duration,
    /// What the peer signed the transcript with, once that was found good.
    pub(crate) scheme: Option<SchemeCode>,
}

impl Progress {
    pub(crate) fn starting(state: HandshakeState) -> Self {
        Self(Arc::new(Mutex::new(Reached { state, judging: Duration::ZERO, scheme: None })))
    }

    /// Polls `handshake` with this note in reach of what it calls.
    pub(crate) fn watch<F: Future>(&self, handshake: F) -> TaskLocalFuture<Self, F> {
        HERE.scope(self.clone(), handshake)
    }

    pub(crate) fn set(&self, state: HandshakeState) {
        self.note(|reached| reached.state = state);
    }

    pub(crate) fn reached(&self) -> Reached {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> HandshakeState {
        self.reached().state
    }

    fn note(&self, what: impl FnOnce(&mut Reached)) {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Runs `judge` over what the peer showed, and notes how long that took.
pub(crate) fn judging<T, E>(clock: &dyn Clock, judge: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let since = clock.tick();
    note(|reached| reached.state = HandshakeState::Judging);
    let judged = judge();
    let took = clock.tick().since(since);
    note(|reached| {
        reached.judging = reached.judging.saturating_add(took);
        if judged.is_ok() {
            reached.state = HandshakeState::AwaitingProof;
        }
    });
    judged
}

/// The peer proved that it holds the key it showed.
pub(crate) fn proven(scheme: SchemeCode) {
    note(|reached| {
        reached.scheme = Some(scheme);
        reached.state = HandshakeState::AwaitingFinished;
    });
}

/// The first byte of the server's answer arrived.
pub(crate) fn answered() {
    note(|reached| {
        if reached.state == HandshakeState::AwaitingAnswer {
            reached.state = HandshakeState::Negotiating;
        }
    });
}

fn note(what: impl FnOnce(&mut Reached)) {
    // Outside a handshake there is nobody to tell.
    let _ = HERE.try_with(|progress| progress.note(what));
}

tokio::task_local! {
    static HERE: Progress;
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::{ManualClock, UnixTime};

    #[tokio::test]
    async fn each_step_is_noted_where_it_happens_and_nowhere_else() {
        let clock = ManualClock::at(UnixTime::from_secs(0));
        let progress = Progress::starting(HandshakeState::AwaitingAnswer);
        answered();
        assert_eq!(progress.state(), HandshakeState::AwaitingAnswer, "outside of it");
        progress
            .watch(async {
                answered();
                assert_eq!(progress.state(), HandshakeState::Negotiating);
                let refused = judging(&clock, || {
                    clock.advance(Duration::from_millis(3));
                    Err::<(), _>(())
                });
                assert_eq!((refused, progress.state()), (Err(()), HandshakeState::Judging));
                let judged = judging(&clock, || {
                    clock.advance(Duration::from_millis(4));
                    Ok::<_, ()>(())
                });
                assert_eq!((judged, progress.state()), (Ok(()), HandshakeState::AwaitingProof));
                proven(SchemeCode::from(0x0403));
            })
            .await;
        let reached = progress.reached();
        assert_eq!(
            (reached.state, reached.judging),
            (HandshakeState::AwaitingFinished, Duration::from_millis(7))
        );
        assert_eq!(reached.scheme.and_then(SchemeCode::name), Some("ecdsa_secp256r1_sha256"));
    }
}
