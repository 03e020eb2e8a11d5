//! How bad an event is.

use std::fmt;
use std::str::FromStr;

/// How bad an event is, from what happens all day to what wakes somebody up. Ordered: `Info < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Part of a normal day.
    Info,
    /// Worth a look: a refusal, a throttled source.
    Warning,
    /// Something failed that should not have.
    Error,
    /// Protection is lost or is about to be.
    Critical,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: &[Self] = &[Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The name in the log and the metric label `severity`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|s| s.as_str() == text).ok_or(UnknownName::of("severity"))
    }
}

/// A name that is none of the known ones; the text itself is left out because anybody may have written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a known {what}")]
pub struct UnknownName {
    what: &'static str,
}

impl UnknownName {
    pub(crate) const fn of(what: &'static str) -> Self {
        Self { what }
    }
}
