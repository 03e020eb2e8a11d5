//! `security.cert_management.acme`: which public authorities are asked for which names, and who answers their challenges.

use super::acme_issuers;
use super::check::{Checked, HOUR, within};
use super::model::{Config, Security};
use super::model_providers::Acme;
use super::plan::{DialerPlan, ListenerPlan, ProviderPlan};
use super::problem::ConfigProblem;
use dwcp_https::{HttpsUrl, Roots};
use dwcp_pki::SubjectName;
use dwcp_pki_acme::{AcmeIssuer, AcmeSettings};
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
    /// What seals the accounts, if anything does.
    pub account_key: Option<PathBuf>,
}

/// One authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeIssuerPlan {
    /// Its directory.
    pub(crate) directory: HttpsUrl,
    /// Roots of its server, PEM; `None` for those of the system.
    pub roots: Option<PathBuf>,
    /// Roots of what it issues, PEM; `None` for those of its server.
    pub issued_by: Option<PathBuf>,
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
    let issuers = acme_issuers::plans(section, base)?;
    let mail = |text| issuers.first().map(|first| email(text, &first.directory)).transpose();
    let email = section.email.as_deref().map(mail).transpose()?.flatten();
    Ok(AcmePlan {
        issuers,
        names: names(section.domains.as_deref().unwrap_or_default())?,
        email,
        cache_dir: section.cache_dir.as_ref().map_or_else(|| state_dir.join("acme"), |dir| base.join(dir)),
        challenge: challenge(section)?,
        account_key: section.account_key_file.as_ref().map(|path| base.join(path)),
    })
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

/// By the judge of the provider itself, so that what passes here is what a start takes.
fn email(text: &str, any: &HttpsUrl) -> Checked<String> {
    let settings = AcmeSettings::new(AcmeIssuer::new(any.clone(), Roots::Only(Vec::new())));
    if settings.with_contact(text).is_ok() {
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

pub(super) const SECTION: &str = "security.cert_management.acme";
/// As many as public authorities put into one certificate.
const MOST_NAMES: usize = 100;
