//! Which authorities are asked, and as whom.

use dwcp_base::{Blame, Coded};
use dwcp_https::{HttpsUrl, Roots};
use dwcp_pki::SubjectName;
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// The authorities that are asked, the first that can issue, and whom they may write to.
///
/// Using an authority means to agree to its terms of service: accounts are made with that statement (RFC 8555 §7.3).
#[derive(Clone, Debug)]
pub struct AcmeSettings {
    issuers: Vec<AcmeIssuer>,
    contacts: Vec<String>,
}

impl AcmeSettings {
    /// One authority and no contact.
    pub fn new(issuer: AcmeIssuer) -> Self {
        Self { issuers: vec![issuer], contacts: Vec::new() }
    }

    /// A further authority, which is asked where all before it can not issue. At most eight in all.
    ///
    /// # Errors
    /// [`SettingsError::Issuers`] for too many, [`SettingsError::Twice`] for a directory or a name that is there already.
    pub fn with_issuer(mut self, issuer: AcmeIssuer) -> Result<Self, SettingsError> {
        if self.issuers.len() >= MOST_ISSUERS {
            return Err(SettingsError::Issuers { limit: MOST_ISSUERS });
        }
        let same = |one: &AcmeIssuer| {
            one.name == issuer.name || one.directory.to_string() == issuer.directory.to_string()
        };
        if self.issuers.iter().any(same) {
            return Err(SettingsError::Twice { name: issuer.name });
        }
        self.issuers.push(issuer);
        Ok(self)
    }

    /// A mail address that authorities may write to, without `mailto:`. At most eight.
    ///
    /// # Errors
    /// [`SettingsError::Contact`] for what is no mail address, or one too many.
    pub fn with_contact(mut self, mail: &str) -> Result<Self, SettingsError> {
        let bad = || SettingsError::Contact { text: mail.chars().take(100).collect() };
        SubjectName::Email(mail.to_owned()).check().map_err(|_| bad())?;
        // RFC 8555 §7.3: one address to a URL and no header fields, which `?` and `,` would begin.
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b',' | b'%' | b'&' | b'"');
        if !mail.bytes().all(plain) || self.contacts.len() >= MOST_CONTACTS {
            return Err(bad());
        }
        self.contacts.push(format!("mailto:{mail}"));
        Ok(self)
    }

    /// The authorities in the order they are asked: 1 to 8.
    pub fn issuers(&self) -> &[AcmeIssuer] {
        &self.issuers
    }

    /// The contacts as URLs: `mailto:…`.
    pub fn contacts(&self) -> &[String] {
        &self.contacts
    }
}

/// One authority.
#[derive(Clone, Debug)]
pub struct AcmeIssuer {
    pub(crate) name: String,
    pub(crate) directory: HttpsUrl,
    pub(crate) roots: Roots,
    pub(crate) profile: Option<String>,
    pub(crate) external: Option<ExternalAccount>,
}

impl AcmeIssuer {
    /// The authority of `directory`, whose own TLS certificate ends at one of `roots`. Its name is the host's, with the port where that is
    /// not 443, until [`named`](Self::named) says another.
    pub fn new(directory: HttpsUrl, roots: Roots) -> Self {
        let origin = directory.origin();
        let name = origin.strip_prefix("https://").unwrap_or(&origin).to_owned();
        Self { name, directory, roots, profile: None, external: None }
    }

    /// Let's Encrypt, over the roots of the operating system.
    ///
    /// # Errors
    /// None in practice: the address is a constant.
    pub fn lets_encrypt() -> Result<Self, SettingsError> {
        Self::public(instant_acme::LetsEncrypt::Production.url(), "letsencrypt")
    }

    /// Let's Encrypt's place to try things: generous limits, certificates that nobody trusts.
    ///
    /// # Errors
    /// As [`lets_encrypt`](Self::lets_encrypt).
    pub fn lets_encrypt_staging() -> Result<Self, SettingsError> {
        Self::public(instant_acme::LetsEncrypt::Staging.url(), "letsencrypt-staging")
    }

    fn public(url: &str, name: &str) -> Result<Self, SettingsError> {
        let directory = url.parse().map_err(|_| SettingsError::Directory { text: url.to_owned() })?;
        Self::new(directory, Roots::System).named(name)
    }

    /// A name for logs, health and events: 1 to 64 letters, digits, dashes, full stops, underscores, and what ports and IPv6 addresses are
    /// written with (`:`, `[`, `]`).
    ///
    /// # Errors
    /// [`SettingsError::Name`] for any other.
    pub fn named(mut self, name: &str) -> Result<Self, SettingsError> {
        if !is_word(&name.replace([':', '[', ']'], "-")) {
            return Err(SettingsError::Name { text: name.chars().take(100).collect() });
        }
        self.name = name.to_owned();
        Ok(self)
    }

    /// The profile to ask for, for example `shortlived`: as a name above. Without one the authority decides.
    ///
    /// # Errors
    /// [`SettingsError::Profile`] for what can not be one.
    pub fn with_profile(mut self, profile: &str) -> Result<Self, SettingsError> {
        if !is_word(profile) {
            return Err(SettingsError::Profile { text: profile.chars().take(100).collect() });
        }
        self.profile = Some(profile.to_owned());
        Ok(self)
    }

    /// The account outside of ACME that a new account is bound to (RFC 8555 §7.3.4).
    #[must_use]
    pub fn with_external_account(mut self, external: ExternalAccount) -> Self {
        self.external = Some(external);
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its directory is.
    pub fn directory(&self) -> &HttpsUrl {
        &self.directory
    }

    /// The profile that is asked for.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}

/// An account outside of ACME: its key identifier, and the file with its HMAC key.
#[derive(Clone)]
pub struct ExternalAccount {
    pub(crate) kid: String,
    pub(crate) hmac_file: PathBuf,
}

impl ExternalAccount {
    /// The key identifier as the authority gave it, 1 to 256 printable characters, and the file with the HMAC key in base64url. The file
    /// is read when an account is made; nobody but its owner may be able to read it.
    ///
    /// # Errors
    /// [`SettingsError::KeyIdentifier`] for what can not be one.
    pub fn new(kid: &str, hmac_file: impl Into<PathBuf>) -> Result<Self, SettingsError> {
        if kid.is_empty() || kid.len() > 256 || !kid.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SettingsError::KeyIdentifier);
        }
        Ok(Self { kid: kid.to_owned(), hmac_file: hmac_file.into() })
    }
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// What is wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The address is no HTTPS URL.
    #[error("`{text}` is no address of a directory: it has to begin with https://")]
    Directory {
        /// The address.
        text: String,
    },
    /// There are too many authorities.
    #[error("more than {limit} authorities")]
    Issuers {
        /// The most there may be.
        limit: usize,
    },
    /// An authority is there twice.
    #[error("the authority `{name}` is there twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// A name does not fit.
    #[error("`{text}` is no name of 1 to 64 letters, digits, `-`, `.`, `_`, `:` and brackets")]
    Name {
        /// The name.
        text: String,
    },
    /// A profile does not fit.
    #[error("`{text}` is no profile of 1 to 64 letters, digits, `-`, `.` and `_`")]
    Profile {
        /// The profile.
        text: String,
    },
    /// A contact is no mail address, or there are too many.
    #[error("`{text}` is no mail address, or one of more than 8")]
    Contact {
        /// The contact.
        text: String,
    },
    /// The key identifier of an external account does not fit.
    #[error("the key identifier of an external account is not 1 to 256 printable characters")]
    KeyIdentifier,
}

impl Coded for SettingsError {
    fn code(&self) -> &'static str {
        "acme.settings.invalid"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

const MOST_ISSUERS: usize = 8;
const MOST_CONTACTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(url: &str) -> AcmeIssuer {
        AcmeIssuer::new(url.parse().unwrap(), Roots::System)
    }

    #[test]
    fn at_p6_a_directory_without_tls_can_not_be_named() {
        assert!("http://ca.example/dir".parse::<HttpsUrl>().is_err());
        assert_eq!(AcmeIssuer::lets_encrypt().unwrap().directory().host(), "acme-v02.api.letsencrypt.org");
        assert!(AcmeIssuer::lets_encrypt_staging().unwrap().directory().host().contains("staging"));
    }

    #[test]
    fn an_authority_is_asked_under_one_name_and_once() {
        let settings = AcmeSettings::new(issuer("https://a.example/dir"));
        let twice = issuer("https://a.example/dir").named("other").unwrap();
        assert!(matches!(settings.clone().with_issuer(twice), Err(SettingsError::Twice { .. })));
        let same = issuer("https://b.example/dir").named("a.example").unwrap();
        assert!(matches!(settings.clone().with_issuer(same), Err(SettingsError::Twice { .. })));
        let mut settings = settings;
        for n in 0..7 {
            settings = settings.with_issuer(issuer(&format!("https://n{n}.example/"))).unwrap();
        }
        assert!(settings.with_issuer(issuer("https://z.example/")).is_err());
    }

    #[test]
    fn authorities_of_one_host_have_a_name_each() {
        let name = |url: &str| issuer(url).name().to_owned();
        assert_eq!(name("https://a.example/dir"), "a.example");
        assert_eq!(name("https://a.example:443/dir"), "a.example");
        assert_eq!(name("https://a.example:14000/dir"), "a.example:14000");
        assert_eq!(name("https://[::1]:14000/dir"), "[::1]:14000");
        // What such a name is made of may be written, too.
        assert_eq!(
            issuer("https://[::1]:14000/other").named("[::1]:14000-2").unwrap().name(),
            "[::1]:14000-2"
        );
        let settings = AcmeSettings::new(issuer("https://a.example:14000/dir"));
        assert!(settings.with_issuer(issuer("https://a.example:15000/dir")).is_ok());
    }

    #[test]
    fn a_contact_is_one_mail_address_and_nothing_else() {
        let settings = AcmeSettings::new(issuer("https://a.example/dir"));
        let good = settings.clone().with_contact("ops@a.example").unwrap();
        assert_eq!(good.contacts(), ["mailto:ops@a.example"]);
        for bad in
            ["", "ops", "mailto:ops@a.example?cc=x@b.example", "a@b.example,c@d.example", "a b@c.example"]
        {
            assert!(settings.clone().with_contact(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_profiles_and_key_identifiers_are_bounded_words() {
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(issuer("https://a.example/").named(bad).is_err(), "{bad}");
            assert!(issuer("https://a.example/").with_profile(bad).is_err(), "{bad}");
        }
        assert!(ExternalAccount::new("kid 1", "/x").is_err() && ExternalAccount::new("", "/x").is_err());
        let external = ExternalAccount::new("kid-1", "/somewhere/secret").unwrap();
        assert!(!format!("{external:?}").contains("somewhere"));
    }
}
