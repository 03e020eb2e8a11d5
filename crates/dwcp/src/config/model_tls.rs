//! The keys of TLS: of the node in `security.tls`, and of one listener or dialer beside it.

use super::duration::GoDuration;
use super::tickets::TicketsKey;
use serde::Deserialize;
use std::path::PathBuf;

/// `security.tls`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Must be true: there is no plain mode.
    pub enabled: Option<bool>,
    /// `1.3` and nothing else.
    pub min_version: Option<VersionText>,
    /// The node's certificate chain (PEM).
    pub cert_file: Option<PathBuf>,
    /// Its private key (PEM, mode 0600).
    pub key_file: Option<PathBuf>,
    /// Certificates that listeners show besides, to clients that ask for one of their names.
    pub certificates: Vec<FurtherCertificate>,
    /// Roots that peers are judged by (PEM).
    pub ca_file: Option<PathBuf>,
    /// Revocation list of those roots (PEM or DER).
    pub crl_file: Option<PathBuf>,
    /// `mesh` or `interop`: how strictly the form of certificates is taken; default mesh.
    pub profile: Option<String>,
    /// How many sessions a listener with early data keeps, and how many tickets a dialer asks for at most.
    pub session_cache_size: Option<usize>,
    /// Cipher suites in order of preference.
    pub suites: Option<Vec<String>>,
    /// Key-agreement groups in order of preference.
    pub groups: Option<Vec<String>>,
    /// `prefer`, `require` or `off`.
    pub pq: Option<String>,
    /// Whether listeners hand out resumption tickets, and by whose keys; default true.
    pub tickets: Option<TicketsKey>,
    /// Whether chains are sent and taken compressed (RFC 8879); default false.
    pub certificate_compression: Option<bool>,
    /// Whether the secrets of sessions may be written to the file in SSLKEYLOGFILE; only in builds with the feature `keylog`.
    pub key_log: Option<bool>,
    /// Where the revocation lists of the own roots are fetched from, `http://…` or `https://…`.
    pub crl_url: Option<String>,
    /// How often, 1m to 24h; default 1h.
    pub crl_refresh: Option<GoDuration>,
    /// Whether listeners take early data (0-RTT), where they do not say themselves; default false.
    pub early_data: Option<bool>,
    /// Keys that the servers of dialers must have, where a dialer says nothing itself: `sha256/BASE64`.
    pub pins: Option<Vec<String>>,
}

/// One of `security.tls.certificates`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherCertificate {
    /// How it is called in metrics, health and status; default: the name of `cert_file` without its ending.
    #[serde(default)]
    pub name: Option<String>,
    /// Certificate chain (PEM).
    pub cert_file: PathBuf,
    /// Its private key (PEM, mode 0600).
    pub key_file: PathBuf,
    /// `mesh` or `public`; default mesh.
    #[serde(default)]
    pub kind: Option<String>,
    /// Application protocols that it is for; default all.
    #[serde(default)]
    pub protocols: Option<Vec<String>>,
}

/// `1.3` arrives as a string or as a number, depending on quotes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum VersionText {
    /// Quoted.
    Text(String),
    /// Bare.
    Number(f64),
}

/// `node.listeners[].tls`: what one listener does otherwise than `security.tls`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenerTls {
    /// Of the node's suites, in order of preference.
    pub suites: Option<Vec<String>>,
    /// Of the node's groups, in order of preference.
    pub groups: Option<Vec<String>>,
    /// `prefer`, `require` or `off`.
    pub pq: Option<String>,
    /// Whether it hands out resumption tickets.
    pub tickets: Option<bool>,
    /// Whether it takes early data (0-RTT).
    pub early_data: Option<bool>,
    /// Clients that must have agreed on the hybrid group.
    pub pq_required_of: Option<Vec<String>>,
    /// Keys that its clients must have: `sha256/BASE64`.
    pub pins: Option<Vec<String>>,
}

/// `node.dialers[].tls`: what one dialer does otherwise than `security.tls`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DialerTls {
    /// Of the node's suites, in order of preference.
    pub suites: Option<Vec<String>>,
    /// Of the node's groups, in order of preference.
    pub groups: Option<Vec<String>>,
    /// `prefer`, `require` or `off`.
    pub pq: Option<String>,
    /// Whether it keeps tickets and resumes.
    pub tickets: Option<bool>,
    /// Keys that its server must have, instead of the node's: `sha256/BASE64`.
    pub pins: Option<Vec<String>>,
}
