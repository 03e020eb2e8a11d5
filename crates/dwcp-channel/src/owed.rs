//! The verdict a node peer waits for: sent once, as acceptance or as refusal.

use crate::{NODE_ALPN, SHOWN_ALPN, Verdict, accept};
use dwcp_tls::TlsSession;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The verdict frame that a node peer still waits for.
#[derive(Debug)]
pub(crate) enum Owed {
    Nothing,
    Frame { bytes: Box<[u8; Verdict::LENGTH]>, sent: usize },
}

impl Owed {
    /// What a peer of this session is owed when it is accepted: a node the frame, a stranger nothing.
    pub(crate) fn to_peer_of(tls: &TlsSession<TcpStream>) -> Self {
        match tls.facts().alpn.as_deref() {
            Some(NODE_ALPN | SHOWN_ALPN) => {
                Self::Frame { bytes: Box::new(Verdict::Accepted.to_bytes()), sent: 0 }
            }
            _ => Self::Nothing,
        }
    }

    /// Writes what is left of it.
    pub(crate) fn poll_send(
        &mut self,
        tls: &mut TlsSession<TcpStream>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Self::Frame { bytes, sent } = self {
            match ready!(Pin::new(&mut *tls).poll_write(cx, &bytes[*sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => *sent += written,
            }
            if *sent == Verdict::LENGTH {
                *self = Self::Nothing;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Ends an identified connection with a refusal: a node that waits gets its frame and a clean end, anybody else a reset.
pub(crate) async fn tell(tls: &mut TlsSession<TcpStream>, owed: &mut Owed, verdict: Verdict) {
    let sent = match std::mem::replace(owed, Owed::Nothing) {
        Owed::Frame { sent: 0, .. } => timeout(TELLING, async {
            tls.write_all(&verdict.to_bytes()).await?;
            tls.shutdown().await
        })
        .await
        .is_ok_and(|sent| sent.is_ok()),
        // Half a frame of acceptance is out already, or none was ever due.
        Owed::Frame { .. } | Owed::Nothing => false,
    };
    if !sent {
        accept::reset(tls.io());
    }
}

/// The longest a refused peer is waited for while it is told.
const TELLING: Duration = Duration::from_secs(1);
