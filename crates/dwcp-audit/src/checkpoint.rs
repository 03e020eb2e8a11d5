//! The checkpoint: how far the log has been acknowledged.

use crate::chain::{Hash, Tip};
use crate::encode::{MAX_NUMBER, writable};
use dwcp_base::UnixTime;
use serde::Deserialize;
use std::fmt::{self, Write};
use std::str::FromStr;

/// How far a log was acknowledged: its last entry, and where that entry ends.
///
/// It is the content of the file `head`, one JSON line (`Display`, `FromStr`). A copy kept elsewhere is what
/// [`verify_against`](crate::verify_against) takes to find a log that was rolled back or replaced as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub(crate) tip: Tip,
    pub(crate) time: UnixTime,
    pub(crate) segment: u64,
    pub(crate) length: u64,
}

impl Checkpoint {
    pub(crate) fn new(tip: Tip, time: UnixTime, segment: u64, length: u64) -> Self {
        Self { tip, time: writable(time), segment, length }
    }

    /// The number of the last entry; 0 for a log that has none yet.
    pub const fn sequence(&self) -> u64 {
        self.tip.sequence
    }

    /// The hash of the last entry.
    pub const fn hash(&self) -> Hash {
        self.tip.hash
    }

    /// When it was written.
    pub const fn time(&self) -> UnixTime {
        self.time
    }

    /// The number of the segment file that holds the last entry.
    pub const fn segment(&self) -> u64 {
        self.segment
    }

    /// Where the last entry ends in that file, in bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// As written to `head`: one line and its newline.
    pub(crate) fn to_line(self) -> String {
        let mut line = String::new();
        // Writing into a String can not fail.
        let _ = write!(
            line,
            "{{\"version\":1,\"seq\":{},\"hash\":\"{}\",\"time\":\"{}\",\"segment\":{},\"length\":{}",
            self.tip.sequence, self.tip.hash, self.time, self.segment, self.length
        );
        let check = Hash::of_checkpoint(line.as_bytes());
        let _ = writeln!(line, ",\"check\":\"{check}\"}}");
        line
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_line().trim_end())
    }
}

impl FromStr for Checkpoint {
    type Err = NotACheckpoint;

    /// Reads the one canonical spelling, with or without the newline.
    fn from_str(text: &str) -> Result<Self, NotACheckpoint> {
        if text.len() > MAX_HEAD {
            return Err(NotACheckpoint);
        }
        let raw: Line = serde_json::from_str(text).map_err(|_| NotACheckpoint)?;
        let hash = raw.hash.parse().map_err(|_| NotACheckpoint)?;
        let time = UnixTime::parse_rfc3339(&raw.time).ok_or(NotACheckpoint)?;
        let read =
            Self { tip: Tip { sequence: raw.seq, hash }, time, segment: raw.segment, length: raw.length };
        let numbers = [raw.seq, raw.segment, raw.length];
        let line = read.to_line();
        if raw.version != 1 || raw.segment == 0 || numbers.iter().any(|n| *n > MAX_NUMBER) {
            return Err(NotACheckpoint);
        }
        // What it says twice, it says alike: the check member, and that no other spelling is used.
        if line.trim_end() != text.strip_suffix('\n').unwrap_or(text) || !line.contains(&raw.check) {
            return Err(NotACheckpoint);
        }
        Ok(read)
    }
}

/// The text is not a checkpoint, or one that was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an intact checkpoint of an audit log")]
pub struct NotACheckpoint;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    version: u64,
    seq: u64,
    hash: String,
    time: String,
    segment: u64,
    length: u64,
    check: String,
}

/// The file's name.
pub(crate) const HEAD: &str = "head";
/// The most that is read of it.
pub(crate) const MAX_HEAD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_every_flipped_bit_is_refused() {
        let tip = Tip { sequence: 41, hash: Hash::of_checkpoint(b"x") };
        let checkpoint = Checkpoint::new(tip, UnixTime::from_millis(1_700_000_000_001), 2, 999);
        let line = checkpoint.to_line();
        assert_eq!(line.parse(), Ok(checkpoint));
        for at in 0..line.len() - 1 {
            for bit in 0..8 {
                let mut bytes = line.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert_eq!(text.parse::<Checkpoint>(), Err(NotACheckpoint), "byte {at} bit {bit}");
                }
            }
        }
    }
}
