//! The last check before a certificate serves: does it work in a handshake?

use crate::{Credential, TrustStore, Usage};
use dwcp_base::UnixTime;
use std::error::Error;
use std::fmt;
use thiserror::Error;

/// Tries a certificate out before anybody depends on it.
///
/// What a validation can not see shows in a handshake: a key that signs with no scheme that is on offer, a chain too long for peers. This crate
/// knows no protocol, so whoever does implements it; `dwcp-tls` shakes hands with itself, in memory.
pub trait Trial: Send + Sync + fmt::Debug {
    /// Uses `credential` at `now` as it will be used, each way that `usage` says, among peers that trust `trust`. Takes milliseconds, and waits for nobody.
    ///
    /// # Errors
    /// [`TrialFault`] with what went wrong; the certificate is not activated then.
    fn try_out(
        &self,
        credential: &Credential,
        trust: &TrustStore,
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), TrialFault>;
}

/// A certificate that did not work when it was tried out.
#[derive(Debug, Error)]
#[error("the certificate does not work in a handshake")]
pub struct TrialFault(#[source] pub Box<dyn Error + Send + Sync>);
