//! A key-encryption key from a passphrase.

use super::committed::{COMMITMENT_NAME, Committed};
use super::{BoxFuture, KekError, KeyEncryptionKey, WrappedKey};
use crate::{Kdf, KdfParams, NewPassphrase, Passphrase, Secret};
use std::time::Duration;

/// Wraps keys under a passphrase, each with a salt and a derivation of its own.
///
/// Deriving takes what the parameters cost (a quarter of a second by default) and blocks the thread for it; a deadline does not
/// interrupt it.
#[derive(Debug)]
pub struct PassphraseKek {
    passphrase: Held,
}

#[derive(Debug)]
enum Held {
    /// It was judged, and may protect new data.
    New(NewPassphrase, KdfParams),
    /// It opens.
    Any(Passphrase),
}

impl PassphraseKek {
    /// Wraps new keys under a passphrase that was judged, derived with `params`; unwraps what is there.
    pub fn new(passphrase: NewPassphrase, params: KdfParams) -> Self {
        Self { passphrase: Held::New(passphrase, params) }
    }

    /// Unwraps what is there, with a passphrase of any strength.
    pub fn opening(passphrase: Passphrase) -> Self {
        Self { passphrase: Held::Any(passphrase) }
    }

    fn wrap_now(&self, key: &Secret, context: &[u8]) -> Result<WrappedKey, KekError> {
        let Held::New(passphrase, params) = &self.passphrase else { return Err(KekError::OpensOnly) };
        let kdf = Kdf::fresh(*params)?;
        let text = kdf.phc();
        let committed = Committed::derive(&kdf.derive(passphrase.passphrase(), DERIVED)?, &text, context)?;
        let wrapped = committed.wrap(key)?;
        WrappedKey::new(KIND, [(KDF_NAME, text), (COMMITMENT_NAME, committed.commitment())], wrapped)
    }

    fn unwrap_now(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<Secret, KekError> {
        wrapped.require_kind(KIND)?;
        let text = wrapped.parameter(KDF_NAME).unwrap_or_default();
        let kdf = Kdf::from_phc(text).map_err(|source| KekError::Parameters { source })?;
        let passphrase = match &self.passphrase {
            Held::New(passphrase, _) => passphrase.passphrase(),
            Held::Any(passphrase) => passphrase,
        };
        Committed::derive(&kdf.derive(passphrase, DERIVED)?, text, context)?.unwrap(wrapped)
    }
}

impl KeyEncryptionKey for PassphraseKek {
    fn wrap<'a>(
        &'a self,
        key: &'a Secret,
        context: &'a [u8],
        _deadline: Duration,
    ) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(async move { self.wrap_now(key, context) })
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a WrappedKey,
        context: &'a [u8],
        _deadline: Duration,
    ) -> BoxFuture<'a, Result<Secret, KekError>> {
        Box::pin(async move { self.unwrap_now(wrapped, context) })
    }
}

/// Whether a wrapping is none of a passphrase, or derived as new data needs it.
pub(super) fn is_current(wrapped: &WrappedKey) -> bool {
    let kdf = || Kdf::from_phc(wrapped.parameter(KDF_NAME).unwrap_or_default());
    wrapped.kind() != KIND || kdf().is_ok_and(|kdf| kdf.is_current())
}

/// What a wrapping by a passphrase was derived with, if that protects new data.
pub(super) fn cost(wrapped: &WrappedKey) -> Option<KdfParams> {
    let text = wrapped.parameter(KDF_NAME).filter(|_| wrapped.kind() == KIND)?;
    Kdf::from_phc(text).ok()?.params()
}

const KIND: &str = "passphrase";
/// The parameter that holds the derivation.
const KDF_NAME: &str = "kdf";
/// Bytes of the derived secret (RFC 9106 §4: a tag of 256 bits).
const DERIVED: usize = 32;
