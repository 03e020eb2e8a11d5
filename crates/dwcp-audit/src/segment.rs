//! Segment files: their names, and reading one by bounded lines.

use crate::checkpoint::{Checkpoint, HEAD, MAX_HEAD};
use crate::encode::MAX_LINE;
use crate::entry::Entry;
use crate::error::{Tampered, VerifyError, Violation};
use crate::parse;
use dwcp_base::{SecretFileError, read_bounded};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// The file name of segment `number`.
pub(crate) fn name(number: u64) -> String {
    format!("log-{number:012}.jsonl")
}

/// The highest segment number in `dir`; 0 when there is none.
pub(crate) fn highest(dir: &Path) -> Result<u64, VerifyError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => VerifyError::Missing { dir: dir.to_owned() },
        _ => VerifyError::Unreadable { path: dir.to_owned(), source },
    };
    let mut highest = 0;
    for file in std::fs::read_dir(dir).map_err(failed)? {
        let file_name = file.map_err(failed)?.file_name();
        highest = highest.max(file_name.to_str().and_then(number).unwrap_or(0));
    }
    Ok(highest)
}

/// The checkpoint in `dir`; `None` when there is no file of that name.
pub(crate) fn checkpoint(dir: &Path) -> Result<Option<Checkpoint>, VerifyError> {
    let malformed = || Tampered {
        segment: HEAD.to_owned(),
        line: 1,
        byte: 0,
        sequence: 0,
        what: Violation::CheckpointMalformed,
    };
    match read_bounded(&dir.join(HEAD), MAX_HEAD as u64) {
        Ok(bytes) => {
            let text = std::str::from_utf8(&bytes).ok().filter(|text| text.ends_with('\n'));
            Ok(Some(text.and_then(|t| t.parse().ok()).ok_or_else(malformed)?))
        }
        Err(SecretFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(SecretFileError::Io { path, source }) => Err(VerifyError::Unreadable { path, source }),
        Err(_) => Err(malformed().into()),
    }
}

/// The last entry of segment `number`, its own hash checked; `None` when the segment does not end in one.
pub(crate) fn last_entry(dir: &Path, number: u64) -> io::Result<Option<Entry>> {
    let mut file = open(&dir.join(name(number)))?;
    let most = MAX_LINE as u64 + 2;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut end = Vec::new();
    file.take(most).read_to_end(&mut end)?;
    let Some(lines) = end.strip_suffix(b"\n") else { return Ok(None) };
    let start = lines.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    Ok(lines.get(start..).and_then(|line| parse::entry(line).ok()))
}

/// One segment, read line by line; never holds more than one line.
pub(crate) struct SegmentReader {
    file: BufReader<io::Take<File>>,
    length: u64,
    pub(crate) number: u64,
    /// The line now in the buffer, from 1.
    pub(crate) line: u64,
    /// Where it starts.
    pub(crate) byte: u64,
    buffer: Vec<u8>,
}

/// What comes next in a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Line,
    Partial,
    TooLong,
    End,
}

impl SegmentReader {
    pub(crate) fn open(dir: &Path, number: u64) -> io::Result<Self> {
        let file = open(&dir.join(name(number)))?;
        let length = file.metadata()?.len();
        let file = BufReader::new(file.take(length));
        Ok(Self { file, length, number, line: 1, byte: 0, buffer: Vec::new() })
    }

    /// Reads the current line, up to where the file ended when it was opened.
    pub(crate) fn fill(&mut self) -> io::Result<Found> {
        self.file.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut self.buffer)?;
        Ok(match self.buffer.last() {
            None => Found::End,
            Some(b'\n') => Found::Line,
            Some(_) if self.buffer.len() > MAX_LINE => Found::TooLong,
            Some(_) => Found::Partial,
        })
    }

    /// The current line without its newline.
    pub(crate) fn content(&self) -> &[u8] {
        self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer)
    }

    /// Goes on to the next line.
    pub(crate) fn advance(&mut self) {
        self.byte += self.buffer.len() as u64;
        self.line += 1;
        self.buffer.clear();
    }

    /// Bytes from the start of the current line to the end of the file.
    pub(crate) fn remaining(&self) -> u64 {
        self.length.saturating_sub(self.byte)
    }
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log-")?.strip_suffix(".jsonl")?;
    let number = digits.parse().ok()?;
    (number > 0 && self::name(number) == name).then_some(number)
}

/// Opening a FIFO that somebody put there would wait for ever, so only regular files are opened.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_spelling_of_a_name_counts() {
        assert_eq!(name(1), "log-000000000001.jsonl");
        assert_eq!(number(&name(42)), Some(42));
        for other in
            ["log-1.jsonl", "log-000000000000.jsonl", "log-+00000000001.jsonl", "log-000000000001.jsonl~"]
        {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
