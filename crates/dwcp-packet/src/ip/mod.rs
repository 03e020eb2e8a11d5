//! What an IP packet says of itself, read without trust (RFC 791, RFC 8200).

mod bytes;
mod chain;
mod checksum;
mod error;
mod fragment;
mod metadata;
mod options;
mod upper;

pub use chain::{MAX_EXTENSION_BYTES, MAX_EXTENSION_HEADERS};
pub use error::IpError;
pub use fragment::Fragment;
pub use metadata::{IpVersion, PacketMetadata};
