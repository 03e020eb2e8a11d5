//! The headers between the IP header and the upper layer, one at a time and within bounds (RFC 8200 §4).

use super::IpError;
use super::bytes::u8_at;

/// The most extension headers a packet may have. One of each kind in the order that RFC 8200 §4.1 recommends, with both sets
/// of destination options, is seven. Without a limit 65 535 bytes are eight thousand headers that cost their sender nothing;
/// RFC 8883 has messages for nodes that set one.
pub const MAX_EXTENSION_HEADERS: u8 = 8;

/// The most bytes of extension headers: a routing header of thirty addresses fits, and what is left of a packet of 1 280
/// bytes (the least that every link carries) still holds a transport header.
pub const MAX_EXTENSION_BYTES: usize = 512;

pub(super) const HOP_BY_HOP: u8 = 0;
pub(super) const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
pub(super) const AUTHENTICATION: u8 = 51;
pub(super) const NO_NEXT: u8 = 59;
pub(super) const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// One header of the chain.
pub(super) struct Extension<'p> {
    pub(super) kind: u8,
    pub(super) bytes: &'p [u8],
}

/// A walk along the chain. After [`Chain::step`] has answered `None`, `kind` is the upper layer and `at` is where it starts.
pub(super) struct Chain<'p> {
    packet: &'p [u8],
    v6: bool,
    /// What starts at `at`.
    pub(super) kind: u8,
    /// The byte that says so.
    pub(super) kind_at: usize,
    pub(super) at: usize,
    pub(super) headers: u8,
    first: usize,
    fragmented: bool,
}

impl<'p> Chain<'p> {
    /// The chain behind an IPv6 header; `packet` ends where the packet says it does.
    pub(super) fn v6(packet: &'p [u8]) -> Self {
        Self::new(packet, 6, 40, true)
    }

    /// IPv4 has no extension headers, but an authentication header hides the upper layer there too (RFC 4302 §3.1.1).
    pub(super) fn v4(packet: &'p [u8], header: usize) -> Self {
        Self::new(packet, 9, header, false)
    }

    fn new(packet: &'p [u8], kind_at: usize, at: usize, v6: bool) -> Self {
        let kind = u8_at(packet, kind_at).unwrap_or(NO_NEXT);
        Self { packet, v6, kind, kind_at, at, headers: 0, first: at, fragmented: false }
    }

    /// The next header, or `None` where the upper layer starts.
    #[inline]
    pub(super) fn step(&mut self) -> Result<Option<Extension<'p>>, IpError> {
        let more = if self.v6 { is_extension(self.kind) } else { self.kind == AUTHENTICATION };
        if more { self.header() } else { Ok(None) }
    }

    fn header(&mut self) -> Result<Option<Extension<'p>>, IpError> {
        let (kind, at) = (self.kind, self.at);
        let wrong = IpError::ExtensionLength(kind);
        let rest = self.packet.get(at..).ok_or(wrong)?;
        let (next, units) = (u8_at(rest, 0).ok_or(wrong)?, usize::from(u8_at(rest, 1).ok_or(wrong)?));
        // A mobility, host identity or shim message that nothing follows is itself what the packet carries.
        if next == NO_NEXT && matches!(kind, MOBILITY | HOST_IDENTITY | SHIM6) {
            return Ok(None);
        }
        let length = match kind {
            FRAGMENT => 8,
            // RFC 4302 §2.2: in units of four bytes, minus two.
            AUTHENTICATION => (units + 2) * 4,
            _ => (units + 1) * 8,
        };
        if kind == AUTHENTICATION && length < 12 {
            return Err(wrong);
        }
        let bytes = rest.get(..length).ok_or(wrong)?;
        let again = kind == FRAGMENT && self.fragmented;
        if again || (kind == HOP_BY_HOP && at != self.first) {
            return Err(IpError::ExtensionOrder(kind));
        }
        if self.headers == MAX_EXTENSION_HEADERS || at - self.first + length > MAX_EXTENSION_BYTES {
            return Err(IpError::ExtensionChain);
        }
        self.fragmented |= kind == FRAGMENT;
        self.headers += 1;
        (self.kind, self.kind_at, self.at) = (next, at, at + length);
        Ok(Some(Extension { kind, bytes }))
    }
}

/// Whether a next-header value stands for an extension header that can be stepped over.
///
/// ESP (50) is not: what follows it is encrypted (RFC 4303 §2). The experimental values 253 and 254 have no length that is
/// known, so they end the chain too.
pub(super) fn is_extension(kind: u8) -> bool {
    matches!(
        kind,
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION | MOBILITY | HOST_IDENTITY | SHIM6
    )
}
