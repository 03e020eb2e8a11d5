//! What this side trusts, and the judgement of chains against it.

mod anchor;
mod anchors;
mod asked;
mod blamed;
mod bundle;
mod combined;
mod contraction;
mod crl_entry;
mod crl_signers;
mod digest;
mod evidence;
mod explain;
mod fetched;
mod freshness;
mod issuers;
mod leaf;
mod leaf_key;
mod lenient;
mod link;
mod path;
mod policies;
mod presented;
mod profile;
mod recheck;
mod revocation;
mod revoked;
mod scope;
mod server_name;
mod sound;
mod store;
mod translate;
mod trust_error;
mod vouching;

pub(crate) use asked::Asked;
pub use bundle::TrustBundle;
pub use evidence::Evidence;
pub use explain::{PathStep, TrustPath};
pub(crate) use link::Link;
pub use policies::{BadPolicy, PolicyRequirements};
pub use profile::{Profile, ProfileRule, UnknownProfile};
pub use revocation::{RevocationIndex, RevocationMode};
pub use server_name::check_server_name;
pub(crate) use server_name::names_include;
pub use store::TrustStore;
pub use trust_error::TrustError;
pub use vouching::AnchorScope;
pub(crate) use vouching::listed;

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod issuers_tests;
#[cfg(test)]
#[path = "../../tests/lab/mod.rs"]
mod lab;
#[cfg(test)]
#[path = "../../tests/lists/mod.rs"]
mod lists;
#[cfg(test)]
mod policies_tests;
#[cfg(test)]
#[path = "../../tests/responses/mod.rs"]
mod responses;
