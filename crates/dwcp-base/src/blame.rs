//! Who is to blame for an error, and its stable code.

use std::fmt;

/// Whose fault an error is. Penalties (rate limits, bans) count [`Blame::Peer`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Blame {
    /// The other side did it: a bad certificate, a broken record, a flood.
    Peer,
    /// This side did it: a wrong configuration, a full disk, a defect.
    Local,
    /// Neither did: a reset, a time-out, no route.
    Network,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer => "peer",
            Self::Local => "local",
            Self::Network => "network",
        })
    }
}

/// An error or refusal that logs, metrics and tests can name without parsing its text.
pub trait Coded {
    /// A stable name in the form `layer.subject.verb`, for example `tls.certificate.revoked`.
    fn code(&self) -> &'static str;

    /// Whose fault it is.
    fn blame(&self) -> Blame;
}
