//! Reading entries back, for queries.

use crate::chain::Tip;
use crate::entry::Entry;
use crate::error::VerifyError;
use crate::kind::EventKind;
use crate::segment;
use crate::severity::Severity;
use crate::verify::acknowledged;
use crate::walk::Walk;
use dwcp_base::UnixTime;
use std::collections::VecDeque;
use std::path::Path;

/// The entries of the log in `dir`, oldest first, the chain checked on the way; one entry is in memory at a time.
///
/// # Errors
/// As [`verify`](crate::verify); what is found later comes out of the iterator, which ends with it.
pub fn read(dir: &Path) -> Result<Entries, VerifyError> {
    let checkpoint = acknowledged(dir)?;
    let walk = match segment::highest(dir)? {
        0 if checkpoint.sequence() == 0 => None,
        _ => Some(Walk::from(dir, 1, Some(Tip::START), Some(checkpoint))?),
    };
    Ok(Entries { walk, filter: Filter::new() })
}

/// The newest `count` entries of the log in `dir` (at most 10 000), oldest first.
///
/// Reads only the segments it needs; the chain is checked within them.
///
/// # Errors
/// As [`verify`](crate::verify).
pub fn tail(dir: &Path, count: usize) -> Result<Vec<Entry>, VerifyError> {
    let checkpoint = acknowledged(dir)?;
    let count = count.min(MAX_TAIL);
    let newest_segment = segment::highest(dir)?;
    let mut first = newest_segment;
    if first == 0 && checkpoint.sequence() == 0 {
        return Ok(Vec::new());
    }
    loop {
        let start = (first <= 1).then_some(Tip::START);
        let mut walk = Walk::from(dir, first.max(1), start, Some(checkpoint))?;
        let mut newest = VecDeque::new();
        let mut seen = 0_usize;
        while let Some(entry) = walk.step()? {
            seen += 1;
            if newest.len() == count {
                newest.pop_front();
            }
            if count > 0 {
                newest.push_back(entry);
            }
        }
        if seen >= count || first <= 1 {
            return Ok(newest.into());
        }
        // Further back each time by as much again, so that many small segments are not read over and over.
        first = first.saturating_sub(newest_segment - first + 1);
    }
}

/// Iterator over the entries of a log; see [`read`].
pub struct Entries {
    walk: Option<Walk>,
    filter: Filter,
}

impl Entries {
    /// Only those that `filter` lets through.
    #[must_use]
    pub fn filtered(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, VerifyError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.walk.as_mut()?.step() {
                Ok(Some(entry)) if self.filter.matches(&entry) => return Some(Ok(entry)),
                Ok(Some(_)) => {}
                Ok(None) => self.walk = None,
                Err(error) => {
                    self.walk = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Which entries are wanted; every condition given must hold, and a new filter lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    kinds: Vec<EventKind>,
    severity: Option<Severity>,
    since: Option<UnixTime>,
    until: Option<UnixTime>,
    text: Option<String>,
}

impl Filter {
    /// Lets all through.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of this kind; given more than once, of any of these.
    #[must_use]
    pub fn kind(mut self, kind: EventKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// This severity or a worse one.
    #[must_use]
    pub fn at_least(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Not before this time.
    #[must_use]
    pub fn since(mut self, time: UnixTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Before this time.
    #[must_use]
    pub fn until(mut self, time: UnixTime) -> Self {
        self.until = Some(time);
        self
    }

    /// With this text, case included, in peer, source, code, message or the value of a field.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// Whether `entry` is wanted.
    pub fn matches(&self, entry: &Entry) -> bool {
        let kind = self.kinds.is_empty() || entry.kind().is_some_and(|k| self.kinds.contains(&k));
        let time =
            self.since.is_none_or(|t| entry.time() >= t) && self.until.is_none_or(|t| entry.time() < t);
        let text = self.text.as_deref().is_none_or(|wanted| {
            let members = [entry.peer(), entry.source(), entry.code(), entry.message()];
            let values = entry.fields().map(|(_, value)| value);
            members.into_iter().flatten().chain(values).any(|t| t.as_str().contains(wanted))
        });
        kind && time && text && self.severity.is_none_or(|s| entry.severity() >= s)
    }
}

/// The most that [`tail`] returns.
const MAX_TAIL: usize = 10_000;
