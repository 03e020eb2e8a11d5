//! What is known about a newcomer before one of its bytes is read.

use dwcp_base::Tick;
use std::fmt;
use std::net::SocketAddr;

/// A newcomer as the listener saw it: addresses, transport and time, nothing the newcomer can word freely.
///
/// # Security
/// Over UDP the source is a claim until a cookie came back from it; over TCP it answered the kernel's handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Where it comes from.
    pub source: SocketAddr,
    /// The local address it came to.
    pub local: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// When it came, on the listener's monotonic clock.
    pub now: Tick,
}

/// How a newcomer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A TCP connection.
    Tcp,
    /// A datagram.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}
