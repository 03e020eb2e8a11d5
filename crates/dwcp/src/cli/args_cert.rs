//! The command line of certificates: `dwcp cert`.

use super::args_at_rest::{Unlock, descriptor};
use super::args_validate::Validate;
use crate::config::GoDuration;
use clap::{Args, Subcommand, ValueEnum};
use dwcp_pki::Window;
use std::path::PathBuf;

/// `dwcp cert …`
#[derive(Debug, Subcommand)]
pub enum Cert {
    /// The authority itself
    #[command(subcommand)]
    Ca(Ca),
    /// Make a key and have it certified: writes PREFIX.crt, PREFIX.key and PREFIX.csr
    Issue(Issue),
    /// Make a key and a signing request: writes PREFIX.key and PREFIX.csr
    Csr(Csr),
    /// Certify a signing request of somebody else, as far as a policy allows
    Sign(Sign),
    /// Take a certificate back
    Revoke(Revoke),
    /// Write the current revocation list, or what changed since the last complete one
    Crl(CrlOut),
    /// Write a signed answer on one certificate (OCSP), to be stapled or shown
    Ocsp(Ocsp),
    /// Make a certificate that nobody but itself vouches for: writes PREFIX.crt and PREFIX.key
    Selfsigned(SelfSigned),
    /// Judge a chain: exit 0 where it is accepted, 7 where it is not
    Validate(Box<Validate>),
    /// List the certificates of a running node, or with --ca what an authority has issued
    List(List),
    /// Say which certificates of a running node are due, overdue or failing: exit 8 where one is overdue
    Due,
    /// Have a running node renew a certificate now, or in the next span of a window
    Renew(Renew),
    /// Show what stands in certificates, requests and revocation lists
    Show(Show),
}

/// `dwcp cert ca …`
#[derive(Debug, Subcommand)]
pub enum Ca {
    /// Make a root authority in a directory
    Init(Box<CaInit>),
    /// Make an authority below another one, in a directory of its own
    Intermediate(Box<CaIntermediate>),
    /// Certify a root that takes over, so that whoever trusts the old one accepts what the new one issues
    CrossSign(CaCrossSign),
    /// Seal the key of an authority under a passphrase or a key file
    Seal(CaSeal),
}

/// What a new authority is to be.
#[derive(Debug, Args)]
pub struct NewAuthority {
    /// Common name
    #[arg(long, value_name = "CN")]
    pub name: String,
    /// p256, p384 or ed25519
    #[arg(long, default_value = "p256")]
    pub key_type: String,
    /// Lifetime in days; an authority below another one lives no longer than that
    #[arg(long, default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
    /// Bind it and all below it to these names: DNS:domain or IP:address/prefix; repeats
    #[arg(long, value_name = "SUBTREE")]
    pub permit: Vec<String>,
    /// Keep these names from it and all below it; repeats
    #[arg(long, value_name = "SUBTREE")]
    pub exclude: Vec<String>,
    /// Where its list will be found (http://…); every certificate and the list name this place
    #[arg(long, value_name = "URL")]
    pub crl_url: Option<String>,
    /// Where its deltas will be found; complete lists name this place
    #[arg(long, value_name = "URL")]
    pub delta_url: Option<String>,
    /// Where its own certificate will be found
    #[arg(long, value_name = "URL")]
    pub issuer_url: Option<String>,
    /// Where its OCSP responder will be found
    #[arg(long, value_name = "URL")]
    pub ocsp_url: Option<String>,
}

/// `dwcp cert ca init`
#[derive(Debug, Args)]
pub struct CaInit {
    /// The directory; must not hold an authority yet
    #[arg(long)]
    pub dir: PathBuf,
    #[command(flatten)]
    pub new: NewAuthority,
    /// How many authorities may stand below it, one below the other
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub path_length: u8,
    #[command(flatten)]
    pub lock: Unlock,
    /// Seal the key under a passphrase that is asked for; --passphrase-file and --key-file imply it
    #[arg(long)]
    pub seal: bool,
    /// Make up the passphrase: written to --passphrase-file (0600, must not exist), or shown once
    #[arg(long, conflicts_with_all = ["passphrase_fd", "key_file"])]
    pub generate: bool,
}

/// `dwcp cert ca intermediate`
#[derive(Debug, Args)]
pub struct CaIntermediate {
    /// The directory of the authority above
    #[arg(long, value_name = "DIR")]
    pub ca: PathBuf,
    /// The directory of the new one; must not hold an authority yet
    #[arg(long)]
    pub dir: PathBuf,
    #[command(flatten)]
    pub new: NewAuthority,
    /// How many authorities may stand below it, one below the other
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub path_length: u8,
    #[command(flatten)]
    pub unlock: Unlock,
    /// Seal the new key under the passphrase in this file
    #[arg(long, value_name = "P", conflicts_with_all = ["new_passphrase_fd", "new_key_file"])]
    pub new_passphrase_file: Option<PathBuf>,
    /// Open file descriptor to read that passphrase from
    #[arg(long, value_name = "N", value_parser = descriptor, conflicts_with = "new_key_file")]
    pub new_passphrase_fd: Option<u32>,
    /// Seal the new key under a key file; made if it does not exist
    #[arg(long, value_name = "K")]
    pub new_key_file: Option<PathBuf>,
    /// Seal the new key under a passphrase that is asked for
    #[arg(long)]
    pub seal: bool,
    /// Make up the new passphrase: written to --new-passphrase-file (0600, must not exist), or shown once
    #[arg(long, conflicts_with_all = ["new_passphrase_fd", "new_key_file"])]
    pub generate: bool,
}

/// `dwcp cert ca cross-sign`
#[derive(Debug, Args)]
pub struct CaCrossSign {
    /// The directory of the authority that signs: the old root
    #[arg(long, value_name = "DIR")]
    pub ca: PathBuf,
    /// The certificate of the root that takes over
    #[arg(long, value_name = "F")]
    pub cert: PathBuf,
    /// Where its certificate by the old root is written: shown beside what it issues
    #[arg(long, value_name = "F")]
    pub out: PathBuf,
    /// Lifetime in days; no longer than that of either root
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// `dwcp cert ca seal`
#[derive(Debug, Args)]
pub struct CaSeal {
    /// The authority's directory
    #[arg(long)]
    pub dir: PathBuf,
    #[command(flatten)]
    pub lock: Unlock,
    /// Make up the passphrase: written to --passphrase-file (0600, must not exist), or shown once
    #[arg(long, conflicts_with_all = ["passphrase_fd", "key_file"])]
    pub generate: bool,
}

/// The names and the kind of a key that is made here.
#[derive(Debug, Args)]
pub struct Subject {
    /// DNS:…, IP:…, URI:… or EMAIL:…; repeats
    #[arg(long = "san", value_name = "KIND:VALUE", required = true)]
    pub sans: Vec<String>,
    /// p256, p384 or ed25519
    #[arg(long, default_value = "p256")]
    pub key_type: String,
    /// Prefix of the files written
    #[arg(long, value_name = "PREFIX")]
    pub out: PathBuf,
}

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UsageChoice {
    /// To authenticate a server
    Server,
    /// To authenticate a client
    Client,
    /// Both
    Both,
}

/// `dwcp cert issue`
#[derive(Debug, Args)]
pub struct Issue {
    /// The authority's directory
    #[arg(long, value_name = "DIR")]
    pub ca: PathBuf,
    #[command(flatten)]
    pub subject: Subject,
    /// Lifetime
    #[arg(long, default_value = "24h")]
    pub ttl: GoDuration,
    /// server, client or both
    #[arg(long, value_enum, default_value_t = UsageChoice::Both)]
    pub usage: UsageChoice,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// `dwcp cert csr`
#[derive(Debug, Args)]
pub struct Csr {
    #[command(flatten)]
    pub subject: Subject,
}

/// `dwcp cert sign`
#[derive(Debug, Args)]
pub struct Sign {
    /// The authority's directory
    #[arg(long, value_name = "DIR")]
    pub ca: PathBuf,
    /// The request (PEM); - is standard input
    #[arg(long, value_name = "FILE")]
    pub csr: PathBuf,
    /// Where to write the certificate and those above it but the root (PEM); - is standard output
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// A policy of policies.yaml in the authority's directory [default: any DNS name, address or URI, 90 days, both usages]
    #[arg(long, value_name = "NAME", conflicts_with = "allow")]
    pub policy: Option<String>,
    /// Grant these names alone: DNS:name, DNS:*.domain, IP:address, IP:address/prefix, URI:spiffe://domain/*; repeats
    #[arg(long, value_name = "PATTERN")]
    pub allow: Vec<String>,
    /// Lifetime [default: 24h, or what the policy allows if that is less]
    #[arg(long)]
    pub ttl: Option<GoDuration>,
    /// server, client or both [default: what the policy allows]
    #[arg(long, value_enum)]
    pub usage: Option<UsageChoice>,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// `dwcp cert revoke`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["serial", "cert"]))]
pub struct Revoke {
    /// The authority's directory
    #[arg(long, value_name = "DIR")]
    pub ca: PathBuf,
    /// Serial number, hexadecimal
    #[arg(long, value_name = "HEX")]
    pub serial: Option<String>,
    /// The certificate itself (PEM)
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Why, by a name of RFC 5280 §5.3.1: key-compromise, superseded, cessation-of-operation, …
    #[arg(long, default_value = "unspecified")]
    pub reason: String,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// `dwcp cert crl`
#[derive(Debug, Args)]
pub struct CrlOut {
    /// The authority's directory
    #[arg(long, value_name = "DIR")]
    pub ca: PathBuf,
    /// Where to write it (PEM); - is standard output
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Only what changed since a complete list that was published before (RFC 5280 §5.2.4)
    #[arg(long)]
    pub delta: bool,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// `dwcp cert ocsp`
#[derive(Debug, Args)]
pub struct Ocsp {
    /// The authority's directory
    #[arg(long, value_name = "DIR")]
    pub ca: PathBuf,
    /// The certificate that is asked about (PEM; of a chain the first)
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// Where to write the answer (DER)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub unlock: Unlock,
}

/// `dwcp cert selfsigned`
#[derive(Debug, Args)]
pub struct SelfSigned {
    #[command(flatten)]
    pub subject: Subject,
    /// Lifetime
    #[arg(long, default_value = "24h")]
    pub ttl: GoDuration,
}

/// `dwcp cert show`
#[derive(Debug, Args)]
pub struct Show {
    /// PEM with any number of documents, or DER with one; - is standard input, https://HOST[:PORT] what a server shows
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `dwcp cert list`
#[derive(Debug, Args)]
pub struct List {
    /// The authority's directory [default: ask the running node for its own certificates]
    #[arg(long, value_name = "DIR")]
    pub ca: Option<PathBuf>,
    /// Only what is neither revoked nor expired
    #[arg(long, requires = "ca")]
    pub valid: bool,
}

/// `dwcp cert renew`
#[derive(Debug, Args)]
pub struct Renew {
    /// The certificate, as `dwcp cert list` names it
    pub name: String,
    /// In the next span of this window (UTC), no later than its alarm, instead of now: for example 03:00+2h
    #[arg(long, value_name = "HH:MM+LENGTH")]
    pub window: Option<Window>,
}
