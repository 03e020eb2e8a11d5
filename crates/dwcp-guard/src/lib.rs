#![doc = include_str!("../README.md")]

mod aggregate;
#[cfg(feature = "channel")]
mod channel;
mod connections;
mod counts;
mod gcra;
mod guard;
mod network;
mod permit;
mod prefix;
mod rate_limiter;
mod refusal;
mod settings;
mod stats;
mod table;

pub use aggregate::{RefusalSummary, RefusedSource};
pub use connections::{ConnectionLimiter, ConnectionLimits, Crowded, Permit};
pub use gcra::RateLimit;
pub use guard::Guard;
pub use network::{Network, NetworkError};
pub use permit::GuardPermit;
pub use prefix::SourcePrefix;
pub use rate_limiter::{Limited, RateLimiter};
pub use refusal::{GuardRefusal, RefusalReason};
pub use settings::{GuardSettings, SettingsError};
pub use stats::GuardStats;
