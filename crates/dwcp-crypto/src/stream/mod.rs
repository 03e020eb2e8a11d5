//! Streams of any length, sealed segment by segment, in two published formats on one engine.
//!
//! | format | segments | key | ends with |
//! |---|---|---|---|
//! | [`Tink`](StreamFormat::Tink) AES-GCM-HKDF | 4 KiB, 64 KiB or 1 MiB of ciphertext | AES-128 or AES-256 | a flag in the last nonce |
//! | [`C2sp`](StreamFormat::C2sp) chunked encryption v1 | 16 KiB of plaintext | AES-256, committing | a segment that is not full |
//!
//! [`StreamEncryptor`] is a [`Write`](std::io::Write), [`StreamDecryptor`] a [`Read`](std::io::Read) that also seeks; the feature
//! `tokio` adds their asynchronous forms. [`StreamSealer`] and [`StreamOpener`] work in place on a caller's buffers. Memory is constant: a few
//! segments, wiped on drop.

#[cfg(feature = "tokio")]
mod async_read;
#[cfg(feature = "tokio")]
mod async_write;
mod buffer;
mod choice;
mod derive;
mod engine;
mod file;
mod key;
mod layout;
mod open_core;
mod pump;
mod read;
mod refusal;
mod seal_core;
mod seek;
mod work;
mod write;

#[cfg(feature = "tokio")]
pub use async_read::AsyncStreamDecryptor;
#[cfg(feature = "tokio")]
pub use async_write::AsyncStreamEncryptor;
pub use engine::{End, StreamOpener, StreamSealer};
pub use file::{open_to_file, seal_to_file};
pub use key::{StreamKey, StreamParameters};
pub use layout::StreamLayout;
pub use pump::{open_all, seal_all};
pub use read::StreamDecryptor;
pub use refusal::refusal;
pub use write::StreamEncryptor;

/// The published format that a stream has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamFormat {
    /// Tink's AES-GCM-HKDF streaming AEAD, which Tink opens in every language it has.
    #[default]
    Tink,
    /// C2SP chunked encryption v1 with AES-256-GCM and SHA-512 ("Cobblestone-256"): the key is committed to, so that no
    /// stream opens under two keys.
    C2sp,
}

/// The longest associated data of a stream, in bytes.
pub const LARGEST_ASSOCIATED_DATA: usize = 64 * 1024;
