//! What can go wrong between a node and its Vault, sorted by who has to do something about it.

use crate::{Shortcoming, answer};
use dwcp_base::{Blame, Coded, SecretFileError};
use dwcp_https::HttpsError;
use dwcp_pki::{CredentialError, ProviderError};
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Why a request came to nothing. No text of it holds a token, a secret id or a key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The server is up and sealed: somebody has to unseal it.
    #[error("the server is sealed")]
    Sealed,
    /// The server was never initialised.
    #[error("the server is not initialised")]
    Uninitialised,
    /// The server is a standby that answers no such request and forwards none.
    #[error("the server is a standby and does not forward")]
    Standby,
    /// The server has had enough of us for now: status 429.
    #[error("the server limits the rate of requests")]
    RateLimited {
        /// How long it asked us to wait, if it did.
        retry_after: Option<Duration>,
    },
    /// The server failed: a status of 500 or more, or 412 where a replica is behind.
    #[error("the server failed with status {status}: {said}")]
    Server {
        /// The status.
        status: u16,
        /// How long it asked us to wait, if it did.
        retry_after: Option<Duration>,
        /// Its own words, at most 256 characters on one line.
        said: String,
    },
    /// Our token may not do this, and a new one may not either.
    #[error("permission denied for {path}")]
    Denied {
        /// The path, as a policy names it.
        path: String,
    },
    /// There is no such mount, role, issuer or key.
    #[error("there is no {what} at {path}")]
    NotFound {
        /// What was looked for: `namespace`, `mount`, `role`, `issuer`, `list`, `key`.
        what: &'static str,
        /// Where.
        path: String,
    },
    /// The server will not do this: a status of 400 or another of its kind.
    #[error("the server refused with status {status}: {said}")]
    Refused {
        /// The status.
        status: u16,
        /// Its own words, at most 256 characters on one line.
        said: String,
    },
    /// The role does not allow what is to be asked for. Each shortcoming says what to write.
    #[error("the role {role} does not allow this: {}", Shortcoming::list(missing))]
    Preflight {
        /// The role's path.
        role: String,
        /// What is missing: at least one.
        missing: Vec<Shortcoming>,
    },
    /// There is no token, and none to be had with what is in the files.
    #[error("the login by {method} failed")]
    Login {
        /// The method: `token`, `approle`, `cert`, `jwt`.
        method: &'static str,
        /// What is wrong.
        source: LoginError,
    },
    /// A login failed a moment ago, and the next one has to wait.
    #[error("no token: the last login failed ({code}), and the next one is due in {} s", wait.as_secs_f32().ceil())]
    Paused {
        /// The code of what went wrong then.
        code: &'static str,
        /// How long to wait.
        wait: Duration,
    },
    /// There was no answer in time.
    #[error("the server did not answer within {} s", deadline.as_secs_f32())]
    TimedOut {
        /// The time it had.
        deadline: Duration,
    },
    /// The server could not be reached, or is not who it should be.
    #[error("the connection to the server failed")]
    Https(#[source] HttpsError),
    /// The answer is not what the interface promises.
    #[error("the server's answer is not understood: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
}

/// What is wrong with a login.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoginError {
    /// A file with a secret can not be used.
    #[error("a file can not be used")]
    File(#[source] SecretFileError),
    /// A file holds something that is no token.
    #[error("{} does not hold one line of visible characters", path.display())]
    Text {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key of the login can not be used.
    #[error("the certificate for the login can not be used")]
    Credential(#[source] CredentialError),
    /// The server does not take what the files hold.
    #[error("the server does not take it: {said}")]
    Refused {
        /// Its own words, at most 256 characters on one line.
        said: String,
    },
    /// The token of the file ends and can not be renewed, and the file has no other.
    #[error("the token in the file can not be renewed any more, and the file holds no other")]
    Ending,
}

impl VaultError {
    /// Whether the same request may succeed later without anybody changing a setting here or there.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Sealed
            | Self::Uninitialised
            | Self::Standby
            | Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::Paused { .. }
            | Self::TimedOut { .. } => true,
            Self::Https(error) => error.is_retryable(),
            Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::Preflight { .. }
            | Self::Login { .. }
            | Self::Malformed { .. } => false,
        }
    }

    /// How long the server asked us to wait, at most five minutes (AT-P5: an hour-long answer to a hiccup would cost certificates).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Server { retry_after, .. } => {
                retry_after.map(|wait| wait.min(LONGEST_WAIT))
            }
            Self::Paused { wait, .. } => Some(*wait),
            _ => None,
        }
    }

    /// What to do about it, as one sentence.
    pub fn fix(&self) -> String {
        match self {
            Self::Sealed => "unseal the server: bao operator unseal".to_owned(),
            Self::Uninitialised => "initialise the server: bao operator init".to_owned(),
            Self::Standby => "name the active node, or a load balancer that asks /v1/sys/health".to_owned(),
            Self::RateLimited { .. } => {
                "wait; or raise the quota: bao read sys/quotas/rate-limit/NAME".to_owned()
            }
            Self::Server { .. } => "see the server's log; the next try follows by itself".to_owned(),
            Self::Denied { path } => {
                let verb = answer::capability(path);
                format!(
                    "allow it in the policy of the login: path \"{path}\" {{ capabilities = [\"{verb}\"] }}"
                )
            }
            Self::NotFound { what: "namespace", path } => {
                format!("correct `namespace`, or create it: bao namespace create {path}")
            }
            // A path of the server's own, which nobody can create.
            Self::NotFound { what: "path", path } => {
                format!("correct `address`, `namespace` or the mount: nothing answers at {path}")
            }
            Self::NotFound { what, path } => {
                format!("create the {what} {path}, or correct the setting that names it")
            }
            Self::Refused { .. } => "see the server's words; the role's settings decide".to_owned(),
            Self::Preflight { role, missing } => {
                let mut all: Vec<_> = missing.iter().map(ToString::to_string).collect();
                // The length that was right for keys of the other kind is refused with the new one: zero is the default of each.
                if missing.iter().any(|one| one.setting == "key_type") {
                    all.push("key_bits=0".to_owned());
                }
                format!("bao patch {role} {}", all.join(" "))
            }
            Self::Login { source, .. } => source.fix(),
            Self::Paused { .. } => {
                "see the error of the last login; the next try follows by itself".to_owned()
            }
            Self::Https(error) if error.shows_authority() => error.fix().to_owned(),
            Self::TimedOut { .. } | Self::Https(_) => {
                "check address and ca_file, and that the server runs: bao status".to_owned()
            }
            Self::Malformed { .. } => {
                "check that the address is that of a Vault or OpenBao server".to_owned()
            }
        }
    }

    /// The same with the namespace named that was looked for.
    pub(crate) fn in_namespace(self, namespace: Option<&str>) -> Self {
        match (self, namespace) {
            (Self::NotFound { what: "namespace", .. }, Some(name)) => {
                Self::NotFound { what: "namespace", path: name.to_owned() }
            }
            (error, _) => error,
        }
    }

    /// Whether it says that the server as a whole is of no use at the moment.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Sealed
                | Self::Uninitialised
                | Self::Standby
                | Self::Server { .. }
                | Self::TimedOut { .. }
                | Self::Https(_)
        )
    }
}

impl LoginError {
    fn fix(&self) -> String {
        match self {
            Self::File(error) => error.fix(),
            Self::Text { path } => format!("write the secret into {} as one line", path.display()),
            Self::Credential(_) => {
                "replace cert_file and key_file by a pair that belongs together".to_owned()
            }
            Self::Refused { .. } => {
                "write a fresh secret into the file; it is read again at the next try".to_owned()
            }
            Self::Ending => "write a new token into the file before the old one ends".to_owned(),
        }
    }
}

impl Coded for VaultError {
    fn code(&self) -> &'static str {
        match self {
            Self::Sealed => "vault.server.sealed",
            Self::Uninitialised => "vault.server.uninitialised",
            Self::Standby => "vault.server.standby",
            Self::RateLimited { .. } => "vault.rate.limited",
            Self::Server { .. } => "vault.server.failed",
            Self::Denied { .. } => "vault.permission.denied",
            Self::NotFound { .. } => "vault.path.unknown",
            Self::Refused { .. } => "vault.request.refused",
            Self::Preflight { .. } => "vault.role.insufficient",
            Self::Login { source, .. } => source.code(),
            Self::Paused { .. } => "vault.login.paused",
            Self::TimedOut { .. } => "vault.server.silent",
            Self::Https(error) => error.code(),
            Self::Malformed { .. } => "vault.answer.malformed",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Sealed
            | Self::Uninitialised
            | Self::Standby
            | Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::Paused { .. }
            | Self::TimedOut { .. } => Blame::Network,
            Self::Https(error) => error.blame(),
            Self::Malformed { .. } => Blame::Peer,
            _ => Blame::Local,
        }
    }
}

impl Coded for LoginError {
    fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::Text { .. } => "vault.secret.malformed",
            Self::Credential(error) => error.code(),
            Self::Refused { .. } => "vault.login.refused",
            Self::Ending => "vault.token.ending",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// Unavailable where waiting may help, refused where somebody has to change something.
impl From<VaultError> for ProviderError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::TimedOut { deadline } => Self::TimedOut { deadline },
            VaultError::Https(HttpsError::TimedOut { deadline, .. }) => Self::TimedOut { deadline },
            VaultError::Malformed { .. } => Self::BadAnswer(error.into()),
            // A server that is not who it should be has refused nothing.
            VaultError::Https(_) => Self::Unavailable { retry_after: None, source: error.into() },
            error if error.is_retryable() => {
                Self::Unavailable { retry_after: error.retry_after(), source: error.into() }
            }
            error => Self::Refused(error.into()),
        }
    }
}

const LONGEST_WAIT: Duration = Duration::from_secs(300);
