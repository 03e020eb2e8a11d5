//! Keys that protect other keys: from a passphrase, from a file, or kept by a machine that never gives them away.
//!
//! What is sealed for rest is sealed under a random key of its own; a [`KeyEncryptionKey`] wraps that key, and the
//! [`WrappedKey`] is stored beside the data. So a passphrase changes without the data being sealed again.

mod committed;
mod error;
mod file;
mod key_file;
mod passphrase;
mod wrapped;
mod wrapping;

pub use error::{Cause, KekError, KekFileError};
pub use file::FileKek;
pub use key_file::KekFileEntry;
pub use passphrase::PassphraseKek;
pub use wrapped::WrappedKey;
pub(crate) use wrapped::is_name;
pub use wrapping::Wrapping;

use crate::Secret;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A boxed future that any executor can run.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Wraps keys for storage and unwraps them.
///
/// `context` says what the key is for (`keyring`, `ca-key`). It is authenticated, so that a key that was wrapped for one
/// purpose is not unwrapped for another. At most 1024 bytes.
///
/// The futures may block the thread that polls them, where a passphrase is derived or an HSM is asked: poll them off the event
/// loop. Those of [`PassphraseKek`] and [`FileKek`] never wait: see [`at_once`].
///
/// # Security
/// What is wrapped must be authenticated under a key that the wrapping commits to, or a wrapping can be made that opens
/// under several passphrases and tells which one is in use (a partitioning oracle).
pub trait KeyEncryptionKey: Send + Sync {
    /// Wraps `key` for `context`. It must give up with [`KekError::TimedOut`] once `deadline` has passed; dropping the
    /// future gives up at once.
    fn wrap<'a>(
        &'a self,
        key: &'a Secret,
        context: &'a [u8],
        deadline: Duration,
    ) -> BoxFuture<'a, Result<WrappedKey, KekError>>;

    /// Unwraps what [`wrap`](Self::wrap) made for the same `context`, also when that was long ago and new keys are wrapped
    /// differently now.
    fn unwrap<'a>(
        &'a self,
        wrapped: &'a WrappedKey,
        context: &'a [u8],
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Secret, KekError>>;
}

/// Runs work whose key-encryption keys never wait for anybody, such as a passphrase or a key file, without an executor.
///
/// # Errors
/// What the work ended with, and [`KekError::Waits`] when it has to wait after all: it is dropped then.
///
/// ```
/// use dwcp_crypto::kek::{self, FileKek, KeyEncryptionKey};
/// # use dwcp_base::{LocalDisk, UnixTime};
/// # use std::time::Duration;
/// # let dir = tempfile::tempdir()?;
/// # let now = UnixTime::from_secs(1_790_000_000);
/// let kek = FileKek::create(&dir.path().join("kek"), &LocalDisk, now)?;
/// let key = dwcp_crypto::Secret::from(vec![7; 32]);
/// let wrapped = kek::at_once(kek.wrap(&key, b"example", Duration::ZERO))?;
/// assert_eq!(kek::at_once(kek.unwrap(&wrapped, b"example", Duration::ZERO))?.expose(), key.expose());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn at_once<T, E: From<KekError>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => Err(KekError::Waits.into()),
    }
}
