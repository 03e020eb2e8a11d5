//! Where a packet comes from: bytes, hex, a capture, or the example.

use super::wire;
use crate::capture::{Frame, Link, frames, is_capture};
use crate::cli::args_packet::PacketJob;
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::input::bytes;
use std::path::Path;
use zeroize::Zeroizing;

/// A packet and where it was.
pub(super) struct Input {
    /// From its first byte on; more may follow.
    pub(super) packet: Zeroizing<Vec<u8>>,
    /// `raw`, `hex`, `capture` or `example`.
    pub(super) kind: &'static str,
    /// The frame of a capture and what it begins with.
    pub(super) frame: Option<(u64, Link)>,
}

/// Takes the packet that the command line names.
pub(super) fn read(args: &PacketJob) -> Result<Input, Failure> {
    let input = match (&args.input, &args.hex) {
        (Some(path), _) => from_bytes(file(path)?, args)?,
        (None, Some(text)) => {
            let packet = unhex(text.as_bytes()).ok_or_else(|| {
                let why = match text.trim() {
                    "" => "the text of --hex is empty",
                    _ => "the text of --hex has other characters than hex digits, or half a byte",
                };
                Failure::plain(Exit::Usage, WHAT, why, "write two digits for each byte")
            })?;
            Input { packet, kind: "hex", frame: None }
        }
        (None, None) if args.open => {
            let fix = "name a file, - or --hex";
            return Err(Failure::plain(Exit::Usage, WHAT, "nothing was named that could be opened", fix));
        }
        (None, None) => Input { packet: Zeroizing::new(wire::example()), kind: "example", frame: None },
    };
    if args.index.is_some() && input.frame.is_none() {
        let why = "--index counts the frames of a capture, and this is none";
        return Err(Failure::plain(Exit::Usage, WHAT, why, "leave --index out, or name a pcap or pcapng"));
    }
    Ok(input)
}

fn file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = bytes(path, LARGEST, WHAT)?;
    if bytes.len() as u64 > LARGEST {
        let why = "standard input is longer than 64 MiB";
        return Err(unfit(why, "take a part of the capture, with `editcap -r` for example"));
    }
    Ok(bytes)
}

/// A capture is known by its first bytes, hex by having nothing but digits; all else is the packet itself.
fn from_bytes(bytes: Zeroizing<Vec<u8>>, args: &PacketJob) -> Result<Input, Failure> {
    if is_capture(&bytes) {
        return from_capture(&bytes, args);
    }
    Ok(match unhex(&bytes) {
        Some(packet) => Input { packet, kind: "hex", frame: None },
        None => Input { packet: bytes, kind: "raw", frame: None },
    })
}

fn from_capture(capture: &[u8], args: &PacketJob) -> Result<Input, Failure> {
    let broken = |error| {
        let fix = "capture it again, or take its whole frames with `editcap`";
        Failure::new(Exit::Failure, WHAT, &error, fix).called("packet.capture.broken")
    };
    let wanted = if args.open { "ESP" } else { "IP" };
    let (mut seen, mut passed) = (0, None);
    for frame in frames(capture).map_err(broken)? {
        let frame = frame.map_err(broken)?;
        seen = frame.number;
        let fits = fitting(&frame, args.open);
        if args.index.is_none_or(|index| index == frame.number)
            && let Some(packet) = fits
        {
            let packet = Zeroizing::new(packet.to_vec());
            return Ok(Input { packet, kind: "capture", frame: Some((frame.number, frame.link)) });
        }
        if args.index == Some(frame.number) {
            let why = format!("frame {} ({}) holds no {wanted} packet", frame.number, frame.link);
            return Err(unfit(why, "name another frame with --index"));
        }
        passed.get_or_insert(frame.link);
    }
    if let Some(index) = args.index {
        let why = format!("the capture has {seen} frames, and no frame {index}");
        let fix = "name another frame with --index";
        return Err(Failure::plain(Exit::NotFound, WHAT, why, fix));
    }
    let why = match passed {
        Some(link) => {
            format!("none of the capture's {seen} frames (the first is {link}) holds an {wanted} packet")
        }
        None => "the capture holds no frame".to_owned(),
    };
    Err(unfit(why, "name a capture of Ethernet, raw IP, Linux cooked or loopback frames"))
}

fn fitting<'a>(frame: &Frame<'a>, open: bool) -> Option<&'a [u8]> {
    frame.ip().filter(|packet| !open || wire::carries_esp(packet))
}

/// Two digits a byte, with white space and colons between, and `0x` in front if one likes.
fn unhex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    let mut high = None;
    for byte in text {
        if high.is_none() && (byte.is_ascii_whitespace() || *byte == b':') {
            continue;
        }
        let digit = u8::try_from(char::from(*byte).to_digit(16)?).ok()?;
        match high.take() {
            Some(high) => bytes.push(high << 4 | digit),
            None => high = Some(digit),
        }
    }
    (high.is_none() && !bytes.is_empty()).then_some(bytes)
}

/// What was named is no packet that anything could be done with.
pub(super) fn unfit(why: impl AsRef<str>, fix: &str) -> Failure {
    Failure::plain(Exit::Failure, WHAT, inert(why.as_ref()), fix).called("packet.input.invalid")
}

/// What fails here.
pub(super) const WHAT: &str = "no packet was taken from what was named";
/// Also in front of what pcapng has of names and comments.
const LARGEST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_as_people_paste_it_and_nothing_else_is_taken_for_it() {
        let read = |text: &str| unhex(text.as_bytes()).map(|bytes| bytes.to_vec());
        for text in ["4500ab", "0x4500ab", " 45 00 AB\n", "45:00:ab", "4500\r\n ab "] {
            assert_eq!(read(text), Some(vec![0x45, 0, 0xab]), "{text:?}");
        }
        for text in ["", "0x", " ", "4", "45 0", "4 5", "45-00", "45 00 zz", "0x0x45", "\u{664}5"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
