//! Where the time of one connection went.

use super::stopwatch::Noted;
use dwcp_base::Tick;
use serde_json::{Value, json};
use std::time::Duration;

/// The moments of a connection, each counted from its beginning; those that were not reached are not there.
#[derive(Clone, Debug)]
pub(super) struct Phases {
    begun: Tick,
    reached: Vec<(Phase, Duration)>,
}

/// What has happened by then, in the order in which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Resolved,
    Connected,
    HelloSent,
    HelloReceived,
    Judged,
    Finished,
    Accepted,
}

impl Phases {
    pub(super) fn begin(now: Tick) -> Self {
        Self { begun: now, reached: Vec::new() }
    }

    pub(super) fn reach(&mut self, phase: Phase, now: Tick) {
        self.reached.push((phase, now.since(self.begun)));
    }

    /// Adds what the transport noted; `judged`: the last answer of ours was one to the server's certificate.
    pub(super) fn take(&mut self, noted: &Noted, judged: bool) {
        for (phase, at) in [
            (Phase::HelloSent, noted.first_sent),
            (Phase::HelloReceived, noted.first_received),
            (Phase::Judged, noted.last_answer.filter(|_| judged)),
        ] {
            if let Some(at) = at {
                self.reach(phase, at);
            }
        }
    }

    /// How long the handshake took, from the ClientHello on.
    pub(super) fn handshake(&self) -> Option<Duration> {
        let at = |wanted| self.reached.iter().find(|(phase, _)| *phase == wanted).map(|(_, at)| *at);
        Some(at(Phase::Finished)?.saturating_sub(at(Phase::HelloSent)?))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = String> + '_ {
        self.reached.iter().map(|(phase, at)| format!("{:<32} {:>8.1} ms", phase.words(), millis(*at)))
    }

    pub(super) fn to_json(&self) -> Value {
        let row = |(phase, at): &(Phase, Duration)| json!({ "phase": phase.name(), "at_ms": millis(*at) });
        self.reached.iter().map(row).collect()
    }
}

impl Phase {
    fn words(self) -> &'static str {
        match self {
            Self::Resolved => "name resolved",
            Self::Connected => "TCP connected",
            Self::HelloSent => "ClientHello sent",
            Self::HelloReceived => "first answer received",
            Self::Judged => "server's certificate judged",
            Self::Finished => "handshake finished",
            Self::Accepted => "accepted by the other side",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::Connected => "connected",
            Self::HelloSent => "hello_sent",
            Self::HelloReceived => "hello_received",
            Self::Judged => "judged",
            Self::Finished => "finished",
            Self::Accepted => "accepted",
        }
    }
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
