//! A newcomer turned away before a byte was read.

use dwcp_base::{Blame, Coded};
use std::fmt;
use std::time::Duration;

/// Why an [`Admit`](crate::Admit) turned a newcomer away. Made of static parts, so that refusing allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    code: &'static str,
    blame: Blame,
    detail: &'static str,
    retry: Retry,
}

/// When a refused newcomer may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// Nothing is known about it.
    Unknown,
    /// Not before this long from now.
    After(Duration),
    /// Never, as things are configured.
    Never,
}

impl Refusal {
    /// A refusal with the refuser's own code (`guard.rate.exceeded`) and one sentence for humans; [`Retry::Unknown`].
    pub const fn new(code: &'static str, blame: Blame, detail: &'static str) -> Self {
        Self { code, blame, detail, retry: Retry::Unknown }
    }

    /// The same refusal with its time to come again.
    #[must_use]
    pub const fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The sentence for humans.
    pub const fn detail(&self) -> &'static str {
        self.detail
    }

    /// When the newcomer may come again.
    pub const fn retry(&self) -> Retry {
        self.retry
    }
}

impl Coded for Refusal {
    fn code(&self) -> &'static str {
        self.code
    }

    fn blame(&self) -> Blame {
        self.blame
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail)?;
        match self.retry {
            Retry::After(wait) => write!(f, " (again in {wait:?})"),
            Retry::Unknown | Retry::Never => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}
