//! What a window says of a number it does not take, and of a size it can not have.

use core::error::Error;
use core::fmt;

/// Why a number is not taken.
///
/// Both are ordinary on networks that reorder or repeat packets; many of them are a sign of somebody who replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Replay {
    /// It lies below the window: whether it was taken before is no longer known, so it is not taken now (RFC 4303 §3.4.3).
    TooOld,
    /// It was taken before.
    Seen,
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooOld => "the number lies below the replay window",
            Self::Seen => "the number was seen before",
        })
    }
}

impl Error for Replay {}

/// The size asked for is not one that a window can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowSizeError {
    size: u32,
}

impl WindowSizeError {
    /// The smallest size: RFC 4303 §3.4.3 recommends it as the default.
    pub(super) const MIN: u32 = 64;
    /// The largest.
    pub(super) const MAX: u32 = 65_536;

    /// Whether `size` is within the bounds.
    pub(super) fn bounded(size: u32) -> Result<u32, Self> {
        if (Self::MIN..=Self::MAX).contains(&size) { Ok(size) } else { Err(Self { size }) }
    }

    /// What was asked for, in numbers.
    pub fn size(&self) -> u32 {
        self.size
    }
}

impl fmt::Display for WindowSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a replay window holds {} to {} numbers, not {}", Self::MIN, Self::MAX, self.size)
    }
}

impl Error for WindowSizeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn sizes_outside_the_bounds_are_named() {
        for size in [64, 65, 8192, 65_535, 65_536] {
            assert_eq!(WindowSizeError::bounded(size), Ok(size));
        }
        for size in [0, 1, 63, 65_537, u32::MAX] {
            let error = WindowSizeError::bounded(size).unwrap_err();
            assert_eq!(error.size(), size);
            assert_eq!(
                error.to_string(),
                alloc::format!("a replay window holds 64 to 65536 numbers, not {size}")
            );
        }
    }

    #[test]
    fn each_refusal_has_words_of_its_own() {
        assert_eq!(Replay::TooOld.to_string(), "the number lies below the replay window");
        assert_eq!(Replay::Seen.to_string(), "the number was seen before");
    }
}
