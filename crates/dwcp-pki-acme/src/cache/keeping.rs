//! How records lie on disk: what their files are called, and accounts sealed or not.

use super::{AccountRecord, CacheError};
use dwcp_base::UnixTime;
use dwcp_crypto::{Envelope, KeyEncryptionKey, Secret};
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// What a file is about, as its name begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Account,
    Order,
    Last,
    Pause,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Order => "order",
            Self::Last => "last",
            Self::Pause => "pause",
        }
    }
}

/// Reads an account, sealed or not: an envelope is an object of JSON, a record is none.
pub(super) async fn open_account(
    path: &Path,
    bytes: &[u8],
    kek: Option<&dyn KeyEncryptionKey>,
    deadline: Duration,
) -> Result<AccountRecord, CacheError> {
    let malformed = |line| CacheError::Malformed { path: path.to_owned(), line };
    if !bytes.starts_with(b"{") {
        return AccountRecord::parse(bytes).map_err(|bad| malformed(bad.line));
    }
    let failed = |source| CacheError::Envelope { path: path.to_owned(), source };
    let envelope = Envelope::from_json(bytes).map_err(failed)?;
    let kek = kek.ok_or_else(|| CacheError::Sealed { path: path.to_owned() })?;
    let opened = envelope.open(Envelope::ACME_ACCOUNT, kek, deadline).await.map_err(failed)?;
    AccountRecord::parse(opened.expose()).map_err(|bad| malformed(bad.line))
}

/// What is to be written for an account.
pub(super) async fn sealed_account(
    path: &Path,
    text: Zeroizing<Vec<u8>>,
    kek: Option<&dyn KeyEncryptionKey>,
    now: UnixTime,
    deadline: Duration,
) -> Result<Zeroizing<Vec<u8>>, CacheError> {
    let Some(kek) = kek else { return Ok(text) };
    let secret = Secret::from(text.to_vec());
    let sealed = Envelope::seal(Envelope::ACME_ACCOUNT, &secret, kek, now, deadline).await;
    let sealed = sealed.map_err(|source| CacheError::Envelope { path: path.to_owned(), source })?;
    Ok(Zeroizing::new(sealed.to_json().into_bytes()))
}

/// An envelope around the longest account, in base64 and with its wrapping.
pub(super) const MOST_SEALED: usize = 64 << 10;
