//! What an IP packet says of itself, read without trust (RFC 791, RFC 8200).

mod bytes;
mod chain;
mod checksum;
mod error;
mod fit;
mod fragment;
mod metadata;
mod options;
#[cfg(feature = "esp")]
pub(crate) mod plain;
mod prefix;
mod sources;
pub mod transport;
mod upper;

pub use chain::{MAX_EXTENSION_BYTES, MAX_EXTENSION_HEADERS};
pub use error::IpError;
pub use fit::Fit;
pub use fragment::Fragment;
pub use metadata::{IpVersion, PacketMetadata};
pub use prefix::{Prefix, PrefixError};
pub use sources::{AllowedSources, PermittedSource, RefusedSource, TooManyPrefixes};
