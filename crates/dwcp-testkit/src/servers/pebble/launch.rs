//! How a Pebble and its name server are configured and started.

use crate::servers::curl::Curl;
use crate::servers::process::{Process, command};
use crate::servers::{Place, free_port, wait_until};
use serde_json::{Value, json};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How a Pebble is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PebbleOptions {
    /// How many of a hundred good nonces are refused as bad. Default: 0.
    pub nonce_reject: u8,
    /// How many of a hundred new orders find the authorizations of earlier ones valid. Default: 0.
    pub authz_reuse: u8,
    /// Key identifiers with their keys in base64url: when there are any, an account is bound to one of them. Default: none.
    pub eab: Vec<(String, String)>,
    /// The longest pause before a challenge is looked at, in seconds; drawn anew each time. Default: 0.
    pub va_sleep: u32,
    /// Takes every challenge for met. Default: no.
    pub always_valid: bool,
    /// Where it looks for HTTP-01 answers. Default: a free port, told by [`Pebble::http_port`](crate::Pebble::http_port).
    pub http_port: Option<u16>,
    /// Where it looks for TLS-ALPN-01 answers. Default: a free port, told by [`Pebble::tls_port`](crate::Pebble::tls_port).
    pub tls_port: Option<u16>,
    /// Name, description and life of each profile. Default: `default` of 90 days and `shortlived` of six.
    pub profiles: Vec<(String, String, Duration)>,
    /// Names that are refused, with all below them. Default: `blocked.example`.
    pub blocklist: Vec<String>,
    /// Whether it refuses what the standard is about to forbid, and makes answers less predictable. Default: yes.
    pub strict: bool,
    /// `Retry-After` of authorizations and of orders in seconds, drawn from 1 to this. Default: 1 and 1.
    pub retry_after: (u32, u32),
    /// How many other roots it offers chains to. Default: 0.
    pub alternate_roots: u8,
    /// How many certificates stand between a leaf and its root. Default: 1.
    pub chain_length: u8,
    /// What names without records of their own resolve to: one address of each family at most. Default: 127.0.0.1.
    pub addresses: Vec<IpAddr>,
}

impl Default for PebbleOptions {
    fn default() -> Self {
        let profile = |name: &str, text: &str, days: u64| {
            (name.to_owned(), text.to_owned(), Duration::from_secs(days * 24 * 60 * 60))
        };
        Self {
            nonce_reject: 0,
            authz_reuse: 0,
            eab: Vec::new(),
            va_sleep: 0,
            always_valid: false,
            http_port: None,
            tls_port: None,
            profiles: vec![profile("default", "90 days", 90), profile("shortlived", "six days", 6)],
            blocklist: vec!["blocked.example".to_owned()],
            strict: true,
            retry_after: (1, 1),
            alternate_roots: 0,
            chain_length: 1,
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        }
    }
}

/// Where its parts listen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) acme: u16,
    pub(super) management: u16,
    pub(super) dns: u16,
    pub(super) dns_management: u16,
    pub(super) http: u16,
    pub(super) tls: u16,
}

impl Ports {
    /// Free ones, where the test chose none.
    pub(super) fn free(options: &PebbleOptions) -> Self {
        Self {
            acme: free_port(),
            management: free_port(),
            dns: free_port(),
            dns_management: free_port(),
            http: options.http_port.unwrap_or_else(free_port),
            tls: options.tls_port.unwrap_or_else(free_port),
        }
    }
}

/// Writes the server's configuration.
pub(super) fn configure(place: &Place, options: &PebbleOptions, ports: Ports) {
    let profiles: serde_json::Map<String, Value> = options
        .profiles
        .iter()
        .map(|(name, text, life)| {
            (name.clone(), json!({ "description": text, "validityPeriod": life.as_secs() }))
        })
        .collect();
    let keys: serde_json::Map<String, Value> =
        options.eab.iter().map(|(kid, key)| (kid.clone(), json!(key))).collect();
    let text = json!({ "pebble": {
        "listenAddress": format!("127.0.0.1:{}", ports.acme),
        "managementListenAddress": format!("127.0.0.1:{}", ports.management),
        "certificate": place.certificate, "privateKey": place.key,
        "httpPort": ports.http, "tlsPort": ports.tls, "ocspResponderURL": "",
        "externalAccountBindingRequired": !keys.is_empty(), "externalAccountMACKeys": keys,
        "domainBlocklist": options.blocklist,
        // It draws from 1 to these, and 0 is more than it can bear.
        "retryAfter": { "authz": options.retry_after.0.max(1), "order": options.retry_after.1.max(1) },
        "keyAlgorithm": "ecdsa", "profiles": profiles,
    }});
    fs::write(place.path("pebble.json"), text.to_string()).expect("its configuration");
}

/// Starts the authority.
pub(super) fn serve(program: &Path, place: &Place, options: &PebbleOptions, ports: Ports) -> Process {
    let mut pebble = command(program);
    pebble.arg(format!("-strict={}", options.strict)).arg("-config").arg(place.path("pebble.json"));
    pebble.arg("-dnsserver").arg(format!("127.0.0.1:{}", ports.dns));
    pebble.env("PEBBLE_WFE_NONCEREJECT", options.nonce_reject.to_string());
    pebble.env("PEBBLE_AUTHZREUSE", options.authz_reuse.to_string());
    pebble.env("PEBBLE_ALTERNATE_ROOTS", options.alternate_roots.to_string());
    pebble.env("PEBBLE_CHAIN_LENGTH", options.chain_length.max(1).to_string());
    match options.va_sleep {
        0 => pebble.env("PEBBLE_VA_NOSLEEP", "1"),
        seconds => pebble.env("PEBBLE_VA_SLEEPTIME", seconds.to_string()),
    };
    if options.always_valid {
        pebble.env("PEBBLE_VA_ALWAYS_VALID", "1");
    }
    Process::start(&pebble, &place.path("log"))
}

/// Starts the name server that it asks.
pub(super) fn serve_names(program: &Path, place: &Place, options: &PebbleOptions, ports: Ports) -> Process {
    let mut names = command(program);
    let dns = format!("127.0.0.1:{}", ports.dns);
    // The older one has another word for it, and no DNS over HTTPS.
    let help = Command::new(program).arg("-h").output().map(|out| out.stderr).unwrap_or_default();
    if String::from_utf8_lossy(&help).contains("-doh ") {
        names.arg("-dnsserver").arg(dns).args(["-doh", ""]);
    } else {
        names.arg("-dns01").arg(dns);
    }
    let default = |six: bool| {
        let of_family = options.addresses.iter().find(|address| address.is_ipv6() == six);
        of_family.map(IpAddr::to_string).unwrap_or_default()
    };
    names.arg("-defaultIPv4").arg(default(false)).arg("-defaultIPv6").arg(default(true));
    names.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
    names.arg("-management").arg(format!("127.0.0.1:{}", ports.dns_management));
    Process::start(&names, &place.path("names.log"))
}

/// Waits until both answer.
pub(super) fn is_answering(process: &Process, names: &Process, curl: &Curl, ports: Ports) -> bool {
    let directory = format!("https://127.0.0.1:{}/dir", ports.acme);
    let names_url = format!("http://127.0.0.1:{}/dns-request-history", ports.dns_management);
    let management = format!("https://127.0.0.1:{}/roots/0", ports.management);
    let ready = || {
        curl.ask("GET", &directory, &[], None).status == 200
            && curl.ask("GET", &management, &[], None).status == 200
            // The name server is up when it can say that this body is none.
            && curl.ask("POST", &names_url, &[], Some("{}")).status != 0
    };
    wait_until(ready, || !process.is_running() || !names.is_running())
}
