//! A time in which an authority is not asked.

use super::lines::{BadLine, Reading, Writing, time, url};
use super::record::Record;
use crate::NamesDigest;
use dwcp_base::UnixTime;
use std::time::Duration;

/// An authority said when to come back, or an attempt failed. Kept so that a process that is started over and over does not ask each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseRecord {
    /// The authority's directory.
    pub directory: String,
    /// When it began.
    pub from: UnixTime,
    /// When it ends: at most 24 hours later.
    pub to: UnixTime,
    /// Who wants it.
    pub cause: PauseCause,
    /// Why, for an operator: 1 to 320 printable ASCII characters, not of white space alone.
    pub reason: String,
}

/// Who wants an authority left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// The authority itself, whatever it would be asked for. It is not for us to cut it short.
    Authority,
    /// We ourselves, since attempts for these names failed. An operator who has put right what was wrong need not wait for its end.
    Failures {
        /// The digest of the names.
        names: NamesDigest,
        /// How many attempts failed in a row: 1 to 1 000.
        count: u32,
    },
}

impl PauseRecord {
    /// The longest pause there is, whatever an authority asks for.
    pub const LONGEST: Duration = Duration::from_secs(86_400);

    /// A pause of our own making, after `count` attempts for these names failed in a row: 1 minute after one, twice as long after each
    /// further one, up to an hour.
    pub fn after_failures(
        directory: &str,
        names: NamesDigest,
        count: u32,
        from: UnixTime,
        reason: &str,
    ) -> Self {
        let count = count.clamp(1, MOST_FAILURES);
        let length = (FIRST_OWN * 2_u32.saturating_pow((count - 1).min(6))).min(LONGEST_OWN);
        Self { cause: PauseCause::Failures { names, count }, ..Self::new(directory, from, length, reason) }
    }

    /// The same, at most so long.
    #[must_use]
    pub fn at_most(mut self, longest: Duration) -> Self {
        self.to = self.to.min(self.from.plus(longest));
        self
    }

    /// A pause that the authority asked for, which begins at `from`, cut to [`LONGEST`](Self::LONGEST), with a reason cut to what fits: an authority's words can be long and
    /// hold anything.
    pub fn new(directory: &str, from: UnixTime, length: Duration, reason: &str) -> Self {
        let printable = reason.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' });
        let reason: String = printable.take(LONGEST_REASON).collect();
        let reason =
            if reason.trim().is_empty() || reason == "-" { "no reason given".to_owned() } else { reason };
        let to = from.plus(length.min(Self::LONGEST));
        Self { directory: directory.to_owned(), from, to, cause: PauseCause::Authority, reason }
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
        let cause = match reading.optional("failures")? {
            None => PauseCause::Authority,
            Some(text) => failures(text).ok_or(reading.bad())?,
        };
        let fits = |text: &&str| {
            (1..=LONGEST_REASON).contains(&text.len()) && !text.trim().is_empty() && *text != "-"
        };
        let reason = reading.parsed("reason", |text| Some(text).filter(fits).map(str::to_owned))?;
        Ok(Self { directory, from, to, cause, reason })
    }

    fn write(&self, writing: &mut Writing) {
        let failures = match self.cause {
            PauseCause::Authority => None,
            PauseCause::Failures { names, count } => Some(format!("{count} {names}")),
        };
        writing
            .line("directory", &self.directory)
            .line("from", self.from)
            .line("to", self.to)
            .optional("failures", failures)
            .line("reason", &self.reason);
    }
}

/// How many, and for which names.
fn failures(text: &str) -> Option<PauseCause> {
    let (count, names) = text.split_once(' ')?;
    let count = count.parse().ok().filter(|count| (1..=MOST_FAILURES).contains(count))?;
    Some(PauseCause::Failures { names: NamesDigest::parse(names)?, count })
}

const LONGEST_REASON: usize = 320;
const MOST_FAILURES: u32 = 1_000;
const FIRST_OWN: Duration = Duration::from_secs(60);
const LONGEST_OWN: Duration = Duration::from_secs(3_600);
