//! ESP inside UDP (RFC 3948), so that packets pass address translators and need no raw socket.
//!
//! A sealed packet is the payload of a datagram as it stands: nothing is put before it. What else comes in on the port (4500 as a rule) is
//! told apart by its first bytes, which are in the clear and prove nothing.
//!
//! The checksum: over IPv4 a sender should write zero, and a receiver must not count on that (RFC 3948 §2.1). Over IPv6 it is computed, as UDP
//! asks for (RFC 8200 §8.1); zero is allowed to tunnels that take the risks on themselves alone (RFC 6935, RFC 6936). A system's sockets
//! compute it over both, and drop a datagram whose checksum is wrong and not zero: receivers understand either.

/// Where ESP in UDP is expected (RFC 3948 §2).
pub const PORT: u16 = 4500;

/// What keeps a translator's mapping alive: the whole payload of such a datagram (RFC 3948 §2.3).
pub const KEEPALIVE: [u8; 1] = [0xff];

/// What the payload of a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UdpPayload<'a> {
    /// An ESP packet, to be opened. Nothing of it is verified.
    Esp(&'a [u8]),
    /// A message of IKE or whatever shares the port, without the four zero bytes that stood before it.
    NonEsp(&'a [u8]),
    /// A keepalive: to be dropped, and never answered.
    Keepalive,
    /// None of these: empty, too short, or with a reserved SPI.
    Malformed,
}

/// Tells what the payload of a datagram is (RFC 3948 §2).
pub fn payload(bytes: &[u8]) -> UdpPayload<'_> {
    if bytes == KEEPALIVE {
        return UdpPayload::Keepalive;
    }
    match bytes.split_first_chunk::<4>() {
        Some(([0, 0, 0, 0], message)) => UdpPayload::NonEsp(message),
        Some(([0, 0, 0, _], _)) | None => UdpPayload::Malformed,
        Some((_, rest)) if rest.len() < 4 => UdpPayload::Malformed,
        Some(_) => UdpPayload::Esp(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_first_bytes() {
        assert_eq!(payload(&[]), UdpPayload::Malformed);
        assert_eq!(payload(&[0xff]), UdpPayload::Keepalive);
        assert_eq!(payload(&[0xff, 0xff]), UdpPayload::Malformed);
        assert_eq!(payload(&[0; 3]), UdpPayload::Malformed);
        assert_eq!(payload(&[0; 4]), UdpPayload::NonEsp(&[]));
        assert_eq!(payload(&[0, 0, 0, 0, 7]), UdpPayload::NonEsp(&[7]));
        assert_eq!(payload(&[0, 0, 0, 255, 0, 0, 0, 1, 9]), UdpPayload::Malformed);
        assert_eq!(payload(&[0, 0, 1, 0, 0, 0, 0]), UdpPayload::Malformed);
        assert_eq!(payload(&[0, 0, 1, 0, 0, 0, 0, 1]), UdpPayload::Esp(&[0, 0, 1, 0, 0, 0, 0, 1]));
    }
}
