//! Walks the chain from segment to segment and stops at the first place that does not hold.

use crate::chain::Tip;
use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::error::{Tampered, VerifyError, Violation};
use crate::parse::{self, BadLine};
use crate::segment::{self, Found, SegmentReader};
use std::io;
use std::path::{Path, PathBuf};

/// The chain of a log, entry by entry; also of one that is being written at the same time.
pub(crate) struct Walk {
    dir: PathBuf,
    reader: SegmentReader,
    /// What the next entry must follow; `None` trusts the first one seen.
    tip: Option<Tip>,
    /// What was acknowledged: up to there nothing may be amiss.
    acknowledged: Option<Checkpoint>,
    /// The last segment there was at the start, where the walk ends however much is added meanwhile: every segment
    /// before it is complete, and an end once seen does not move.
    end: u64,
    torn: u64,
    finished: bool,
}

impl Walk {
    /// From the start of segment `first`, whose first entry must follow `tip`.
    pub(crate) fn from(
        dir: &Path,
        first: u64,
        tip: Option<Tip>,
        acknowledged: Option<Checkpoint>,
    ) -> Result<Self, VerifyError> {
        let sequence = tip.map_or(0, |t| t.sequence + 1);
        let end = segment::highest(dir)?;
        let reader = open(dir, first, sequence)?;
        Ok(Self { dir: dir.to_owned(), reader, tip, acknowledged, end, torn: 0, finished: false })
    }

    /// The next entry; `None` at the end of a log that holds.
    pub(crate) fn step(&mut self) -> Result<Option<Entry>, VerifyError> {
        while !self.finished {
            let found = self.reader.fill().map_err(|e| self.unreadable(e))?;
            let judged = match found {
                Found::End if self.next_segment()? => continue,
                Found::End => {
                    self.finished = true;
                    break;
                }
                Found::Line => self.judge(),
                Found::Partial => Err(Violation::Unterminated),
                Found::TooLong => Err(Violation::TooLong),
            };
            match judged {
                Ok(entry) => {
                    self.reader.advance();
                    return Ok(Some(entry));
                }
                Err(_) if self.is_torn(found) => {
                    self.torn = self.reader.remaining();
                    self.finished = true;
                }
                Err(what) => return Err(self.violated(what)),
            }
        }
        match self.acknowledged {
            Some(checkpoint) if self.sequence() < checkpoint.sequence() => {
                Err(self.violated(Violation::Truncated { acknowledged: checkpoint.sequence() }))
            }
            _ => Ok(None),
        }
    }

    /// The last entry that held.
    pub(crate) fn tip(&self) -> Tip {
        self.tip.unwrap_or(Tip::START)
    }

    /// The segment the walk is in.
    pub(crate) fn segment(&self) -> u64 {
        self.reader.number
    }

    /// Where the last entry that held ends in it.
    pub(crate) fn offset(&self) -> u64 {
        self.reader.byte
    }

    /// How many bytes a power loss left half-written at the very end.
    pub(crate) fn torn(&self) -> u64 {
        self.torn
    }

    /// An error at the current place.
    pub(crate) fn violated(&self, what: Violation) -> VerifyError {
        let sequence = match what {
            // These are about an entry that was read, not about the one after it.
            Violation::NotTheKnownLog => self.sequence(),
            _ => self.sequence() + 1,
        };
        tampered(self.reader.number, self.reader.line, self.reader.byte, sequence, what)
    }

    fn next_segment(&mut self) -> Result<bool, VerifyError> {
        let more = self.has_successor();
        if more {
            self.reader = open(&self.dir, self.reader.number + 1, self.sequence() + 1)?;
        }
        Ok(more)
    }

    fn judge(&mut self) -> Result<Entry, Violation> {
        let entry = parse::entry(self.reader.content()).map_err(|bad| match bad {
            BadLine::Malformed => Violation::Malformed,
            BadLine::WrongHash => Violation::WrongHash,
        })?;
        if let Some(tip) = self.tip {
            if entry.sequence() != tip.sequence + 1 {
                return Err(Violation::WrongSequence { found: entry.sequence() });
            }
            if entry.previous() != tip.hash {
                return Err(Violation::WrongPrevious);
            }
        }
        if let Some(checkpoint) = self.acknowledged.filter(|c| c.sequence() == entry.sequence()) {
            let end = self.reader.byte + self.reader.content().len() as u64 + 1;
            let place = (checkpoint.segment(), checkpoint.length());
            if entry.hash() != checkpoint.hash() || place != (self.reader.number, end) {
                return Err(Violation::CheckpointMismatch);
            }
        }
        self.tip = Some(Tip { sequence: entry.sequence(), hash: entry.hash() });
        Ok(entry)
    }

    /// A write cut short by a power loss: at the very end, after all that was acknowledged, and either without a
    /// newline or with the zeros that a file system leaves where data never arrived.
    fn is_torn(&self, found: Found) -> bool {
        let unacknowledged = self.acknowledged.is_none_or(|c| self.sequence() >= c.sequence());
        let half = found == Found::Partial || self.reader.content().contains(&0);
        unacknowledged && half && !self.has_successor()
    }

    fn has_successor(&self) -> bool {
        self.reader.number < self.end
    }

    fn sequence(&self) -> u64 {
        self.tip().sequence
    }

    fn unreadable(&self, source: io::Error) -> VerifyError {
        VerifyError::Unreadable { path: self.dir.join(segment::name(self.reader.number)), source }
    }
}

/// An error at a place.
pub(crate) fn tampered(segment: u64, line: u64, byte: u64, sequence: u64, what: Violation) -> VerifyError {
    Tampered { segment: segment::name(segment), line, byte, sequence, what }.into()
}

fn open(dir: &Path, number: u64, sequence: u64) -> Result<SegmentReader, VerifyError> {
    SegmentReader::open(dir, number).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => tampered(number, 1, 0, sequence, Violation::MissingSegment),
        _ => VerifyError::Unreadable { path: dir.join(segment::name(number)), source },
    })
}
