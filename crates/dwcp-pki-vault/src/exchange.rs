//! One question to the server and what its answer means, with a token or without.

use crate::answer::{self, Body};
use crate::{VaultError, VaultSettings, health};
use dwcp_https::{Ask, HttpsClient, HttpsError, Limits, Verb};
use serde_json::Value;
use std::io;
use zeroize::{Zeroize, Zeroizing};

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) verb: Verb,
    /// Below `v1/`.
    pub(crate) path: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) body: Option<&'a Value>,
    pub(crate) limits: Limits,
}

/// Asks, and sorts an answer that says no by who is to blame.
pub(crate) async fn ask(
    settings: &VaultSettings,
    https: &HttpsClient,
    question: Question<'_>,
) -> Result<Body, VaultError> {
    let Question { verb, path, token, body, limits } = question;
    let url = settings.address().join(&format!("v1/{path}"));
    let url = url.map_err(|error| VaultError::Https(error.into()))?;
    let mut headers = vec![health::REQUEST];
    headers.extend(token.map(|token| ("X-Vault-Token", token)));
    headers.extend(settings.namespace().map(|namespace| ("X-Vault-Namespace", namespace)));
    let body = match body {
        Some(value) => Some(("application/json", text_of(value)?)),
        None => None,
    };
    let asked = https.ask(Ask { verb, url: &url, headers: &headers, body, limits }).await;
    let answer = asked.map_err(|error| match error {
        HttpsError::TimedOut { deadline, .. } => VaultError::TimedOut { deadline },
        // A standby that does not forward names the active node. It is not followed: who it is would be taken on its word.
        HttpsError::Redirected { .. } => VaultError::Standby,
        other => VaultError::Https(other),
    })?;
    let (status, retry_after) = (answer.status, answer.retry_after);
    let body = Zeroizing::new(answer.body);
    match status {
        200..=299 => Ok(body),
        _ if answer::is_strangers(status, &body) => Err(VaultError::Malformed { what: answer::STRANGER }),
        _ => {
            let fault = answer::fault(status, &answer::words(&body), retry_after, path);
            Err(fault.in_namespace(settings.namespace()))
        }
    }
}

/// A body whose texts are wiped when it goes.
pub(crate) struct Wiped(pub(crate) Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        if let Value::Object(members) = &mut self.0 {
            for (_, value) in members.iter_mut() {
                if let Value::String(text) = value {
                    text.zeroize();
                }
            }
        }
    }
}

/// The text of a body, in a place that was large enough from the beginning: one that grows would leave a secret behind.
fn text_of(value: &Value) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let broken = |_| VaultError::Malformed { what: "the request" };
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_err(broken)?;
    let mut text = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *text, value).map_err(broken)?;
    Ok(text)
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_is_written_into_a_place_that_never_grows() {
        for length in [0, 1, 100, 127, 129, 5_000] {
            let value = json!({ "plaintext": "é\n".repeat(length), "context": ["a"] });
            let text = text_of(&value).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), value);
            let mut length = Length(0);
            serde_json::to_writer(&mut length, &value).unwrap();
            // Doubling from eight bytes on would have ended at another capacity.
            assert_eq!((text.len(), text.capacity()), (length.0, length.0));
        }
    }
}
