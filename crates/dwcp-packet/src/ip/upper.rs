//! The first bytes of the upper layer: ports, and how much of a header there has to be.

use super::bytes::{u8_at, u16_at};

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
pub(super) const ICMP6: u8 = 58;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;

/// Source and destination port, where the protocol has them in its first four bytes and its header is all there.
pub(super) fn ports(protocol: u8, payload: &[u8]) -> Option<(u16, u16)> {
    if !matches!(protocol, TCP | UDP | DCCP | SCTP | UDP_LITE) || payload.len() < header_len(protocol) {
        return None;
    }
    Some((u16_at(payload, 0)?, u16_at(payload, 2)?))
}

/// Type and code of an ICMP message.
pub(super) fn icmp(protocol: u8, payload: &[u8]) -> Option<(u8, u8)> {
    if !matches!(protocol, ICMP | ICMP6) || payload.len() < header_len(protocol) {
        return None;
    }
    Some((u8_at(payload, 0)?, u8_at(payload, 1)?))
}

/// The least a header of this protocol takes; of one that is not known, a single byte.
pub(super) fn header_len(protocol: u8) -> usize {
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
