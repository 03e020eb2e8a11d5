#![doc = include_str!("../README.md")]

mod account;
mod ari;
mod budget;
mod cache;
mod directory;
mod error;
mod event;
mod fuzzing;
mod identifiers;
mod issue;
mod names_digest;
mod order;
mod pauses;
mod problem;
mod provider;
mod responder;
mod said;
mod services;
mod settings;
mod state;
mod translate;
mod verdict;
mod wire;

pub use ari::Advice;
pub use cache::{
    AccountRecord, AccountStanding, BadLine, Cache, CacheError, KeptAdvice, LastRecord, LockedCache,
    OrderRecord, PauseCause, PauseRecord,
};
pub use error::{AcmeError, NamesFault};
pub use event::Event;
#[doc(hidden)]
pub use fuzzing::read_as_answers;
pub use names_digest::NamesDigest;
pub use problem::{AcmeProblem, ProblemKind};
pub use provider::AcmeProvider;
pub use responder::{
    ChallengeAnswer, ChallengeKind, Http01Responder, Presented, Responder, ResponderError, TlsAlpnResponder,
};
pub use said::Said;
pub use settings::{AcmeIssuer, AcmeSettings, ExternalAccount, SettingsError};
pub use state::{AcmeState, IssuerError, IssuerState};
