//! The first bytes of the upper layer: ports, and how much of a header there has to be.

use super::{Fragment, IpError};

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
pub(super) const ICMP6: u8 = 58;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;

/// What the first bytes of the upper layer say.
#[derive(Default)]
pub(super) struct Inside {
    /// Source and destination port, of protocols that have them in their first four bytes.
    pub(super) ports: Option<(u16, u16)>,
    /// Type and code of an ICMP message.
    pub(super) icmp: Option<(u8, u8)>,
}

/// Looks at `payload` if its header is all there; a first fragment that does not hold it is refused, a later one not looked at.
#[inline]
pub(super) fn look(protocol: u8, payload: &[u8], fragment: Option<Fragment>) -> Result<Inside, IpError> {
    let (first, more) = fragment.map_or((true, false), |it| (it.is_first(), it.more));
    if !first {
        return Ok(Inside::default());
    }
    match payload.first_chunk::<4>() {
        Some(&[a, b, c, d]) if payload.len() >= header_len(protocol) => Ok(match protocol {
            TCP | UDP | DCCP | SCTP | UDP_LITE => {
                Inside { ports: Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))), icmp: None }
            }
            ICMP | ICMP6 => Inside { ports: None, icmp: Some((a, b)) },
            _ => Inside::default(),
        }),
        _ if more && payload.len() < header_len(protocol) => Err(IpError::FirstFragment),
        _ => Ok(Inside::default()),
    }
}

/// The least a header of this protocol takes; of one that is not known, a single byte.
#[inline]
fn header_len(protocol: u8) -> usize {
    match protocol {
        // RFC 8200 §4.7: nothing follows.
        super::chain::NO_NEXT => 0,
        TCP => 20,
        DCCP | SCTP => 12,
        // IPv4 and IPv6 in a tunnel.
        4 => 20,
        41 => 40,
        UDP | UDP_LITE | ICMP | ICMP6 | 50 => 8,
        _ => 1,
    }
}
