//! What an admitted connection holds until it ends.

use crate::connections::Permit;
use crate::prefix::SourcePrefix;

/// One connection that a [`Guard`](crate::Guard) let in. Dropping it gives the place back.
#[derive(Debug)]
#[must_use = "dropping the permit at once gives the place back while the connection lives on"]
pub struct GuardPermit(pub(crate) Permit);

impl GuardPermit {
    /// The handshake is done: the connection no longer counts as pending. A second call does nothing.
    pub fn established(&self) {
        self.0.established();
    }

    /// Under which prefix the connection counts.
    pub fn source(&self) -> SourcePrefix {
        self.0.source()
    }
}
