//! Passphrases: one text, one key, whatever keyboard it came from.

mod error;
mod new;
#[cfg(feature = "strength")]
mod strength;

pub use error::{PassphraseError, Weakness};
pub use new::NewPassphrase;

use crate::Secret;
use std::fmt;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// A passphrase of any strength, for opening what is there. `Debug` tells nothing, not even its length.
///
/// Text (UTF-8) is prepared as RFC 8265 §4.2.2 says: spaces other than U+0020 become U+0020, then all is brought to
/// NFC. So the same text as decomposed and as composed characters gives the same key. Bytes that are not UTF-8 are taken as
/// they are.
///
/// # Security
/// It is wiped on drop. Of text that is not in NFC, runs of more than four combining marks leave copies of these marks in
/// freed memory.
pub struct Passphrase(Secret);

impl Passphrase {
    /// A passphrase of 1 to [`MAX_LEN`](Self::MAX_LEN) bytes as they were typed. Nothing is trimmed.
    ///
    /// # Errors
    /// [`PassphraseError::Empty`] and [`PassphraseError::TooLong`], before anything is computed from it.
    pub fn new(bytes: &[u8]) -> Result<Self, PassphraseError> {
        let bytes = Self::bounded(bytes)?;
        let prepared = match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_ascii() => prepared(text),
            _ => Secret::from(bytes.to_vec()),
        };
        Ok(Self(prepared))
    }

    /// A passphrase from the content of a file, of which one newline (`\n` or `\r\n`) at the end is no part.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_file_bytes(content: &[u8]) -> Result<Self, PassphraseError> {
        let line = content.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        Self::new(line.unwrap_or(content))
    }

    /// A passphrase of these very bytes, without any preparation: for data of programs that made none.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn verbatim(bytes: &[u8]) -> Result<Self, PassphraseError> {
        Self::bounded(bytes).map(|bytes| Self(Secret::from(bytes.to_vec())))
    }

    /// The most bytes that a passphrase may have: 64 KiB.
    pub const MAX_LEN: usize = 64 * 1024;

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    fn bounded(bytes: &[u8]) -> Result<&[u8], PassphraseError> {
        match bytes.len() {
            0 => Err(PassphraseError::Empty),
            1..=Self::MAX_LEN => Ok(bytes),
            _ => Err(PassphraseError::TooLong),
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// RFC 8265 §4.2.2: other spaces become U+0020, then NFC.
fn prepared(text: &str) -> Secret {
    let spaced = || text.chars().map(|char| if is_other_space(char) { ' ' } else { char });
    if is_nfc_quick(spaced()) == IsNormalized::Yes { encoded(spaced) } else { encoded(|| spaced().nfc()) }
}

/// Goes through the characters twice, so that no vector grows and leaves a part behind.
fn encoded<I: Iterator<Item = char>>(chars: impl Fn() -> I) -> Secret {
    let mut bytes = Vec::with_capacity(chars().map(char::len_utf8).sum());
    for char in chars() {
        bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Secret::from(bytes)
}

/// The general category Zs without U+0020.
fn is_other_space(char: char) -> bool {
    matches!(char, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}
