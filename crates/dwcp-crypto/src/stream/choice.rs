//! Which of several keys a stream was sealed under: its first slot tells.

use super::engine::{End, StreamOpener};
use super::layout::TAG;
use super::open_core::OpenCore;
use super::{LARGEST_ASSOCIATED_DATA, StreamFormat, StreamKey, StreamLayout};
use crate::CryptoError;
use std::num::NonZeroUsize;
use zeroize::Zeroizing;

/// How many bytes of a stream tell which of `keys` it was sealed under: the longest first slot, and one byte more.
pub(super) fn needed<'k>(keys: impl IntoIterator<Item = &'k StreamKey>, format: StreamFormat) -> usize {
    let start = |key: &StreamKey| {
        let layout = StreamLayout::new(format, key.parameters());
        layout.header_len() + layout.slot_of(0) + 1
    };
    keys.into_iter().map(start).max().unwrap_or(0)
}

/// Opens with the key that `start`, the beginning of a stream, was sealed under; returns its place in `keys` as well.
///
/// `start` must hold [`needed`] bytes, or all there are.
pub(super) fn choose<'k>(
    keys: impl IntoIterator<Item = &'k StreamKey>,
    format: StreamFormat,
    aad: &[u8],
    start: Vec<u8>,
    threads: NonZeroUsize,
) -> Result<(OpenCore, usize), CryptoError> {
    if aad.len() > LARGEST_ASSOCIATED_DATA {
        return Err(CryptoError::DerivationTooLarge);
    }
    let (mut given, mut unfit, mut shortest) = (0, 0, usize::MAX);
    let mut candidates = Vec::new();
    for (place, key) in keys.into_iter().enumerate() {
        given += 1;
        let layout = StreamLayout::new(format, key.parameters());
        shortest = shortest.min(layout.header_len() + TAG);
        let Some(header) = start.get(..layout.header_len()) else { continue };
        match StreamOpener::new(key, format, aad, header) {
            Ok(opener) => candidates.push((opener, place)),
            Err(error) => unfit += usize::from(error == CryptoError::InvalidKey),
        }
    }
    if given > 0 && unfit == given {
        return Err(CryptoError::InvalidKey);
    }
    if given > 0 && start.len() < shortest {
        return Err(CryptoError::Truncated);
    }
    // A single key needs no trial: its first batch tells.
    let fits = |(opener, _): &(StreamOpener, usize)| {
        given == 1 || begins(opener, &start[opener.layout().header_len()..])
    };
    let (opener, place) = candidates.into_iter().find(fits).ok_or(CryptoError::NotAuthentic)?;
    Ok((OpenCore::new(opener, start, threads), place))
}

/// Whether the first slot opens, in whichever way the stream goes on after it.
fn begins(opener: &StreamOpener, slots: &[u8]) -> bool {
    let full = opener.layout().slot_of(0);
    let slot = || Zeroizing::new(slots[..full.min(slots.len())].to_vec());
    let ends = slots.len() <= full && opener.open(0, &mut slot(), End::Last).is_ok();
    ends || (slots.len() >= full && opener.is_followed(0, &mut slot()))
}
