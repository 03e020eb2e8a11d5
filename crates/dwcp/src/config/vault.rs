//! `security.cert_management.vault`: where the server is, what is asked of it, and how the node logs in.

use super::check::{Checked, HOUR, within};
use super::duration::GoDuration;
use super::model::{Config, Security};
use super::model_providers::Vault;
use super::plan::ProviderPlan;
use super::problem::ConfigProblem;
use dwcp_https::HttpsUrl;
use dwcp_pki::{SpiffeId, SubjectName};
use dwcp_pki_vault::VaultSettings;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A Vault server that signs the node's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultPlan {
    /// Where it is.
    pub(crate) address: HttpsUrl,
    /// Roots that the server is verified by, PEM; nothing else vouches for it.
    pub server_roots: PathBuf,
    /// The namespace of everything that is asked.
    pub namespace: Option<String>,
    /// Where the PKI engine is mounted.
    pub mount: String,
    /// The role.
    pub role: String,
    /// The issuer; `None` for the role's.
    pub issuer: Option<String>,
    /// Lifetime asked for; `None` for the role's.
    pub ttl: Option<Duration>,
    /// The names of the node, where they are written or follow from its name and trust domain.
    pub names: Option<Vec<SubjectName>>,
    /// The lifetime that renewals of the token ask for.
    pub token_ttl: Option<Duration>,
    /// How the node logs in.
    pub login: LoginPlan,
    /// Where the roots of the mount are kept; `None` where `ca_file` says whom the node trusts.
    pub kept_roots: Option<PathBuf>,
    /// Where the lists of the mount are kept.
    pub kept_lists: PathBuf,
    /// Where its delta lists are kept.
    pub kept_deltas: PathBuf,
}

/// How a node logs in; all secrets are in files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginPlan {
    /// A token that somebody else keeps.
    Token(PathBuf),
    /// AppRole.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// Holds the role ID.
        role_id: PathBuf,
        /// Holds the secret ID.
        secret_id: PathBuf,
    },
    /// A TLS client certificate.
    Certificate {
        /// Where the method is mounted.
        mount: String,
        /// The role of the method; `None` for whichever fits.
        role: Option<String>,
        /// The certificate.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// A JSON web token.
    Jwt {
        /// Where the method is mounted.
        mount: String,
        /// The role of the method.
        role: String,
        /// Holds the token.
        file: PathBuf,
    },
}

impl LoginPlan {
    /// The files that it reads.
    pub fn files(&self) -> Vec<&PathBuf> {
        match self {
            Self::Token(file) | Self::Jwt { file, .. } => vec![file],
            Self::AppRole { role_id, secret_id, .. } => vec![role_id, secret_id],
            Self::Certificate { cert, key, .. } => vec![cert, key],
        }
    }
}

/// What is asked of which server. Nothing is read.
pub(super) fn plan(config: &Config, base: &Path, state_dir: &Path) -> Checked<VaultPlan> {
    let section = &config.security.cert_management.vault;
    let missing = |key: &str, what: &str, fix: &str| {
        ConfigProblem::new(format!("{SECTION}.{key}"), format!("is missing, and {what}"), fix)
    };
    let address = section.address.as_deref().ok_or_else(|| {
        missing("address", "provider is `vault`", "write for example https://vault.example.org:8200")
    })?;
    let role = section.role.as_deref().ok_or_else(|| {
        missing(
            "role",
            "certificates are signed under one",
            "write the role of the mount, for example dwcp-role",
        )
    })?;
    let server_roots = section.ca_file.as_ref().ok_or_else(|| {
        missing(
            "ca_file",
            "nothing else says who the server may be",
            "name the PEM file of the root that signed the server's own certificate",
        )
    })?;
    let tls = &config.security.tls;
    Ok(VaultPlan {
        address: self::address(address)?,
        server_roots: base.join(server_roots),
        namespace: section.namespace.clone().map(|text| path("namespace", text, 4)).transpose()?,
        mount: path("pki_path", section.pki_path.clone().unwrap_or_else(|| "pki".to_owned()), 8)?,
        role: path("role", role.to_owned(), 1)?,
        issuer: section.issuer.clone().map(|text| path("issuer", text, 1)).transpose()?,
        ttl: bounded("ttl", section.ttl, SHORTEST_LIFE, LONGEST_LIFE)?,
        names: names(config)?,
        token_ttl: bounded("token_ttl", section.token_ttl, SHORTEST_TOKEN, LONGEST_TOKEN)?,
        login: login(section, base)?,
        kept_roots: tls.ca_file.is_none().then(|| state_dir.join("vault-ca.crt")),
        kept_lists: state_dir.join("vault.crl"),
        kept_deltas: state_dir.join("vault.delta.crl"),
    })
}

fn address(text: &str) -> Checked<HttpsUrl> {
    let key = format!("{SECTION}.address");
    if text.starts_with("http://") {
        let what = "begins with http://, and a token is never sent in clear";
        return Err(ConfigProblem::new(key, what, "write https://, and let the server's listener speak TLS"));
    }
    let fix = "write scheme, host and port, for example https://vault.example.org:8200";
    // It may be anything that YAML can say, passwords included.
    let problem = |error: &dyn std::error::Error| {
        ConfigProblem::new(key.clone(), format!("can not be asked: {error}"), fix)
    };
    let address: HttpsUrl = text.parse().map_err(|error| problem(&error))?;
    // By the judge of the client itself, so that what passes here is what a start takes.
    match VaultSettings::check_address(&address) {
        Ok(()) => Ok(address),
        Err(error) => Err(problem(&error)),
    }
}

/// A name, or a path of at most `parts` names, that stays what it is inside of a URL's path or a header.
fn path(key: &str, text: String, parts: usize) -> Checked<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fit = |part: &str| !part.is_empty() && part.chars().all(plain) && part != "." && part != "..";
    let trimmed = text.trim_matches('/');
    if text.len() <= LONGEST_PATH && trimmed.split('/').count() <= parts && trimmed.split('/').all(fit) {
        return Ok(trimmed.to_owned());
    }
    let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    let form = if parts == 1 { "one name" } else { "names with slashes between them" };
    Err(ConfigProblem::new(
        format!("{SECTION}.{key}"),
        format!("`{shown}` is not {form}"),
        "write letters, digits, dots, dashes and underscores, 128 at most",
    ))
}

/// Those that are written, or those that follow from name and trust domain; `None` where neither is there, and a certificate says them.
fn names(config: &Config) -> Checked<Option<Vec<SubjectName>>> {
    let node = &config.node;
    let Some(written) = &config.security.cert_management.vault.names else {
        let (Some(name), Some(domain)) = (&node.name, &node.trust_domain) else { return Ok(None) };
        let unfit = |error: dwcp_pki::NameError| {
            let fix = "use lower-case letters, digits, dots and dashes, or write security.cert_management.vault.names";
            ConfigProblem::new("node.name", error.to_string(), fix)
        };
        let id: SpiffeId = format!("spiffe://{domain}/node/{name}").parse().map_err(unfit)?;
        let dns = SubjectName::dns(&format!("{name}.{domain}")).map_err(unfit)?;
        return Ok(Some(vec![SubjectName::Uri(id.to_string()), dns]));
    };
    let key = format!("{SECTION}.names");
    if written.is_empty() || written.len() > MOST_NAMES {
        let what = format!("has {} names", written.len());
        return Err(ConfigProblem::new(
            key,
            what,
            format!("write 1 to {MOST_NAMES} names, or remove the key"),
        ));
    }
    let mut names: Vec<SubjectName> = Vec::with_capacity(written.len());
    for text in written {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        let name: SubjectName = text.parse().map_err(|error| {
            let fix = "write for example DNS:n1.example.org, IP:10.0.0.7 or URI:spiffe://example.org/node/n1";
            ConfigProblem::new(key.clone(), format!("`{shown}`: {error}"), fix)
        })?;
        if matches!(&name, SubjectName::Dns(dns) if dns.contains('*')) {
            let what = format!("`{shown}` is a wildcard, which names no node");
            return Err(ConfigProblem::new(key, what, "write the names themselves"));
        }
        if names.contains(&name) {
            return Err(ConfigProblem::new(key, format!("`{shown}` is there twice"), "write it once"));
        }
        names.push(name);
    }
    Ok(Some(names))
}

/// Exactly one way in.
fn login(section: &Vault, base: &Path) -> Checked<LoginPlan> {
    let Vault { token_file, approle, cert_login, jwt, .. } = section;
    let there = [
        ("token_file", token_file.is_some()),
        ("approle", approle.is_some()),
        ("cert_login", cert_login.is_some()),
        ("jwt", jwt.is_some()),
    ];
    let mut written = there.iter().filter(|(_, there)| *there);
    if let (Some((one, _)), Some((other, _))) = (written.next(), written.next()) {
        return Err(ConfigProblem::new(
            format!("{SECTION}.{other}"),
            format!("stands beside {one}, and there is one way to log in"),
            "remove all but one of token_file, approle, cert_login and jwt",
        ));
    }
    let file = |key: &str, path: &Option<PathBuf>| {
        path.as_ref().map(|path| base.join(path)).ok_or_else(|| {
            let fix = "name the file; secrets are never written into the configuration";
            ConfigProblem::new(format!("{SECTION}.{key}"), "is missing", fix)
        })
    };
    let mount = |method: &str, written: &Option<String>| {
        path(&format!("{method}.mount"), written.clone().unwrap_or_else(|| method.replace("_login", "")), 8)
    };
    if let Some(path) = token_file {
        return Ok(LoginPlan::Token(base.join(path)));
    }
    if let Some(approle) = approle {
        return Ok(LoginPlan::AppRole {
            mount: mount("approle", &approle.mount)?,
            role_id: file("approle.role_id_file", &approle.role_id_file)?,
            secret_id: file("approle.secret_id_file", &approle.secret_id_file)?,
        });
    }
    if let Some(cert) = cert_login {
        return Ok(LoginPlan::Certificate {
            mount: mount("cert_login", &cert.mount)?,
            role: cert.role.clone().map(|role| path("cert_login.role", role, 1)).transpose()?,
            cert: file("cert_login.cert_file", &cert.cert_file)?,
            key: file("cert_login.key_file", &cert.key_file)?,
        });
    }
    let Some(jwt) = jwt else {
        return Err(ConfigProblem::new(
            format!("{SECTION}.token_file"),
            "is missing, and so is every other way to log in",
            "name a file that holds a token, or write approle, cert_login or jwt",
        ));
    };
    let role = jwt.role.clone().ok_or_else(|| {
        let fix = "write the role of the method, for example dwcp-node";
        ConfigProblem::new(format!("{SECTION}.jwt.role"), "is missing", fix)
    })?;
    Ok(LoginPlan::Jwt {
        mount: mount("jwt", &jwt.mount)?,
        role: path("jwt.role", role, 1)?,
        file: file("jwt.file", &jwt.file)?,
    })
}

fn bounded(
    key: &str,
    written: Option<GoDuration>,
    least: Duration,
    most: Duration,
) -> Checked<Option<Duration>> {
    written.map(|_| within(&format!("{SECTION}.{key}"), written, 24 * HOUR, least, most)).transpose()
}

/// What the mount brings by itself, and the section where no server is asked.
pub(super) fn refuse_beside(
    security: &Security,
    provider: &ProviderPlan,
    warnings: &mut Vec<String>,
) -> Checked<()> {
    if !matches!(provider, ProviderPlan::Vault { .. }) {
        // A file may keep it for later, as the originals' files do.
        if security.cert_management.vault.address.is_some() {
            warnings
                .push(format!("{SECTION} is without effect: security.cert_management.provider is another"));
        }
        return Ok(());
    }
    let tls = &security.tls;
    if tls.crl_url.is_some() {
        return Err(ConfigProblem::new(
            "security.tls.crl_url",
            "stands beside `provider: vault`, whose lists come from the mount",
            "remove the key; lists of an authority above the mount's go into security.tls.crl_file",
        ));
    }
    Ok(())
}

const SECTION: &str = "security.cert_management.vault";
const LONGEST_PATH: usize = 128;
const MOST_NAMES: usize = 32;
/// As for the embedded provider's certificates there is no use in less; leaves of seconds are for tests of renewal.
const SHORTEST_LIFE: Duration = Duration::from_secs(5);
const LONGEST_LIFE: Duration = Duration::from_secs(398 * 86_400);
const SHORTEST_TOKEN: Duration = Duration::from_secs(5);
const LONGEST_TOKEN: Duration = Duration::from_secs(365 * 86_400);
