//! The command line of tokens: `dwcp token`.

use crate::config::GoDuration;
use clap::{Args, Subcommand};

/// `dwcp token …`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a one-time token for a machine that is to join; it is printed alone on standard output
    Create(TokenCreate),
    /// List the tokens that are kept, without their secrets
    List,
    /// Take a token back that nobody has joined with yet
    Revoke(TokenRevoke),
    /// Forget a machine that joined and is gone for good: its name is free again
    Forget(TokenForget),
}

/// `dwcp token create`
#[derive(Debug, Args)]
pub struct TokenCreate {
    /// How long it is good: 1m to 168h
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    pub ttl: GoDuration,
    /// Grant spiffe://DOMAIN/node/NAME and no other identity
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Grant these names alone: DNS:name, DNS:*.domain, IP:address, IP:network, URI:spiffe://domain/*; repeats
    #[arg(long, value_name = "PATTERN")]
    pub allow: Vec<String>,
    /// Where the machine reaches this node [default: the configuration's port for joining, else its admin listener]
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
}

/// `dwcp token revoke`
#[derive(Debug, Args)]
pub struct TokenRevoke {
    /// As `dwcp token list` shows it
    pub id: String,
}

/// `dwcp token forget`
#[derive(Debug, Args)]
pub struct TokenForget {
    /// Its identity: spiffe://DOMAIN/node/NAME
    #[arg(value_name = "SPIFFE_ID")]
    pub identity: String,
}
