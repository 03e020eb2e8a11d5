//! The layer that asks before a byte is read.

use crate::{Accept, Admit, Incoming, Refused, Session};

/// Admits a newcomer, then lets the inner acceptor read from it. The permit lives as long as the session; a refused
/// newcomer's socket is reset.
#[derive(Clone, Debug)]
pub struct Guarded<A, G> {
    inner: A,
    gate: G,
}

impl<A: Accept, G: Admit> Guarded<A, G> {
    /// Puts `gate` in front of `inner`.
    pub fn new(inner: A, gate: G) -> Self {
        Self { inner, gate }
    }
}

impl<A: Accept, G: Admit> Accept for Guarded<A, G> {
    async fn accept(&self, incoming: Incoming) -> Result<Session, Refused> {
        let arrival = *incoming.arrival();
        let permit = match self.gate.admit(&arrival) {
            Ok(permit) => permit,
            Err(refusal) => {
                incoming.reset();
                return Err(Refused::not_admitted(arrival.source, refusal));
            }
        };
        let mut session = self.inner.accept(incoming).await?;
        self.gate.established(&arrival, &permit);
        session.hold(permit);
        Ok(session)
    }
}
