//! What an operator says about a Vault server: where it is, who it is, which role signs, and how one logs in.

use crate::{Login, text};
use dwcp_base::{Blame, Coded};
use dwcp_https::{HttpsUrl, Roots};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// One role of one mount of one server. Texts that become part of a path are checked here, so that none can name another path.
#[derive(Clone)]
pub struct VaultSettings {
    address: HttpsUrl,
    namespace: Option<String>,
    mount: String,
    role: String,
    issuer: Option<String>,
    ttl: Option<Duration>,
    roots: Roots,
    login: Login,
    token_ttl: Option<Duration>,
    file_watch: Duration,
}

impl VaultSettings {
    /// The role `role` of the mount `pki` at `address`, which is who it says when `roots` vouch for it.
    ///
    /// # Errors
    /// [`BadSetting`] for an address with a path, and for texts that would not stay one segment of a path.
    pub fn new(address: HttpsUrl, roots: Roots, role: &str, login: Login) -> Result<Self, BadSetting> {
        Self::check_address(&address)?;
        login.check()?;
        Ok(Self {
            address,
            namespace: None,
            mount: "pki".to_owned(),
            role: text::segment("role", role)?,
            issuer: None,
            ttl: None,
            roots,
            login,
            token_ttl: None,
            file_watch: Duration::from_secs(5),
        })
    }

    /// Whether a server can be at `address`: scheme, host and port, and nothing behind them.
    ///
    /// # Errors
    /// [`BadSetting::AddressPath`] for an address with a path, `v1` among them: paths are those of the interface.
    pub fn check_address(address: &HttpsUrl) -> Result<(), BadSetting> {
        match address.to_string() == format!("{}/", address.origin()) {
            true => Ok(()),
            false => Err(BadSetting::AddressPath),
        }
    }

    /// Another mount than `pki`: 1 to 128 characters, with `/` between segments.
    ///
    /// # Errors
    /// [`BadSetting`] for other characters than letters, digits, `-`, `_` and `.`.
    pub fn with_mount(mut self, mount: &str) -> Result<Self, BadSetting> {
        self.mount = text::path("pki_path", mount)?;
        Ok(self)
    }

    /// The namespace that mount and login are in (Vault Enterprise, OpenBao 2.3 and later). Default: the root namespace.
    ///
    /// # Errors
    /// As [`with_mount`](Self::with_mount).
    pub fn with_namespace(mut self, namespace: &str) -> Result<Self, BadSetting> {
        self.namespace = Some(text::path("namespace", namespace)?);
        Ok(self)
    }

    /// The issuer that is to sign, by its name or id, where the mount has several. Default: what the role says.
    ///
    /// # Errors
    /// As [`with_mount`](Self::with_mount), and for more than one segment.
    pub fn with_issuer(mut self, issuer: &str) -> Result<Self, BadSetting> {
        self.issuer = Some(text::segment("issuer", issuer)?);
        Ok(self)
    }

    /// How long certificates are to live; the role's maximum still holds, and a shorter life is told
    /// by [`Event::LifeShortened`](crate::Event::LifeShortened). Default: the role's own.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long a renewed token is asked to live. Default: what the server gives.
    #[must_use]
    pub fn with_token_ttl(mut self, ttl: Duration) -> Self {
        self.token_ttl = Some(ttl);
        self
    }

    /// How often the files of the login are looked at. Default: five seconds; not below ten milliseconds.
    #[must_use]
    pub fn with_file_watch(mut self, watch: Duration) -> Self {
        self.file_watch = watch.max(Duration::from_millis(10));
        self
    }

    /// Where the server is.
    pub fn address(&self) -> &HttpsUrl {
        &self.address
    }

    /// The namespace, where one is set.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The mount of the PKI engine, without slashes at its ends.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// The role that signs.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The issuer that is to sign, where one is set.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// How one logs in.
    pub fn login(&self) -> &Login {
        &self.login
    }

    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    pub(crate) fn roots(&self) -> &Roots {
        &self.roots
    }

    pub(crate) fn file_watch(&self) -> Duration {
        self.file_watch
    }

    pub(crate) fn token_ttl(&self) -> Option<Duration> {
        self.token_ttl
    }
}

impl fmt::Debug for VaultSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultSettings")
            .field("address", &self.address.to_string())
            .field("namespace", &self.namespace)
            .field("mount", &self.mount)
            .field("role", &self.role)
            .field("issuer", &self.issuer)
            .field("ttl", &self.ttl)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadSetting {
    /// It is empty.
    #[error("{setting} is empty")]
    Empty {
        /// The setting.
        setting: &'static str,
    },
    /// It is longer than anything of its kind.
    #[error("{setting} is longer than {limit} characters")]
    TooLong {
        /// The setting.
        setting: &'static str,
        /// The most characters it may have.
        limit: usize,
    },
    /// It has a character that would make another path of it.
    #[error(
        "{setting} has a character or a segment that may not stand in a path: letters, digits, - _ . are allowed"
    )]
    Character {
        /// The setting.
        setting: &'static str,
    },
    /// The address has a path.
    #[error("the address is to be scheme, host and port alone: https://HOST:PORT")]
    AddressPath,
}

impl Coded for BadSetting {
    fn code(&self) -> &'static str {
        match self {
            Self::AddressPath => "vault.address.invalid",
            _ => "vault.setting.invalid",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
