//! How long an accept loop waits after an error, so that running out of descriptors does not become a spin.

use std::io::{self, ErrorKind};
use std::time::Duration;

/// Counts accept errors in a row and says how long to wait before the next try.
///
/// A newcomer that went away between the kernel's handshake and `accept` costs nothing, up to [`FREE`] in a row; everything
/// else, running out of descriptors or memory above all, waits 5 ms, doubling to 1 s. A success starts over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AcceptBackoff {
    in_a_row: u32,
}

impl AcceptBackoff {
    pub(crate) fn succeeded(&mut self) {
        self.in_a_row = 0;
    }

    pub(crate) fn failed(&mut self, error: &io::Error) -> Duration {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let newcomer_left = matches!(
            error.kind(),
            ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
        );
        if newcomer_left && self.in_a_row <= FREE {
            return Duration::ZERO;
        }
        FIRST.saturating_mul(1 << self.in_a_row.saturating_sub(1).min(8)).min(LONGEST)
    }
}

const FREE: u32 = 64;
const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_g2_out_of_descriptors_never_retries_at_once() {
        let mut backoff = AcceptBackoff::default();
        let mut waits = Vec::new();
        for _ in 0..12 {
            waits.push(backoff.failed(&io::Error::from_raw_os_error(24)));
        }
        assert_eq!(waits[0], Duration::from_millis(5));
        assert!(waits.is_sorted() && waits[11] == LONGEST, "{waits:?}");
        backoff.succeeded();
        assert_eq!(backoff.failed(&io::Error::from_raw_os_error(23)), FIRST);
    }

    #[test]
    fn at_g2_aborted_newcomers_are_free_but_not_for_ever() {
        let mut backoff = AcceptBackoff::default();
        let aborted = io::Error::from(ErrorKind::ConnectionAborted);
        for _ in 0..FREE {
            assert_eq!(backoff.failed(&aborted), Duration::ZERO);
        }
        assert!(backoff.failed(&aborted) > Duration::ZERO);
    }
}
