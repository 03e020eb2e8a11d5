//! The accept loop: survives errors, isolates panics, bounds its tasks, drains at the end.

use crate::backoff::AcceptBackoff;
use crate::{Accept, Arrival, Event, Incoming, Session, Transport};
use dwcp_base::{Clock, Observer, Silent, SystemClock};
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

/// How a listener is served.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServeSettings {
    /// Connections at a time, handshakes included; newcomers beyond it are reset. Default 10 000.
    pub max_connections: usize,
    /// How long connections may go on after shutdown began, before they are reset. Default 5 s.
    pub drain: Duration,
    /// Is told about the listener's troubles. Default: nobody.
    pub observer: Arc<dyn Observer<Event>>,
    /// Stamps arrivals. Default: the system's clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            drain: Duration::from_secs(5),
            observer: Arc::new(Silent),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl fmt::Debug for ServeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeSettings")
            .field("max_connections", &self.max_connections)
            .field("drain", &self.drain)
            .finish_non_exhaustive()
    }
}

/// What a listener did in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Served {
    /// Connections that were given a task.
    pub accepted: u64,
    /// Connections that were reset because all places were taken.
    pub turned_away: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Connections that were still open when the time to drain was over.
    pub aborted: u64,
}

/// Accepts connections, makes sessions of them and hands each to `handler`, until `shutdown` resolves and the drain is over.
///
/// Each connection has a task of its own; a panic in one ends that connection alone. What a refused connection was refused
/// for is known to the layers of `accept`; nothing is left to do for it here.
pub async fn serve<A, H, F>(
    listener: TcpListener,
    accept: A,
    handler: H,
    settings: ServeSettings,
    shutdown: impl Future<Output = ()>,
) -> Served
where
    A: Accept + 'static,
    H: Fn(Session) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let shared = Arc::new((accept, handler));
    let connection = move |incoming: Incoming| {
        let shared = Arc::clone(&shared);
        async move {
            // Boxed, so that the memory of a handshake is given back when the long life of the session begins.
            match Box::pin(shared.0.accept(incoming)).await {
                Ok(session) => shared.1(session).await,
                Err(refused) => tracing::debug!(%refused, "connection refused"),
            }
        }
    };
    serve_plain(listener, connection, settings, shutdown).await
}

/// The same loop for connections that are not secured on this side, such as those a dialer carries to a peer.
pub async fn serve_plain<H, F>(
    listener: TcpListener,
    handler: H,
    settings: ServeSettings,
    shutdown: impl Future<Output = ()>,
) -> Served
where
    H: Fn(Incoming) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let handler = Arc::new(handler);
    let local = listener.local_addr().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
    let mut floor =
        Floor { local, settings, tasks: JoinSet::new(), served: Served::default(), saturated: false };
    let mut backoff = AcceptBackoff::default();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = floor.tasks.join_next() => floor.ended(&ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, source)) => {
                    backoff.succeeded();
                    floor.newcomer(stream, source, &handler);
                }
                Err(error) => {
                    let wait = backoff.failed(&error);
                    if !wait.is_zero() {
                        let os_error = error.raw_os_error().unwrap_or_default();
                        floor.settings.observer.observe(&Event::AcceptFailed { local, kind: error.kind(), os_error, wait });
                        tokio::select! {
                            () = &mut shutdown => break,
                            () = sleep(wait) => {}
                        }
                    }
                }
            },
        }
    }
    // Closed first, so that newcomers are refused by the kernel and a successor can listen while this one drains.
    drop(listener);
    floor.drain().await
}

/// The connections of one listener.
struct Floor {
    local: SocketAddr,
    settings: ServeSettings,
    tasks: JoinSet<()>,
    served: Served,
    saturated: bool,
}

impl Floor {
    fn newcomer<H, F>(&mut self, stream: TcpStream, source: SocketAddr, handler: &Arc<H>)
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        // Without it small records wait for the peer's delayed acknowledgements.
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().unwrap_or(self.local);
        let now = self.settings.clock.tick();
        let incoming = Incoming::new(stream, Arrival { source, local, transport: Transport::Tcp, now });
        if self.tasks.len() >= self.settings.max_connections {
            self.served.turned_away += 1;
            if !std::mem::replace(&mut self.saturated, true) {
                let limit = self.settings.max_connections;
                self.settings.observer.observe(&Event::Saturated { local: self.local, limit });
            }
            return incoming.reset();
        }
        self.served.accepted += 1;
        let handler = Arc::clone(handler);
        // The handler is called inside of the task, so that even its first lines can not bring the listener down; and boxed, since a task
        // is moved several times before it runs, and a connection is some ten kilobytes of state.
        self.tasks.spawn(async move { Box::pin(handler(incoming)).await });
    }

    fn ended(&mut self, ended: &Result<(), JoinError>) {
        // Hysteresis: at the very edge each end and each newcomer would otherwise be an episode of its own.
        if self.tasks.len() <= self.settings.max_connections / 10 * 9 {
            self.saturated = false;
        }
        if ended.as_ref().is_err_and(JoinError::is_panic) {
            self.served.panicked += 1;
            self.settings.observer.observe(&Event::HandlerPanicked { local: self.local });
        }
    }

    async fn drain(mut self) -> Served {
        let deadline = Instant::now() + self.settings.drain;
        while let Ok(Some(ended)) = timeout_at(deadline, self.tasks.join_next()).await {
            self.ended(&ended);
        }
        let aborted = self.tasks.len();
        if aborted > 0 {
            self.served.aborted = aborted as u64;
            self.settings.observer.observe(&Event::DrainElapsed { local: self.local, aborted });
            // Dropping a relay resets both of its sockets, so nobody takes the end for a clean one.
            self.tasks.shutdown().await;
        }
        self.served
    }
}
