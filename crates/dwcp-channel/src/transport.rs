//! Dialing: from an address and an expectation to a session the other side has accepted.

use crate::leading::Leading;
use crate::owed::Owed;
use crate::{
    Agreed, DialError, Direction, LivePolicy, Lookups, NODE_ALPN, Newcomer, Premises, RefusedCause,
    SHOWN_ALPN, Session, Standing, TlsAcceptor, Verdict,
};
use dwcp_tls::{ExpectedServer, Resumption, TlsConnector, TlsContext, TlsError, TlsSession};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// Dials peers, and makes the acceptors of the same node.
#[derive(Clone)]
pub struct SecureTransport {
    connector: TlsConnector,
    premises: Premises,
    lookups: Lookups,
    name: Arc<str>,
}

impl SecureTransport {
    /// A transport whose dialed connections are registered under `name`.
    pub fn new(connector: TlsConnector, premises: Premises, name: &str) -> Self {
        Self { connector, premises, lookups: Lookups::default(), name: name.into() }
    }

    /// Shares `lookups` with whoever else resolves names. Default: those of this transport and its [`named`](Self::named)
    /// clones alone.
    #[must_use]
    pub fn with_lookups(mut self, lookups: Lookups) -> Self {
        self.lookups = lookups;
        self
    }

    /// The same transport under another name, for another dialer.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.into(), ..self.clone() }
    }

    /// An acceptor for the listener of that name.
    pub fn acceptor(&self, context: TlsContext, policy: Arc<LivePolicy>, listener: &str) -> TlsAcceptor {
        TlsAcceptor::new(context, self.premises.clone(), policy, listener)
    }

    /// Dials `remote` (`host:port`) and returns when the other side has accepted, all within `deadline`.
    ///
    /// A node (ALPN `dwcp/1`) says so with its verdict, after policy and target; where certificates are only shown
    /// ([`SHOWN_ALPN`]), after policy. Of a stranger the first data, ticket or
    /// 500 ms without an alert must do: in TLS 1.3 a client's own "finished" proves nothing about acceptance
    /// (RFC 9846 §4.4.4). When the peer refuses a resumed session, its tickets are dropped and it is dialed once more in full.
    ///
    /// # Errors
    /// [`DialError`]; what the peer's node said is in [`DialError::Refused`].
    pub async fn dial(
        &self,
        remote: &str,
        expected: &ExpectedServer,
        deadline: Duration,
    ) -> Result<Session, DialError> {
        let end = Instant::now() + deadline;
        let dialed = timeout_at(end, self.dial_by(remote, expected, end)).await;
        dialed.unwrap_or_else(|_| Err(DialError::Timeout { remote: remote.to_owned(), deadline }))
    }

    async fn dial_by(
        &self,
        remote: &str,
        expected: &ExpectedServer,
        end: Instant,
    ) -> Result<Session, DialError> {
        match self.attempt(remote, expected, end).await {
            Err(Failure { error, resumption }) if is_refused_resumption(&error, resumption) => {
                tracing::debug!(remote, "the resumed session was refused, once more in full");
                self.connector.forget(expected);
                self.attempt(remote, expected, end).await.map_err(|failure| failure.error)
            }
            other => other.map_err(|failure| failure.error),
        }
    }

    async fn attempt(
        &self,
        remote: &str,
        expected: &ExpectedServer,
        end: Instant,
    ) -> Result<Session, Failure> {
        let (stream, address) = self.lookups.reach_by(remote, end).await.map_err(Failure::in_full)?;
        let failed = |source| DialError::Tls { remote: remote.to_owned(), source };
        let left = end.saturating_duration_since(Instant::now());
        // Boxed for the same reason as in the acceptor.
        let shaking = Box::pin(self.connector.connect(stream, expected, left));
        let mut tls = shaking.await.map_err(|error| {
            // Only a resumed session is judged after the fact; anything else was a full handshake as far as a retry goes.
            let resumed = error.asks_for_a_full_handshake(Resumption::Full);
            let resumption = if resumed { Resumption::Resumed } else { Resumption::Full };
            Failure { error: failed(error), resumption }
        })?;
        let resumption = tls.facts().resumed;
        let failure = |error| Failure { error, resumption };
        let leading = match tls.facts().alpn.as_deref() {
            Some(NODE_ALPN | SHOWN_ALPN) => {
                verdict(&mut tls, remote).await.map(|()| Leading::default()).map_err(failure)?
            }
            _ => sign_of_life(&mut tls).await.map_err(|error| failure(failed(error)))?,
        };
        let newcomer = Newcomer {
            peer: tls.peer().clone(),
            source: address,
            listener: Arc::clone(&self.name),
            direction: Direction::Dialed,
            agreed: Some(Agreed::of(&tls)),
        };
        let remote = || remote.to_owned();
        let tracked = self.premises.enlist(newcomer).map_err(|cause| {
            failure(match cause {
                RefusedCause::Full(source) => DialError::Full { remote: remote(), source },
                RefusedCause::Trust(source) => DialError::Untrusted { remote: remote(), source },
                _ => DialError::Closed { remote: remote() },
            })
        })?;
        let mut session = Session::new(tls, tracked, address, Standing::Expected, Owed::Nothing);
        session.leading = leading;
        Ok(session)
    }
}

impl fmt::Debug for SecureTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureTransport").field("name", &self.name).finish_non_exhaustive()
    }
}

struct Failure {
    error: DialError,
    resumption: Resumption,
}

impl Failure {
    fn in_full(error: DialError) -> Self {
        Self { error, resumption: Resumption::Full }
    }
}

/// A peer that refuses a resumption closes, with or without an alert; one that has decided says so in a verdict.
fn is_refused_resumption(error: &DialError, resumption: Resumption) -> bool {
    match error {
        DialError::Tls { source, .. } => source.asks_for_a_full_handshake(resumption),
        DialError::Closed { .. } => resumption == Resumption::Resumed,
        _ => false,
    }
}

/// Waits for a node's verdict.
async fn verdict(tls: &mut TlsSession<TcpStream>, remote: &str) -> Result<(), DialError> {
    let remote = || remote.to_owned();
    let mut frame = [0; Verdict::LENGTH];
    let mut filled = 0;
    while filled < frame.len() {
        match tls.read(&mut frame[filled..]).await {
            Ok(0) => return Err(DialError::Closed { remote: remote() }),
            Ok(read) => filled += read,
            Err(error) => {
                return Err(DialError::Tls { remote: remote(), source: TlsError::from_stream(error) });
            }
        }
    }
    match Verdict::from_bytes(&frame) {
        Ok(Verdict::Accepted) => Ok(()),
        Ok(Verdict::Refused(rejection)) => Err(DialError::Refused { remote: remote(), rejection }),
        Err(source) => Err(DialError::Malformed { remote: remote(), source }),
    }
}

/// Waits for a stranger's first data or ticket; silence is taken for consent after [`PATIENCE`], an alert is an error.
async fn sign_of_life(tls: &mut TlsSession<TcpStream>) -> Result<Leading, TlsError> {
    let mut bytes = [0; 1024];
    let stirred = Arc::new(AtomicBool::new(false));
    let sign = poll_fn(|cx| {
        let bell = Waker::from(Arc::new(Bell { stirred: Arc::clone(&stirred), task: cx.waker().clone() }));
        let mut buffer = ReadBuf::new(&mut bytes);
        match Pin::new(&mut *tls).poll_read(&mut Context::from_waker(&bell), &mut buffer) {
            Poll::Ready(result) => Poll::Ready(result.map(|()| Leading::new(buffer.filled()))),
            // The socket had something, and it was neither data nor an alert: what is left are tickets.
            Poll::Pending if stirred.load(Ordering::Acquire) => Poll::Ready(Ok(Leading::default())),
            Poll::Pending => Poll::Pending,
        }
    });
    match timeout(PATIENCE, sign).await {
        Ok(sign) => sign.map_err(TlsError::from_stream),
        Err(_) => Ok(Leading::default()),
    }
}

/// Notes that the socket woke its reader, apart from whatever else wakes the task.
struct Bell {
    stirred: Arc<AtomicBool>,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.stirred.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// How long a stranger may take to refuse us.
const PATIENCE: Duration = Duration::from_millis(500);
