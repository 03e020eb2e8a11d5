//! What can go wrong, by who has to act.

use dwcp_base::{Blame, Coded};
use std::io;
use std::path::PathBuf;

/// Why an event is not on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotDurable {
    /// The queue was full; the event is counted in the next gap record.
    #[error("the audit queue was full, so the event was dropped and counted")]
    Dropped,
    /// Strangers have used up what they may write in an hour; the event is counted in the record of its kind and minute.
    #[error("strangers have used up what they may write, so the event was counted without its details")]
    Summarised,
    /// The log was closed before the event reached the disk.
    #[error("the audit log was closed before the event was on disk")]
    Closed,
    /// The time the caller gave ran out; the event is still queued and may yet be written.
    #[error("the event was not on disk in the time given")]
    Elapsed,
}

impl Coded for NotDurable {
    fn code(&self) -> &'static str {
        match self {
            Self::Dropped => "audit.event.dropped",
            Self::Summarised => "audit.event.summarised",
            Self::Closed => "audit.log.closed",
            Self::Elapsed => "audit.commit.timeout",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// Why a log was not opened for writing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another writer holds it, in this process or another.
    #[error("the audit log in {} is held by another writer", dir.display())]
    Locked {
        /// The log's directory.
        dir: PathBuf,
    },
    /// What is there is no intact log, so nothing is added to it.
    #[error("the audit log could not be shown to be intact; run `dwcp audit verify` on its directory")]
    Broken(#[source] VerifyError),
    /// The directory or a file in it can not be made or written.
    #[error("{} can not be written", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The writer's thread could not be started.
    #[error("the audit log's writer could not be started")]
    Thread {
        /// What the operating system said.
        source: io::Error,
    },
}

impl OpenError {
    /// What the operator can do about it, as one sentence.
    pub fn fix(&self) -> String {
        match self {
            Self::Locked { dir } => {
                format!("stop the other process that writes to {}, or give this one its own directory", dir.display())
            }
            Self::Broken(_) => {
                "run `dwcp audit verify` on the directory, keep it as evidence, and start a new log in an empty one"
                    .to_owned()
            }
            Self::Io { path, .. } => format!("make {} writable for this user and free some space", path.display()),
            Self::Thread { .. } => "raise the limit on threads of this user".to_owned(),
        }
    }
}

impl Coded for OpenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "audit.log.locked",
            Self::Broken(cause) => cause.code(),
            Self::Io { .. } => "audit.log.unwritable",
            Self::Thread { .. } => "audit.writer.unstarted",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// Why a log could not be shown to be intact.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It was changed.
    #[error(transparent)]
    Tampered(#[from] Tampered),
    /// The directory holds no audit log at all.
    #[error("{} holds no audit log", dir.display())]
    Missing {
        /// The directory asked for.
        dir: PathBuf,
    },
    /// A file or the directory can not be read.
    #[error("{} can not be read", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Coded for VerifyError {
    fn code(&self) -> &'static str {
        match self {
            Self::Tampered(_) => "audit.chain.broken",
            Self::Missing { .. } => "audit.log.missing",
            Self::Unreadable { .. } => "audit.log.unreadable",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// The first place where a log does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {segment}, line {line}, byte {byte}, where entry {sequence} is due")]
pub struct Tampered {
    /// The name of the file.
    pub segment: String,
    /// The line in it, from 1.
    pub line: u64,
    /// Where the line starts in it, in bytes from 0.
    pub byte: u64,
    /// The entry that is due there.
    pub sequence: u64,
    /// What does not hold.
    pub what: Violation,
}

impl Coded for Tampered {
    fn code(&self) -> &'static str {
        "audit.chain.broken"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// What does not hold about a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The line is longer than any entry can be (64 KiB).
    #[error("the line is longer than an entry can be")]
    TooLong,
    /// The line is not the canonical JSON of an entry.
    #[error("the line is not an entry")]
    Malformed,
    /// The file ends within a line that had been acknowledged.
    #[error("the file ends within an entry")]
    Unterminated,
    /// The entry has another number than the one that is due: lines were removed, repeated or moved.
    #[error("the entry's number is {found}")]
    WrongSequence {
        /// The number it has.
        found: u64,
    },
    /// The entry names another predecessor than the one before it.
    #[error("the entry does not follow the one before it")]
    WrongPrevious,
    /// The entry's hash is not that of its content: something in it was changed.
    #[error("the entry's hash is not that of its content")]
    WrongHash,
    /// A segment file is gone though later ones are there.
    #[error("a segment file is missing")]
    MissingSegment,
    /// The log ends before the entry that the checkpoint names.
    #[error("the log ends before entry {acknowledged}, which had been acknowledged")]
    Truncated {
        /// The last entry that the checkpoint names.
        acknowledged: u64,
    },
    /// The file `head` is gone though segments are there.
    #[error("the checkpoint is missing")]
    CheckpointMissing,
    /// The file `head` is not an intact checkpoint.
    #[error("the checkpoint is not intact")]
    CheckpointMalformed,
    /// The entry that the checkpoint names has another hash or place.
    #[error("the entry is not the one the checkpoint names")]
    CheckpointMismatch,
    /// The log has another entry than the checkpoint that the caller had kept, or none: rolled back or replaced.
    #[error("the log does not hold the entry of the checkpoint that was kept elsewhere")]
    NotTheKnownLog,
}
