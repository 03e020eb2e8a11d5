//! The lines that every record is made of: a head, then one `KEY VALUE` after the other, in a fixed order.

use super::MOST_RECORD;
use dwcp_base::UnixTime;
use std::fmt::Display;
use thiserror::Error;
use zeroize::Zeroizing;

/// A text that is no record of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line} is not that of its kind of record")]
pub struct BadLine {
    /// The first line that is wrong, from 1.
    pub line: usize,
}

/// Reads lines in their order, and remembers which one it is at.
pub(super) struct Reading<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reading<'a> {
    /// A record of at most [`MOST_RECORD`] bytes of printable ASCII and line feeds that begins with `head`.
    pub(super) fn begin(bytes: &'a [u8], head: &str) -> Result<Self, BadLine> {
        let line_of = |at: usize| bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        if bytes.len() > MOST_RECORD {
            return Err(BadLine { line: 1 });
        }
        let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
        if let Some(at) = bytes.iter().position(|byte| !printable(byte)) {
            return Err(BadLine { line: line_of(at) });
        }
        let rest = std::str::from_utf8(bytes).map_err(|_| BadLine { line: 1 })?;
        let mut reading = Self { rest, line: 0 };
        if reading.whole_line()? == head { Ok(reading) } else { Err(reading.bad()) }
    }

    /// The value of the next line, whose key has to be `key`.
    pub(super) fn value(&mut self, key: &str) -> Result<&'a str, BadLine> {
        let line = self.whole_line()?;
        line.strip_prefix(key).and_then(|rest| rest.strip_prefix(' ')).ok_or(self.bad())
    }

    /// The value, which can be absent.
    pub(super) fn optional(&mut self, key: &str) -> Result<Option<&'a str>, BadLine> {
        Ok(Some(self.value(key)?).filter(|value| *value != ABSENT))
    }

    /// The value, read by `read`.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, BadLine> {
        let value = self.value(key)?;
        read(value).ok_or(self.bad())
    }

    /// The error for the line that was read last.
    pub(super) fn bad(&self) -> BadLine {
        BadLine { line: self.line }
    }

    /// Makes sure that nothing follows.
    pub(super) fn end(&self) -> Result<(), BadLine> {
        if self.rest.is_empty() { Ok(()) } else { Err(BadLine { line: self.line + 1 }) }
    }

    fn whole_line(&mut self) -> Result<&'a str, BadLine> {
        self.line += 1;
        let (line, rest) = self.rest.split_once('\n').ok_or(self.bad())?;
        self.rest = rest;
        Ok(line)
    }
}

/// A record as it is written, in memory of its final size that is wiped: it can hold a key.
pub(super) struct Writing(Zeroizing<Vec<u8>>);

impl Writing {
    pub(super) fn begin(head: &str) -> Self {
        let mut bytes = Vec::with_capacity(MOST_RECORD);
        bytes.extend_from_slice(head.as_bytes());
        bytes.push(b'\n');
        Self(Zeroizing::new(bytes))
    }

    /// Adds a line; nothing secret passes through [`Display`].
    pub(super) fn line(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.secret_line(key, value.to_string().as_bytes())
    }

    /// Adds a line for a value that can be absent.
    pub(super) fn optional(&mut self, key: &str, value: Option<impl Display>) -> &mut Self {
        match value.map(|value| value.to_string()) {
            None => self.line(key, ABSENT),
            // It would be read as absent; without its line the record is refused as one that does not fit.
            Some(value) if value == ABSENT => self,
            Some(value) => self.line(key, value),
        }
    }

    /// Adds a line straight from wiped memory.
    pub(super) fn secret_line(&mut self, key: &str, value: &[u8]) -> &mut Self {
        let room = self.0.capacity() - self.0.len();
        // Beyond its capacity the vector would move and leave a copy behind. What does not fit shows itself as a record that can not be read.
        if key.len() + value.len() + 2 <= room {
            self.0.extend_from_slice(key.as_bytes());
            self.0.push(b' ');
            self.0.extend_from_slice(value);
            self.0.push(b'\n');
        }
        self
    }

    pub(super) fn done(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// A time as records have it: RFC 3339 in UTC.
pub(super) fn time(text: &str) -> Option<UnixTime> {
    UnixTime::parse_rfc3339(text)
}

/// An https URL as records have it: 9 to 2 048 printable characters without a space.
pub(super) fn url(text: &str) -> Option<String> {
    let fits = text.len() <= LONGEST_URL && text.bytes().all(|byte| byte.is_ascii_graphic());
    let rest = text.strip_prefix("https://").filter(|rest| !rest.is_empty());
    (fits && rest.is_some()).then(|| text.to_owned())
}

/// A short printable word.
pub(super) fn word(text: &str) -> Option<String> {
    let fits = (1..=LONGEST_WORD).contains(&text.len()) && text != ABSENT;
    (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

const ABSENT: &str = "-";
const LONGEST_URL: usize = 2_048;
const LONGEST_WORD: usize = 320;
