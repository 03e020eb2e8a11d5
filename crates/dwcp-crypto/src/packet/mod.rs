//! Keys of packets: sealed in place and in parts, numbered, with an explicit or implicit IV.
//!
//! What ESP (RFC 4303) needs of a cipher, and no more: the layout of packets, sequence numbers on the wire and replay windows are a layer
//! above. MAC-then-encrypt and encrypt-and-MAC do not exist here.

mod aead;
mod cbc;
mod cipher;
mod encrypt_then_mac;
mod mac;
mod opener;
mod parts;
mod sealer;
#[cfg(test)]
mod tests;
mod turn;

pub use cipher::PacketCipher;
pub use opener::PacketOpener;
pub use parts::{PacketParts, SealedParts};
pub use sealer::PacketSealer;
pub use turn::Turn;
