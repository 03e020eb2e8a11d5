//! The tour: two nodes, real traffic, rotation, revocation, a stranger, a flood, and a log that is checked.
//!
//! Each step happens for real on loopback, and what it prints is read back from where an operator would look: the nodes'
//! `/metrics` over HTTPS, the authority's index, and the audit log on disk.

mod evidence;
mod figures;
mod kept;
mod mesh;
mod scrape;
mod service;
mod tour;
mod traffic;

pub use figures::Figures;
pub use kept::KeptDir;
pub use tour::tour;

use std::time::Duration;

/// How the tour is run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// How long the traffic lasts before the peers misbehave. Default 6 s.
    pub load: Duration,
    /// Where the nodes' files stay; by default a temporary directory that is removed.
    pub keep: Option<KeptDir>,
    /// What goes wrong on purpose; by default nothing.
    pub sabotage: Sabotage,
}

/// What a test breaks to see that the figures are no decoration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// The certificates that are put in place belong to other keys.
    MismatchedKey,
    /// The third identity is never revoked.
    SkippedRevocation,
    /// The nodes run without a guard.
    GuardOff,
    /// The listeners let anonymous clients in.
    StrangersAllowed,
    /// Nobody touches the copy of the log.
    NoTampering,
}

impl Default for Plan {
    fn default() -> Self {
        Self { load: Duration::from_secs(6), keep: None, sabotage: Sabotage::None }
    }
}

impl Plan {
    /// The same tour with something broken.
    #[must_use]
    pub fn sabotaged(mut self, sabotage: Sabotage) -> Self {
        self.sabotage = sabotage;
        self
    }

    /// The same tour with another length of traffic.
    #[must_use]
    pub fn lasting(mut self, load: Duration) -> Self {
        self.load = load;
        self
    }
}

/// Why the tour did not come to its end.
pub type TourError = Box<dyn std::error::Error + Send + Sync>;
