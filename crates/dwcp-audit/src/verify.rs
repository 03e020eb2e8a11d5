//! The offline check of a whole log.

use crate::chain::{Hash, Tip};
use crate::checkpoint::{Checkpoint, HEAD};
use crate::error::{Tampered, VerifyError, Violation};
use crate::segment;
use crate::walk::Walk;
use dwcp_base::UnixTime;
use std::path::Path;

/// What a log that holds consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many entries there are.
    pub entries: u64,
    /// How many segment files hold them.
    pub segments: u64,
    /// The time of the first entry.
    pub first: UnixTime,
    /// The time of the last entry.
    pub last: UnixTime,
    /// The checkpoint: what was acknowledged.
    pub checkpoint: Checkpoint,
    /// The number and hash of the last entry.
    pub tip: (u64, Hash),
    /// Entries after the checkpoint: written and not yet acknowledged when the writer ended or when this was read.
    pub unconfirmed: u64,
    /// Bytes after the last entry that a power loss left half-written; opening the log cuts them back.
    pub torn_bytes: u64,
    /// How often an entry is earlier than the one before it: the clock was set back, or somebody played with it.
    pub clock_steps_back: u64,
    /// The first entry of which that is true.
    pub first_step_back: Option<u64>,
}

/// Checks every entry of the log in `dir`, oldest first, and that nothing is missing up to its checkpoint.
///
/// Reads alone, takes no lock and holds one line of at most 64 KiB at a time; a log that is being written may be
/// checked as well.
///
/// # Errors
/// [`VerifyError::Tampered`] names the first place that does not hold; [`VerifyError::Missing`] when there is no log.
///
/// # Security
/// The chain has no key: whoever can rewrite every file, checkpoint included, can make a log that holds. What finds
/// that is a checkpoint kept out of their reach, see [`verify_against`].
pub fn verify(dir: &Path) -> Result<Verified, VerifyError> {
    check(dir, None)
}

/// As [`verify`], and the log must hold the very entry that `known`, a checkpoint kept elsewhere, names.
///
/// # Errors
/// As [`verify`]; [`Violation::NotTheKnownLog`] when the log was rolled back to before `known` or replaced by another.
pub fn verify_against(dir: &Path, known: &Checkpoint) -> Result<Verified, VerifyError> {
    check(dir, Some(known))
}

fn check(dir: &Path, known: Option<&Checkpoint>) -> Result<Verified, VerifyError> {
    // The checkpoint is read first: a log that is being written has at least its entries by the time they are read.
    let checkpoint = acknowledged(dir)?;
    if checkpoint.sequence() == 0 && segment::highest(dir)? == 0 {
        return Err(VerifyError::Missing { dir: dir.to_owned() });
    }
    let mut walk = Walk::from(dir, 1, Some(Tip::START), Some(checkpoint))?;
    let (mut entries, mut steps, mut first_step) = (0, 0, None);
    let mut times: Option<(UnixTime, UnixTime)> = None;
    while let Some(entry) = walk.step()? {
        entries += 1;
        if times.is_some_and(|(_, last)| entry.time() < last) {
            steps += 1;
            first_step = first_step.or(Some(entry.sequence()));
        }
        times = Some((times.map_or(entry.time(), |(first, _)| first), entry.time()));
        if known.is_some_and(|k| k.sequence() == entry.sequence() && k.hash() != entry.hash()) {
            return Err(walk.violated(Violation::NotTheKnownLog));
        }
    }
    if known.is_some_and(|k| k.sequence() > walk.tip().sequence) {
        return Err(walk.violated(Violation::NotTheKnownLog));
    }
    let (first, last) = times.unwrap_or((checkpoint.time(), checkpoint.time()));
    Ok(Verified {
        entries,
        segments: walk.segment(),
        first,
        last,
        checkpoint,
        tip: (walk.tip().sequence, walk.tip().hash),
        unconfirmed: walk.tip().sequence.saturating_sub(checkpoint.sequence()),
        torn_bytes: walk.torn(),
        clock_steps_back: steps,
        first_step_back: first_step,
    })
}

/// The checkpoint of a log that must have one.
pub(crate) fn acknowledged(dir: &Path) -> Result<Checkpoint, VerifyError> {
    match segment::checkpoint(dir)? {
        Some(checkpoint) => Ok(checkpoint),
        None if segment::highest(dir)? == 0 => Err(VerifyError::Missing { dir: dir.to_owned() }),
        None => Err(Tampered {
            segment: HEAD.to_owned(),
            line: 1,
            byte: 0,
            sequence: 0,
            what: Violation::CheckpointMissing,
        }
        .into()),
    }
}
