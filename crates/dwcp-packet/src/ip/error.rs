//! Why bytes are no IP packet that anybody should act on.

use core::fmt;

/// What is wrong with a packet, by the rule that it breaks.
///
/// Lengths are in bytes and come from the packet itself: good for a log line, never for an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IpError {
    /// There are fewer bytes than the packet says it has.
    Truncated {
        /// What the header claims, or the least that a header takes.
        claimed: usize,
        /// What is there.
        present: usize,
    },
    /// The first four bits are neither 4 nor 6.
    Version(u8),
    /// An IPv4 header length (IHL) below 20 bytes (RFC 791 §3.1). One beyond the packet is `TotalLength` or `Truncated`.
    HeaderLength(usize),
    /// A total length that does not even cover the header, or an IPv6 payload length of zero although a payload is
    /// announced: two readers could disagree about where such a packet ends.
    TotalLength(usize),
    /// An option that reaches past the header that holds it, or a second home address (RFC 6275 §6.3).
    Options,
    /// An extension header that reaches past the end of the packet, or is shorter than its kind can be.
    ExtensionLength(u8),
    /// An extension header where it must not be: hop-by-hop options behind another header (RFC 8200 §4.1), or a second
    /// fragment header, which would hide what the first one says.
    ExtensionOrder(u8),
    /// More than [`MAX_EXTENSION_HEADERS`](crate::MAX_EXTENSION_HEADERS) headers or
    /// [`MAX_EXTENSION_BYTES`](crate::MAX_EXTENSION_BYTES) bytes of them.
    ExtensionChain,
    /// A jumbogram (RFC 2675). No packet of a tunnel can hold one: its length does not fit the outer header.
    JumboPayload,
    /// A fragment that can not be put anywhere: it ends beyond 65 535 bytes, holds nothing, or is not the last and not a
    /// multiple of 8 bytes long (RFC 791 §3.2, RFC 8200 §4.5).
    FragmentLength {
        /// Where in the original payload the fragment starts.
        offset: usize,
        /// How many bytes of it there are.
        length: usize,
    },
    /// A first fragment that ends before its header chain and transport header do, so that nobody can judge it
    /// (RFC 7112 §5, RFC 1858 §3.2).
    FirstFragment,
    /// A TCP fragment at offset 8, which could overwrite the flags of the first one (RFC 1858 §3.2, RFC 3128).
    TinyFragment,
}

impl fmt::Display for IpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { claimed, present } => {
                write!(f, "{present} bytes of a packet that claims {claimed}")
            }
            Self::Version(version) => write!(f, "IP version {version} is neither 4 nor 6"),
            Self::HeaderLength(length) => write!(f, "an IPv4 header has 20 bytes or more, not {length}"),
            Self::TotalLength(length) => {
                write!(f, "a packet of {length} bytes has no room for what it announces")
            }
            Self::Options => f.write_str("an option reaches past its header, or stands there twice"),
            Self::ExtensionLength(kind) => {
                write!(f, "the length of extension header {kind} is not possible here")
            }
            Self::ExtensionOrder(kind) => write!(f, "extension header {kind} is not allowed in this place"),
            Self::ExtensionChain => f.write_str("too many extension headers, or too many bytes of them"),
            Self::JumboPayload => f.write_str("a jumbogram does not fit a tunnel"),
            Self::FragmentLength { offset, length } => {
                write!(f, "a fragment of {length} bytes at {offset} fits no packet")
            }
            Self::FirstFragment => f.write_str("the first fragment ends before its headers do"),
            Self::TinyFragment => f.write_str("a TCP fragment at offset 8 could overwrite a header"),
        }
    }
}

impl core::error::Error for IpError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::string::ToString;

    #[test]
    fn each_error_says_something_of_its_own() {
        let errors = [
            IpError::Truncated { claimed: 60, present: 20 },
            IpError::Version(5),
            IpError::HeaderLength(16),
            IpError::TotalLength(19),
            IpError::Options,
            IpError::ExtensionLength(60),
            IpError::ExtensionOrder(0),
            IpError::ExtensionChain,
            IpError::JumboPayload,
            IpError::FragmentLength { offset: 8, length: 3 },
            IpError::FirstFragment,
            IpError::TinyFragment,
        ];
        let texts: BTreeSet<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), errors.len());
        assert!(texts.iter().all(|text| text.len() > 15));
        assert_eq!(errors[0].to_string(), "20 bytes of a packet that claims 60");
    }
}
