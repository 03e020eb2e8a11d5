//! A time in which an authority is not asked.

use super::lines::{BadLine, Reading, Writing, time, url};
use super::record::Record;
use dwcp_base::UnixTime;
use std::time::Duration;

/// An authority said when to come back, or failed too often. Kept so that a process that is started over and over does not ask each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseRecord {
    /// The authority's directory.
    pub directory: String,
    /// When it began.
    pub from: UnixTime,
    /// When it ends: at most 24 hours later.
    pub to: UnixTime,
    /// Why, for an operator: 1 to 320 printable ASCII characters, not of white space alone.
    pub reason: String,
}

impl PauseRecord {
    /// The longest pause there is, whatever an authority asks for.
    pub const LONGEST: Duration = Duration::from_secs(86_400);

    /// A pause that begins at `from`, cut to [`LONGEST`](Self::LONGEST), with a reason cut to what fits: an authority's words can be long and
    /// hold anything.
    pub fn new(directory: &str, from: UnixTime, length: Duration, reason: &str) -> Self {
        let printable = reason.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' });
        let reason: String = printable.take(LONGEST_REASON).collect();
        let reason =
            if reason.trim().is_empty() || reason == "-" { "no reason given".to_owned() } else { reason };
        let to = from.plus(length.min(Self::LONGEST));
        Self { directory: directory.to_owned(), from, to, reason }
    }

    /// What is left of it; nothing when the clock was set back to before its begin, or it would last for ever.
    pub fn left(&self, now: UnixTime) -> Duration {
        if now < self.from { Duration::ZERO } else { now.until(self.to) }
    }
}

impl Record for PauseRecord {
    const HEAD: &'static str = "dwcp-acme-pause 1";

    fn read(reading: &mut Reading<'_>) -> Result<Self, BadLine> {
        let directory = reading.parsed("directory", url)?;
        let from = reading.parsed("from", time)?;
        let to = reading.parsed("to", time)?;
        if to < from || from.until(to) > Self::LONGEST {
            return Err(reading.bad());
        }
        let fits = |text: &&str| {
            (1..=LONGEST_REASON).contains(&text.len()) && !text.trim().is_empty() && *text != "-"
        };
        let reason = reading.parsed("reason", |text| Some(text).filter(fits).map(str::to_owned))?;
        Ok(Self { directory, from, to, reason })
    }

    fn write(&self, writing: &mut Writing) {
        writing
            .line("directory", &self.directory)
            .line("from", self.from)
            .line("to", self.to)
            .line("reason", &self.reason);
    }
}

const LONGEST_REASON: usize = 320;
