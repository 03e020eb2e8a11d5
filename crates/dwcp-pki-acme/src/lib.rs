#![doc = include_str!("../README.md")]

mod account;
mod ari;
mod budget;
mod cache;
mod directory;
mod error;
mod event;
mod identifiers;
mod names_digest;
mod order;
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
    AccountRecord, AccountStanding, Cache, CacheError, KeptAdvice, LastRecord, LockedCache, OrderRecord,
    PauseRecord,
};
pub use error::{AcmeError, NamesFault};
pub use event::Event;
pub use names_digest::NamesDigest;
pub use problem::{AcmeProblem, ProblemKind};
pub use provider::AcmeProvider;
pub use responder::{
    ChallengeAnswer, ChallengeKind, Http01Responder, Presented, Responder, ResponderError, TlsAlpnResponder,
};
pub use said::Said;
pub use settings::{AcmeIssuer, AcmeSettings, ExternalAccount, SettingsError};
pub use state::{AcmeState, IssuerError, IssuerState};

/// Reads bytes of an authority by every reader of this crate: for the fuzzer, and nothing to rely on.
#[doc(hidden)]
pub fn read_as_answers(bytes: &[u8]) {
    use dwcp_base::UnixTime;
    if let Ok(url) = "https://ca.example/dir".parse::<dwcp_https::HttpsUrl>()
        && let Ok(directory) = directory::Directory::read(url, bytes)
    {
        // What is handed on is taken without a look.
        let checked = serde_json::from_slice::<serde_json::Value>(&directory.checked_json());
        let nonce = checked.ok().and_then(|all| all.get("newNonce")?.as_str()?.parse::<http::Uri>().ok());
        assert!(nonce.is_some_and(|uri| uri.scheme_str() == Some("https")));
    }
    let now = UnixTime::from_secs(1_800_000_000);
    if let Ok(kept) = ari::read(bytes, None, u64::MAX, now) {
        assert!(kept.start <= kept.renew_at && kept.renew_at <= kept.end);
    }
    let problem = match serde_json::from_slice(bytes) {
        Ok(problem) => AcmeProblem::read(&problem, 400),
        Err(_) => AcmeProblem::unread(502, bytes),
    };
    assert!(problem.to_string().len() < 16 * 1_024 && !problem.to_string().contains(char::is_control));
}
