//! An established session: the bytes, who the peer is, and what was agreed.

use crate::bounded_io::BoundedIo;
use crate::error::TlsError;
use crate::facts::{HandshakeFacts, HandshakeState, Resumption};
use crate::hello::ClientOffer;
use crate::session_ticket::SessionTicket;
use dwcp_crypto::Secret;
use dwcp_pki::Peer;
use rustls::pki_types::CertificateDer;
use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

/// A TLS 1.3 session over `IO` with a peer that was judged.
///
/// Reading ends with `Ok(0)` only after the peer's close_notify; an end without it is
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), since the data may have been cut off (RFC 9846 §6.1). `shutdown` sends
/// ours. [`TlsError::from_stream`] reads the errors of both directions.
///
/// Keys are renewed by the engine before a key has sealed 2^24 records (RFC 9846 §5.5).
pub struct TlsSession<IO> {
    stream: TlsStream<BoundedIo<IO>>,
    peer: Peer,
    facts: HandshakeFacts,
    hello: Option<ClientOffer>,
    generation: u64,
    ticket: Option<SessionTicket>,
}

impl<IO> TlsSession<IO> {
    pub(crate) fn new(
        mut stream: TlsStream<BoundedIo<IO>>,
        peer: Peer,
        facts: HandshakeFacts,
        hello: Option<ClientOffer>,
        generation: u64,
    ) -> Self {
        match &mut stream {
            TlsStream::Client(client) => client.get_mut().0.lift(),
            TlsStream::Server(server) => server.get_mut().0.lift(),
        }
        Self { stream, peer, facts, hello, generation, ticket: None }
    }

    /// Says which ticket was opened on the way; it counts only where the session was resumed.
    pub(crate) fn resumed_by(mut self, ticket: Option<SessionTicket>) -> Self {
        self.ticket = ticket.filter(|_| self.facts.resumed == Resumption::Resumed);
        self
    }

    /// Who the peer is, or why it is unknown.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What the handshake agreed on.
    pub fn facts(&self) -> &HandshakeFacts {
        &self.facts
    }

    /// The peer's certificates as it presented them, leaf first; a resumed session has those of the one before it.
    pub fn presented(&self) -> &[CertificateDer<'static>] {
        self.stream.get_ref().1.peer_certificates().unwrap_or_default()
    }

    /// What the client offered; `None` at the client's own end.
    pub fn client_hello(&self) -> Option<&ClientOffer> {
        self.hello.as_ref()
    }

    /// The ticket that this session was resumed by; `None` after a full handshake, and at the client's own end.
    pub fn ticket(&self) -> Option<&SessionTicket> {
        self.ticket.as_ref()
    }

    /// The early data of this session's client (0-RTT), once: at most the 16 KiB that the listener allows, whole. `None` where there
    /// was none, it was not accepted, or it was taken before; `None` at the client's own end.
    ///
    /// It comes after the client's "finished" was verified and the client judged as of now, so that a first flight which somebody
    /// recorded brings nothing, and a client that was revoked since is not heard.
    ///
    /// # Security
    /// It is sealed under the session before this one: exporters and channel binding of this session say nothing about it, and who
    /// reads that older session's secret reads it (no forward secrecy, RFC 9846 §2.3). Its ticket was used up by it, in this process;
    /// a client that lost the answer sends its request again in another connection, so serve by it what may be done twice.
    pub fn early_data(&mut self) -> Option<Vec<u8>> {
        let TlsStream::Server(server) = &mut self.stream else { return None };
        let mut early = server.get_mut().1.early_data()?;
        let mut bytes = Vec::new();
        // What the engine accepted lies in its memory: at most 16 KiB, and reading it does not fail.
        early.read_to_end(&mut bytes).ok()?;
        (!bytes.is_empty()).then_some(bytes)
    }

    /// The number of the store's generation under which the peer was judged.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The transport below, to look at: its bytes belong to the session.
    pub fn io(&self) -> &IO {
        self.stream.get_ref().0.get_ref()
    }

    /// Derives `length` bytes that both ends of this session, and nobody else, can derive for `label` and `context`
    /// (exporters, RFC 9846 §7.5). An absent context equals an empty one in TLS 1.3.
    ///
    /// # Errors
    /// [`TlsError::Engine`] when `length` is zero or above 255 hash lengths.
    ///
    /// # Security
    /// Labels are registered with IANA or start with `EXPORTER-` and a name of your own; two uses never share one.
    pub fn export(&self, label: &[u8], context: &[u8], length: usize) -> Result<Secret, TlsError> {
        Secret::build(length, |out| {
            match &self.stream {
                TlsStream::Client(client) => {
                    client.get_ref().1.export_keying_material(out, label, Some(context))
                }
                TlsStream::Server(server) => {
                    server.get_ref().1.export_keying_material(out, label, Some(context))
                }
            }
            .map(|_| ())
        })
        .map_err(TlsError::Engine)
    }

    /// The `tls-exporter` channel binding (RFC 9266): 32 bytes that are equal at both ends of this session alone.
    ///
    /// # Errors
    /// [`TlsError::Engine`], which an established session does not give.
    pub fn channel_binding(&self) -> Result<Secret, TlsError> {
        self.export(b"EXPORTER-Channel-Binding", b"", 32)
    }

    /// Moves to fresh keys in both directions with the next bytes sent (KeyUpdate, RFC 9846 §4.6.3).
    ///
    /// # Errors
    /// [`TlsError`] when the session is over.
    pub fn refresh_keys(&mut self) -> Result<(), TlsError> {
        match &mut self.stream {
            TlsStream::Client(client) => client.get_mut().1.refresh_traffic_keys(),
            TlsStream::Server(server) => server.get_mut().1.refresh_traffic_keys(),
        }
        .map_err(|error| TlsError::from_engine(error, HandshakeState::Established))
    }

    /// Gives the transport back and forgets the session: no close_notify is sent, and what was read ahead is lost.
    pub fn into_transport(self) -> IO {
        match self.stream {
            TlsStream::Client(client) => client.into_inner().0.into_inner(),
            TlsStream::Server(server) => server.into_inner().0.into_inner(),
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsSession<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsSession<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl<IO> fmt::Debug for TlsSession<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("peer", &self.peer.label())
            .field("facts", &self.facts)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
