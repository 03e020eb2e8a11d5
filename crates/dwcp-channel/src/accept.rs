//! The second seam: from an admitted connection to an identified session.

use crate::{Arrival, Refused, Session};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpStream;

/// A connection the kernel has accepted and nobody has read from yet.
///
/// Dropping it is a reset, so a task that is aborted or panics before it took the socket out leaves no clean end behind, which
/// a client could take for an empty answer.
#[derive(Debug)]
#[must_use = "an incoming connection is accepted or reset, never forgotten"]
pub struct Incoming {
    /// There until [`into_parts`](Self::into_parts) consumes it.
    stream: Option<TcpStream>,
    arrival: Arrival,
}

impl Incoming {
    /// A connection and how it arrived.
    pub fn new(stream: TcpStream, arrival: Arrival) -> Self {
        Self { stream: Some(stream), arrival }
    }

    /// How it arrived.
    pub fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// Gives up the connection without an answer: a reset, so that no TIME_WAIT is left behind (RFC 9293 §3.6.1).
    pub fn reset(self) {
        drop(self);
    }

    /// The socket and how it arrived. From here on its end is the caller's.
    pub fn into_parts(mut self) -> (TcpStream, Arrival) {
        let Some(stream) = self.stream.take() else { unreachable!("the one who takes it consumes the rest") };
        (stream, self.arrival)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            reset(stream);
        }
    }
}

/// Makes a session of an incoming connection, or says why not.
///
/// Acceptors wrap each other: each layer counts, times or records what the inner one decided. A dropped future abandons
/// the connection.
pub trait Accept: Send + Sync {
    /// Accepts or refuses.
    fn accept(&self, incoming: Incoming) -> impl Future<Output = Result<Session, Refused>> + Send;
}

impl<A: Accept> Accept for Arc<A> {
    fn accept(&self, incoming: Incoming) -> impl Future<Output = Result<Session, Refused>> + Send {
        (**self).accept(incoming)
    }
}

/// Any [`Accept`] behind one type, for callers that stack layers at run time. Costs one allocation per connection.
#[derive(Clone)]
pub struct BoxedAccept(Arc<dyn ErasedAccept>);

impl BoxedAccept {
    /// Wraps `accept`.
    pub fn new(accept: impl Accept + 'static) -> Self {
        Self(Arc::new(accept))
    }
}

impl Accept for BoxedAccept {
    fn accept(&self, incoming: Incoming) -> impl Future<Output = Result<Session, Refused>> + Send {
        self.0.accept_boxed(incoming)
    }
}

impl fmt::Debug for BoxedAccept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxedAccept")
    }
}

type Accepting<'a> = Pin<Box<dyn Future<Output = Result<Session, Refused>> + Send + 'a>>;

trait ErasedAccept: Send + Sync {
    fn accept_boxed(&self, incoming: Incoming) -> Accepting<'_>;
}

impl<A: Accept> ErasedAccept for A {
    fn accept_boxed(&self, incoming: Incoming) -> Accepting<'_> {
        Box::pin(self.accept(incoming))
    }
}

/// Makes the coming close of `stream` a reset. That this fails on a socket which is gone already changes nothing.
pub(crate) fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
