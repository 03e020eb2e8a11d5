//! A packet as its cipher sees it: four slices that lie wherever the caller's buffer has them.

use std::fmt;

/// A packet that is to be sealed in place.
pub struct PacketParts<'a> {
    /// Authenticated and not encrypted: for ESP the SPI and the sequence number. Of any length for an AEAD algorithm; 8 bytes for
    /// encrypt-then-MAC, whose MAC has no lengths in it.
    pub head: &'a [u8],
    /// Where the IV is written to: [`iv_len`](super::PacketCipher::iv_len) bytes, or none for an AEAD algorithm whose IV is implicit.
    pub iv: &'a mut [u8],
    /// Encrypted in place and authenticated: a multiple of [`block_len`](super::PacketCipher::block_len) bytes.
    pub body: &'a mut [u8],
    /// Authenticated after the body, and not sent: for encrypt-then-MAC nothing, or the 4 bytes of the high half of an extended sequence
    /// number. An AEAD algorithm has that half in `head`, and this is empty.
    pub tail: &'a [u8],
}

/// A packet that was sealed, as it arrived.
pub struct SealedParts<'a> {
    /// As in [`PacketParts`].
    pub head: &'a [u8],
    /// The IV, or nothing where it is implicit.
    pub iv: &'a [u8],
    /// Decrypted in place.
    pub body: &'a mut [u8],
    /// As in [`PacketParts`].
    pub tail: &'a [u8],
}

/// Lengths alone: a body is somebody's plaintext, before it is sealed and after it is opened.
impl fmt::Debug for PacketParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lengths(f, "PacketParts", [self.head, self.iv, self.body, self.tail])
    }
}

impl fmt::Debug for SealedParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lengths(f, "SealedParts", [self.head, self.iv, self.body, self.tail])
    }
}

fn lengths(f: &mut fmt::Formatter<'_>, name: &str, parts: [&[u8]; 4]) -> fmt::Result {
    let [head, iv, body, tail] = parts.map(<[u8]>::len);
    write!(f, "{name}({head} bytes of head, {iv} of IV, {body} of body, {tail} of tail)")
}
