//! The checksum of the IPv4 header (RFC 791 §3.1, RFC 1071).

/// The sum over a header, a multiple of four bytes as all are, in which the checksum itself may stand: zero where it is right.
#[inline]
pub(super) fn folded(header: &[u8]) -> u16 {
    let (words, _) = header.as_chunks::<4>();
    // At most fifteen words of 32 bits: the carries have room, and folding brings them back (RFC 1071 §2).
    let sum: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let sum = (sum & 0xFFFF) + (sum >> 16 & 0xFFFF) + (sum >> 32);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let [.., high, low] = ((sum & 0xFFFF) + (sum >> 16)).to_be_bytes();
    !u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers with their checksums as printed in textbooks and seen on wires, none of them computed here.
    #[test]
    fn known_headers_add_up_to_nothing() {
        let headers: [[u8; 20]; 2] = [
            [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7],
            [
                0x45, 0, 0, 0x3c, 0x1c, 0x46, 0x40, 0, 0x40, 6, 0xb1, 0xe6, 0xac, 0x10, 0x0a, 0x63, 0xac,
                0x10, 0x0a, 0x0c,
            ],
        ];
        for header in headers {
            assert_eq!(folded(&header), 0);
            let mut blank = header;
            (blank[10], blank[11]) = (0, 0);
            assert_eq!(folded(&blank).to_be_bytes(), [header[10], header[11]]);
        }
    }

    #[test]
    fn the_longest_header_of_ones_does_not_overflow() {
        assert_eq!(folded(&[0xFF; 60]), 0);
        assert_eq!(folded(&[]), 0xFFFF);
        // A carry that folding itself makes: four times 65 535 and one are one.
        let mut carried = [0xFF; 12];
        carried[8..].copy_from_slice(&[0, 0, 0, 1]);
        assert_eq!(folded(&carried), !1);
    }
}
