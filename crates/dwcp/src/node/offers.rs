//! What clients offered that none of today should: words in records, numbers, and a table of who still does.

use dwcp_audit::SecurityEvent;
use dwcp_base::{Clock, UnixTime};
use dwcp_telemetry::TelemetryCollector;
use dwcp_tls::Inspected;
use dwcp_tls::inspect::{Ja4, Weaknesses};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Weak offers by fingerprint and weakness: the last [`MOST_ROWS`] kinds of them, in fixed memory. Everything in it is what
/// anybody can send, so it holds no name and no address.
pub(crate) struct Offers {
    telemetry: Arc<TelemetryCollector>,
    clock: Arc<dyn Clock>,
    rows: Mutex<Vec<Row>>,
}

/// What became of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was served, over TLS 1.3 and nothing that is weak.
    Served,
    /// It was refused, since it offers nothing newer than TLS 1.2.
    Refused,
}

struct Row {
    ja4: Ja4,
    weaknesses: Weaknesses,
    outcome: Outcome,
    count: u64,
    first: UnixTime,
    last: UnixTime,
}

impl Offers {
    pub(crate) fn new(telemetry: Arc<TelemetryCollector>, clock: Arc<dyn Clock>) -> Self {
        Self { telemetry, clock, rows: Mutex::default() }
    }

    /// Takes note of an offer; one with nothing weak in it leaves no trace.
    pub(crate) fn note(&self, offer: &Inspected, outcome: Outcome) {
        if offer.weaknesses.is_empty() {
            return;
        }
        for weakness in offer.weaknesses.iter() {
            self.telemetry.weak_offer(weakness.label());
        }
        let now = self.clock.unix();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |row: &&mut Row| {
            row.ja4 == offer.ja4 && row.weaknesses == offer.weaknesses && row.outcome == outcome
        };
        if let Some(row) = rows.iter_mut().find(same) {
            row.count = row.count.saturating_add(1);
            row.last = now;
            return;
        }
        if rows.len() >= MOST_ROWS
            && let Some(oldest) = rows.iter().enumerate().min_by_key(|(_, row)| row.last).map(|(at, _)| at)
        {
            rows.swap_remove(oldest);
        }
        let (ja4, weaknesses) = (offer.ja4, offer.weaknesses);
        rows.push(Row { ja4, weaknesses, outcome, count: 1, first: now, last: now });
    }

    /// The table, what was seen last first.
    pub(crate) fn to_json(&self) -> Value {
        let mut rows: Vec<(UnixTime, Value)> = {
            let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows.iter().map(|row| (row.last, row.to_json())).collect()
        };
        rows.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

impl Row {
    fn to_json(&self) -> Value {
        json!({
            "ja4": self.ja4.as_str(),
            "highest_version": highest(self.weaknesses),
            "weaknesses": labels(self.weaknesses),
            "text": self.weaknesses.to_string(),
            "outcome": match self.outcome {
                Outcome::Served => "served",
                Outcome::Refused => "refused",
            },
            "count": self.count,
            "first": self.first.to_string(),
            "last": self.last.to_string(),
        })
    }
}

/// The labels of what is weak.
pub(super) fn labels(weaknesses: Weaknesses) -> Vec<&'static str> {
    weaknesses.iter().map(|weakness| weakness.label()).collect()
}

/// An event with what the client offered: its fingerprint, and what is weak where something is.
pub(super) fn told(event: SecurityEvent, offer: Option<&Inspected>) -> SecurityEvent {
    let Some(offer) = offer else { return event };
    let event = event.field("ja4", offer.ja4);
    if offer.weaknesses.is_empty() {
        return event;
    }
    event
        .field("offered_version", highest(offer.weaknesses).unwrap_or_else(|| "none".to_owned()))
        .field("weak_offer", offer.weaknesses)
}

fn highest(weaknesses: Weaknesses) -> Option<String> {
    weaknesses.highest_version().map(|version| version.to_string())
}

/// Kinds of weak offers that are remembered; the one that was not seen for the longest time goes first.
const MOST_ROWS: usize = 256;
