//! The keys of issuers elsewhere: `security.cert_management.vault` and `security.cert_management.acme`.

use super::duration::GoDuration;
use serde::Deserialize;
use std::path::PathBuf;

/// `security.cert_management.vault`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vault {
    /// Where the server is: `https://host:port`.
    pub address: Option<String>,
    /// Roots that the server itself is verified by (PEM).
    pub ca_file: Option<PathBuf>,
    /// The namespace of everything that is asked.
    pub namespace: Option<String>,
    /// Where the PKI engine is mounted; default `pki`.
    pub pki_path: Option<String>,
    /// The role that certificates are signed under.
    pub role: Option<String>,
    /// The issuer of the mount, by name or reference; default the role's.
    pub issuer: Option<String>,
    /// Lifetime asked for; default the role's.
    pub ttl: Option<GoDuration>,
    /// The names of the node, `KIND:VALUE`; default its SPIFFE ID and `NAME.DOMAIN`.
    pub names: Option<Vec<String>>,
    /// How long a token is asked to live for at a renewal; default what the server gives.
    pub token_ttl: Option<GoDuration>,
    /// Login by a token that somebody else keeps in a file.
    pub token_file: Option<PathBuf>,
    /// Login by AppRole.
    pub approle: Option<AppRole>,
    /// Login by a TLS client certificate.
    pub cert_login: Option<CertLogin>,
    /// Login by a JSON web token.
    pub jwt: Option<JwtLogin>,
}

/// `security.cert_management.vault.approle`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppRole {
    /// Where the method is mounted; default `approle`.
    pub mount: Option<String>,
    /// A file that holds the role ID.
    pub role_id_file: Option<PathBuf>,
    /// A file that holds the secret ID.
    pub secret_id_file: Option<PathBuf>,
}

/// `security.cert_management.vault.cert_login`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertLogin {
    /// Where the method is mounted; default `cert`.
    pub mount: Option<String>,
    /// The role of the method; default whichever fits.
    pub role: Option<String>,
    /// The certificate (PEM).
    pub cert_file: Option<PathBuf>,
    /// Its key (PEM, mode 0600).
    pub key_file: Option<PathBuf>,
}

/// `security.cert_management.vault.jwt`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JwtLogin {
    /// Where the method is mounted; default `jwt`.
    pub mount: Option<String>,
    /// The role of the method.
    pub role: Option<String>,
    /// A file that holds the token.
    pub file: Option<PathBuf>,
}

/// `security.cert_management.acme`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Acme {
    /// Must not be false where the provider is `acme`.
    pub enabled: Option<bool>,
    /// DNS names and addresses of the certificate.
    pub domains: Option<Vec<String>>,
    /// Whom the authority may write to.
    pub email: Option<String>,
    /// Where accounts and orders are kept; default `acme` in the state directory.
    pub cache_dir: Option<PathBuf>,
    /// In the place of `security.cert_management.renew_before`.
    pub renew_before: Option<GoDuration>,
    /// Let's Encrypt's directory for tries; default false.
    pub use_staging: Option<bool>,
    /// Where HTTP-01 is answered.
    pub http_challenge_port: Option<u16>,
    /// `tls-alpn-01` or `http-01`.
    pub challenge: Option<String>,
    /// Another authority's directory: `https://…`.
    pub directory: Option<String>,
    /// Roots of that authority's own TLS (PEM).
    pub ca_file: Option<PathBuf>,
    /// Roots of what that authority issues (PEM); default those of `ca_file`.
    pub issued_by: Option<PathBuf>,
    /// The profile that is asked for.
    pub profile: Option<String>,
    /// What binds the account to one that is there already.
    pub eab: Option<ExternalAccount>,
    /// Several authorities in order, in the place of `directory`.
    pub issuers: Vec<AcmeIssuer>,
    /// A key file that seals the keys of accounts.
    pub account_key_file: Option<PathBuf>,
}

/// One of `security.cert_management.acme.issuers`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcmeIssuer {
    /// Its directory: `https://…`.
    pub directory: String,
    /// Roots of its own TLS (PEM).
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Roots of what it issues (PEM); default those of `ca_file`.
    #[serde(default)]
    pub issued_by: Option<PathBuf>,
    /// The profile that is asked for.
    #[serde(default)]
    pub profile: Option<String>,
    /// What binds the account to one that is there already.
    #[serde(default)]
    pub eab: Option<ExternalAccount>,
}

/// `security.cert_management.acme.eab`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalAccount {
    /// The key's identifier, as the authority gave it.
    pub kid: String,
    /// A file that holds the key, in base64url.
    pub hmac_file: PathBuf,
}
