//! A TLS connection to a node from the outside, as blocking calls.

use super::Place;
use dwcp::node::Outside;
use dwcp_channel::{DialError, Session};
use dwcp_pki::SubjectName;
use dwcp_tls::ExpectedServer;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// A session and the runtime it lives on.
pub(crate) struct Line {
    // First, so that it is dropped while its runtime still runs.
    session: Session,
    runtime: Runtime,
}

impl Line {
    /// Dials `address`, as the identity in `PREFIX.crt` and `PREFIX.key` or as nobody.
    pub(crate) fn dial(place: &Place, address: SocketAddr, who: Option<&str>) -> Result<Self, DialError> {
        Self::dial_over(address, &place.node("ca/ca.crt"), who)
    }

    /// The same, trusting the root in the file `ca`.
    pub(crate) fn dial_over(address: SocketAddr, ca: &str, who: Option<&str>) -> Result<Self, DialError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pair = who
            .map(|prefix| (PathBuf::from(format!("{prefix}.crt")), PathBuf::from(format!("{prefix}.key"))));
        let identity = pair.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()));
        let outside = Outside::new(Path::new(ca), None, identity).unwrap();
        let node = ExpectedServer::name(SubjectName::Ip(Ipv4Addr::LOCALHOST.into())).unwrap();
        let session = runtime.block_on(outside.dial(&address.to_string(), &node, PATIENCE))?;
        Ok(Self { session, runtime })
    }

    /// Writes all of `bytes`.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self { session, runtime } = self;
        runtime.block_on(async {
            timeout(PATIENCE, async {
                session.write_all(bytes).await?;
                session.flush().await
            })
            .await?
        })
    }

    /// Reads exactly `count` bytes.
    pub(crate) fn receive(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let Self { session, runtime } = self;
        let mut bytes = vec![0; count];
        runtime.block_on(async { timeout(PATIENCE, session.read_exact(&mut bytes)).await? })?;
        Ok(bytes)
    }

    /// Sends `bytes` to an echo and expects them back.
    pub(crate) fn echo(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(bytes)?;
        assert_eq!(self.receive(bytes.len())?, bytes, "the echo is another");
        Ok(())
    }

    /// What still comes, and how it ends; an end that does not come `within` is [`io::ErrorKind::TimedOut`].
    pub(crate) fn rest(&mut self, within: Duration) -> (Vec<u8>, io::Result<()>) {
        let Self { session, runtime } = self;
        let mut bytes = Vec::new();
        let end = runtime.block_on(async {
            let all = async { session.read_to_end(&mut bytes).await.map(drop) };
            timeout(within, all).await.unwrap_or_else(|late| Err(late.into()))
        });
        (bytes, end)
    }

    /// Ends this side in order, and waits until the other side has ended too.
    pub(crate) fn close(mut self) -> io::Result<()> {
        let Self { session, runtime } = &mut self;
        runtime.block_on(async { timeout(PATIENCE, session.shutdown()).await? })?;
        self.rest(PATIENCE).1
    }
}

/// Generous: a busy machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
