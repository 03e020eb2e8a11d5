//! For tests of certificate providers, and of whoever asks them (feature `testing`): a suite that each provider passes, and doubles that misbehave on
//! purpose.
//!
//! [`conformance::check`] asks a provider for certificates in every way that a manager does and says which rules it breaks.
//! [`Double`] is a provider of its own that is slow, silent, late, dishonest or worse, to try what depends on one.
//!
//! # Security
//! A [`Forge`] signs whatever it is asked to. Its keys are made in memory for one test; build nothing that ships with this feature.

pub mod conformance;
mod double;
mod forge;
mod lie;

pub use double::{Conduct, Double};
pub use forge::Forge;
pub use lie::Lie;
