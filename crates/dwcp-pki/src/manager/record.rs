//! What of a slot's schedule survives a restart, and how it is written: `PREFIX.renewal`, see `docs/formats/renewal-schedule.md`.

use crate::{Serial, Window};
use dwcp_base::{Blame, Coded, UnixTime};
use std::fmt::Write as _;
use std::time::Duration;
use thiserror::Error;

/// What is known of the attempts to renew one certificate.
///
/// Kept so that a process that is started over and over does not ask an issuer each time, and so that an ordered renewal is not forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleRecord {
    /// The certificate it is about. A record of another one is of no use.
    pub serial: Serial,
    /// How many attempts failed in a row.
    pub failures: u32,
    /// No attempt before its end.
    pub pause: Option<Pause>,
    /// A renewal that somebody ordered.
    pub ordered: Option<Ordered>,
}

/// A time without attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it began.
    pub from: UnixTime,
    /// How long it is.
    pub length: Duration,
}

/// A renewal that was ordered for a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// When it is to begin.
    pub at: UnixTime,
    /// In which window.
    pub window: Window,
}

/// A text that is no [`ScheduleRecord`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line} is not that of a renewal schedule")]
pub struct BadRecord {
    /// The first line that is wrong, from 1.
    pub line: usize,
}

impl ScheduleRecord {
    /// The longest text there is, in bytes.
    pub const LONGEST: usize = 512;

    /// Reads five lines, each ended by a line feed, in their order, and nothing else; at most [`LONGEST`](Self::LONGEST) bytes. There is one
    /// text for each record.
    ///
    /// # Errors
    /// [`BadRecord`] with the first line that is none of them.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadRecord> {
        let bad = |line| BadRecord { line };
        if bytes.len() > Self::LONGEST {
            return Err(bad(1));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad(1))?;
        let mut lines = text.split_inclusive('\n').zip(1..);
        let mut line = |key: &str, number: usize| {
            let (line, _) = lines.next().ok_or(bad(number))?;
            line.strip_prefix(key).and_then(|rest| rest.strip_suffix('\n')).ok_or(bad(number))
        };
        if !line(HEAD, 1)?.is_empty() {
            return Err(bad(1));
        }
        let serial = line("serial ", 2)?.parse::<Serial>().map_err(|_| bad(2))?;
        let failures = line("failures ", 3)?.parse::<u32>().map_err(|_| bad(3))?;
        let pause = match line("pause ", 4)? {
            "-" => None,
            both => {
                let (from, to) = both.split_once(' ').ok_or(bad(4))?;
                let (from, to) = (time(from).ok_or(bad(4))?, time(to).ok_or(bad(4))?);
                if to < from {
                    return Err(bad(4));
                }
                Some(Pause { from, length: from.until(to) })
            }
        };
        let ordered = match line("ordered ", 5)? {
            "-" => None,
            both => {
                let (at, window) = both.split_once(' ').ok_or(bad(5))?;
                let window = window.parse().map_err(|_| bad(5))?;
                Some(Ordered { at: time(at).ok_or(bad(5))?, window })
            }
        };
        if let Some((_, line)) = lines.next() {
            return Err(bad(line));
        }
        let record = Self { serial, failures, pause, ordered };
        // Numbers, serials and windows have more than one spelling; the one that is written counts.
        let written = record.to_text();
        let differs = written.split('\n').zip(text.split('\n')).position(|(written, read)| written != read);
        differs.map_or(Ok(record), |at| Err(bad(at + 1)))
    }

    /// The text of it. Times are cut to whole milliseconds.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\nserial {}\nfailures {}\n", self.serial, self.failures);
        // Writing to a string does not fail.
        let _ = match self.pause {
            Some(Pause { from, length }) => writeln!(text, "pause {from} {}", from.plus(length)),
            None => writeln!(text, "pause -"),
        };
        let _ = match self.ordered {
            Some(Ordered { at, window }) => writeln!(text, "ordered {at} {window}"),
            None => writeln!(text, "ordered -"),
        };
        text
    }
}

impl Pause {
    /// What is left of it; nothing when the clock was set back to before its start, or it would last for ever.
    pub(super) fn left(self, now: UnixTime) -> Duration {
        if now < self.from { Duration::ZERO } else { now.until(self.from.plus(self.length)) }
    }
}

impl Coded for BadRecord {
    fn code(&self) -> &'static str {
        "pki.schedule.malformed"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// Years of four digits, so that what is read can be written.
fn time(text: &str) -> Option<UnixTime> {
    UnixTime::parse_rfc3339(text)
}

const HEAD: &str = "dwcp-renewal 1";

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
