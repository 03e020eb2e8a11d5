//! Extended sequence numbers: 64 bits of which a packet carries the low 32 (RFC 4303 §2.2.1).

/// The number that a packet with these `low` 32 bits has, seen from a window of `size` numbers with this `highest` (RFC 4303 appendix A2.1).
///
/// Among the 2^32 numbers from the window's lower edge on, one has these low bits: that is the answer. Numbers within the window are so told
/// right, and those up to 2^32 less `size` ahead of it. The high bits are authenticated with the packet, so that a wrong answer is a packet
/// that does not authenticate.
///
/// `None` where that number would be past [`u64::MAX`]: no sender has one. Where the lower edge would be below 0, it is 0.
///
/// ```
/// use dwcp_packet::esn::infer;
/// assert_eq!(infer(None, 64, 7), Some(7));
/// assert_eq!(infer(Some((1 << 32) - 1), 64, 5), Some((1 << 32) + 5));
/// assert_eq!(infer(Some((1 << 32) + 5), 64, u32::MAX), Some((1 << 32) - 1));
/// ```
#[inline]
pub fn infer(highest: Option<u64>, size: u32, low: u32) -> Option<u64> {
    infer_of::<32>(highest, u64::from(size), u64::from(low))
}

/// The same where `LOW` bits are carried.
#[inline]
fn infer_of<const LOW: u32>(highest: Option<u64>, size: u64, low: u64) -> Option<u64> {
    let edge = highest.unwrap_or(0).saturating_sub(size.saturating_sub(1));
    // How far ahead of the edge the first number with these low bits is.
    let ahead = low.wrapping_sub(edge) & ((1 << LOW) - 1);
    edge.checked_add(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4303 appendix A2.1, in its own words: `None` where it would go below 0 or past the last number.
    fn by_cases<const LOW: u32>(highest: u64, size: u64, low: u64) -> Option<u64> {
        let all = 1u64 << LOW;
        let (top_high, top_low) = (highest >> LOW, highest % all);
        let bottom_low = (top_low + all + 1 - size) % all;
        let high = if top_low >= size - 1 {
            // Case A: the window lies within one subspace.
            if low >= bottom_low { Some(top_high) } else { top_high.checked_add(1) }
        } else if low >= bottom_low {
            // Case B: it spans two.
            top_high.checked_sub(1)
        } else {
            Some(top_high)
        }?;
        (high <= u64::MAX >> LOW).then(|| (high << LOW) + low)
    }

    /// Every highest of `range`, size and low part: against the standard's cases and against a search.
    fn every<const LOW: u32>(range: impl Iterator<Item = u64> + Clone) {
        let all = 1u64 << LOW;
        for size in 1..=all / 2 {
            for highest in range.clone() {
                let edge = highest.saturating_sub(size - 1);
                for low in 0..all {
                    let found = (0..all).filter_map(|ahead| edge.checked_add(ahead)).find(|n| n % all == low);
                    let inferred = infer_of::<LOW>(Some(highest), size, low);
                    assert_eq!(inferred, found, "{highest} {size} {low}");
                    // Where the window would reach below 0, the standard's second case has no answer; ours is a number ahead.
                    if highest >= size - 1 {
                        assert_eq!(inferred, by_cases::<LOW>(highest, size, low), "{highest} {size} {low}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_number_of_narrow_widths_is_inferred_as_the_standard_says() {
        every::<1>(0..16);
        every::<2>(0..64);
        every::<4>(0..80);
        every::<5>(0..160);
        every::<4>(u64::MAX - 80..=u64::MAX);
        every::<5>(u64::MAX - 160..=u64::MAX);
    }

    #[test]
    fn the_edges_of_the_low_half() {
        const SPAN: u64 = 1 << 32;
        for size in [64, 65, 8192, 65_536] {
            let back = u64::from(size) - 1;
            let tops = [0, 1, back - 1, back, back + 1, SPAN - 1, SPAN, SPAN + 1, SPAN + back, 5 * SPAN - 1];
            for highest in tops.into_iter().chain([u64::MAX - SPAN, u64::MAX - 1, u64::MAX]) {
                let edge = highest.saturating_sub(back);
                let numbers = [edge, edge.saturating_add(1), highest, highest.saturating_add(1)];
                for number in numbers.into_iter().chain([edge.saturating_add(SPAN - 1)]) {
                    let low = u32::try_from(number % SPAN).unwrap();
                    assert_eq!(infer(Some(highest), size, low), Some(number), "{highest} {size}");
                }
                if let Some(below) = edge.checked_sub(1) {
                    let low = u32::try_from(below % SPAN).unwrap();
                    assert_eq!(infer(Some(highest), size, low), below.checked_add(SPAN), "{highest} {size}");
                }
            }
        }
        assert_eq!(infer(Some(u64::MAX), 64, 0), None);
        assert_eq!(infer(None, 64, u32::MAX), Some(SPAN - 1));
        assert_eq!(infer(None, 64, 0), Some(0));
        assert_eq!(infer(Some(1 << 40), 0, 0), Some(1 << 40));
    }
}
