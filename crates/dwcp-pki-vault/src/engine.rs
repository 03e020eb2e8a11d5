//! Logins and renewals through `vaultrs`, over the connection of ours.
//!
//! Its settings show the token in their `Debug`, and its errors carry the bodies of answers: neither leaves this file.

use crate::login::{Login, Means};
use crate::session::Token;
use crate::{LoginError, VaultError, VaultSettings, answer, text};
use dwcp_https::HttpsClient;
use rustify::errors::ClientError as Fault;
use std::ops::Deref;
use std::time::Duration;
use vaultrs::api::AuthInfo;
use vaultrs::api::EndpointMiddleware;
use vaultrs::auth::{approle, cert, oidc};
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

/// Logs in by what the files held.
pub(crate) async fn log_in(
    settings: &VaultSettings,
    https: &HttpsClient,
    means: Means,
    deadline: Duration,
) -> Result<(Zeroizing<String>, Grant), VaultError> {
    let login = settings.login();
    let outcome = match (login, means) {
        (_, Means::Token(text)) => {
            let engine = Engine::new(settings, https, &text)?;
            match vaultrs::token::lookup_self(&*engine).await {
                Ok(mut found) => {
                    found.id.zeroize();
                    // In its last second a token has nothing left; one that never ends has no time to end at.
                    let life = found.expire_time.is_some().then(|| Duration::from_secs(found.ttl));
                    return Ok((text, Grant { life, renewable: found.renewable.unwrap_or(false) }));
                }
                Err(error) => Err(error),
            }
        }
        (Login::AppRole { mount, .. }, Means::AppRole { role_id, secret_id }) => {
            approle::login(&*Engine::new(settings, https, "")?, mount, &role_id, &secret_id).await
        }
        (Login::Certificate { mount, role, .. }, Means::Certificate(_)) => {
            let role = role.as_deref().unwrap_or("");
            cert::login(&*Engine::new(settings, https, "")?, mount, role).await
        }
        (Login::Jwt { mount, role, .. }, Means::Jwt(jwt)) => {
            oidc::login(&*Engine::new(settings, https, "")?, mount, &jwt, Some(role.clone())).await
        }
        _ => return Err(VaultError::Malformed { what: "the login has other means than its method" }),
    };
    match outcome {
        Ok(info) => Ok(taken(info)),
        Err(error) => match fault(settings, error, &format!("auth/{}/login", login.method()), deadline).await
        {
            // What a server says to a wrong secret is 400 or 403; both mean the secret, and nothing else of ours.
            VaultError::Denied { .. } => Err(VaultError::Login {
                method: login.method(),
                source: LoginError::Refused { said: "permission denied".to_owned() },
            }),
            // OpenBao's failure for a certificate without a common name, by which it would know its holder.
            VaultError::Server { said, .. } if said.contains("missing name in alias") => {
                let said = "the certificate has no common name".to_owned();
                Err(VaultError::Login { method: login.method(), source: LoginError::Refused { said } })
            }
            VaultError::Refused { said, .. } => {
                Err(VaultError::Login { method: login.method(), source: LoginError::Refused { said } })
            }
            other => Err(other),
        },
    }
}

/// Lets the token live longer.
pub(crate) async fn renew(settings: &VaultSettings, token: &Token) -> Result<Grant, VaultError> {
    let engine = Engine::new(settings, &token.https, &token.text)?;
    let increment = settings.token_ttl().map(|ttl| format!("{}s", ttl.as_secs().max(1)));
    match vaultrs::token::renew_self(&*engine, increment.as_deref()).await {
        Ok(info) => Ok(taken(info).1),
        Err(error) => Err(fault(settings, error, "auth/token/renew-self", RENEWAL).await),
    }
}

fn taken(info: AuthInfo) -> (Zeroizing<String>, Grant) {
    (Zeroizing::new(info.client_token), grant(info.lease_duration, info.renewable))
}

/// A life of nothing is that of a token that never ends.
fn grant(seconds: u64, renewable: bool) -> Grant {
    Grant { life: (seconds > 0).then(|| Duration::from_secs(seconds)), renewable }
}

/// What an error of `vaultrs` means. Where it has no status its cause is asked of the server with a client that tells causes apart.
pub(crate) async fn fault(
    settings: &VaultSettings,
    error: ClientError,
    path: &str,
    deadline: Duration,
) -> VaultError {
    match error {
        ClientError::APIError { code, errors } => {
            let words: Vec<String> = errors.iter().take(4).map(|word| text::printable(word)).collect();
            return answer::fault(code, &words, None, path);
        }
        // A status whose body has no words: a proxy in between, for example.
        ClientError::RestClientError { source: Fault::ServerResponseError { code, .. } } => {
            return answer::fault(code, &[], None, path);
        }
        _ => {}
    }
    match HttpsClient::new(settings.roots()) {
        Err(error) => VaultError::Https(error),
        Ok(https) => match crate::health::ask(settings, &https, deadline).await {
            Err(error) => error,
            Ok(health) => health.fault().unwrap_or(VaultError::Malformed { what: "a login's answer" }),
        },
    }
}

/// For the question why a renewal failed.
const RENEWAL: Duration = Duration::from_secs(5);
