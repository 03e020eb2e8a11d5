//! Time as an argument: wall time, monotonic ticks, and the clocks that adapters read them from.

use crate::civil::{civil_from_days, days_from_civil};
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock time: whole milliseconds since 1970-01-01T00:00:00Z, negative before it. Leap seconds do not count (POSIX).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// From whole seconds since the epoch; saturates at the ends of the range.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Later by `by`, saturating.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `by`, saturating.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long until `later`; zero when it has passed.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// Reads RFC 3339 text in UTC (`2026-11-21T21:00:00Z`, fraction optional); `None` for anything else.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = text.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if bytes.len() > 32 || separators.iter().any(|(at, b)| bytes.get(*at) != Some(b)) {
            return None;
        }
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        let month = u32::try_from(month).ok()?;
        let day = u32::try_from(day).ok()?;
        let days = days_from_civil(year, month, day);
        let real = civil_from_days(days) == (year, month, day);
        if !(1..=12).contains(&month) || !real || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let rest = text.get(19..)?.strip_suffix('Z')?;
        let millis = match rest.strip_prefix('.') {
            None if rest.is_empty() => 0,
            Some(fraction) if !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()) => {
                format!("{fraction:0<3}").get(..3)?.parse().ok()?
            }
            _ => return None,
        };
        Some(Self(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + millis))
    }
}

/// RFC 3339 in UTC; milliseconds are written only where there are any.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.secs().div_euclid(86_400));
        let second = self.secs().rem_euclid(86_400);
        let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}")?;
        match self.0.rem_euclid(1_000) {
            0 => f.write_str("Z"),
            millis => write!(f, ".{millis:03}Z"),
        }
    }
}

/// Monotonic time: nanoseconds since an arbitrary start of this process. Never goes back; wraps after 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// Later by `by`, saturating.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Time since `earlier`; zero when `earlier` is in fact later, so that a clock that steps back can not underflow.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Where an adapter reads time from. Cores take [`UnixTime`] and [`Tick`] as arguments instead.
pub trait Clock: Send + Sync {
    /// Wall-clock time: may jump when an operator or NTP sets it.
    fn unix(&self) -> UnixTime;

    /// Monotonic time: for deadlines, rates and durations.
    fn tick(&self) -> Tick;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose ticks count from now.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn unix(&self) -> UnixTime {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => UnixTime(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
            Err(before) => UnixTime(i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms)),
        }
    }

    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    unix_millis: AtomicI64,
    tick_nanos: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `start`, with its ticks at zero.
    pub const fn at(start: UnixTime) -> Self {
        Self { unix_millis: AtomicI64::new(start.0), tick_nanos: AtomicU64::new(0) }
    }

    /// Moves both wall time and ticks forward.
    pub fn advance(&self, by: Duration) {
        self.unix_millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        self.tick_nanos.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Sets wall time alone, forwards or back, as an operator or NTP would.
    pub fn set_unix(&self, to: UnixTime) {
        self.unix_millis.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn unix(&self) -> UnixTime {
        UnixTime(self.unix_millis.load(Ordering::SeqCst))
    }

    fn tick(&self) -> Tick {
        Tick(self.tick_nanos.load(Ordering::SeqCst))
    }
}
