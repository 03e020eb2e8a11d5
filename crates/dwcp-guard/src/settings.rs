//! What an operator can set, its defaults and bounds.

use crate::gcra::{MAX_EVENTS, RateLimit};
use crate::network::Network;
use dwcp_base::{Blame, Coded};

/// How a [`Guard`](crate::Guard) limits arrivals. Write `GuardSettings { burst: 80, ..GuardSettings::default() }`.
///
/// A *source* is an IPv4 address or an IPv6 /64; see [`SourcePrefix`](crate::SourcePrefix).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// New handshakes per second from one source in the long run; default 20.
    pub handshakes_per_second: u32,
    /// New handshakes at once from one source after a rest; default 40.
    pub burst: u32,
    /// How many times the allowance of one /64 a whole IPv6 /48 has, in rate, burst and connections; default 8, 1 to 65 536.
    pub aggregate_factor: u32,
    /// How many times the allowance of a stranger a source has that was vouched for, in rate and burst; default 50, 1 to
    /// 65 536. A pool that opens a connection per request comes from a known peer far more often than 20 times a second.
    ///
    /// # Security
    /// The rate of all sources together does not hold for a vouched source, so this factor alone bounds what a peer that
    /// turns hostile can ask of this machine, and what others behind the peer's address can. By default that is as much as all
    /// strangers together: 1 000 handshakes a second. Lower it where peers share addresses with strangers.
    pub vouched_factor: u32,
    /// New handshakes per second of all sources together; default 1 000. Set it to 80 % of what the machine was measured
    /// to do, see [`Guard::set_global_rate`](crate::Guard::set_global_rate).
    pub global_per_second: u32,
    /// New handshakes at once of all sources together; default 2 000.
    pub global_burst: u32,
    /// Connections open at once; default 10 000, at most 1 000 000. Memory for that many is taken at the start.
    pub max_connections: usize,
    /// Connections open at once from one source; default 1 000.
    pub max_connections_per_source: usize,
    /// Handshakes begun and not finished at once; default 1 024.
    pub max_pending: usize,
    /// Handshakes begun and not finished at once from one source; default 64.
    pub max_pending_per_source: usize,
    /// Sources whose rate is remembered; default 65 536, at most 16 777 216, 40 bytes each, taken at the start.
    pub table_capacity: usize,
    /// Networks that no rate and no per-source limit applies to; default none, at most 1 024. The total of
    /// open connections still holds.
    pub exempt: Vec<Network>,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            handshakes_per_second: 20,
            burst: 40,
            aggregate_factor: 8,
            vouched_factor: 50,
            global_per_second: 1_000,
            global_burst: 2_000,
            max_connections: 10_000,
            max_connections_per_source: 1_000,
            max_pending: 1_024,
            max_pending_per_source: 64,
            table_capacity: 65_536,
            exempt: Vec::new(),
        }
    }
}

impl GuardSettings {
    pub(crate) fn source_rate(&self) -> Result<RateLimit, SettingsError> {
        let per_second =
            SettingsError::in_range("handshakes_per_second", self.handshakes_per_second, 1, MAX_EVENTS)?;
        RateLimit::new(per_second, SettingsError::in_range("burst", self.burst, 1, MAX_EVENTS)?)
    }

    pub(crate) fn aggregate_rate(&self) -> Result<RateLimit, SettingsError> {
        self.multiple("aggregate_factor", self.aggregate_factor)
    }

    pub(crate) fn vouched_rate(&self) -> Result<RateLimit, SettingsError> {
        self.multiple("vouched_factor", self.vouched_factor)
    }

    fn multiple(&self, name: &'static str, factor: u32) -> Result<RateLimit, SettingsError> {
        let factor = SettingsError::in_range(name, factor, 1, 65_536)?;
        let times = |value: u32| value.saturating_mul(factor).min(MAX_EVENTS);
        RateLimit::new(times(self.handshakes_per_second), times(self.burst))
    }

    pub(crate) fn global_rate(&self) -> Result<RateLimit, SettingsError> {
        let per_second = SettingsError::in_range("global_per_second", self.global_per_second, 1, MAX_EVENTS)?;
        RateLimit::new(per_second, SettingsError::in_range("global_burst", self.global_burst, 1, MAX_EVENTS)?)
    }
}

/// A setting that can not be used as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A number outside its bounds. Zero is never "unlimited".
    #[error("{setting} is {value}, and must be from {least} to {most}")]
    OutOfRange {
        /// The name of the field.
        setting: &'static str,
        /// What it was set to.
        value: u64,
        /// The least value that is taken.
        least: u64,
        /// The largest value that is taken.
        most: u64,
    },
}

impl SettingsError {
    pub(crate) fn in_range(setting: &'static str, value: u32, least: u32, most: u32) -> Result<u32, Self> {
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        Err(Self::OutOfRange { setting, value: value.into(), least: least.into(), most: most.into() })
    }

    pub(crate) fn size_in_range(setting: &'static str, value: usize, most: usize) -> Result<usize, Self> {
        if (1..=most).contains(&value) {
            return Ok(value);
        }
        let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Err(Self::OutOfRange { setting, value: wide(value), least: 1, most: wide(most) })
    }
}

impl Coded for SettingsError {
    fn code(&self) -> &'static str {
        "guard.settings.invalid"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
