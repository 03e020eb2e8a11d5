//! The command line of `dwcp tls …`.

use super::args_at_rest::Unlock;
use clap::{Args, Subcommand};
use dwcp_pki::Profile;
use dwcp_tls::{CipherSuite, Group, PostQuantum};
use std::path::PathBuf;

/// `dwcp tls …`
#[derive(Debug, Subcommand)]
pub enum Tls {
    /// Do one handshake and say all that can be told of it: times, what was agreed, the chain, each rule's verdict, what to fix
    Handshake(Box<Handshake>),
    /// Say by what a running node protects its connections, and who is still classical
    Status,
    /// The keys of session tickets that several nodes share, sealed for rest
    #[command(subcommand)]
    Tickets(Tickets),
    /// List the cipher suites, groups and signature schemes that are offered
    Ciphers,
}

/// `dwcp tls tickets …`
#[derive(Debug, Subcommand)]
pub enum Tickets {
    /// Make a set of one fresh secret
    Create(TicketsCreate),
    /// Put a fresh secret in front: it seals from now on, and the newest three of the others still open
    Rotate(TicketsRotate),
}

/// `dwcp tls tickets create`
#[derive(Debug, Args)]
pub struct TicketsCreate {
    /// The sealed set to make; must not exist yet
    pub file: PathBuf,
    #[command(flatten)]
    pub lock: Unlock,
    /// Make up a passphrase: written to --passphrase-file (0600, must not exist), or shown once
    #[arg(long, conflicts_with_all = ["passphrase_fd", "key_file"])]
    pub generate: bool,
}

/// `dwcp tls tickets rotate`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("by").required(true).args(["passphrase_file", "key_file"]))]
pub struct TicketsRotate {
    /// The sealed set
    pub file: PathBuf,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// `dwcp tls handshake`
#[derive(Debug, Args)]
pub struct Handshake {
    /// host:port
    #[arg(value_name = "HOST:PORT")]
    pub remote: String,
    /// Roots to judge the server by (PEM); without them the server is looked at, not verified, and the exit is 7
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Our certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Its key (PEM, mode 0600)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// The name the server's certificate must carry (DNS, address or spiffe://…) [default: HOST]
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<String>,
    /// Revocation list of those roots (PEM or DER)
    #[arg(long, value_name = "FILE", requires = "ca")]
    pub crl: Option<PathBuf>,
    /// How strictly the form of certificates is taken: mesh or interop
    #[arg(long, default_value = "mesh")]
    pub profile: Profile,
    /// Offer this cipher suite alone; repeats, in order of preference
    #[arg(long, value_name = "SUITE")]
    pub suite: Vec<CipherSuite>,
    /// Offer this key-exchange group alone; repeats, in order of preference
    #[arg(long, value_name = "GROUP")]
    pub group: Vec<Group>,
    /// Post-quantum key exchange: prefer, require or off
    #[arg(long, value_name = "MODE")]
    pub pq: Option<PostQuantum>,
    /// Offer this application protocol; repeats [default: dwcp/1, http/1.1]
    #[arg(long, value_name = "NAME", value_parser = protocol)]
    pub alpn: Vec<String>,
    /// Dial a second time and say whether the session was resumed, and what that saved
    #[arg(long, requires = "ca")]
    pub resume: bool,
    /// Dial once more with TEXT in the first flight (0-RTT) and say how much of it the server took; it may act by it
    #[arg(long, value_name = "TEXT", requires = "ca", value_parser = early)]
    pub early_data: Option<String>,
    /// Speak DTLS; it is not part of this version
    #[arg(long)]
    pub dtls: bool,
    /// Time-out of everything that one connection takes
    #[arg(long, default_value = "10s")]
    pub timeout: crate::config::GoDuration,
}

/// RFC 7301 §3.1: 1 to 255 bytes.
fn protocol(text: &str) -> Result<String, &'static str> {
    if (1..=255).contains(&text.len()) { Ok(text.to_owned()) } else { Err("it has 1 to 255 bytes") }
}

/// No ticket allows more.
fn early(text: &str) -> Result<String, &'static str> {
    if (1..=16 * 1024).contains(&text.len()) { Ok(text.to_owned()) } else { Err("it has 1 to 16384 bytes") }
}
