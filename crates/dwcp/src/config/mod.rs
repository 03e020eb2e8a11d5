//! The configuration: keys, reading, judging, and the plan a node is built from.

mod acme;
mod acme_issuers;
mod at_rest;
mod check;
mod duration;
mod endpoint;
mod further;
mod guard;
mod lists;
mod load;
pub mod model;
pub mod model_providers;
pub mod model_tls;
mod pins;
mod plan;
mod problem;
mod provider;
#[cfg(test)]
mod providers_tests;
mod side;
pub mod tickets;
mod tls;
mod trust;
mod vault;

pub use acme::{AcmeIssuerPlan, AcmePlan, ChallengePlan, ExternalAccountPlan};
pub use at_rest::key_derivation;
pub use check::check;
pub use duration::GoDuration;
pub(crate) use endpoint::host_of;
pub use further::FurtherPlan;
pub use lists::ListsPlan;
pub use load::{Loaded, load, parse};
pub use plan::{
    BundlePlan, DialerPlan, IdentityFiles, ListenerPlan, LoggingPlan, MeshPlan, NodePlan, ProviderPlan,
    Renewals, UnsealPlan,
};
pub use problem::ConfigProblem;
pub use side::{DialerSide, ListenerSide};
pub use tickets::{TicketSource, TicketsPlan};
pub(crate) use trust::own_domain;
pub use vault::{LoginPlan, VaultPlan};
