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
        if !offer.weaknesses.is_empty() {
            self.take((offer.ja4, offer.weaknesses), outcome);
        }
    }

    fn take(&self, (ja4, weaknesses): (Ja4, Weaknesses), outcome: Outcome) {
        for weakness in weaknesses.iter() {
            self.telemetry.weak_offer(weakness.label());
        }
        let now = self.clock.unix();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |row: &&mut Row| row.ja4 == ja4 && row.weaknesses == weaknesses && row.outcome == outcome;
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

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::ManualClock;
    use dwcp_telemetry::LabelSets;
    use dwcp_tls::inspect::HelloAssembler;
    use std::time::Duration;

    /// A hello of TLS 1.2 with one suite and as many unknown extensions as `number` says, each another fingerprint.
    fn offer(suite: u16, number: u16) -> (Ja4, Weaknesses) {
        let mut extensions = vec![0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 4, 3];
        extensions.extend((0x7700 + number).to_be_bytes());
        extensions.extend([0, 0]);
        let mut body = [&[3, 3][..], &[7; 32], &[0, 0, 2], &suite.to_be_bytes(), &[1, 0]].concat();
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let length = u16::try_from(body.len()).unwrap();
        let message = [&[1, 0][..], &length.to_be_bytes(), &body].concat();
        let record = [&[22, 3, 1][..], &(length + 4).to_be_bytes(), &message].concat();
        let mut assembler = HelloAssembler::new();
        assembler.push(&record).unwrap();
        let hello = assembler.hello().unwrap();
        (hello.ja4(), hello.weaknesses())
    }

    fn table() -> (Offers, Arc<ManualClock>, Arc<TelemetryCollector>) {
        let clock = Arc::new(ManualClock::at(UnixTime::from_secs(1_000)));
        let labels = LabelSets { tls_weaknesses: vec!["old_protocol"], ..LabelSets::default() };
        let telemetry = Arc::new(TelemetryCollector::new(labels));
        let offers = Offers::new(Arc::clone(&telemetry), Arc::<ManualClock>::clone(&clock));
        (offers, clock, telemetry)
    }

    #[test]
    fn offers_alike_are_one_row_and_each_weakness_is_counted() {
        let (offers, clock, telemetry) = table();
        let modern = offer(0xc02f, 0);
        offers.take(modern, Outcome::Refused);
        clock.advance(Duration::from_secs(5));
        offers.take(modern, Outcome::Refused);
        offers.take(modern, Outcome::Served);
        let rows = offers.to_json();
        assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
        let refused = rows.as_array().unwrap().iter().find(|row| row["outcome"] == "refused").unwrap();
        assert_eq!((&refused["count"], &refused["highest_version"]), (&2.into(), &"TLS 1.2".into()));
        assert_ne!(refused["first"], refused["last"]);
        assert_eq!(telemetry.tls_totals().weak_offers, [("old_protocol", 3), ("other", 0)]);
    }

    #[test]
    fn at_a7_a_flood_of_fingerprints_displaces_the_oldest_and_grows_nothing() {
        let (offers, clock, _) = table();
        let dear = offer(0x0005, 0);
        offers.take(dear, Outcome::Refused);
        for number in 1..1_000 {
            clock.advance(Duration::from_millis(1));
            offers.take(offer(0xc02f, number), Outcome::Refused);
            if number % 100 == 0 {
                offers.take(dear, Outcome::Refused);
            }
        }
        let rows = offers.to_json();
        assert_eq!(rows.as_array().unwrap().len(), MOST_ROWS);
        let kept = rows.as_array().unwrap().iter().find(|row| row["ja4"] == dear.0.as_str());
        assert_eq!(kept.unwrap()["count"], 10, "what still comes stays");
    }
}
