//! The command line, as the parser sees it.

use super::args_at_rest::{Decrypt, Encrypt, Keyring};
use super::args_cert::Cert;
use super::args_tls::Tls;
use super::args_token::Token;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Secures the links between your services: mutual TLS 1.3, certificates that renew themselves, guard, metrics, audit.
#[derive(Debug, Parser)]
#[command(name = "dwcp", version, max_term_width = 110, arg_required_else_help = true)]
pub struct Cli {
    /// Configuration file [default: /etc/dwcp/dwcp.yaml, then $XDG_CONFIG_HOME/dwcp/dwcp.yaml]
    #[arg(long, global = true, value_name = "FILE", env = "DWCP_CONFIG")]
    pub config: Option<PathBuf>,
    /// Admin socket of a running node [default: node.admin.socket of the configuration]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Log more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The tour: CA, two nodes, traffic, rotation, revocation, attack, audit check, all on loopback
    Demo(Demo),
    /// Make a configuration and this node's identity, with an authority of its own or by joining a mesh
    Init(Init),
    /// Run the node in the foreground; SIGHUP reloads, SIGTERM drains
    Up(Up),
    /// Certificates and the authority in a directory
    #[command(subcommand)]
    Cert(Cert),
    /// One-time tokens for machines that are to join
    #[command(subcommand)]
    Token(Token),
    /// TLS from the outside
    #[command(subcommand)]
    Tls(Tls),
    /// Encrypt files, directories, messages, and one packet to look at
    #[command(subcommand)]
    Encrypt(Encrypt),
    /// Decrypt them
    #[command(subcommand)]
    Decrypt(Decrypt),
    /// The keys that data at rest is encrypted under
    #[command(subcommand)]
    Keyring(Keyring),
    /// The audit log
    #[command(subcommand)]
    Audit(Audit),
    /// The configuration file
    #[command(subcommand)]
    Config(ConfigVerb),
}

/// `dwcp demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// How long the traffic lasts
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(2..=60))]
    pub seconds: u64,
    /// Keep the nodes' files here, in an empty or new directory, instead of in a temporary one
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// `dwcp init`
#[derive(Debug, Args)]
pub struct Init {
    /// Where to put it; must not hold a configuration yet
    pub dir: PathBuf,
    /// Join the mesh that `dwcp token create` made this token for; `-` reads it from standard input, since others of this machine see
    /// command lines
    #[arg(long, value_name = "TOKEN", conflicts_with = "trust_domain")]
    pub join: Option<String>,
    /// Get a new certificate for the node that is in DIR, whose own has ended; the rest of it stays
    #[arg(long, requires = "join")]
    pub rejoin: bool,
    /// Name of the node [default: node-1; with --join: the host's name]
    #[arg(long)]
    pub name: Option<String>,
    /// Trust domain of the SPIFFE identities
    #[arg(long, default_value = "dwcp.internal", value_name = "DOMAIN")]
    pub trust_domain: String,
    /// A further name of the certificate: DNS:…, IP:… or URI:…; repeats
    #[arg(long = "san", value_name = "KIND:VALUE")]
    pub sans: Vec<String>,
    /// Where the first listener listens
    #[arg(long, default_value = "127.0.0.1:7443", value_name = "ADDR")]
    pub listen: std::net::SocketAddr,
}

/// `dwcp up`
#[derive(Debug, Args)]
pub struct Up {
    /// Overrides node.state_dir
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// `dwcp audit …`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Check that nothing was changed, removed or added
    Verify(AuditVerify),
}

/// `dwcp audit verify`
#[derive(Debug, Args)]
pub struct AuditVerify {
    /// The log's directory
    pub dir: PathBuf,
}

/// `dwcp config …`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Read a configuration and say what is wrong with it
    Check(ConfigCheck),
}

/// `dwcp config check`
#[derive(Debug, Args)]
pub struct ConfigCheck {
    /// The file [default: as --config]
    pub file: Option<PathBuf>,
    /// Also read the files it names
    #[arg(long)]
    pub files: bool,
}
