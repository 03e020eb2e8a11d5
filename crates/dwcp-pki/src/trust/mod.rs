//! What this side trusts, and the judgement of chains against it.

mod anchor;
mod anchors;
mod blamed;
mod crl_entry;
mod explain;
mod freshness;
mod issuers;
mod leaf;
mod leaf_key;
mod link;
mod path;
mod presented;
mod profile;
mod recheck;
mod revocation;
mod scope;
mod server_name;
mod store;
mod translate;
mod trust_error;

pub use explain::{PathStep, TrustPath};
pub(crate) use link::Link;
pub use profile::{Profile, ProfileRule, UnknownProfile};
pub use revocation::{RevocationIndex, RevocationMode};
pub use server_name::check_server_name;
pub use store::TrustStore;
pub use trust_error::TrustError;

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod issuers_tests;
#[cfg(test)]
#[path = "../../tests/lab/mod.rs"]
mod lab;
