//! How long and for how many packets a key is used.

use super::SetupError;
use dwcp_base::Tick;
use std::time::Duration;

/// How long and for how many packets one key seals: soft limits at which a new one is due, hard ones at which it stops.
///
/// Soft 120 s or 2^22 packets, hard 180 s or 2^23 packets. They can be lowered, never raised. The algorithm's own limits of packets and
/// bytes hold besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    soft_age: Duration,
    hard_age: Duration,
    soft_packets: u64,
    hard_packets: u64,
}

impl Limits {
    /// Lower limits than the default.
    ///
    /// # Errors
    /// [`SetupError::Limits`] when one is zero or above its default, or a soft one is not below its hard one: between the two the next key is
    /// made, and packets of the old one arrive late.
    pub fn new(
        soft_age: Duration,
        hard_age: Duration,
        soft_packets: u64,
        hard_packets: u64,
    ) -> Result<Self, SetupError> {
        let most = Self::default();
        let ordered = soft_age < hard_age && soft_packets < hard_packets;
        let bounded = soft_age <= most.soft_age && hard_age <= most.hard_age;
        let counted = soft_packets <= most.soft_packets && hard_packets <= most.hard_packets;
        if !ordered || !bounded || !counted || soft_age.is_zero() || soft_packets == 0 {
            return Err(SetupError::Limits);
        }
        Ok(Self { soft_age, hard_age, soft_packets, hard_packets })
    }

    /// After what age a new key is due.
    pub fn soft_age(&self) -> Duration {
        self.soft_age
    }

    /// After what age nothing is sealed or opened.
    pub fn hard_age(&self) -> Duration {
        self.hard_age
    }

    /// After how many packets a new key is due.
    pub fn soft_packets(&self) -> u64 {
        self.soft_packets
    }

    /// After how many packets nothing is sealed.
    pub fn hard_packets(&self) -> u64 {
        self.hard_packets
    }

    /// How long the old key opens after the first packet under the new one: from the soft to the hard age, 60 s by default.
    pub fn grace(&self) -> Duration {
        self.hard_age.saturating_sub(self.soft_age)
    }

    /// The limits of a key that begins `now` and covers `bytes` bytes at most.
    pub(super) fn life(&self, now: Tick, bytes: u64) -> Life {
        Life {
            soft: now.plus(self.soft_age),
            hard: now.plus(self.hard_age),
            soft_packets: self.soft_packets,
            hard_packets: self.hard_packets,
            soft_bytes: bytes / 2,
        }
    }
}

/// The limits of one key, in the terms that a packet is measured by.
pub(super) struct Life {
    soft: Tick,
    pub(super) hard: Tick,
    soft_packets: u64,
    hard_packets: u64,
    /// The algorithm's own limit of bytes is met by jumbo frames alone; it must not come as a surprise to them.
    soft_bytes: u64,
}

impl Life {
    #[inline]
    pub(super) fn state(&self, now: Tick, sealed: u64, covered: u64) -> KeyState {
        if now >= self.hard || sealed >= self.hard_packets {
            KeyState::Stopped
        } else if now >= self.soft || sealed >= self.soft_packets || covered >= self.soft_bytes {
            KeyState::RekeyDue
        } else {
            KeyState::Fresh
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            soft_age: Duration::from_secs(120),
            hard_age: Duration::from_secs(180),
            soft_packets: 1 << 22,
            hard_packets: 1 << 23,
        }
    }
}

/// Where a sealing key stands between its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyState {
    /// Below every limit.
    Fresh,
    /// Past a soft limit: it seals, and the next one is due.
    RekeyDue,
    /// Past a hard limit: it seals nothing more.
    Stopped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_change_at_the_limit_and_not_a_nanosecond_or_packet_before() {
        let limits = Limits::default();
        let at = |seconds: u64, less: u64| Tick(1_000 + seconds * 1_000_000_000 - less);
        let life = limits.life(Tick(1_000), 1 << 38);
        let state = |now, sealed| life.state(now, sealed, (1 << 37) - 1);
        assert_eq!(state(Tick(0), 0), KeyState::Fresh, "a clock that steps back is no age");
        assert_eq!(state(at(120, 1), (1 << 22) - 1), KeyState::Fresh);
        assert_eq!(state(at(120, 0), 0), KeyState::RekeyDue);
        assert_eq!(state(at(0, 0), 1 << 22), KeyState::RekeyDue);
        assert_eq!(state(at(180, 1), (1 << 23) - 1), KeyState::RekeyDue);
        assert_eq!(state(at(180, 0), 0), KeyState::Stopped);
        assert_eq!(state(at(0, 0), 1 << 23), KeyState::Stopped);
        assert_eq!(life.state(Tick(1_000), 0, 1 << 37), KeyState::RekeyDue, "half of the bytes");
        assert_eq!(limits.grace(), Duration::from_secs(60));
    }

    #[test]
    fn limits_are_lowered_never_raised() {
        let second = Duration::from_secs(1);
        assert!(Limits::new(second, 2 * second, 10, 20).is_ok());
        assert!(Limits::new(second, 2 * second, 1, 2).is_ok());
        for (soft, hard, packets, most) in [
            (2 * second, second, 10, 20),
            (second, second, 10, 20),
            (second, 2 * second, 10, 10),
            (second, 2 * second, 20, 10),
            (second, 181 * second, 10, 20),
            (121 * second, 180 * second, 10, 20),
            (second, 2 * second, 10, (1 << 23) + 1),
            (second, 2 * second, (1 << 22) + 1, 1 << 23),
            (Duration::ZERO, second, 10, 20),
            (second, second, 0, 20),
        ] {
            assert_eq!(Limits::new(soft, hard, packets, most), Err(SetupError::Limits));
        }
    }
}
