//! What is said to the transit engine and what it says. Our own copies of a secret are wiped; those that TLS and HTTP make on the way are
//! theirs.

use crate::VaultError;
use crate::answer::Envelope;
use crate::exchange::Wiped;
use base64ct::{Base64, Encoding};
use dwcp_crypto::{KekError, Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// The answer to an encryption.
#[derive(Deserialize)]
pub(crate) struct Sealed<'a> {
    pub(crate) ciphertext: &'a str,
}

/// The answer to a decryption. It is read where it lies, so that no copy is left.
#[derive(Deserialize)]
pub(crate) struct Unsealed<'a> {
    pub(crate) plaintext: &'a str,
}

/// What is to be done, with which context.
pub(crate) fn question(name: &str, text: &str, context: &[u8]) -> Wiped {
    let context = Base64::encode_string(context);
    let mut question = json!({ "associated_data": context, "context": context });
    if let Value::Object(members) = &mut question {
        members.insert(name.to_owned(), Value::String(text.to_owned()));
    }
    Wiped(question)
}

pub(crate) fn encoded(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(Base64::encode_string(bytes))
}

pub(crate) fn decoded(text: &str) -> Result<Secret, VaultError> {
    Base64::decode_vec(text).map(Secret::from).map_err(|_| VaultError::Malformed { what: "its plaintext" })
}

pub(crate) fn data<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, VaultError> {
    let envelope: Envelope<T> = serde_json::from_slice(body)
        .map_err(|_| VaultError::Malformed { what: "the answer of a transit key" })?;
    Ok(envelope.data)
}

/// Whether this is a ciphertext of the engine: `vault:v3:…`, at most 4 KiB.
pub(crate) fn check(text: &str) -> Result<(), VaultError> {
    let version = text.strip_prefix("vault:v").and_then(|rest| rest.split_once(':'));
    let is_one = version.is_some_and(|(version, rest)| {
        !version.is_empty()
            && version.bytes().all(|byte| byte.is_ascii_digit())
            && !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
    });
    match is_one && text.len() <= LONGEST {
        true => Ok(()),
        false => Err(VaultError::Malformed { what: "its ciphertext" }),
    }
}

/// An answer that makes no sense: nobody knows what the holder of the key did.
pub(crate) fn broken(error: VaultError) -> KekError {
    KekError::Unavailable(error.into())
}

/// What an error of the server means for a key.
pub(crate) fn fault(error: VaultError) -> KekError {
    match error {
        VaultError::TimedOut { deadline } => KekError::TimedOut { deadline },
        VaultError::Refused { said, .. } if is_unopened(&said) => KekError::Damaged,
        VaultError::Https(_) | VaultError::Malformed { .. } => KekError::Unavailable(error.into()),
        error if error.is_retryable() => KekError::Unavailable(error.into()),
        error => KekError::Refused(error.into()),
    }
}

/// Whether the engine has the key, and what it was given does not open with it.
fn is_unopened(said: &str) -> bool {
    ["message authentication failed", "invalid ciphertext", "ciphertext is too short", "ciphertext too short"]
        .iter()
        .any(|words| said.contains(words))
}

const LONGEST: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ciphertext_is_one_of_the_engine() {
        for text in ["vault:v1:AAAA", "vault:v12:ab+/cd=="] {
            assert!(check(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "vault:v1:",
            "vault:v:AA",
            "vault:vx:AA",
            "bao:v1:AA",
            "vault:v1:A A",
            "vault:v1:A\n",
            "vault:v1:é",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
        assert!(check(&format!("vault:v1:{}", "A".repeat(LONGEST))).is_err());
    }

    #[test]
    fn what_goes_out_says_the_context_twice_and_comes_back_as_it_was() {
        let key = encoded(&[7; 32]);
        let question = question("plaintext", &key, b"keyring");
        assert_eq!(question.0["associated_data"], "a2V5cmluZw==");
        assert_eq!(question.0["context"], "a2V5cmluZw==");
        let body = format!("{{\"data\":{{\"plaintext\":{}}}}}", question.0["plaintext"]);
        let Unsealed { plaintext } = data(body.as_bytes()).unwrap();
        assert_eq!(decoded(plaintext).unwrap().expose(), [7; 32]);
        assert!(decoded("AA=").is_err() && decoded("A\nA=").is_err());
        assert!(data::<Unsealed<'_>>(b"{\"data\":{\"plaintext\":7}}").is_err());
        assert!(data::<Sealed<'_>>(b"{\"errors\":[]}").is_err());
    }
}
