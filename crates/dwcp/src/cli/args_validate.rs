//! The command line of `dwcp cert validate`.

use super::validate::{moment, name};
use clap::{Args, ValueEnum};
use dwcp_base::UnixTime;
use dwcp_pki::{BadPolicy, PolicyRequirements, Profile, Purpose, SubjectName};
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
    /// Refuse a chain with a certificate that no list and no OCSP response covers
    #[arg(long)]
    pub crl_all: bool,
    /// OCSP responses in DER, as `cert ocsp` writes them and servers staple them; repeats, at most 16
    #[arg(long, value_name = "F")]
    pub ocsp: Vec<PathBuf>,
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
    #[command(flatten)]
    pub policies: Policies,
}

/// What is asked of certificate policies (RFC 5280 §6.1.1).
#[derive(Debug, Args)]
pub struct Policies {
    /// A certificate policy that is acceptable where one is required, as 1.2.3.4; repeats [default: any]
    #[arg(long, value_name = "OID", value_parser = policy)]
    pub policy: Vec<String>,
    /// Require a policy also where no authority of the path does
    #[arg(long)]
    pub require_policy: bool,
    /// Do not let authorities declare policies of others equal to their own
    #[arg(long)]
    pub no_policy_mapping: bool,
    /// Do not let anyPolicy stand for every policy
    #[arg(long)]
    pub no_any_policy: bool,
}

impl Policies {
    pub(super) fn requirements(&self) -> Result<PolicyRequirements, BadPolicy> {
        let none = Ok(PolicyRequirements::default());
        let mut asked = self.policy.iter().fold(none, |asked, policy| asked?.accepting(policy))?;
        if self.require_policy {
            asked = asked.explicit();
        }
        if self.no_policy_mapping {
            asked = asked.without_mapping();
        }
        if self.no_any_policy {
            asked = asked.without_any_policy();
        }
        Ok(asked)
    }
}

fn policy(text: &str) -> Result<String, BadPolicy> {
    PolicyRequirements::default().accepting(text).map(|_| text.to_owned())
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
