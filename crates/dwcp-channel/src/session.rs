//! A connection whose peer is known and allowed.

use crate::connection::Entry;
use crate::leading::Leading;
use crate::owed::{Owed, tell};
use crate::signal::{Seat, Watch};
use crate::{CloseReason, ConnectionId, Rejection, SHOWN_ALPN, Tracked, Verdict, accept};
use dwcp_pki::{Grant, Peer};
use dwcp_tls::{HandshakeFacts, TlsSession};
use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A secured connection, registered and allowed, that reads and writes the peer's data.
///
/// When the registry cuts it, reads and writes fail with [`io::ErrorKind::ConnectionAborted`]; whoever drops it then
/// leaves a reset to the peer, never a clean end. A node peer waits for the verdict: the first write sends it, or
/// [`confirm`](Self::confirm), or [`refuse`](Self::refuse).
#[must_use]
pub struct Session {
    pub(crate) tls: TlsSession<TcpStream>,
    pub(crate) tracked: Tracked,
    pub(crate) leading: Leading,
    pub(crate) owed: Owed,
    early: usize,
    source: SocketAddr,
    standing: Standing,
    permits: Vec<Box<dyn Any + Send>>,
    reader: Watch,
    writer: Watch,
}

/// By what right a session exists.
#[derive(Clone, Debug)]
pub enum Standing {
    /// The peer came, and the allow list names it.
    Granted(Grant),
    /// We dialed, and the peer proved to be whom we expected.
    Expected,
}

impl Session {
    pub(crate) fn new(
        tls: TlsSession<TcpStream>,
        tracked: Tracked,
        source: SocketAddr,
        standing: Standing,
        owed: Owed,
    ) -> Self {
        Self {
            tls,
            tracked,
            leading: Leading::default(),
            owed,
            early: 0,
            source,
            standing,
            permits: Vec::new(),
            reader: Watch::new(Seat::Reader),
            writer: Watch::new(Seat::Writer),
        }
    }

    /// With what the client sent in its first flight (0-RTT), to be read before everything else.
    pub(crate) fn led_by(mut self, early: &[u8]) -> Self {
        self.early = early.len();
        self.leading = Leading::new(early);
        self
    }

    /// Who the other side is.
    pub fn peer(&self) -> &Peer {
        self.tls.peer()
    }

    /// What the handshake agreed on.
    pub fn facts(&self) -> &HandshakeFacts {
        self.tls.facts()
    }

    /// How many of the bytes that are read first came as early data (0-RTT, RFC 9846 §2.3): at most 16 KiB, none where the listener takes
    /// none and on dialed connections. Nothing of it can be read before the client was granted.
    pub fn early_data(&self) -> usize {
        self.early
    }

    /// The other side's address.
    pub fn source(&self) -> SocketAddr {
        self.source
    }

    /// By what right it exists.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Its number in the registry.
    pub fn id(&self) -> ConnectionId {
        self.tracked.id()
    }

    /// Its place in the registry, with the bytes moved so far.
    pub fn tracked(&self) -> &Tracked {
        &self.tracked
    }

    /// The TLS session underneath, for its exporter and generation. Reading or writing through it is not possible.
    pub fn tls(&self) -> &TlsSession<TcpStream> {
        &self.tls
    }

    /// Keeps `permit` until the session is dropped: how the layers around an acceptor count what is alive.
    pub fn hold(&mut self, permit: impl Send + 'static) {
        self.permits.push(Box::new(permit));
    }

    /// Tells a node peer that it is accepted; does nothing for strangers or the second time.
    ///
    /// # Errors
    /// What the transport says; then there is no conversation.
    pub async fn confirm(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            let cut = self.writer.poll_cut(&self.tracked.entry.signal, cx);
            self.check_cut(cut)?;
            ready!(self.owed.poll_send(&mut self.tls, cx))?;
            Pin::new(&mut self.tls).poll_flush(cx)
        })
        .await
    }

    /// Ends the session with `rejection` for a node peer, and a reset for a stranger, who could take a clean end for an
    /// empty answer. Takes at most one second.
    pub async fn refuse(mut self, rejection: Rejection) {
        tell(&mut self.tls, &mut self.owed, Verdict::Refused(rejection)).await;
    }

    /// Whether the two sides only show each other their certificates ([`SHOWN_ALPN`]): then there is no data and no target to reach, and
    /// [`part`](Self::part) is all that is left to do.
    pub fn only_shows(&self) -> bool {
        self.facts().alpn.as_deref() == Some(SHOWN_ALPN)
    }

    /// Ends in good order a session that carries nothing, with the verdict for a node peer that waits for it. Takes at most one second.
    pub async fn part(mut self) {
        let parting = async {
            self.confirm().await?;
            self.shutdown().await?;
            // What the other side says is its end; a byte would be out of place, and is not waited for.
            self.read(&mut [0]).await
        };
        let _ = timeout(PARTING, parting).await;
    }

    /// Resolves when the registry cuts the session; for handlers that wait for something else meanwhile.
    pub async fn cut(&mut self) -> CloseReason {
        poll_fn(|cx| self.reader.poll_cut(&self.tracked.entry.signal, cx)).await
    }

    /// Gives up the session at once: the peer sees a reset.
    pub fn reset(self) {
        accept::reset(self.tls.io());
    }

    fn entry(&self) -> &Arc<Entry> {
        &self.tracked.entry
    }
}

impl Session {
    fn check_cut(&self, polled: Poll<CloseReason>) -> io::Result<()> {
        match polled {
            Poll::Pending => Ok(()),
            Poll::Ready(reason) => {
                // From here on nothing may look like a clean end, whoever drops the session when.
                accept::reset(self.tls.io());
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, WasCut(reason)))
            }
        }
    }
}

impl AsyncRead for Session {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let cut = this.reader.poll_cut(&this.tracked.entry.signal, cx);
        this.check_cut(cut)?;
        let before = buffer.filled().len();
        if this.leading.give(buffer) == 0 {
            ready!(Pin::new(&mut this.tls).poll_read(cx, buffer))?;
        }
        let read = buffer.filled().len() - before;
        this.entry().bytes_in.fetch_add(read as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Session {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let cut = this.writer.poll_cut(&this.tracked.entry.signal, cx);
        this.check_cut(cut)?;
        ready!(this.owed.poll_send(&mut this.tls, cx))?;
        let written = ready!(Pin::new(&mut this.tls).poll_write(cx, bytes))?;
        this.entry().bytes_out.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let cut = this.writer.poll_cut(&this.tracked.entry.signal, cx);
        this.check_cut(cut)?;
        Pin::new(&mut this.tls).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let cut = this.writer.poll_cut(&this.tracked.entry.signal, cx);
        this.check_cut(cut)?;
        ready!(this.owed.poll_send(&mut this.tls, cx))?;
        Pin::new(&mut this.tls).poll_shutdown(cx)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id())
            .field("peer", self.peer())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The connection was cut by the registry; found inside of the [`io::Error`] that its reads and writes give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was cut: {0}")]
pub struct WasCut(pub CloseReason);

/// The longest an orderly end is waited for.
const PARTING: Duration = Duration::from_secs(1);
