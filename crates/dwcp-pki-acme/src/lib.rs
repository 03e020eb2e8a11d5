#![doc = include_str!("../README.md")]

mod cache;
mod names_digest;
mod responder;

pub use cache::{
    AccountRecord, AccountStanding, Cache, CacheError, KeptAdvice, LastRecord, LockedCache, OrderRecord,
    PauseRecord,
};
pub use names_digest::NamesDigest;
pub use responder::{ChallengeAnswer, ChallengeKind, Presented, Responder, ResponderError};
