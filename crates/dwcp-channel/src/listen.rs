//! Opening a listening socket.

use dwcp_base::{Blame, Coded};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Listens on `local` with a backlog of 1 024. Accepted sockets inherit TCP keep-alive at the system's interval, so a peer
/// that vanished does not hold its connection for ever.
///
/// # Errors
/// [`ListenError`] when the address is taken, is not ours, or needs a privilege.
pub fn listen(local: SocketAddr) -> Result<TcpListener, ListenError> {
    let open = || -> io::Result<TcpListener> {
        let socket = if local.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restart must not wait for the old process's TIME_WAIT. On Windows the option means sharing the port instead.
        #[cfg(not(windows))]
        socket.set_reuseaddr(true)?;
        socket.set_keepalive(true)?;
        socket.bind(local)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| ListenError { local, source })
}

/// A listening socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("can not listen on {local}")]
pub struct ListenError {
    /// The address asked for.
    pub local: SocketAddr,
    /// What the operating system said.
    pub source: io::Error,
}

impl Coded for ListenError {
    fn code(&self) -> &'static str {
        "channel.listen.unavailable"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

const BACKLOG: u32 = 1_024;
