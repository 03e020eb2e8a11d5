//! The last step of a handshake on either side: read what was agreed, judge the peer as of now, or leave.

use crate::bounded_io::BoundedIo;
use crate::error::TlsError;
use crate::facts::{HandshakeFacts, HandshakeState, Resumption};
use crate::farewell;
use crate::group::Group;
use crate::hello::ClientOffer;
use crate::phases::Laps;
use crate::progress::Progress;
use crate::session::TlsSession;
use crate::settings::WithoutAlpn;
use crate::suite::CipherSuite;
use dwcp_base::Clock;
use dwcp_pki::Peer;
use rustls::pki_types::CertificateDer;
use rustls::{CommonState, Error, HandshakeKind};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsStream;

/// What both sides know about a handshake besides the connection itself.
pub(crate) struct Settling<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) laps: Laps,
    pub(crate) progress: Progress,
    /// What the client asked for, by its own account or by its hello.
    pub(crate) server_name: Option<String>,
    pub(crate) hello: Option<ClientOffer>,
    pub(crate) alpn_offered: &'a [Vec<u8>],
    pub(crate) without_alpn: WithoutAlpn,
    pub(crate) generation: u64,
}

/// A peer that there is no session with.
pub(crate) struct Unsettled<IO> {
    error: Box<TlsError>,
    io: BoundedIo<IO>,
}

impl<IO> Unsettled<IO> {
    pub(crate) fn new(error: TlsError, io: BoundedIo<IO>) -> Self {
        Self { error: Box::new(error), io }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Unsettled<IO> {
    /// Cuts the connection off and says why.
    pub(crate) async fn leave(self) -> TlsError {
        farewell::linger(self.io).await;
        *self.error
    }
}

impl Settling<'_> {
    /// Makes the session, or says why there is none. `judge` sees the peer's certificates, which a resumed
    /// session took over from the one before, and what was agreed on.
    ///
    /// By now the peer may think it has a session. It gets no close_notify: that would make the refusal a conversation that
    /// was empty and complete.
    pub(crate) fn settle<IO, J>(
        mut self,
        stream: TlsStream<BoundedIo<IO>>,
        judge: J,
    ) -> Result<TlsSession<IO>, Unsettled<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        J: FnOnce(&[CertificateDer<'static>], &HandshakeFacts) -> Result<Peer, TlsError>,
    {
        let reached = self.progress.reached();
        let exchanging = self.laps.lap(self.clock);
        self.laps.times.exchanging = exchanging.saturating_sub(reached.judging);
        self.progress.set(HandshakeState::Judging);
        let (io, agreed) = stream.get_ref();
        let judged = self.facts(agreed).and_then(|facts| {
            let chain = agreed.peer_certificates().unwrap_or_default();
            judge(chain, &facts).map(|peer| (peer, facts))
        });
        self.laps.times.judging = self.laps.lap(self.clock).saturating_add(reached.judging.min(exchanging));
        let judged = judged.map(|(peer, facts)| {
            let times = self.laps.times;
            let (bytes_read, bytes_written) = io.counted();
            let peer_scheme = reached.scheme;
            (
                peer,
                HandshakeFacts {
                    elapsed: times.total(),
                    times,
                    peer_scheme,
                    bytes_read,
                    bytes_written,
                    ..facts
                },
            )
        });
        match judged {
            Ok((peer, facts)) => Ok(TlsSession::new(stream, peer, facts, self.hello, self.generation)),
            Err(error) => {
                let io = match stream {
                    TlsStream::Client(client) => client.into_inner().0,
                    TlsStream::Server(server) => server.into_inner().0,
                };
                Err(Unsettled::new(error, io))
            }
        }
    }

    fn facts(&self, agreed: &CommonState) -> Result<HandshakeFacts, TlsError> {
        let incomplete = || TlsError::Engine(Error::HandshakeNotComplete);
        let suite =
            agreed.negotiated_cipher_suite().and_then(CipherSuite::from_engine).ok_or_else(incomplete)?;
        let group = agreed.negotiated_key_exchange_group().and_then(|group| Group::from_named(group.name()));
        let kind = agreed.handshake_kind().ok_or_else(incomplete)?;
        let alpn = agreed.alpn_protocol().map(<[u8]>::to_vec);
        if alpn.is_none() && !self.alpn_offered.is_empty() && self.without_alpn == WithoutAlpn::Refuse {
            return Err(TlsError::NoApplicationProtocol);
        }
        Ok(HandshakeFacts {
            suite,
            group: group.ok_or_else(incomplete)?,
            resumed: match kind {
                HandshakeKind::Resumed => Resumption::Resumed,
                HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest => Resumption::Full,
            },
            alpn,
            server_name: self.server_name.clone(),
            retried: kind == HandshakeKind::FullWithHelloRetryRequest,
            elapsed: Duration::ZERO,
            times: self.laps.times,
            peer_scheme: None,
            bytes_read: 0,
            bytes_written: 0,
        })
    }
}
