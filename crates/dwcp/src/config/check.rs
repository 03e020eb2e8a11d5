//! From what a file says to what a node is built from: defaults, resolved paths, and every rule that can refuse.

use super::duration::GoDuration;
use super::load::Loaded;
use super::model::{Config, Logging};
use super::model_tls::VersionText;
use super::plan::{IdentityFiles, LoggingPlan, NodePlan, ProviderPlan};
use super::problem::ConfigProblem;
use super::side::Defaults;
use super::{acme, at_rest, endpoint, further, guard, lists, provider, tickets, tls, trust, vault};
use dwcp_tls::CertificateCompression;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) type Checked<T> = Result<T, ConfigProblem>;

/// Judges a loaded configuration.
///
/// # Errors
/// The first [`ConfigProblem`] found; nothing is read from disk and nothing is changed.
pub fn check(loaded: &Loaded) -> Checked<NodePlan> {
    plan(&loaded.config, &loaded.base)
        .map_err(|problem| ConfigProblem { file: Some(loaded.file.clone()), ..problem })
}

fn plan(config: &Config, base: &Path) -> Checked<NodePlan> {
    let mut warnings = Vec::new();
    refuse_weak_switches(config)?;
    refuse_what_is_not_there(config)?;
    refuse_key_log(config)?;
    let logging = logging(&config.monitoring.logging)?;
    at_rest::check(&config.security.encryption, &mut warnings)?;
    let state_dir = config.node.state_dir.as_ref().map_or_else(|| base.to_owned(), |dir| base.join(dir));
    let provider = provider::plan(config, base, &state_dir)?;
    provider::refuse_beside(&config.security, &provider)?;
    vault::refuse_beside(&config.security, &provider, &mut warnings)?;
    let lists = lists::plan(config, &provider, &mut warnings)?;
    let identity = identity(config, base, &state_dir, &provider)?;
    // Whose peers are judged by what the configuration names, and by nothing else.
    let named = matches!(provider, ProviderPlan::Manual | ProviderPlan::Acme { .. });
    let judges = identity.roots.is_some() || !matches!(provider, ProviderPlan::Acme { .. });
    let revocation = !named || !judges || identity.crl.is_some() || lists.url.is_some();
    if !revocation {
        warnings
            .push("neither security.tls.crl_file nor crl_url is set: revocation is not checked".to_owned());
    }
    if matches!(provider, ProviderPlan::SelfSigned) {
        warnings.push(SELF_SIGNED.to_owned());
    }
    let trust_domain = trust::domain(config.node.trust_domain.as_deref())?;
    let bundles = trust::bundles(&config.node.trust_bundles, base, trust_domain.as_ref())?;
    if revocation {
        for bundle in bundles.iter().filter(|bundle| bundle.crl.is_none()) {
            warnings.push(format!(
                "node.trust_bundles[{}].crl_file is not set: its peers are refused, since revocation is checked",
                bundle.trust_domain
            ));
        }
    }
    let mut names = BTreeSet::new();
    let admin = config.node.admin.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 9443)));
    let metrics = config.monitoring.metrics_port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut addresses: BTreeSet<_> =
        [Some(admin), metrics].into_iter().flatten().filter(|a| a.port() != 0).collect();
    if metrics == Some(admin) {
        let what = format!("{admin} is the admin listener's");
        return Err(ConfigProblem::new("monitoring.metrics_port", what, "write another port"));
    }
    let (publish, enroll) = provider::ports(&config.security, &provider, &mut addresses)?;
    let anonymous_tls = config.security.mtls.enabled == Some(false)
        || config.security.mtls.require_client_cert == Some(false);
    let policy = tls::policy(&config.security.tls)?;
    let defaults = Defaults::new(&config.security.tls, &policy, &mut warnings)?;
    let listeners = config
        .node
        .listeners
        .iter()
        .map(|l| endpoint::listener(l, anonymous_tls, &defaults, &mut names, &mut addresses))
        .collect::<Checked<Vec<_>>>()?;
    let dialers = config
        .node
        .dialers
        .iter()
        .map(|d| endpoint::dialer(d, &defaults, &mut names, &mut addresses))
        .collect::<Checked<Vec<_>>>()?;
    acme::fits(config, &provider, &listeners, &dialers, &mut warnings)?;
    for dialer in dialers.iter().filter(|dialer| !dialer.listen.ip().is_loopback()) {
        warnings.push(format!(
            "dialer `{}` takes plain connections on {}: whoever reaches that address speaks as this node",
            dialer.name, dialer.listen
        ));
    }
    if config.security.auditing.enabled == Some(false) {
        warnings.push(
            "security.auditing.enabled is false: nothing is recorded, and health stays at warn".to_owned(),
        );
    }
    note_what_is_not_used_yet(config, &mut warnings);
    Ok(NodePlan {
        name: config.node.name.clone(),
        trust_domain,
        bundles,
        profile: trust::profile(config.security.tls.profile.as_deref())?,
        watch: config.security.cert_management.watch.unwrap_or(true),
        drain: within("node.drain", config.node.drain, Duration::from_secs(8), Duration::ZERO, HOUR)?,
        tls: policy,
        compression: match config.security.tls.certificate_compression {
            Some(true) => CertificateCompression::Zlib,
            None | Some(false) => CertificateCompression::Off,
        },
        ticket_source: tickets::source(config.security.tls.tickets.as_ref(), base)?,
        certificates: further::plans(&config.security.tls.certificates, base, config.node.name.as_deref())?,
        key_log: config.security.tls.key_log.unwrap_or(false),
        admin,
        admin_socket: config.node.admin.socket.as_ref().map(|path| base.join(path)),
        metrics,
        metrics_path: metrics_path(config)?,
        publish,
        enroll,
        logging,
        guard: guard::settings(&config.guard)?,
        audit_dir: (config.security.auditing.enabled != Some(false)).then(|| {
            config
                .security
                .auditing
                .export_path
                .as_ref()
                .map_or_else(|| state_dir.join("audit"), |path| base.join(path))
        }),
        audit_queue: config.security.auditing.max_events.unwrap_or(65_536).clamp(1_024, 1 << 20),
        state_dir,
        identity,
        provider,
        lists,
        listeners,
        dialers,
        warnings,
    })
}

/// What would be safer, or merely different, if it worked must not be taken and ignored.
fn refuse_what_is_not_there(config: &Config) -> Checked<()> {
    let refused = [("node.tunnels", !config.node.tunnels.is_empty(), "remove the key")];
    match refused.iter().find(|(_, asked, _)| *asked) {
        Some((key, _, fix)) => Err(ConfigProblem::new(*key, "is not part of this version", *fix)),
        None => Ok(()),
    }
}

/// Secrets in a file are for builds that somebody made for it.
fn refuse_key_log(config: &Config) -> Checked<()> {
    if config.security.tls.key_log == Some(true) && !cfg!(feature = "keylog") {
        return Err(ConfigProblem::new(
            "security.tls.key_log",
            "is true, and this build can not write secrets of sessions",
            "remove the key, or build one that can: cargo build --features keylog",
        ));
    }
    Ok(())
}

fn logging(section: &Logging) -> Checked<LoggingPlan> {
    let level = section.level.as_deref().unwrap_or("info");
    if !["error", "warn", "info", "debug", "trace", "off"].contains(&level) {
        return Err(ConfigProblem::new(
            "monitoring.logging.level",
            format!("`{level}` is no level"),
            "write error, warn, info, debug, trace or off",
        ));
    }
    let json = match section.format.as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => {
            let what = format!("`{other}` is no format");
            return Err(ConfigProblem::new("monitoring.logging.format", what, "write text or json"));
        }
    };
    Ok(LoggingPlan { level: level.to_owned(), json })
}

/// Where metrics are served, unless they are switched off.
fn metrics_path(config: &Config) -> Checked<Option<String>> {
    let monitoring = &config.monitoring;
    if monitoring.enabled == Some(false) || monitoring.prometheus.enabled == Some(false) {
        return Ok(None);
    }
    let path = monitoring.prometheus.path.clone().unwrap_or_else(|| "/metrics".to_owned());
    let taken = ["/health/", "/pki/", "/enroll/"].iter().any(|start| path.starts_with(start));
    if !path.starts_with('/') || path.len() > 128 || taken {
        let what = format!("`{path}` is no path for metrics");
        return Err(ConfigProblem::new("monitoring.prometheus.path", what, "write for example /metrics"));
    }
    Ok(Some(path))
}

fn refuse_weak_switches(config: &Config) -> Checked<()> {
    let security = &config.security;
    if security.tls.enabled == Some(false) {
        return Err(ConfigProblem::new(
            "security.tls.enabled",
            "there is no mode without TLS",
            "remove the key, or remove the listener whose traffic should stay plain",
        ));
    }
    if security.mtls.verify_peer == Some(false) {
        return Err(ConfigProblem::new(
            "security.mtls.verify_peer",
            "peers are always verified",
            "remove the key; to let clients in without a certificate write `allow: [anonymous]` at that listener",
        ));
    }
    let version = match &security.tls.min_version {
        None => return Ok(()),
        Some(VersionText::Text(text)) => {
            text.trim_start_matches("TLSv").trim_start_matches("TLS").trim().to_owned()
        }
        Some(VersionText::Number(number)) => number.to_string(),
    };
    if version != "1.3" {
        return Err(ConfigProblem::new(
            "security.tls.min_version",
            format!("{version} is not offered"),
            "write \"1.3\"",
        ));
    }
    Ok(())
}

fn identity(
    config: &Config,
    base: &Path,
    state_dir: &Path,
    provider: &ProviderPlan,
) -> Checked<IdentityFiles> {
    let tls = &config.security.tls;
    let resolve = |path: &Option<PathBuf>| path.as_ref().map(|p| base.join(p));
    let of_mesh = matches!(provider, ProviderPlan::Mesh { .. });
    if matches!(provider, ProviderPlan::Manual) {
        for (key, value) in
            [("cert_file", &tls.cert_file), ("key_file", &tls.key_file), ("ca_file", &tls.ca_file)]
        {
            if value.is_none() {
                return Err(ConfigProblem::new(
                    format!("security.tls.{key}"),
                    "is missing",
                    "name the file, or write `provider: embedded` under security.cert_management",
                ));
            }
        }
    }
    Ok(IdentityFiles {
        cert: resolve(&tls.cert_file).unwrap_or_else(|| state_dir.join("identity.crt")),
        key: resolve(&tls.key_file).unwrap_or_else(|| state_dir.join("identity.key")),
        roots: if of_mesh { Some(state_dir.join(MESH_ROOTS)) } else { resolve(&tls.ca_file) },
        crl: if of_mesh { Some(state_dir.join(MESH_LISTS)) } else { resolve(&tls.crl_file) },
    })
}

fn note_what_is_not_used_yet(config: &Config, warnings: &mut Vec<String>) {
    let auditing = &config.security.auditing;
    let mut note = |key: &str| warnings.push(format!("{key} is not used by this version"));
    if auditing.alerts.as_ref().is_some_and(|alerts| alerts.enabled == Some(true)) {
        note("security.auditing.alerts");
    }
    if auditing.clear_old_events_after.is_some() {
        note("security.auditing.clear_old_events_after");
    }
    if config.monitoring.logging.file_path.is_some() {
        note("monitoring.logging.file_path");
    }
    if config.monitoring.logging.output.as_deref().is_some_and(|output| output != "stderr") {
        note("monitoring.logging.output");
    }
    let unused = [
        ("security.encryption.enabled", config.security.encryption.enabled == Some(true)),
        ("monitoring.health_check_interval", config.monitoring.health_check_interval.is_some()),
    ];
    unused.iter().filter(|(_, present)| *present).for_each(|(key, _)| note(key));
}

/// Said by `config check` and at each start.
const SELF_SIGNED: &str = "security.cert_management.provider is self-signed: the root is made at each start, lasts seven days at most and can revoke \
     nothing; for anything but a try write `embedded`";

/// A duration within its bounds, or the default where none is written.
pub(super) fn within(
    key: &str,
    written: Option<GoDuration>,
    default: Duration,
    least: Duration,
    most: Duration,
) -> Checked<Duration> {
    let value = written.map_or(default, |written| written.0);
    if value < least || value > most {
        let what = format!("{} is outside {} to {}", GoDuration(value), GoDuration(least), GoDuration(most));
        return Err(ConfigProblem::new(key, what, format!("write for example {}", GoDuration(default))));
    }
    Ok(value)
}

/// Where a node of the mesh keeps what it is told to trust, in its state directory.
const MESH_ROOTS: &str = "mesh-ca.crt";
/// And what it is told was revoked.
const MESH_LISTS: &str = "mesh.crl";
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
