//! Writes one entry in its one canonical spelling.

use crate::chain::Hash;
use crate::event::{Details, SecurityEvent};
use crate::text::escape;
use dwcp_base::UnixTime;
use std::fmt::{self, Write};

/// All that an entry says, borrowed; member order is the order of the fields.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) sequence: u64,
    pub(crate) time: UnixTime,
    pub(crate) kind: &'a str,
    pub(crate) details: &'a Details,
    pub(crate) previous: Hash,
}

impl<'a> Parts<'a> {
    pub(crate) fn of_event(sequence: u64, time: UnixTime, event: &'a SecurityEvent, previous: Hash) -> Self {
        Self { sequence, time: writable(time), kind: event.kind.as_str(), details: &event.details, previous }
    }

    /// Appends the line, newline included, and returns the entry's hash.
    pub(crate) fn write_line(&self, out: &mut String) -> Hash {
        let start = out.len();
        // Writing into a String can not fail.
        let _ = self.write_body(out);
        let hash = Hash::of_entry(self.sequence, &self.previous, &out.as_bytes()[start..]);
        let _ = writeln!(out, ",\"hash\":\"{hash}\"}}");
        hash
    }

    fn write_body(&self, out: &mut String) -> fmt::Result {
        let said = self.details;
        write!(out, "{{\"seq\":{},\"time\":\"{}\",\"kind\":\"", self.sequence, self.time)?;
        escape(self.kind, out)?;
        write!(out, "\",\"severity\":\"{}\",\"origin\":\"{}\"", said.severity, said.origin.as_str())?;
        let texts = [
            ("peer", &said.peer),
            ("source", &said.source),
            ("code", &said.code),
            ("message", &said.message),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                write!(out, ",\"{name}\":\"{text}\"")?;
            }
        }
        for (at, (name, value)) in said.fields.iter().enumerate() {
            out.push_str(if at == 0 { ",\"fields\":{" } else { "," });
            write!(out, "\"{name}\":\"{value}\"")?;
        }
        if !said.fields.is_empty() {
            out.push('}');
        }
        if let Some(r) = said.repeated {
            let (first, last) = (writable(r.first), writable(r.last));
            write!(out, ",\"count\":{},\"first\":\"{first}\",\"last\":\"{last}\"", r.count.min(MAX_NUMBER))?;
        }
        write!(out, ",\"prev\":\"{}\"", self.previous)
    }
}

/// How long the line of `event` gets at most, newline included, whatever its number.
pub(crate) fn longest_line(event: &SecurityEvent) -> u64 {
    let mut line = String::new();
    // Writing into a String can not fail.
    let _ =
        Parts::of_event(MAX_NUMBER, UnixTime::from_millis(i64::MAX), event, Hash::ZERO).write_body(&mut line);
    (line.len() + HASH_MEMBER) as u64
}

/// Within the years that RFC 3339 can write, 1970 to 9999, whatever a broken clock says.
pub(crate) fn writable(time: UnixTime) -> UnixTime {
    UnixTime::from_millis(time.millis().clamp(0, 253_402_300_799_999))
}

/// The largest number that every JSON reader keeps exact (2^53 - 1).
pub(crate) const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The longest line a reader accepts, newline not counted: above what 16 fields of nothing but control characters need.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// What follows the body: `,"hash":"…"}` and the newline.
const HASH_MEMBER: usize = 76;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Repeated;
    use crate::kind::EventKind;
    use crate::text::Text;

    #[test]
    fn the_longest_possible_entry_fits_a_line() {
        let worst = "\u{1}".repeat(Text::LIMIT);
        let mut event =
            SecurityEvent::peer(EventKind::CertificateRevoked, &worst).code(&worst).message(&worst);
        event.details.source = Some(Text::new(&worst));
        event.details.fields =
            (0..SecurityEvent::MAX_FIELDS).map(|_| (Text::new(&worst), Text::new(&worst))).collect();
        let time = UnixTime::from_millis(i64::MAX);
        event.details.repeated = Some(Repeated { count: u64::MAX, first: time, last: time });
        let mut line = String::new();
        Parts::of_event(MAX_NUMBER, time, &event, Hash::ZERO).write_line(&mut line);
        assert!(line.len() <= MAX_LINE, "{}", line.len());
        assert_eq!(longest_line(&event), line.len() as u64);
    }
}
