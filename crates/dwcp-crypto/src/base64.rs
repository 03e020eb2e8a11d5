//! Base64 (RFC 4648 §4, with padding) in constant time for key bytes.

use crate::Secret;
use base64ct::{Base64, Encoding};
use std::convert::Infallible;

/// Decodes into wiped memory; `None` for anything but the one way to write the bytes.
pub(crate) fn decode_secret(text: &str) -> Option<Secret> {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    let length = (text.len() / 4 * 3).checked_sub(padding)?;
    let decode = |out: &mut [u8]| {
        Base64::decode(text, out)
            .map_err(|_| ())
            .and_then(|bytes| (bytes.len() == length).then_some(()).ok_or(()))
    };
    Secret::build(length, decode).ok()
}

/// Encodes into wiped memory.
pub(crate) fn encode_secret(bytes: &Secret) -> Secret {
    let Ok(text) = Secret::build(bytes.len().div_ceil(3) * 4, |out| {
        // The buffer has the exact length.
        let _ = Base64::encode(bytes.expose(), out);
        Ok::<(), Infallible>(())
    });
    text
}

/// Decodes what is not secret.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// Encodes what is not secret.
pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_text() {
        for (bytes, text) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(decode_secret(text).unwrap().expose(), bytes);
            assert_eq!(encode_secret(&Secret::from(bytes.to_vec())).expose(), text.as_bytes());
            assert_eq!((decode(text).unwrap().as_slice(), encode(bytes).as_str()), (bytes, text));
        }
        for text in ["Zg", "Zg=", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm-_", "====", "Zg==Zg==", "é==="] {
            assert!(decode_secret(text).is_none() && decode(text).is_none(), "{text}");
        }
    }
}
