//! Keys wrapped by the transit engine: a key-encryption key that never leaves the server.

use crate::transit_form::{self, Sealed, Unsealed};
use crate::{BadSetting, VaultClient, VaultError, text};
use dwcp_crypto::kek::{BoxFuture, WrappedKey};
use dwcp_crypto::{KekError, KeyEncryptionKey, Secret};
use dwcp_https::{Limits, Verb};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A [`KeyEncryptionKey`] over one key of a transit mount.
///
/// What is wrapped goes to the server and comes back encrypted; the key that does it stays there, and its versions with it: after a rotation
/// old wrappings still open, until `min_decryption_version` says otherwise.
///
/// # Security
/// The context is the associated data of the encryption, and the context of the derivation where the key derives: a key that was wrapped for
/// one purpose does not open for another. The kind of the key must authenticate (`aes256-gcm96`, the default, or `chacha20-poly1305`); the
/// server refuses associated data with others. Give the login `update` on `MOUNT/encrypt/KEY` and `MOUNT/decrypt/KEY` and nothing else: with
/// `create` a key that was deleted would be made anew in silence.
///
/// Requests go through the client's own connection and not through `vaultrs`, since what they carry is to be wiped afterwards.
/// Our copies are; what TLS and HTTP hold of it while it travels is not ours to wipe.
pub struct TransitKek {
    client: Arc<VaultClient>,
    mount: String,
    key: String,
}

impl TransitKek {
    /// The key `key` of the mount `mount` (`transit` by default in Vault). Nothing is asked yet.
    ///
    /// # Errors
    /// [`BadSetting`] for texts that would not stay a part of a path: 1 to 128 letters, digits, `-`, `_` and `.`, and `/` in a mount.
    pub fn new(client: Arc<VaultClient>, mount: &str, key: &str) -> Result<Self, BadSetting> {
        Ok(Self { client, mount: text::path("mount", mount)?, key: text::segment("key", key)? })
    }

    async fn wrap_now(
        &self,
        key: &Secret,
        context: &[u8],
        deadline: Duration,
    ) -> Result<WrappedKey, KekError> {
        let body = transit_form::question("plaintext", &transit_form::encoded(key.expose()), context);
        let answer = self.ask("encrypt", body, deadline).await?;
        let Sealed { ciphertext } = transit_form::data(&answer).map_err(transit_form::broken)?;
        transit_form::check(ciphertext).map_err(transit_form::broken)?;
        WrappedKey::new(KIND, [(KEY_NAME, self.place())], ciphertext.as_bytes().to_vec())
    }

    async fn unwrap_now(
        &self,
        wrapped: &WrappedKey,
        context: &[u8],
        deadline: Duration,
    ) -> Result<Secret, KekError> {
        if wrapped.kind() != KIND {
            let found = wrapped.kind().to_owned();
            return Err(KekError::OtherKind { expected: KIND, found });
        }
        if wrapped.parameter(KEY_NAME) != Some(self.place().as_str()) {
            return Err(KekError::WrongKey);
        }
        let ciphertext = std::str::from_utf8(wrapped.wrapped()).map_err(|_| KekError::Damaged)?;
        transit_form::check(ciphertext).map_err(|_| KekError::Damaged)?;
        let body = transit_form::question("ciphertext", ciphertext, context);
        let answer = self.ask("decrypt", body, deadline).await?;
        let Unsealed { plaintext } = transit_form::data(&answer).map_err(transit_form::broken)?;
        transit_form::decoded(plaintext).map_err(transit_form::broken)
    }

    async fn ask(
        &self,
        verb: &str,
        body: crate::exchange::Wiped,
        deadline: Duration,
    ) -> Result<crate::answer::Body, KekError> {
        let path = format!("{}/{verb}/{}", self.mount, self.key);
        let limits = Limits { deadline, body: LARGEST };
        let outcome = self.client.call(Verb::Post, &path, Some(&body.0), limits).await;
        outcome.map_err(|error| match error {
            // It is not the path that is missing.
            VaultError::Refused { said, .. } if said.contains("key not found") => {
                let path = format!("{}/keys/{}", self.mount, self.key);
                KekError::Refused(VaultError::NotFound { what: "key", path }.into())
            }
            error => transit_form::fault(error),
        })
    }

    /// Mount and key, as a wrapping names them.
    fn place(&self) -> String {
        format!("{}/{}", self.mount, self.key)
    }
}

impl KeyEncryptionKey for TransitKek {
    fn wrap<'a>(
        &'a self,
        key: &'a Secret,
        context: &'a [u8],
        deadline: Duration,
    ) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(self.wrap_now(key, context, deadline))
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a WrappedKey,
        context: &'a [u8],
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Secret, KekError>> {
        Box::pin(self.unwrap_now(wrapped, context, deadline))
    }
}

impl fmt::Debug for TransitKek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransitKek").field("key", &self.place()).finish_non_exhaustive()
    }
}

const KIND: &str = "vault-transit";
/// The parameter that says which key wrapped it.
const KEY_NAME: &str = "key";
const LARGEST: usize = 64 << 10;
