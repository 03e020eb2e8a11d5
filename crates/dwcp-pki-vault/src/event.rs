//! News of this crate that nobody is waiting for.

use dwcp_base::UnixTime;
use std::time::Duration;

/// What happened to a token and to the server that gave it. Codes read `vault.subject.verb`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A token lives longer.
    TokenRenewed {
        /// Its end now.
        until: Option<UnixTime>,
    },
    /// The server no longer knows our token; a login follows.
    TokenLost,
    /// A token that was needed no longer was given back: the server forgot it.
    TokenRevoked,
    /// A token that is needed no longer could not be given back: the server knows it to its end.
    TokenLeft {
        /// The code of the error.
        code: &'static str,
    },
    /// A login gave a token.
    LoginDone {
        /// The method.
        method: &'static str,
        /// The end of the token; `None` when it has none.
        until: Option<UnixTime>,
    },
    /// A login, or the renewal of a token, failed.
    LoginFailed {
        /// The method.
        method: &'static str,
        /// The code of the error.
        code: &'static str,
        /// How many attempts have failed in a row.
        attempts: u32,
        /// How long until the next attempt.
        retry_in: Duration,
    },
    /// The server answers nothing of use any more: unreachable, sealed, standby, failing. Said once for each outage.
    ServerUnavailable {
        /// The code of the error.
        code: &'static str,
    },
    /// The server answers again.
    ServerBack {
        /// How long it was away.
        after: Duration,
    },
    /// The role could not be looked at before the first request, since the policy does not allow to read it. Requests are made all the same.
    PreflightSkipped {
        /// The path to be allowed.
        path: String,
    },
    /// A certificate lives shorter than was asked for: the role's maximum, the mount's, or the end of the issuer is nearer. Said once, and
    /// anew after one that lives as long as it should.
    LifeShortened {
        /// What was asked for.
        asked: Duration,
        /// What came.
        granted: Duration,
    },
    /// The list of an issuer is not as new as it should be: the one that was known stands in, where there is one.
    ListKept {
        /// The issuer.
        issuer: String,
        /// The code of what is wrong.
        code: &'static str,
    },
    /// The settings of the mount's lists can not be read, since the policy does not allow it: should the mount stop listing, its empty lists
    /// count. Said once, and asked again after ten minutes.
    ListUnchecked {
        /// The path to be allowed.
        path: String,
    },
}

impl Event {
    /// Every code, in the order of the variants.
    pub const CODES: &'static [&'static str] = &[
        "vault.token.renewed",
        "vault.token.lost",
        "vault.token.revoked",
        "vault.token.left",
        "vault.login.done",
        "vault.login.failed",
        "vault.server.unavailable",
        "vault.server.back",
        "vault.preflight.skipped",
        "vault.life.shortened",
        "vault.list.kept",
        "vault.list.unchecked",
    ];

    /// The stable name of the event.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TokenRenewed { .. } => "vault.token.renewed",
            Self::TokenLost => "vault.token.lost",
            Self::TokenRevoked => "vault.token.revoked",
            Self::TokenLeft { .. } => "vault.token.left",
            Self::LoginDone { .. } => "vault.login.done",
            Self::LoginFailed { .. } => "vault.login.failed",
            Self::ServerUnavailable { .. } => "vault.server.unavailable",
            Self::ServerBack { .. } => "vault.server.back",
            Self::PreflightSkipped { .. } => "vault.preflight.skipped",
            Self::LifeShortened { .. } => "vault.life.shortened",
            Self::ListKept { .. } => "vault.list.kept",
            Self::ListUnchecked { .. } => "vault.list.unchecked",
        }
    }
}
