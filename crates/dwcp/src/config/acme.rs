//! `security.cert_management.acme`: which public authorities are asked for which names, and who answers their challenges.

use super::check::{Checked, HOUR, within};
use super::model::{Config, Security};
use super::model_providers::{Acme, ExternalAccount};
use super::plan::{DialerPlan, ListenerPlan, ProviderPlan};
use super::problem::ConfigProblem;
use dwcp_https::HttpsUrl;
use dwcp_pki::SubjectName;
use dwcp_tls::ClientAuth;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Authorities that speak ACME (RFC 8555), and what is asked of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmePlan {
    /// Asked in order; at least one.
    pub issuers: Vec<AcmeIssuerPlan>,
    /// DNS names and addresses; at least one.
    pub names: Vec<SubjectName>,
    /// Whom the authority may write to.
    pub email: Option<String>,
    /// Where accounts and orders are kept.
    pub cache_dir: PathBuf,
    /// How it is shown that the names are the node's.
    pub challenge: ChallengePlan,
}

/// One authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeIssuerPlan {
    /// Its directory.
    pub(crate) directory: HttpsUrl,
    /// Roots of its server and of its certificates, PEM; `None` for those of the system.
    pub roots: Option<PathBuf>,
    /// The profile that is asked for.
    pub profile: Option<String>,
    /// What binds the account to one that is there already.
    pub eab: Option<ExternalAccountPlan>,
}

/// What binds an account to one that is there already (RFC 8555 §7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccountPlan {
    /// The key's identifier.
    pub kid: String,
    /// Holds the key, in base64url.
    pub hmac_file: PathBuf,
}

/// Who answers challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengePlan {
    /// The node's own listeners (RFC 8737).
    TlsAlpn,
    /// A listener of plain HTTP at this port of every address (RFC 8555 §8.3).
    Http(u16),
}

/// What is asked of whom. Nothing is read.
pub(super) fn plan(section: &Acme, base: &Path, state_dir: &Path) -> Checked<AcmePlan> {
    if section.enabled == Some(false) {
        return Err(ConfigProblem::new(
            format!("{SECTION}.enabled"),
            "is false, and provider is `acme`",
            "remove the key, or name another provider",
        ));
    }
    Ok(AcmePlan {
        issuers: issuers(section, base)?,
        names: names(section.domains.as_deref().unwrap_or_default())?,
        email: section.email.as_deref().map(email).transpose()?,
        cache_dir: section.cache_dir.as_ref().map_or_else(|| state_dir.join("acme"), |dir| base.join(dir)),
        challenge: challenge(section)?,
    })
}

fn issuers(section: &Acme, base: &Path) -> Checked<Vec<AcmeIssuerPlan>> {
    let staging = section.use_staging == Some(true);
    if !section.issuers.is_empty() {
        let beside = [
            ("directory", section.directory.is_some()),
            ("ca_file", section.ca_file.is_some()),
            ("profile", section.profile.is_some()),
            ("eab", section.eab.is_some()),
            ("use_staging", staging),
        ];
        if let Some((key, _)) = beside.iter().find(|(_, there)| *there) {
            return Err(ConfigProblem::new(
                format!("{SECTION}.{key}"),
                "stands beside issuers, which say it for each of them",
                "move it into the list, or remove the list",
            ));
        }
        if section.issuers.len() > MOST_ISSUERS {
            let what = format!("has {} entries", section.issuers.len());
            let fix = format!("write {MOST_ISSUERS} at most");
            return Err(ConfigProblem::new(format!("{SECTION}.issuers"), what, fix));
        }
        let issuer = |(at, issuer): (usize, &super::model_providers::AcmeIssuer)| {
            let key = format!("{SECTION}.issuers[{at}]");
            Ok(AcmeIssuerPlan {
                directory: directory(&format!("{key}.directory"), &issuer.directory)?,
                roots: issuer.ca_file.as_ref().map(|path| base.join(path)),
                profile: profile(&key, issuer.profile.as_deref())?,
                eab: eab(&key, issuer.eab.as_ref(), base)?,
            })
        };
        return section.issuers.iter().enumerate().map(issuer).collect();
    }
    let written = match (&section.directory, staging) {
        (Some(_), true) => {
            return Err(ConfigProblem::new(
                format!("{SECTION}.use_staging"),
                "is true, and directory names an authority, whose place for tries this node does not know",
                "write that place into directory, and remove use_staging",
            ));
        }
        (Some(directory), false) => directory,
        (None, true) => LETS_ENCRYPT_STAGING,
        (None, false) => LETS_ENCRYPT,
    };
    Ok(vec![AcmeIssuerPlan {
        directory: directory(&format!("{SECTION}.directory"), written)?,
        roots: section.ca_file.as_ref().map(|path| base.join(path)),
        profile: profile(SECTION, section.profile.as_deref())?,
        eab: eab(SECTION, section.eab.as_ref(), base)?,
    }])
}

fn directory(key: &str, text: &str) -> Checked<HttpsUrl> {
    text.parse().map_err(|error| {
        // It may be anything that YAML can say, passwords included.
        ConfigProblem::new(
            key,
            format!("can not be asked: {error}"),
            "write the authority's directory, https:// and all, for example https://acme-v02.api.letsencrypt.org/directory",
        )
    })
}

fn profile(key: &str, written: Option<&str>) -> Checked<Option<String>> {
    let Some(text) = written else { return Ok(None) };
    if !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(Some(text.to_owned()));
    }
    let fix = "write the name of a profile that the authority offers, for example shortlived";
    Err(ConfigProblem::new(format!("{key}.profile"), "is no name of a profile", fix))
}

fn eab(key: &str, written: Option<&ExternalAccount>, base: &Path) -> Checked<Option<ExternalAccountPlan>> {
    let Some(written) = written else { return Ok(None) };
    let fit = |c: char| c.is_ascii_graphic();
    if written.kid.is_empty() || written.kid.len() > 256 || !written.kid.chars().all(fit) {
        let fix = "copy the key's identifier as the authority gave it";
        return Err(ConfigProblem::new(format!("{key}.eab.kid"), "is no identifier of a key", fix));
    }
    Ok(Some(ExternalAccountPlan { kid: written.kid.clone(), hmac_file: base.join(&written.hmac_file) }))
}

fn names(written: &[String]) -> Checked<Vec<SubjectName>> {
    let key = || format!("{SECTION}.domains");
    if written.is_empty() || written.len() > MOST_NAMES {
        let what = if written.is_empty() { "names no domain" } else { "names more than 100 domains" };
        return Err(ConfigProblem::new(key(), what, "write 1 to 100 names, for example [dwcp.example.com]"));
    }
    let mut names: Vec<SubjectName> = Vec::with_capacity(written.len());
    for text in written {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        if text.contains('*') {
            return Err(ConfigProblem::new(
                key(),
                format!("`{shown}` is a wildcard, which an authority grants for a record in DNS alone"),
                "write the names one by one",
            ));
        }
        let name = match text.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(ip) => SubjectName::Ip(ip),
            Err(_) => SubjectName::dns(text).map_err(|error| {
                let fix = "write a DNS name or an address, without scheme and port";
                ConfigProblem::new(key(), format!("`{shown}`: {error}"), fix)
            })?,
        };
        if names.contains(&name) {
            return Err(ConfigProblem::new(key(), format!("`{shown}` is there twice"), "write it once"));
        }
        names.push(name);
    }
    Ok(names)
}

fn email(text: &str) -> Checked<String> {
    let fit = |c: char| c.is_ascii_graphic() && !matches!(c, ',' | '?' | '<' | '>' | '"' | '\\');
    let halves = text
        .split_once('@')
        .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'));
    if halves && text.len() <= 254 && text.chars().all(fit) {
        return Ok(text.to_owned());
    }
    let fix = "write one address, for example admin@example.com";
    Err(ConfigProblem::new(format!("{SECTION}.email"), "is no address of electronic mail", fix))
}

fn challenge(section: &Acme) -> Checked<ChallengePlan> {
    let port = section.http_challenge_port;
    if port == Some(0) {
        let fix = "write 80, or the port that 80 is forwarded to";
        return Err(ConfigProblem::new(format!("{SECTION}.http_challenge_port"), "0 is no port", fix));
    }
    match (section.challenge.as_deref(), port) {
        (None | Some("http-01"), Some(port)) => Ok(ChallengePlan::Http(port)),
        (Some("http-01"), None) => Ok(ChallengePlan::Http(80)),
        (None | Some("tls-alpn-01"), None) => Ok(ChallengePlan::TlsAlpn),
        (Some("tls-alpn-01"), Some(_)) => Err(ConfigProblem::new(
            format!("{SECTION}.http_challenge_port"),
            "stands beside `challenge: tls-alpn-01`, which the listeners answer",
            "remove one of the two",
        )),
        (Some(other), _) => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(80).collect();
            let what = format!("`{shown}` is no challenge that this node answers");
            Err(ConfigProblem::new(format!("{SECTION}.challenge"), what, "write tls-alpn-01 or http-01"))
        }
    }
}

/// `renew_before` of the section, or that of all providers.
pub(super) fn renew_before(section: &Acme, of_all: Option<Duration>) -> Checked<Option<Duration>> {
    let written = section.renew_before;
    let own = written.map(|_| {
        let key = format!("{SECTION}.renew_before");
        within(&key, written, 720 * HOUR, Duration::from_secs(1), 398 * 24 * HOUR)
    });
    Ok(own.transpose()?.or(of_all))
}

/// A certificate for servers alone goes with listeners, and with clients whom somebody can judge.
pub(super) fn fits(
    config: &Config,
    provider: &ProviderPlan,
    listeners: &[ListenerPlan],
    dialers: &[DialerPlan],
    warnings: &mut Vec<String>,
) -> Checked<()> {
    let ProviderPlan::Acme { acme, .. } = provider else { return beside(&config.security) };
    if let Some(dialer) = dialers.first() {
        return Err(ConfigProblem::new(
            "node.dialers",
            format!(
                "dialer `{}` would show a certificate of a public authority, which issues for servers alone: no peer accepts it of a client",
                dialer.name
            ),
            "dial from a node with `provider: embedded`, `mesh` or `vault`, and show the public certificate there by security.tls.certificates",
        ));
    }
    let judges = config.security.tls.ca_file.is_some();
    if let Some(asks) = listeners.iter().find(|listener| listener.client_auth == ClientAuth::Required)
        && !judges
    {
        return Err(ConfigProblem::new(
            "security.tls.ca_file",
            format!("is missing, and listener `{}` asks for certificates that nobody could judge", asks.name),
            "name the roots of the clients, or write `allow: [anonymous]` at that listener",
        ));
    }
    match acme.challenge {
        ChallengePlan::TlsAlpn if listeners.is_empty() => Err(ConfigProblem::new(
            "node.listeners",
            "is empty, and tls-alpn-01 is answered by listeners",
            "write a listener at port 443, or `challenge: http-01`",
        )),
        ChallengePlan::TlsAlpn if !listeners.iter().any(|listener| listener.listen.port() == 443) => {
            warnings.push(
                "no listener is at port 443, where a public authority looks for tls-alpn-01: forward it to one".to_owned(),
            );
            Ok(())
        }
        ChallengePlan::Http(port) if port != 80 => {
            warnings.push(format!(
                "{SECTION}.http_challenge_port is {port}, and a public authority looks at port 80: forward it there"
            ));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What is switched on and would not happen.
fn beside(security: &Security) -> Checked<()> {
    if security.cert_management.acme.enabled != Some(true) {
        return Ok(());
    }
    Err(ConfigProblem::new(
        format!("{SECTION}.enabled"),
        "is true, and this node's certificate comes from another provider",
        "write `provider: acme`, or `enabled: false`",
    ))
}

const SECTION: &str = "security.cert_management.acme";
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";
const MOST_ISSUERS: usize = 8;
/// As many as public authorities put into one certificate.
const MOST_NAMES: usize = 100;
