//! The file under the index: lines are added at its end, and what a power loss left half-written is told from damage.

use super::entry::{Checksum, Entry};
use crate::KeyPin;
use crate::authority::AuthorityError;
use dwcp_base::{Disk, SyncedFile};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// The log, read up to some line.
pub(super) struct Log {
    path: PathBuf,
    key_pin: KeyPin,
    at: Position,
    /// The end of what is known to be on stable storage.
    durable: u64,
    /// Bytes of a line that was never finished follow the last good one.
    torn: bool,
    /// A failed write could not be taken back, so what is in the page cache may never reach the disk.
    suspect: bool,
}

#[derive(Clone, Copy, Default)]
struct Position {
    /// The end of the last good line.
    offset: u64,
    lines: u64,
    checksum: Checksum,
}

impl Log {
    pub(super) fn new(path: PathBuf, key_pin: KeyPin) -> Self {
        Self { path, key_pin, at: Position::default(), durable: 0, torn: false, suspect: false }
    }

    /// The end of the last good line that was read.
    pub(super) fn read_to(&self) -> u64 {
        self.at.offset
    }

    /// Hands on every line that was added since the last time.
    pub(super) fn catch_up(
        &mut self,
        take: impl FnMut(Entry) -> Result<(), &'static str>,
    ) -> Result<(), AuthorityError> {
        // The position moves with every line that was handed on, also when a later one can not be read.
        let mut at = self.at;
        let torn = self.read_from(&mut at, take);
        self.at = at;
        let torn = torn?;
        if torn && !self.torn {
            tracing::warn!(path = %self.path.display(), line = at.lines + 1, "the end of the index was never finished");
        }
        self.torn = torn;
        Ok(())
    }

    /// Hands on every line from the first.
    pub(super) fn replay(&self, mut take: impl FnMut(Entry)) -> Result<(), AuthorityError> {
        self.read_from(&mut Position::default(), |entry| {
            take(entry);
            Ok(())
        })
        .map(|_| ())
    }

    /// Returns once all that was read is on stable storage, whoever wrote it; the caller holds the lock and has caught up.
    ///
    /// After an error the log refuses every further line: a later sync may succeed without the pages that were lost.
    pub(super) fn settle(&mut self, disk: &dyn Disk) -> Result<(), AuthorityError> {
        if self.suspect {
            return Err(AuthorityError::IndexSuspect);
        }
        if self.durable < self.at.offset {
            let failed = |source| AuthorityError::storage("sync", &self.path, source);
            let mut file = disk.append(&self.path).map_err(failed)?;
            if let Err(source) = file.sync() {
                self.suspect = true;
                return Err(failed(source));
            }
            self.durable = self.at.offset;
        }
        Ok(())
    }

    /// Adds a line and returns once it is on stable storage; the caller holds the lock and has caught up.
    ///
    /// After an error the file is what it was before, or the log refuses every further line.
    pub(super) fn append(&mut self, disk: &dyn Disk, entry: &Entry) -> Result<(), AuthorityError> {
        self.append_all(disk, std::slice::from_ref(entry)).1
    }

    /// As [`append`](Self::append) for several lines, with one write and one sync for each block of the disk that they fill. Says how
    /// many are on stable storage, which are the first ones, and what went wrong with the others.
    ///
    /// Blocks can reach the disk in any order. Were more than one of them filled by a write, a power loss could leave zeros with
    /// good lines behind them, which can not be told from damage.
    pub(super) fn append_all(
        &mut self,
        disk: &dyn Disk,
        entries: &[Entry],
    ) -> (usize, Result<(), AuthorityError>) {
        let (mut text, mut at, mut done) = (String::new(), self.at, 0);
        for (place, entry) in entries.iter().enumerate() {
            let (line, checksum) = entry.encode(&at.checksum);
            if !Entry::decode(line.as_bytes(), &at.checksum).is_ok_and(|(read, _)| read == *entry) {
                let rule = "a line of the index would not read back";
                return (done, Err(AuthorityError::Defective { rule }));
            }
            text.push_str(&line);
            text.push('\n');
            at = Position { offset: at.offset + line.len() as u64 + 1, lines: at.lines + 1, checksum };
            if at.offset / BLOCK != self.at.offset / BLOCK || place + 1 == entries.len() {
                if let Err(error) = self.write(disk, &text, at) {
                    return (done, Err(error));
                }
                text.clear();
                done = place + 1;
            }
        }
        (done, Ok(()))
    }

    /// Writes whole lines that end at `to`.
    fn write(&mut self, disk: &dyn Disk, text: &str, to: Position) -> Result<(), AuthorityError> {
        if self.suspect {
            return Err(AuthorityError::IndexSuspect);
        }
        let failed = |source| AuthorityError::storage("write", &self.path, source);
        let mut file = disk.append(&self.path).map_err(failed)?;
        if self.torn {
            cut(file.as_mut(), self.at.offset).map_err(failed)?;
            self.torn = false;
            tracing::warn!(path = %self.path.display(), "cut off lines that were never finished");
        }
        if let Err(source) = file.write_all(text.as_bytes()).and_then(|()| file.sync()) {
            self.suspect = cut(file.as_mut(), self.at.offset).is_err();
            return Err(AuthorityError::storage("write", &self.path, source));
        }
        self.at = to;
        self.durable = to.offset;
        Ok(())
    }

    /// Reads lines from a position to the end and moves it along; the answer is whether the rest of a line follows.
    fn read_from(
        &self,
        at: &mut Position,
        mut take: impl FnMut(Entry) -> Result<(), &'static str>,
    ) -> Result<bool, AuthorityError> {
        let mut reader = self.open_at(*at)?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let failed = |e| AuthorityError::storage("read", &self.path, e);
            let length = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(failed)?;
            let number = at.lines + 1;
            let corrupt =
                |rule| Err(AuthorityError::IndexCorrupt { path: self.path.clone(), line: number, rule });
            let Some(body) = line.strip_suffix(b"\n") else {
                return match length as u64 {
                    0 if at.lines == 0 => corrupt("it is empty"),
                    LONGEST_LINE => corrupt("it is too long"),
                    length => Ok(length > 0),
                };
            };
            let (entry, checksum) = match Entry::decode(body, &at.checksum) {
                Ok(decoded) => decoded,
                // A block that a power loss kept from the disk reads as zeros; nothing that was acknowledged is there.
                Err(_) if body.contains(&0) && is_last(&mut reader).map_err(failed)? => return Ok(true),
                Err(rule) => return corrupt(rule),
            };
            match (&entry, at.lines) {
                (Entry::Authority { key_pin }, 0) if *key_pin == self.key_pin => {}
                (Entry::Authority { .. }, 0) => {
                    return Err(AuthorityError::IndexForeign { path: self.path.clone() });
                }
                (Entry::Authority { .. }, _) | (_, 0) => {
                    return corrupt("the first line, and no other, names the authority");
                }
                _ => {}
            }
            if let Err(rule) = take(entry) {
                return corrupt(rule);
            }
            *at = Position { offset: at.offset + length as u64, lines: at.lines + 1, checksum };
        }
    }

    fn open_at(&self, at: Position) -> Result<BufReader<File>, AuthorityError> {
        let failed = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => AuthorityError::IndexMissing { path: self.path.clone() },
            _ => AuthorityError::storage("read", &self.path, e),
        };
        // Opening a pipe would wait, with the lock held.
        if !std::fs::metadata(&self.path).map_err(failed)?.is_file() {
            let rule = "it is no regular file";
            return Err(AuthorityError::IndexCorrupt { path: self.path.clone(), line: 0, rule });
        }
        let mut file = File::open(&self.path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() < at.offset {
            let rule = "the lines after it were cut off";
            return Err(AuthorityError::IndexCorrupt { path: self.path.clone(), line: at.lines, rule });
        }
        file.seek(SeekFrom::Start(at.offset)).map_err(failed)?;
        Ok(BufReader::new(file))
    }
}

fn cut(file: &mut dyn SyncedFile, offset: u64) -> io::Result<()> {
    file.truncate(offset)?;
    file.sync()
}

fn is_last(reader: &mut BufReader<File>) -> io::Result<bool> {
    Ok(reader.fill_buf()?.is_empty())
}

/// More than the names of the largest request take; a longer line was not written here.
const LONGEST_LINE: u64 = 256 << 10;
/// What disks and file systems write as one; larger ones are multiples of it.
const BLOCK: u64 = 4_096;
