//! The clock of the stack as rustls wants to read it.

use dwcp_base::Clock;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Lets a client's tickets age by our clock, so that a test can move both together. Their keys, on the server side, roll by
/// its ticks instead.
pub(crate) struct EngineClock(pub(crate) Arc<dyn Clock>);

impl TimeProvider for EngineClock {
    fn current_time(&self) -> Option<UnixTime> {
        // A clock before 1970 has no answer that rustls could use; it then fails the handshake.
        let seconds = u64::try_from(self.0.unix().secs()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

impl fmt::Debug for EngineClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineClock")
    }
}
