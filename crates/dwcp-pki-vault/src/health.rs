//! What the server says of itself, without a token: `sys/health`.

use crate::{VaultError, VaultSettings, text};
use dwcp_https::{Ask, HttpsClient, HttpsError, Limits, Verb};
use serde::Deserialize;
use std::time::Duration;

/// The answer of `sys/health`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VaultHealth {
    /// Whether the server was ever initialised.
    pub initialized: bool,
    /// Whether it is sealed: it answers nothing then.
    pub sealed: bool,
    /// Whether it is a standby. It forwards requests where it can.
    pub standby: bool,
    /// Its version, at most 256 characters.
    pub version: String,
}

#[derive(Deserialize)]
struct Body {
    initialized: bool,
    sealed: bool,
    #[serde(default)]
    standby: bool,
    #[serde(default)]
    version: String,
}

impl VaultHealth {
    /// Reads the body. The status says the same and is not needed.
    ///
    /// # Errors
    /// [`VaultError::Malformed`] for anything else.
    pub fn from_answer(body: &[u8]) -> Result<Self, VaultError> {
        let Body { initialized, sealed, standby, version } =
            serde_json::from_slice(body).map_err(|_| VaultError::Malformed { what: "its health" })?;
        Ok(Self { initialized, sealed, standby, version: text::printable(&version) })
    }

    /// Why it can not be used, if it can not.
    pub fn fault(&self) -> Option<VaultError> {
        match self {
            Self { initialized: false, .. } => Some(VaultError::Uninitialised),
            Self { sealed: true, .. } => Some(VaultError::Sealed),
            Self { standby: true, .. } => Some(VaultError::Standby),
            _ => None,
        }
    }
}

/// Asks. A namespace has no health of its own, so none is named.
pub(crate) async fn ask(
    settings: &VaultSettings,
    https: &HttpsClient,
    deadline: Duration,
) -> Result<VaultHealth, VaultError> {
    let url = settings.address().join("v1/sys/health").map_err(|error| VaultError::Https(error.into()))?;
    let limits = Limits { deadline, body: LARGEST };
    let answer = https.ask(Ask { verb: Verb::Get, url: &url, headers: &[REQUEST], body: None, limits }).await;
    match answer {
        Ok(answer) => VaultHealth::from_answer(&answer.body),
        Err(HttpsError::TimedOut { .. }) => Err(VaultError::TimedOut { deadline }),
        Err(error) => Err(VaultError::Https(error)),
    }
}

/// Servers may be told to refuse what does not carry it, so that a browser can not be made to ask.
pub(crate) const REQUEST: (&str, &str) = ("X-Vault-Request", "true");
const LARGEST: usize = 16 << 10;
