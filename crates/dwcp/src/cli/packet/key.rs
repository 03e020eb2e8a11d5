//! The key of one packet: drawn for it, written where somebody asks for that, read back to open it.

use super::WHAT_SEALED;
use crate::cli::at_rest::write_secret;
use crate::cli::exit::{Exit, Failure};
use dwcp_base::read_secret;
use dwcp_crypto::{Secret, random};
use dwcp_packet::EncryptionMode;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

/// Fresh material for one packet.
pub(super) fn draw(mode: EncryptionMode) -> Result<Secret, Failure> {
    Secret::build(mode.material_len(), random::fill).map_err(|error| {
        Failure::new(Exit::Failure, WHAT_SEALED, &error, "check the system's random source").coded(&error)
    })
}

/// The same bytes again: one copy seals, one opens.
pub(super) fn again(material: &Secret) -> Secret {
    Secret::from(material.expose().to_vec())
}

/// Writes the key as one line of hex, to a file that nobody had before.
pub(super) fn write(path: &Path, material: &Secret) -> Result<(), Failure> {
    let mut line = Zeroizing::new(String::with_capacity(material.len() * 2 + 1));
    for byte in material.expose() {
        // Writing to a string does not fail.
        let _ = write!(line, "{byte:02x}");
    }
    line.push('\n');
    write_secret(path, line.as_bytes()).map_err(|error| {
        let fix = match error.kind() {
            io::ErrorKind::AlreadyExists => "name a file that does not exist yet",
            _ => "name a file in a directory that this user can write to, with room on its disk",
        };
        Failure::new(Exit::Failure, format!("the key was not written to {}", path.display()), &error, fix)
    })
}

/// Reads the key that `mode` takes, hex or raw.
pub(super) fn read(path: &Path, mode: EncryptionMode) -> Result<Secret, Failure> {
    let what = || format!("the key in {} was not used", path.display());
    let content =
        read_secret(path, LARGEST).map(Zeroizing::new).map_err(|error| Failure::file(what(), &error))?;
    let length = mode.material_len();
    // A raw key that is nothing but hex digits is a shorter key in hex.
    if content.len() == length && !content.iter().all(u8::is_ascii_hexdigit) {
        return Ok(Secret::from(content.to_vec()));
    }
    let digits = content.trim_ascii();
    let byte = |two: &[u8]| {
        let digit = |at: usize| char::from(*two.get(at)?).to_digit(16);
        u8::try_from(digit(0)? << 4 | digit(1)?).ok()
    };
    let unfit = || {
        let why = format!("it is no key of {mode}: that has {length} bytes, or {} hex digits", length * 2);
        let fix =
            "name the mode that the packet was sealed with by --mode, and the file that --key-out wrote";
        Failure::plain(Exit::Configuration, what(), why, fix).called("packet.key.unfit")
    };
    if digits.len() != length * 2 {
        return Err(unfit());
    }
    Secret::build(length, |bytes| {
        for (byte_out, two) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte_out = byte(two).ok_or_else(unfit)?;
        }
        Ok(())
    })
}

/// The longest key has 96 bytes, 192 digits; white space around them is nothing.
const LARGEST: u64 = 1_024;
