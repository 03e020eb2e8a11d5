//! An entry read back from the log.

use crate::chain::Hash;
use crate::event::{Details, Origin};
use crate::kind::EventKind;
use crate::severity::Severity;
use crate::text::Text;
use dwcp_base::UnixTime;
use std::fmt;

/// An entry of the log whose own hash and place in the chain held when it was read.
///
/// `Display` is one line for a terminal, without anything in it that acts on one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(crate) sequence: u64,
    pub(crate) time: UnixTime,
    pub(crate) kind: String,
    pub(crate) details: Details,
    pub(crate) previous: Hash,
    pub(crate) hash: Hash,
    pub(crate) line: String,
}

impl Entry {
    /// Its number: 1 for the first of a log, then one more each.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When the log took it.
    pub const fn time(&self) -> UnixTime {
        self.time
    }

    /// What it is about; `None` when a newer version of this crate wrote a kind this one does not know.
    pub fn kind(&self) -> Option<EventKind> {
        self.kind.parse().ok()
    }

    /// The name of its kind as written: lower-case letters and underscores, at most 64.
    pub fn kind_name(&self) -> &str {
        &self.kind
    }

    /// How bad it is.
    pub const fn severity(&self) -> Severity {
        self.details.severity
    }

    /// Who caused it.
    pub const fn origin(&self) -> Origin {
        self.details.origin
    }

    /// Whom it is about, if it was said.
    pub const fn peer(&self) -> Option<&Text> {
        self.details.peer.as_ref()
    }

    /// The address or address group it came from, if it was said.
    pub const fn source(&self) -> Option<&Text> {
        self.details.source.as_ref()
    }

    /// The stable code of the error or refusal, if it was said.
    pub const fn code(&self) -> Option<&Text> {
        self.details.code.as_ref()
    }

    /// The sentence for humans, if there is one.
    pub const fn message(&self) -> Option<&Text> {
        self.details.message.as_ref()
    }

    /// The other details, in the order they were written.
    pub fn fields(&self) -> impl Iterator<Item = (&Text, &Text)> {
        self.details.fields.iter().map(|(name, value)| (name, value))
    }

    /// How many occurrences it stands for: 1 unless it is an aggregate or a gap.
    pub fn count(&self) -> u64 {
        self.details.repeated.map_or(1, |r| r.count)
    }

    /// When the first of them happened.
    pub fn first(&self) -> UnixTime {
        self.details.repeated.map_or(self.time, |r| r.first)
    }

    /// When the last of them happened.
    pub fn last(&self) -> UnixTime {
        self.details.repeated.map_or(self.time, |r| r.last)
    }

    /// Its hash.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// The hash of the entry before it; [`Hash::ZERO`] for the first.
    pub const fn previous(&self) -> Hash {
        self.previous
    }

    /// The JSON line as stored, without its newline.
    pub fn line(&self) -> &str {
        &self.line
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.sequence, self.time, self.details.severity, self.kind)?;
        if let Some(r) = self.details.repeated {
            write!(f, " ×{}", r.count)?;
        }
        for (name, text) in
            [("peer", &self.details.peer), ("source", &self.details.source), ("code", &self.details.code)]
        {
            if let Some(text) = text {
                write!(f, " {name}={text}")?;
            }
        }
        for (name, value) in &self.details.fields {
            write!(f, " {name}={value}")?;
        }
        match &self.details.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}
