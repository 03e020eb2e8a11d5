//! Logins, renewals, the end of a token, and the look at one.
//!
//! Logins and renewals are asked directly: their bodies hold secrets and are wiped, their answers are bounded, and how long the server asks to
//! be left alone is kept. The look at a token goes through `vaultrs`, over the connection of ours; its settings show the token in their `Debug`,
//! and its errors carry the bodies of answers: neither leaves this file.

use crate::exchange::{self, Question, Wiped};
use crate::login::{Login, Means};
use crate::session::Token;
use crate::{LoginError, VaultError, VaultSettings, answer, text};
use dwcp_https::{HttpsClient, HttpsError, Limits, Verb};
use rustify::errors::ClientError as Fault;
use serde::Deserialize;
use serde_json::json;
use std::ops::Deref;
use std::time::Duration;
use tokio::time::timeout;
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use zeroize::{Zeroize, Zeroizing};

/// What a login or a renewal gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// How long the token lives from now on; none where it never ends.
    pub(crate) life: Option<Duration>,
    pub(crate) renewable: bool,
}

/// The client of `vaultrs` with a token of ours, wiped when it goes.
pub(crate) struct Engine(VaultClient);

impl Engine {
    pub(crate) fn new(
        settings: &VaultSettings,
        https: &HttpsClient,
        token: &str,
    ) -> Result<Self, VaultError> {
        let base = settings.address().origin();
        let namespace = settings.namespace().map(str::to_owned);
        // Everything is set: what is not would be taken from the environment, a switch that turns verification off among it.
        let theirs = VaultClientSettingsBuilder::default()
            .address(&base)
            .ca_certs(Vec::new())
            .identity(None)
            .timeout(None)
            .token(token)
            .verify(true)
            .version(1)
            .wrapping(false)
            .namespace(namespace.clone())
            .build()
            .map_err(|_| VaultError::Malformed { what: "the address is not taken" })?;
        let middle =
            EndpointMiddleware { token: token.to_owned(), version: "v1".to_owned(), wrap: None, namespace };
        let http = rustify::clients::reqwest::Client::new(&base, https.engine().clone());
        Ok(Self(VaultClient { http, middle, settings: theirs }))
    }
}

impl Deref for Engine {
    type Target = VaultClient;

    fn deref(&self) -> &VaultClient {
        &self.0
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.0.settings.token.zeroize();
        self.0.middle.token.zeroize();
    }
}

/// What a login or a renewal answers. Tokens are read where they lie, so that no copy is left.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    auth: Auth<'a>,
}

#[derive(Deserialize)]
struct Auth<'a> {
    client_token: &'a str,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

/// Logs in by what the files held.
pub(crate) async fn log_in(
    settings: &VaultSettings,
    https: &HttpsClient,
    means: Means,
    deadline: Duration,
) -> Result<(Zeroizing<String>, Grant), VaultError> {
    let login = settings.login();
    let (mount, body) = match (login, means) {
        (_, Means::Token(text)) => {
            let grant = look_up(settings, https, &text, deadline).await;
            return grant.map(|grant| (text, grant)).map_err(|error| refused(login, error));
        }
        (Login::AppRole { mount, .. }, Means::AppRole { role_id, secret_id }) => {
            (mount, Wiped(json!({ "role_id": role_id, "secret_id": *secret_id })))
        }
        (Login::Certificate { mount, role, .. }, Means::Certificate(_)) => {
            (mount, Wiped(role.as_ref().map_or_else(|| json!({}), |role| json!({ "name": role }))))
        }
        (Login::Jwt { mount, role, .. }, Means::Jwt(jwt)) => {
            (mount, Wiped(json!({ "role": role, "jwt": *jwt })))
        }
        _ => return Err(VaultError::Malformed { what: "the login has other means than its method" }),
    };
    let path = format!("auth/{mount}/login");
    let limits = Limits { deadline, body: LARGEST };
    let question = Question { verb: Verb::Post, path: &path, token: None, body: Some(&body.0), limits };
    let answer = exchange::ask(settings, https, question).await.map_err(|error| refused(login, error))?;
    taken(&answer)
}

/// What a server says to a wrong secret is 400 or 403; both mean the secret, and nothing else of ours.
fn refused(login: &Login, error: VaultError) -> VaultError {
    let said = match error {
        VaultError::Denied { .. } => "permission denied".to_owned(),
        VaultError::Refused { said, .. } => said,
        // OpenBao's failure for a certificate without a common name, by which it would know its holder.
        VaultError::Server { said, .. } if said.contains("missing name in alias") => {
            "the certificate has no common name".to_owned()
        }
        other => return other,
    };
    VaultError::Login { method: login.method(), source: LoginError::Refused { said } }
}

/// Lets the token live longer.
pub(crate) async fn renew(
    settings: &VaultSettings,
    token: &Token,
    deadline: Duration,
) -> Result<Grant, VaultError> {
    let body = settings.token_ttl().map(|ttl| json!({ "increment": format!("{}s", ttl.as_secs().max(1)) }));
    let body = body.unwrap_or_else(|| json!({}));
    let limits = Limits { deadline, body: LARGEST };
    let path = "auth/token/renew-self";
    let question = Question { verb: Verb::Post, path, token: Some(&token.text), body: Some(&body), limits };
    let answer = exchange::ask(settings, &token.https, question).await?;
    taken(&answer).map(|(_, grant)| grant)
}

/// Has the server forget the token, and what hangs on it.
pub(crate) async fn revoke(
    settings: &VaultSettings,
    token: &Token,
    deadline: Duration,
) -> Result<(), VaultError> {
    let (limits, body) = (Limits { deadline, body: LARGEST }, json!({}));
    let path = "auth/token/revoke-self";
    let question = Question { verb: Verb::Post, path, token: Some(&token.text), body: Some(&body), limits };
    exchange::ask(settings, &token.https, question).await.map(drop)
}

/// Whether the server knows the token, whatever its policy allows.
pub(crate) async fn is_known(
    settings: &VaultSettings,
    token: &Token,
    deadline: Duration,
) -> Result<bool, VaultError> {
    match look_up(settings, &token.https, &token.text, deadline).await {
        Ok(_) => Ok(true),
        Err(VaultError::Denied { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Token and life of an answer. What is not visible ASCII would end in a header that can not be sent.
fn taken(body: &[u8]) -> Result<(Zeroizing<String>, Grant), VaultError> {
    let malformed = VaultError::Malformed { what: "a login's answer" };
    // What serde says of a broken text may quote it.
    let Ok(Answer { auth }) = serde_json::from_slice::<Answer<'_>>(body) else { return Err(malformed) };
    let text = auth.client_token;
    if !(1..=LONGEST_TOKEN).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(malformed);
    }
    Ok((Zeroizing::new(text.to_owned()), grant(auth.lease_duration, auth.renewable)))
}

/// A life of nothing is that of a token that never ends.
fn grant(seconds: u64, renewable: bool) -> Grant {
    Grant { life: (seconds > 0).then(|| Duration::from_secs(seconds)), renewable }
}

async fn look_up(
    settings: &VaultSettings,
    https: &HttpsClient,
    token: &str,
    deadline: Duration,
) -> Result<Grant, VaultError> {
    let engine = Engine::new(settings, https, token)?;
    let late = |_| VaultError::TimedOut { deadline };
    match timeout(deadline, vaultrs::token::lookup_self(&*engine)).await.map_err(late)? {
        Ok(mut found) => {
            found.id.zeroize();
            // In its last second a token has nothing left; one that never ends has no time to end at.
            let life = found.expire_time.is_some().then(|| Duration::from_secs(found.ttl));
            Ok(Grant { life, renewable: found.renewable.unwrap_or(false) })
        }
        Err(error) => Err(fault(settings, &error, "auth/token/lookup-self", deadline)),
    }
}

/// What an error of `vaultrs` means.
fn fault(settings: &VaultSettings, error: &ClientError, path: &str, deadline: Duration) -> VaultError {
    match error {
        ClientError::APIError { code, errors } => {
            let words: Vec<String> = errors.iter().take(4).map(|word| text::printable(word)).collect();
            return answer::fault(*code, &words, None, path).in_namespace(settings.namespace());
        }
        ClientError::RestClientError { source: Fault::ServerResponseError { code: 404 | 405, .. } } => {
            return VaultError::Malformed { what: answer::STRANGER };
        }
        // A status whose body has no words: a proxy in between, for example.
        ClientError::RestClientError { source: Fault::ServerResponseError { code, .. } } => {
            return answer::fault(*code, &[], None, path);
        }
        _ => {}
    }
    match HttpsError::of_engine(error, &settings.address().origin(), deadline) {
        Some(HttpsError::TimedOut { .. }) => VaultError::TimedOut { deadline },
        Some(error) => VaultError::Https(error),
        None => VaultError::Malformed { what: "a token's look-up" },
    }
}

/// Answers with a token and its policies.
const LARGEST: usize = 64 << 10;
const LONGEST_TOKEN: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::Coded;

    #[test]
    fn a_token_that_can_not_be_sent_is_none() {
        let body = |token: &str| serde_json::json!({ "auth": { "client_token": token, "lease_duration": 7, "renewable": true } });
        let read = |body: serde_json::Value| taken(body.to_string().as_bytes());
        let (text, life) = read(body("s.abc")).unwrap();
        assert_eq!((text.as_str(), life.life, life.renewable), ("s.abc", Some(Duration::from_secs(7)), true));
        assert!(read(body(&"t".repeat(LONGEST_TOKEN))).is_ok());
        for token in ["", "a b", "a\nb", "a\u{0}", "a\u{7f}", "tök", &"t".repeat(LONGEST_TOKEN + 1)] {
            assert_eq!(read(body(token)).unwrap_err().code(), "vault.answer.malformed", "{token:?}");
        }
        for other in [json!({}), json!({ "auth": null }), json!({ "auth": { "client_token": 7 } })] {
            assert!(read(other).is_err());
        }
    }
}
