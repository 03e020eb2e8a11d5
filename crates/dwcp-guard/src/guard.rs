//! The guard: rates, connection limits and exemptions in front of a listener.

use crate::aggregate::{RefusalLog, RefusalSummary};
use crate::connections::{ConnectionLimiter, Terms};
use crate::gcra::RateLimit;
use crate::permit::GuardPermit;
use crate::prefix::SourcePrefix;
use crate::rate_limiter::RateLimiter;
use crate::refusal::{GuardRefusal, RefusalReason};
use crate::settings::{GuardSettings, SettingsError};
use crate::stats::{Counters, GuardStats};
use crate::table::Standing;
use dwcp_base::Tick;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Decides who may come in, before a byte of theirs is read. Clones share one state.
///
/// A newcomer passes, in this order: the rate of its source, of its IPv6 /48, of all sources together; then the limits on
/// pending and open connections. Each rate it reaches is charged, so one source that floods stops at its own limit and
/// uses up nobody else's. Loopback is a source like any other.
///
/// # Security
/// Over UDP a source is a claim until a cookie came back from it: whoever forges a peer's address spends that peer's
/// allowance of *new* handshakes (never a connection that is open, and there are no bans). Ask for the cookie before
/// [`admit`](Self::admit), or keep the rate high enough. Only the transport's own address may be passed in, never one
/// that a header or a PROXY line claims.
#[derive(Clone, Debug)]
pub struct Guard {
    core: Arc<Core>,
}

#[derive(Debug)]
struct Core {
    settings: GuardSettings,
    rates: RateLimiter,
    global: Mutex<Global>,
    connections: ConnectionLimiter,
    refusals: RefusalLog,
    counters: Counters,
}

#[derive(Debug)]
struct Global {
    limit: RateLimit,
    free_at: Tick,
}

impl Guard {
    /// A guard with nobody inside. All memory it will ever use is taken here, about 5 MB with the defaults.
    ///
    /// # Errors
    /// [`SettingsError`] naming the setting that is out of its bounds.
    pub fn new(settings: GuardSettings) -> Result<Self, SettingsError> {
        if settings.exempt.len() > MAX_EXEMPT {
            SettingsError::size_in_range("exempt", settings.exempt.len(), MAX_EXEMPT)?;
        }
        let source = settings.source_rate()?;
        let rates = RateLimiter::with_aggregate(source, settings.aggregate_rate()?, settings.table_capacity)?
            .with_vouched(settings.vouched_rate()?);
        let global = Mutex::new(Global { limit: settings.global_rate()?, free_at: Tick(0) });
        let connections = ConnectionLimiter::new(settings.connection_limits())?;
        tracing::debug!(
            sources = rates.capacity(),
            connections = settings.max_connections,
            "guard tables taken"
        );
        let (refusals, counters) = (RefusalLog::new(), Counters::default());
        Ok(Self { core: Arc::new(Core { settings, rates, global, connections, refusals, counters }) })
    }

    /// Lets one newcomer in, or says why not. It takes a few short locks, allocates nothing and never waits for IO.
    ///
    /// # Errors
    /// [`GuardRefusal`]; it has been counted and summed up for [`drain_refusals`](Self::drain_refusals) already.
    pub fn admit(&self, source: IpAddr, now: Tick) -> Result<GuardPermit, GuardRefusal> {
        let core = &self.core;
        let prefix = SourcePrefix::of(source);
        let exempt = core.settings.exempt.iter().any(|network| network.contains(source));
        let verdict = core.pass_rates(prefix, exempt, now).and_then(|terms| {
            core.connections.acquire_on(prefix, terms).map_err(|c| (c.reason, Duration::ZERO))
        });
        match verdict {
            Ok(permit) => {
                core.counters.admitted.fetch_add(1, Ordering::Relaxed);
                if exempt {
                    core.counters.exempted.fetch_add(1, Ordering::Relaxed);
                }
                Ok(GuardPermit(permit))
            }
            Err((reason, retry_after)) => {
                core.counters.refuse(reason);
                core.refusals.record(prefix, reason, now);
                Err(GuardRefusal::new(prefix, reason, retry_after))
            }
        }
    }

    /// Says that a peer from `source` has proved who it is. For ten minutes its entry is not evicted, and the limits that
    /// strangers can use up for it (the /48's, the global rate, pending handshakes in total) do not hold for it, so a flood
    /// does not lock known peers out, and its own rate is [`GuardSettings::vouched_factor`] times a stranger's. The total of
    /// connections still holds.
    ///
    /// # Security
    /// Call it for authenticated peers alone: an anonymous client that finished a handshake has proved nothing.
    pub fn vouch(&self, source: IpAddr, now: Tick) {
        self.core.rates.vouch(source, now);
    }

    /// Sets the rate of all sources together from now on, with a burst of one second's worth: 80 % of the handshakes per
    /// second that this machine was measured to do.
    ///
    /// # Errors
    /// [`SettingsError::OutOfRange`] for zero, or above 1 000 000 000.
    pub fn set_global_rate(&self, per_second: u32) -> Result<(), SettingsError> {
        let limit = RateLimit::new(per_second, per_second)?;
        self.core.global.lock().unwrap_or_else(PoisonError::into_inner).limit = limit;
        Ok(())
    }

    /// What has been done so far, and what is open now.
    pub fn stats(&self) -> GuardStats {
        let core = &self.core;
        GuardStats {
            connections: core.connections.connections(),
            pending: core.connections.pending(),
            sources: core.rates.used(),
            evictions: core.rates.evictions(),
            ..core.counters.snapshot()
        }
    }

    /// Takes the summaries whose second is over: at most 1 024, and one for all other sources by reason. Ask about once a
    /// second; if asked less often, a summary spans the time since its first refusal and none is lost.
    pub fn drain_refusals(&self, now: Tick) -> Vec<RefusalSummary> {
        self.core.refusals.take(|summary| summary.is_over(now))
    }

    /// Takes all summaries, also those whose second is not over: for the last record before the end.
    pub fn drain_all_refusals(&self) -> Vec<RefusalSummary> {
        self.core.refusals.take(|_| true)
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &GuardSettings {
        &self.core.settings
    }
}

impl Core {
    fn pass_rates(
        &self,
        source: SourcePrefix,
        exempt: bool,
        now: Tick,
    ) -> Result<Terms, (RefusalReason, Duration)> {
        if exempt {
            return Ok(Terms::Exempt);
        }
        let standing = self.rates.charge(source, now).map_err(|limited| {
            let own = limited.prefix == source;
            let reason = if own { RefusalReason::SourceRate } else { RefusalReason::AggregateRate };
            (reason, limited.retry_after)
        })?;
        if standing == Standing::Vouched {
            return Ok(Terms::Vouched);
        }
        let mut global = self.global.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = global.limit;
        limit.judge(&mut global.free_at, now).map_err(|wait| (RefusalReason::GlobalRate, wait))?;
        Ok(Terms::Stranger)
    }
}

const MAX_EXEMPT: usize = 1_024;
