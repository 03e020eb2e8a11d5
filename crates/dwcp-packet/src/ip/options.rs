//! Options inside headers: walked whole, since two of them change what the rest of the packet means.

use super::IpError;
use super::bytes::{u8_at, v6_at};
use core::net::Ipv6Addr;

/// What options of IPv6 say that matters here.
#[derive(Default)]
pub(super) struct Options6 {
    /// The length of a jumbogram is announced (RFC 2675 §2).
    pub(super) jumbo: bool,
    /// The address that the receiver is to take for the source (RFC 6275 §6.3).
    pub(super) home_address: Option<Ipv6Addr>,
}

/// Options of a hop-by-hop or destination options header, of which `header` is all (RFC 8200 §4.2).
pub(super) fn v6(header: &[u8]) -> Result<Options6, IpError> {
    let mut found = Options6::default();
    let mut rest = header.get(2..).unwrap_or_default();
    while let Some(kind) = u8_at(rest, 0) {
        // Pad1 alone has no length.
        if kind == 0 {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let length = 2 + usize::from(u8_at(rest, 1).ok_or(IpError::Options)?);
        let option = rest.get(..length).ok_or(IpError::Options)?;
        match kind {
            0xC2 => found.jumbo = true,
            // RFC 6275 §6.3: once in a packet. Of two, each receiver could take another.
            0xC9 if length == 18 && found.home_address.is_none() => found.home_address = v6_at(option, 2),
            0xC9 => return Err(IpError::Options),
            _ => {}
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(found)
}

/// Whether IPv4 options (RFC 791 §3.1) hold a route that the sender chose, loose or strict.
pub(super) fn v4_routed(options: &[u8]) -> Result<bool, IpError> {
    let mut routed = false;
    let mut rest = options;
    while let Some(kind) = u8_at(rest, 0) {
        let length = match kind {
            0 => break,
            1 => 1,
            _ => usize::from(u8_at(rest, 1).filter(|length| *length >= 2).ok_or(IpError::Options)?),
        };
        routed |= matches!(kind, 131 | 137);
        rest = rest.get(length..).ok_or(IpError::Options)?;
    }
    Ok(routed)
}
