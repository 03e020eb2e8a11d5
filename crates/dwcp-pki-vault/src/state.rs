//! What a status page says of the session with a Vault server.

use crate::VaultError;
use dwcp_base::{Coded, UnixTime};
use std::error::Error as StdError;

/// The session as it is now. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VaultState {
    /// How one logs in: `token`, `approle`, `cert` or `jwt`.
    pub login: &'static str,
    /// Whether there is a token that may be shown.
    pub has_token: bool,
    /// Its end; `None` where there is no token, or it has no end.
    pub token_until: Option<UnixTime>,
    /// When it is renewed next.
    pub renews_at: Option<UnixTime>,
    /// When the next attempt follows, after one that failed.
    pub next_try: Option<UnixTime>,
    /// What went wrong last; `None` once something went right.
    pub trouble: Option<VaultTrouble>,
}

impl VaultState {
    /// Whether the server was sealed when it was asked last.
    pub fn is_sealed(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.code == "vault.server.sealed")
    }

    /// Whether the server was a standby when it was asked last.
    pub fn is_standby(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.code == "vault.server.standby")
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VaultTrouble {
    /// The code of the error.
    pub code: &'static str,
    /// Its text with those of its causes.
    pub message: String,
    /// What to do about it.
    pub fix: String,
    /// Since when it is so.
    pub since: UnixTime,
}

impl VaultTrouble {
    /// The trouble that follows `before`; the same one keeps its beginning.
    pub(crate) fn next(error: &VaultError, before: Option<Self>, now: UnixTime) -> Self {
        let since = before.filter(|before| before.code == error.code()).map_or(now, |before| before.since);
        Self::of(error, since)
    }

    fn of(error: &VaultError, since: UnixTime) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self { code: error.code(), message, fix: error.fix(), since }
    }
}
