//! Fragments: what one of them can say alone.

use super::IpError;
use super::upper;

/// A piece of a packet, or an atomic fragment, which is a whole packet that carries a fragment header all the same.
///
/// One fragment alone can be judged for what it is: whether it fits a packet, whether it is a first one that hides its
/// headers, whether it is made to overwrite a header. Whether it overlaps another, and whether all of them came, only
/// reassembly knows: a host drops the whole packet as soon as two overlap (RFC 5722 §4, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fragment {
    /// Where in the original payload this piece starts, in bytes: a multiple of 8, at most 65 528.
    pub offset: u16,
    /// Whether more pieces follow.
    pub more: bool,
    /// What the pieces of one packet share: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
}

impl Fragment {
    /// Whether this is all of a packet (RFC 6946): it is processed on its own, whatever other fragments share its `id`.
    pub fn is_atomic(&self) -> bool {
        self.offset == 0 && !self.more
    }

    /// Whether the transport header is in this piece.
    pub fn is_first(&self) -> bool {
        self.offset == 0
    }

    /// Judges a piece by its place: `length` bytes of the original payload, named `protocol` by its header. `whole` is the
    /// most the original payload can be: 65 535, less the header of IPv4.
    pub(super) fn placed(&self, length: usize, whole: usize, protocol: u8) -> Result<(), IpError> {
        if self.is_atomic() {
            return Ok(());
        }
        let offset = usize::from(self.offset);
        let uneven = self.more && !length.is_multiple_of(8);
        if length == 0 || uneven || offset + length > whole {
            return Err(IpError::FragmentLength { offset, length });
        }
        if protocol == upper::TCP && offset == 8 {
            return Err(IpError::TinyFragment);
        }
        Ok(())
    }
}
