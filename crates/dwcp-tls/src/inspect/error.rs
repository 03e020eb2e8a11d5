//! Why bytes are no ClientHello: which field, at which offset, by which rule.

use super::code_points::{ExtensionCode, VersionCode};
use super::record::ContentType;
use dwcp_base::{Blame, Coded};
use std::fmt;
use thiserror::Error;

/// Why records or a ClientHello can not be read. Offsets count from the first byte of the handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum InspectError {
    /// A record is longer than any may be (RFC 9846 §5.1, §5.2).
    #[error("a record of {length} bytes, where {limit} are the most")]
    RecordOversized {
        /// The length in its header.
        length: usize,
        /// The most: 2^14 in plaintext, 256 more under protection.
        limit: usize,
    },
    /// A record of the handshake holds nothing (RFC 9846 §5.1).
    #[error("an empty handshake record")]
    RecordEmpty,
    /// A record names a version that is none of SSL 3.0 or TLS: other protocols begin like this.
    #[error("a record of version {0}, which is no TLS")]
    RecordVersion(VersionCode),
    /// Something else than a handshake record came first.
    #[error("{0} where a ClientHello was to come")]
    NotHandshake(ContentType),
    /// Something else than a handshake record came in the middle of the message (RFC 9846 §5.1).
    #[error("{0} in the middle of the ClientHello")]
    Interleaved(ContentType),
    /// The first handshake message is another one.
    #[error("a handshake message of type {0} where a ClientHello was to come")]
    NotClientHello(u8),
    /// The handshake message is none of a server's choice.
    #[error("a handshake message of type {0} where a ServerHello was to come")]
    NotServerHello(u8),
    /// The handshake message is longer than is read.
    #[error("a ClientHello of {length} bytes, where {limit} are the most")]
    HelloOversized {
        /// Its length by its own account, with its header of 4 bytes.
        length: usize,
        /// The most.
        limit: usize,
    },
    /// So many bytes came, with record headers, and the message was still not whole.
    #[error("the ClientHello was not whole after {limit} bytes")]
    TooManyBytes {
        /// The most, in bytes on the wire.
        limit: usize,
    },
    /// The record that ends the ClientHello goes on: nothing may follow it before there are keys (RFC 9846 §5.1).
    #[error("{extra} bytes follow the ClientHello in its last record")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// More bytes are needed.
    #[error("the ClientHello is not whole yet")]
    Incomplete,
    /// A field breaks its rule.
    #[error("{field} at offset {offset} {fault}")]
    Malformed {
        /// The name of the field in the standard.
        field: &'static str,
        /// Where it was read.
        offset: usize,
        /// The rule.
        fault: Fault,
    },
    /// An extension is there twice (RFC 9846 §4.2).
    #[error("the extension {extension} at offset {offset} is there already")]
    Repeated {
        /// Which.
        extension: ExtensionCode,
        /// Where the second one begins.
        offset: usize,
    },
}

/// Which rule a field of a ClientHello breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It is cut off: its length or its type says that there is more.
    Cut,
    /// It is shorter than its type allows, for instance an empty list.
    TooShort,
    /// It is longer than its type allows, or a list has more entries than are read.
    TooLong,
    /// A list of two-byte numbers with half a number at its end.
    Odd,
    /// Bytes are left over behind it.
    LeftOver,
    /// A host name with characters or labels that no name has (RFC 6066 §3).
    Characters,
    /// An entry that may be there once is there again.
    Twice,
    /// A value outside of the range, or of an unknown type.
    Value,
    /// `pre_shared_key` is not the last extension (RFC 9846 §4.2.11).
    NotLast,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "is cut off",
            Self::TooShort => "is shorter than it may be",
            Self::TooLong => "is longer than it may be",
            Self::Odd => "ends in the middle of a number",
            Self::LeftOver => "has bytes left over",
            Self::Characters => "is no host name",
            Self::Twice => "has an entry twice",
            Self::Value => "has a value that it may not have",
            Self::NotLast => "is not the last extension",
        })
    }
}

impl Coded for InspectError {
    fn code(&self) -> &'static str {
        match self {
            Self::RecordOversized { .. } => "tls.record.oversized",
            Self::RecordEmpty => "tls.record.empty",
            Self::RecordVersion(_) => "tls.record.version",
            Self::NotHandshake(_) | Self::Interleaved(_) => "tls.record.unexpected",
            Self::NotClientHello(_) | Self::NotServerHello(_) => "tls.hello.missing",
            Self::HelloOversized { .. } | Self::TooManyBytes { .. } => "tls.hello.oversized",
            Self::Trailing { .. } => "tls.hello.trailing",
            Self::Incomplete => "tls.hello.incomplete",
            Self::Malformed { .. } => "tls.hello.malformed",
            Self::Repeated { .. } => "tls.hello.repeated",
        }
    }

    /// The peer's for what it sent; the network's for what did not arrive.
    fn blame(&self) -> Blame {
        match self {
            Self::Incomplete => Blame::Network,
            _ => Blame::Peer,
        }
    }
}
