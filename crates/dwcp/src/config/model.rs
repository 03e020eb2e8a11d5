//! The configuration file's keys, one struct a section. Unknown keys are refused; other systems' sections are left alone.

use super::duration::GoDuration;
use super::model_providers::{Acme, Vault};
use super::model_tls::{DialerTls, ListenerTls, Tls};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The whole file. Every section may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is secured, how, and by whose certificates.
    pub security: Security,
    /// Metrics listener and logging.
    pub monitoring: Monitoring,
    /// Name, listeners and dialers of this node.
    pub node: Node,
    /// Who may come in, and how often.
    pub guard: GuardSection,
    /// What is measured besides.
    pub telemetry: TelemetrySection,
    /// Sections of the wider DWCP file that belong to others.
    #[serde(skip_serializing)]
    pub network: Option<IgnoredAny>,
    /// See `network`.
    pub compression: Option<IgnoredAny>,
    /// See `network`.
    pub performance: Option<IgnoredAny>,
    /// See `network`.
    pub federation: Option<IgnoredAny>,
}

/// `security`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// `security.tls`
    pub tls: Tls,
    /// `security.mtls`
    pub mtls: Mtls,
    /// `security.cert_management`
    pub cert_management: CertManagement,
    /// `security.encryption`
    pub encryption: Encryption,
    /// `security.auditing`
    pub auditing: Auditing,
}

/// `security.mtls`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mtls {
    /// Default true.
    pub enabled: Option<bool>,
    /// Default true.
    pub require_client_cert: Option<bool>,
    /// Must be true.
    pub verify_peer: Option<bool>,
}

/// `security.cert_management`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertManagement {
    /// Default true.
    pub auto_renew: Option<bool>,
    /// Renew when this much life is left, where it leaves at least a third of the life.
    pub renew_before: Option<GoDuration>,
    /// When renewals are welcome, daily and in UTC, for example `03:00+2h`; default any time.
    pub window: Option<String>,
    /// `embedded`, `manual`, `mesh`, `vault`, `acme` or `self-signed`.
    pub provider: Option<String>,
    /// Whether files that another tool replaces are loaded by themselves; default true.
    pub watch: Option<bool>,
    /// The authority in a directory.
    pub embedded: Embedded,
    /// The node that holds the authority.
    pub mesh: Mesh,
    /// The server that holds the authority.
    pub vault: Vault,
    /// The public authority.
    pub acme: Acme,
}

/// `security.cert_management.embedded`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Embedded {
    /// The authority's directory; default `ca` in the node's state directory.
    pub ca_dir: Option<PathBuf>,
    /// Lifetime of the node's certificates; default 24h.
    pub ttl: Option<GoDuration>,
    /// Where lists, the authority's certificate and OCSP are served by plain HTTP; default nowhere.
    pub publish: Option<SocketAddr>,
    /// Where other machines join and renew by HTTPS, besides the admin listener; default nowhere.
    pub enroll: Option<SocketAddr>,
    /// Opens a sealed `ca.key`: a file that holds its passphrase (mode 0600).
    pub passphrase_file: Option<PathBuf>,
    /// Opens a sealed `ca.key`: a key file (mode 0600).
    pub key_file: Option<PathBuf>,
}

/// `security.cert_management.mesh`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mesh {
    /// Where that node takes renewals: `host:port`.
    pub address: Option<String>,
    /// Its SPIFFE ID.
    pub server: Option<String>,
}

/// `security.encryption`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Encryption {
    /// Encryption at rest.
    pub enabled: Option<bool>,
    /// AES-256-GCM, AES-128-GCM or ChaCha20-Poly1305.
    pub algorithm: Option<String>,
    /// argon2id or pbkdf2.
    pub key_derivation: Option<String>,
    /// In bytes.
    pub key_length: Option<u32>,
    /// Argon2id parameters.
    pub argon2: Option<Argon2>,
    /// PBKDF2 parameters.
    pub pbkdf2: Option<Pbkdf2>,
}

/// `security.encryption.argon2`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Argon2 {
    /// Passes.
    pub time: Option<u32>,
    /// KiB.
    pub memory: Option<u64>,
    /// Lanes.
    pub threads: Option<u32>,
}

/// `security.encryption.pbkdf2`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pbkdf2 {
    /// Rounds of HMAC-SHA-256.
    pub iterations: Option<u32>,
}

/// `security.auditing`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auditing {
    /// Default true.
    pub enabled: Option<bool>,
    /// How many events wait for the disk at most; default 65 536.
    pub max_events: Option<usize>,
    /// Directory of the log; default `audit` in the node's state directory.
    pub export_path: Option<PathBuf>,
    /// Accepted for later versions.
    pub clear_old_events_after: Option<GoDuration>,
    /// Accepted for later versions.
    pub alerts: Option<Alerts>,
}

/// `security.auditing.alerts`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Whether alerts are sent.
    pub enabled: Option<bool>,
    /// Where to.
    pub webhook_url: Option<String>,
    /// Where to.
    pub email_recipients: Option<Vec<String>>,
    /// Mail server.
    pub smtp: Option<IgnoredAny>,
    /// Program to run.
    pub command: Option<IgnoredAny>,
    /// Syslog server.
    pub syslog: Option<IgnoredAny>,
}

/// `monitoring`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Monitoring {
    /// Default true.
    pub enabled: Option<bool>,
    /// One more read-only HTTPS listener that serves `prometheus.path`.
    pub metrics_port: Option<u16>,
    /// Accepted; checks run when they are asked for.
    pub health_check_interval: Option<GoDuration>,
    /// `monitoring.prometheus`
    pub prometheus: Prometheus,
    /// `monitoring.logging`
    pub logging: Logging,
}

/// `monitoring.prometheus`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prometheus {
    /// Default true.
    pub enabled: Option<bool>,
    /// Default `/metrics`.
    pub path: Option<String>,
}

/// `monitoring.logging`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logging {
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: Option<String>,
    /// `text` or `json`.
    pub format: Option<String>,
    /// `stderr` in this version.
    pub output: Option<String>,
    /// Accepted for later versions.
    pub file_path: Option<PathBuf>,
}

/// `node`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// Default: from the certificate.
    pub name: Option<String>,
    /// Default: from the certificate.
    pub trust_domain: Option<String>,
    /// Default: the directory of the configuration file.
    pub state_dir: Option<PathBuf>,
    /// The roots of other trust domains, each for its own SPIFFE IDs alone.
    pub trust_bundles: Vec<TrustBundle>,
    /// How long SIGTERM waits for connections to end; default 8s.
    pub drain: Option<GoDuration>,
    /// `node.admin`
    pub admin: Admin,
    /// Secured services of this machine.
    pub listeners: Vec<Listener>,
    /// Secured ways to services of other machines.
    pub dialers: Vec<Dialer>,
    /// Known, and refused: tunnels are not part of this version.
    pub tunnels: Vec<IgnoredAny>,
}

/// `node.admin`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Default 127.0.0.1:9443.
    pub listen: Option<SocketAddr>,
    /// A unix socket that serves the same, mode 0600.
    pub socket: Option<PathBuf>,
}

/// One of `node.trust_bundles`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustBundle {
    /// Whose roots these are; not the node's own.
    pub trust_domain: String,
    /// Its roots (PEM).
    pub ca_file: PathBuf,
    /// The revocation lists of its authorities (PEM, several in one file, or DER).
    #[serde(default)]
    pub crl_file: Option<PathBuf>,
}

/// One of `node.listeners`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Unique among listeners and dialers.
    pub name: String,
    /// Where mutual TLS is accepted.
    pub listen: SocketAddr,
    /// `tls` in this version.
    #[serde(default)]
    pub transport: Option<String>,
    /// The plain service behind it, `host:port`.
    pub target: String,
    /// Who may come in. Required: nobody is admitted by omission.
    #[serde(default)]
    pub allow: Option<Vec<String>>,
    /// `node.listeners[].tls`
    #[serde(default)]
    pub tls: ListenerTls,
}

/// One of `node.dialers`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialer {
    /// Unique among listeners and dialers.
    pub name: String,
    /// Where plain connections are taken, on this machine.
    pub listen: SocketAddr,
    /// The other node's listener, `host:port`.
    pub remote: String,
    /// DNS name or IP address its certificate must carry; default: the host of `remote`, unless `expect` is given.
    #[serde(default)]
    pub server_name: Option<String>,
    /// `tls` in this version.
    #[serde(default)]
    pub transport: Option<String>,
    /// Who the other node must be, by identity.
    #[serde(default)]
    pub expect: Option<Vec<String>>,
    /// `node.dialers[].tls`
    #[serde(default)]
    pub tls: DialerTls,
}

/// `guard`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardSection {
    /// Default true. Off leaves the connection limits of the listeners alone.
    pub enabled: Option<bool>,
    /// New connections a second and source prefix; default 20.
    pub handshakes_per_second: Option<u32>,
    /// How many may come at once; default 40.
    pub burst: Option<u32>,
    /// Open connections in all; default 10 000.
    pub max_connections: Option<usize>,
    /// Open connections of one source prefix; default 1 000.
    pub max_connections_per_source: Option<usize>,
    /// Prefixes (`10.0.0.0/8`) that the rates leave alone.
    pub exempt: Option<Vec<String>>,
}

/// `telemetry`: no keys yet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySection {}
