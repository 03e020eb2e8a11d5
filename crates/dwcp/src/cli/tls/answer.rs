//! What a server answers to a ClientHello, read from its first bytes: for saying what went wrong, never for deciding anything.

use dwcp_tls::Alert;
use dwcp_tls::inspect::{ContentType, ServerHello, TlsRecord};
use std::fmt;

/// The first that a server said, as far as it is in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing at all.
    Silence,
    /// It chose, at once or after it had asked for another share; or it has only asked so far.
    Hello { chosen: ServerHello, retried: bool },
    /// It refused.
    Alert(Alert),
    /// It speaks another protocol.
    Foreign(Foreign),
    /// TLS, and not what follows a ClientHello; or not enough of it.
    Unclear,
}

/// Protocols that are met where somebody mistook a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    Http,
    Ssh,
    /// SMTP, FTP and their like begin with a number or a greeting.
    Greeting,
    Unknown,
}

impl Answer {
    /// Reads the first bytes of a connection, at most those that a [`Stopwatch`](super::stopwatch::Stopwatch) keeps.
    pub(super) fn read(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::Silence;
        }
        let (mut rest, mut found) = (head, Self::Unclear);
        loop {
            let (record, after) = match TlsRecord::parse(rest) {
                Ok(Some(read)) => read,
                Ok(None) if rest.len() < head.len() || is_tls(head) => return found,
                _ if rest.len() < head.len() => return found,
                _ => return Self::Foreign(Foreign::of(head)),
            };
            rest = after;
            match record.content_type() {
                ContentType::Alert if found == Self::Unclear => {
                    // RFC 9846 §6: a level, which means nothing any more, and the description.
                    return record
                        .payload()
                        .get(1)
                        .map_or(found, |number| Self::Alert(Alert::from_number(*number)));
                }
                ContentType::Handshake => match ServerHello::parse(record.payload()) {
                    Ok(chosen) if chosen.asks_to_retry() => found = Self::Hello { chosen, retried: true },
                    Ok(chosen) => {
                        return Self::Hello { chosen, retried: matches!(found, Self::Hello { .. }) };
                    }
                    Err(_) => return found,
                },
                ContentType::ChangeCipherSpec => {}
                ContentType::Alert | ContentType::ApplicationData => return found,
                _ if is_tls(head) => return found,
                _ => return Self::Foreign(Foreign::of(head)),
            }
        }
    }
}

impl Foreign {
    fn of(head: &[u8]) -> Self {
        let starts = |with: &[u8]| head.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
        match head {
            _ if starts(b"HTTP/") || starts(b"<!doctype") || starts(b"<html") => Self::Http,
            _ if starts(b"SSH-") => Self::Ssh,
            [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] => Self::Greeting,
            _ if starts(b"* OK") || starts(b"+OK") => Self::Greeting,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "plain HTTP",
            Self::Ssh => "SSH",
            Self::Greeting => "a protocol that greets in plain text (SMTP, FTP, IMAP or the like)",
            Self::Unknown => "something that is not TLS",
        })
    }
}

/// The first byte of a record that can begin an answer, and the first of its version.
fn is_tls(head: &[u8]) -> bool {
    matches!(head, [20..=23] | [20..=23, 3, ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_tls::inspect::GroupCode;

    /// RFC 9846 §4.1.3.
    const HELLO_RETRY_REQUEST: [u8; 32] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
        0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3][..], &length, body].concat()
    }

    fn hello(random: &[u8; 32], version: u16, suite: u16, extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [&version.to_be_bytes()[..], random, &[0], &suite.to_be_bytes(), &[0]].concat();
        let mut list = Vec::new();
        for (code, data) in extensions {
            list.extend(code.to_be_bytes());
            list.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            list.extend(*data);
        }
        if !extensions.is_empty() {
            body.extend(u16::try_from(list.len()).unwrap().to_be_bytes());
            body.extend(list);
        }
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        record(22, &[&[2], &length[1..], &body].concat())
    }

    fn chosen(answer: Answer) -> (u16, u16, Option<u16>, bool) {
        let Answer::Hello { chosen, retried } = answer else { panic!("{answer:?}") };
        let group = chosen.group().map(GroupCode::code_point);
        (chosen.version().code_point(), chosen.suite().code_point(), group, retried)
    }

    const TLS13: (u16, &[u8]) = (43, &[3, 4]);

    #[test]
    fn what_a_server_chose_is_read_from_its_hello() {
        let share = [&[0x11, 0xec, 0, 4][..], &[7; 4]].concat();
        let modern = hello(&[9; 32], 0x0303, 0x1302, &[TLS13, (51, &share)]);
        assert_eq!(chosen(Answer::read(&modern)), (0x0304, 0x1302, Some(0x11ec), false));
        let retry = hello(&HELLO_RETRY_REQUEST, 0x0303, 0x1301, &[TLS13, (51, &[0, 23])]);
        assert_eq!(chosen(Answer::read(&retry)), (0x0304, 0x1301, Some(23), true));
        let both = [retry, record(20, &[1]), modern].concat();
        assert_eq!(chosen(Answer::read(&both)), (0x0304, 0x1302, Some(0x11ec), true));
        let old = hello(&[9; 32], 0x0303, 0xc02f, &[]);
        assert_eq!(chosen(Answer::read(&old)), (0x0303, 0xc02f, None, false));
    }

    #[test]
    fn an_alert_another_protocol_and_silence_are_told_apart() {
        assert_eq!(Answer::read(&record(21, &[2, 70])), Answer::Alert(Alert::from_number(70)));
        assert_eq!(Answer::read(b""), Answer::Silence);
        for (head, protocol) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], Foreign::Http),
            (b"<HTML>\n", Foreign::Http),
            (b"SSH-2.0-OpenSSH\r\n", Foreign::Ssh),
            (b"220 mail.example ESMTP\r\n", Foreign::Greeting),
            (b"+OK ready\r\n", Foreign::Greeting),
            (b"\x00\x01\x02\x03\x04\x05\x06", Foreign::Unknown),
            (b"?", Foreign::Unknown),
        ] {
            assert_eq!(Answer::read(head), Answer::Foreign(protocol), "{head:?}");
        }
        for unclear in [&[22][..], &[22, 3, 3, 0, 90, 2], &record(23, &[1; 20]), &record(22, &[1, 0, 0, 0])] {
            assert_eq!(Answer::read(unclear), Answer::Unclear, "{unclear:?}");
        }
    }

    #[test]
    fn no_cut_and_no_flip_of_a_hello_makes_it_panic() {
        let share = [&[0, 29, 0, 32][..], &[7; 32]].concat();
        let good = hello(&[9; 32], 0x0303, 0x1302, &[TLS13, (51, &share)]);
        for end in 0..good.len() {
            assert!(!matches!(Answer::read(&good[..end]), Answer::Hello { .. }), "{end}");
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[end] ^= 1 << bit;
                let _ = Answer::read(&bad);
            }
        }
    }
}
