//! The last step of a handshake on either side: read what was agreed, judge the peer as of now, or leave.

use crate::bounded_io::BoundedIo;
use crate::error::TlsError;
use crate::facts::{HandshakeFacts, Resumption};
use crate::farewell;
use crate::group::Group;
use crate::hello::ClientOffer;
use crate::session::TlsSession;
use crate::settings::WithoutAlpn;
use crate::suite::CipherSuite;
use dwcp_base::{Clock, Tick};
use dwcp_pki::Peer;
use rustls::pki_types::CertificateDer;
use rustls::{CommonState, Error, HandshakeKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsStream;

/// What both sides know about a handshake besides the connection itself.
pub(crate) struct Settling<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) started: Tick,
    /// What the client asked for, by its own account or by its hello.
    pub(crate) server_name: Option<String>,
    pub(crate) hello: Option<ClientOffer>,
    pub(crate) alpn_offered: &'a [Vec<u8>],
    pub(crate) without_alpn: WithoutAlpn,
    pub(crate) generation: u64,
}

impl Settling<'_> {
    /// Makes the session, or cuts the connection off and says why. `judge` sees the peer's certificates, which a resumed
    /// session took over from the one before, and what was agreed on.
    ///
    /// By now the peer may think it has a session. It gets no close_notify: that would make the refusal a conversation that
    /// was empty and complete.
    pub(crate) async fn settle<IO, J>(
        self,
        stream: TlsStream<BoundedIo<IO>>,
        judge: J,
    ) -> Result<TlsSession<IO>, TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        J: FnOnce(&[CertificateDer<'static>], &HandshakeFacts) -> Result<Peer, TlsError>,
    {
        let judged = self.facts(stream.get_ref().1).and_then(|facts| {
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            judge(chain, &facts).map(|peer| (peer, facts))
        });
        match judged {
            Ok((peer, facts)) => Ok(TlsSession::new(stream, peer, facts, self.hello, self.generation)),
            Err(error) => {
                match stream {
                    TlsStream::Client(client) => farewell::linger(client.into_inner().0).await,
                    TlsStream::Server(server) => farewell::linger(server.into_inner().0).await,
                }
                Err(error)
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
            elapsed: self.clock.tick().since(self.started),
        })
    }
}
