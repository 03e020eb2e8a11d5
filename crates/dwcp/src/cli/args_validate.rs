//! The command line of `dwcp cert validate`.

use super::validate::{moment, name};
use clap::{Args, ValueEnum};
use dwcp_base::UnixTime;
use dwcp_pki::{Profile, Purpose, SubjectName};
use std::path::PathBuf;

/// `dwcp cert validate`
#[derive(Debug, Args)]
pub struct Validate {
    /// The certificate and those above it, leaf first, in PEM or DER; several files follow one another, - is standard input
    #[arg(value_name = "CHAIN", required = true)]
    pub chain: Vec<PathBuf>,
    /// The authorities to trust, in PEM or DER; repeats
    #[arg(long, value_name = "F", required = true)]
    pub roots: Vec<PathBuf>,
    /// Certificates that a path may use besides those of CHAIN, trusted no more than they are; repeats
    #[arg(long, value_name = "F")]
    pub intermediates: Vec<PathBuf>,
    /// Revocation lists, in PEM or DER; each covers the certificates of its issuer; repeats
    #[arg(long, value_name = "F")]
    pub crl: Vec<PathBuf>,
    /// Refuse a chain with a certificate that no list covers
    #[arg(long)]
    pub crl_all: bool,
    /// mesh or interop
    #[arg(long, default_value = "mesh")]
    pub profile: Profile,
    /// A name that the leaf must have: DNS name, address or spiffe://…, or KIND:VALUE; repeats, and all must hold
    #[arg(long, value_name = "NAME", value_parser = name::parse)]
    pub name: Vec<SubjectName>,
    /// server, client or any
    #[arg(long, value_enum, default_value_t = PurposeChoice::Any)]
    pub purpose: PurposeChoice,
    /// The moment to judge, as 2026-11-22T12:00:00Z [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = moment::parse)]
    pub at: Option<UnixTime>,
    /// How many authorities may stand between leaf and root, self-issued ones not counted [default: what they allow]
    #[arg(long, value_name = "N")]
    pub max_depth: Option<usize>,
}

/// What the leaf is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PurposeChoice {
    /// To answer connections
    Server,
    /// To open connections
    Client,
    /// Not said: extended key usages are not looked at
    Any,
}

impl PurposeChoice {
    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Server => Purpose::Server,
            Self::Client => Purpose::Client,
            Self::Any => Purpose::Any,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Any => "any",
        }
    }
}
