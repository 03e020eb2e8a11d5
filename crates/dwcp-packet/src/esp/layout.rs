//! Where the parts of a packet lie, for each mode.

use super::EncryptionMode;

/// Lengths of the parts of a packet: `SPI sequence [IV] body tag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// 8, 16 with CBC, 0 where it is implicit.
    pub(super) iv: usize,
    /// 16 to 32.
    pub(super) tag: usize,
    /// What the body is a multiple of: 4 (RFC 4303 §2.4), the block with CBC.
    pub(super) align: usize,
}

impl Layout {
    pub(super) fn of(mode: EncryptionMode) -> Self {
        let cipher = mode.cipher();
        Self {
            iv: if mode.has_implicit_iv() { 0 } else { cipher.iv_len() },
            tag: cipher.tag_len(),
            align: cipher.block_len().max(4),
        }
    }

    /// What stands before the body.
    #[inline]
    pub(super) fn before(self) -> usize {
        HEADER + self.iv
    }

    /// How long the body of a packet of `length` bytes is; `None` where no packet can have that length.
    #[inline]
    pub(super) fn body_of(self, length: usize) -> Option<usize> {
        let body = length.checked_sub(self.before() + self.tag)?;
        // The alignments are powers of two.
        (body != 0 && body & (self.align - 1) == 0).then_some(body)
    }
}

/// SPI and the lower half of the sequence number.
pub(super) const HEADER: usize = 8;

/// No IP packet is longer, and no UDP datagram.
pub(super) const LONGEST: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_has_the_lengths_of_its_standard() {
        let lengths = |mode| {
            let layout = Layout::of(mode);
            (layout.iv, layout.tag, layout.align)
        };
        use EncryptionMode as Mode;
        for mode in [Mode::Aes256Gcm, Mode::Aes128Gcm, Mode::ChaCha20Poly1305] {
            assert_eq!(lengths(mode), (8, 16, 4), "{mode}");
        }
        for mode in [Mode::Aes256GcmImplicitIv, Mode::Aes128GcmImplicitIv, Mode::ChaCha20Poly1305ImplicitIv] {
            assert_eq!(lengths(mode), (0, 16, 4), "{mode}");
        }
        assert_eq!(lengths(Mode::Aes256CbcHmacSha256), (16, 16, 16));
        assert_eq!(lengths(Mode::Aes256CbcHmacSha384), (16, 24, 16));
        assert_eq!(lengths(Mode::Aes256CbcHmacSha512), (16, 32, 16));
    }

    #[test]
    fn only_whole_blocks_are_bodies() {
        let layout = Layout::of(EncryptionMode::Aes256CbcHmacSha256);
        let bodies: Vec<_> = (0..75).filter_map(|length| layout.body_of(length)).collect();
        assert_eq!(bodies, [16, 32]);
        let layout = Layout::of(EncryptionMode::Aes256GcmImplicitIv);
        let bodies: Vec<_> = (0..37).filter_map(|length| layout.body_of(length)).collect();
        assert_eq!(bodies, [4, 8, 12]);
    }
}
