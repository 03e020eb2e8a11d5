//! Base64url without padding (RFC 4648 §5), in memory that is wiped, with one text for each value.

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

pub(super) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(Base64UrlUnpadded::encode_string(bytes))
}

/// `None` for letters outside of the alphabet, padding, and bits that are left over.
pub(super) fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(Base64UrlUnpadded::decode_vec(text).ok()?);
    (encode(&bytes).as_str() == text).then_some(bytes)
}
