//! What a server made of early data (0-RTT, RFC 9846 §2.3).

use super::dial::{Attempt, Destination};
use crate::cli::exit::{Exit, Failure};
use dwcp_tls::TlsConnector;
use serde_json::{Value, json};

/// What came of dialing with bytes in the first flight.
pub(super) struct Early {
    offered: usize,
    accepted: usize,
    /// Where nothing was taken.
    why: Option<String>,
}

impl Early {
    /// Dials once more, with a ticket of the connection before. Without one that allows early data nothing is sent.
    pub(super) async fn of(text: &str, destination: &Destination, connector: &TlsConnector) -> Self {
        let offered = text.len();
        let refused = |why: String| Self { offered, accepted: 0, why: Some(why) };
        if !connector.tickets(&destination.expected).iter().any(|ticket| ticket.early_data() > 0) {
            return refused("the server sent no ticket that allows it".to_owned());
        }
        let Attempt { end, early: accepted, .. } = destination.dial(connector, text.as_bytes()).await;
        match end {
            Err(error) => refused(format!("the connection with it failed: {error}")),
            Ok(()) if accepted == 0 => refused("the server took none of it".to_owned()),
            Ok(()) => Self { offered, accepted, why: None },
        }
    }

    pub(super) fn text(&self) -> String {
        match &self.why {
            None => format!("the server took {} of {} bytes", self.accepted, self.offered),
            Some(why) => format!("refused: {why}"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "offered": self.offered, "accepted": self.accepted, "why": self.why })
    }

    /// A server that takes none offers nothing that was asked for.
    pub(super) fn failure(&self, remote: &str) -> Option<Failure> {
        let why = self.why.as_ref()?;
        Some(Failure::plain(
            Exit::Unavailable,
            format!("{remote} takes no early data"),
            why.as_str(),
            "switch it on at the server (a node: tls.early_data of that listener), or leave --early-data out",
        ))
    }
}
