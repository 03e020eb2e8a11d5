//! The ways to log in, and the secrets they read: from files, anew at each login.

use crate::{BadSetting, LoginError, text};
use dwcp_base::{SecretFileError, read_bounded, read_secret};
use dwcp_crypto::digest;
use dwcp_pki::Credential;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use zeroize::Zeroizing;

/// How a token is obtained. Every file is read at each login, and a login follows when one changed: rotated secrets are taken up without a
/// restart.
///
/// # Security
/// Files with secrets must be readable by their owner alone (mode 0600); others are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Login {
    /// A token that somebody else puts into a file: an operator, or an agent with a sink.
    TokenFile {
        /// The file, at most 4 KiB.
        path: PathBuf,
    },
    /// AppRole: a role id that may be known and a secret id that may not.
    AppRole {
        /// The mount of the method, `approle` by default in Vault.
        mount: String,
        /// The role id.
        role_id: RoleId,
        /// The file with the secret id.
        secret_id_file: PathBuf,
    },
    /// A certificate that the TLS handshake with the server shows.
    Certificate {
        /// The mount of the method, `cert` by default in Vault.
        mount: String,
        /// The role to log in to, which the server calls its name; any that the certificate fits by default.
        role: Option<String>,
        /// The chain in PEM, leaf first.
        cert: PathBuf,
        /// The key in PEM.
        key: PathBuf,
    },
    /// A JSON Web Token, as Kubernetes and CI systems hand them out.
    Jwt {
        /// The mount of the method, `jwt` by default in Vault.
        mount: String,
        /// The role to log in to.
        role: String,
        /// The file with the token, at most 16 KiB.
        jwt_file: PathBuf,
    },
}

/// Where an AppRole's role id comes from. It is no secret, so its file may be readable by others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoleId {
    /// The id itself.
    Text(String),
    /// A file with the id, read at each login.
    File(PathBuf),
}

/// What one login needs, read from the files.
pub(crate) enum Means {
    Token(Zeroizing<String>),
    AppRole { role_id: String, secret_id: Zeroizing<String> },
    Certificate(Box<Credential>),
    Jwt(Zeroizing<String>),
}

impl Login {
    /// The name of the method: `token`, `approle`, `cert` or `jwt`.
    pub fn method(&self) -> &'static str {
        match self {
            Self::TokenFile { .. } => "token",
            Self::AppRole { .. } => "approle",
            Self::Certificate { .. } => "cert",
            Self::Jwt { .. } => "jwt",
        }
    }

    /// Whether a login makes a token of its own, which nobody else knows; one from a file is somebody else's.
    pub(crate) fn makes_tokens(&self) -> bool {
        !matches!(self, Self::TokenFile { .. })
    }

    pub(crate) fn check(&self) -> Result<(), BadSetting> {
        match self {
            Self::TokenFile { .. } => Ok(()),
            Self::AppRole { mount, role_id, .. } => {
                text::path("approle.mount", mount)?;
                match role_id {
                    RoleId::Text(id) => text::segment("approle.role_id", id).map(drop),
                    RoleId::File(_) => Ok(()),
                }
            }
            Self::Certificate { mount, role, .. } => {
                text::path("cert_login.mount", mount)?;
                role.as_ref().map_or(Ok(()), |role| text::segment("cert_login.role", role).map(drop))
            }
            Self::Jwt { mount, role, .. } => {
                text::path("jwt.mount", mount)?;
                text::segment("jwt.role", role).map(drop)
            }
        }
    }

    /// Reads what a login needs.
    pub(crate) fn read(&self) -> Result<Means, LoginError> {
        Ok(match self {
            Self::TokenFile { path } => Means::Token(secret_text(path, LONGEST_TOKEN)?),
            Self::AppRole { role_id, secret_id_file, .. } => {
                let role_id = match role_id {
                    RoleId::Text(id) => id.clone(),
                    RoleId::File(path) => {
                        let bytes = read_bounded(path, LONGEST_TOKEN).map_err(LoginError::File)?;
                        one_line(path, bytes)?.to_string()
                    }
                };
                Means::AppRole { role_id, secret_id: secret_text(secret_id_file, LONGEST_TOKEN)? }
            }
            Self::Certificate { cert, key, .. } => {
                Means::Certificate(Box::new(Credential::load(cert, key).map_err(LoginError::Credential)?))
            }
            Self::Jwt { jwt_file, .. } => Means::Jwt(secret_text(jwt_file, LONGEST_JWT)?),
        })
    }

    /// What the files look like from outside: another value when one was written, replaced, or is gone.
    pub(crate) fn marks(&self) -> [u8; 32] {
        let mut seen = Vec::new();
        for path in self.files() {
            let mark = std::fs::metadata(path).ok().map(|found| {
                let changed = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                (found.len(), changed.map(|at| at.as_nanos()), inode(&found))
            });
            seen.extend_from_slice(format!("{mark:?};").as_bytes());
        }
        digest::sha256(&seen)
    }

    /// What is said of files that can not be read in time: a file system that hangs.
    pub(crate) fn silent(&self) -> LoginError {
        let path = self.files().first().map(|path| path.to_path_buf()).unwrap_or_default();
        LoginError::File(SecretFileError::Io { path, source: io::ErrorKind::TimedOut.into() })
    }

    fn files(&self) -> Vec<&Path> {
        match self {
            Self::TokenFile { path } => vec![path],
            Self::AppRole { role_id: RoleId::File(id), secret_id_file, .. } => vec![id, secret_id_file],
            Self::AppRole { secret_id_file, .. } => vec![secret_id_file],
            Self::Certificate { cert, key, .. } => vec![cert, key],
            Self::Jwt { jwt_file, .. } => vec![jwt_file],
        }
    }
}

#[cfg(unix)]
fn inode(found: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn inode(_found: &std::fs::Metadata) -> u64 {
    0
}

fn secret_text(path: &Path, limit: u64) -> Result<Zeroizing<String>, LoginError> {
    one_line(path, read_secret(path, limit).map_err(LoginError::File)?)
}

/// One line of visible ASCII: what may stand in a header and in JSON without being escaped. White space around it is a file's, not the
/// secret's.
fn one_line(path: &Path, bytes: Vec<u8>) -> Result<Zeroizing<String>, LoginError> {
    let bytes = Zeroizing::new(bytes);
    let text = bytes.trim_ascii();
    if text.is_empty() || !text.iter().all(u8::is_ascii_graphic) {
        return Err(LoginError::Text { path: path.to_owned() });
    }
    let text = std::str::from_utf8(text).map_err(|_| LoginError::Text { path: path.to_owned() })?;
    Ok(Zeroizing::new(text.to_owned()))
}

const LONGEST_TOKEN: u64 = 4 << 10;
const LONGEST_JWT: u64 = 16 << 10;
