//! The node's sockets and the tasks on them.

use super::NodeError;
use super::compose::{ENROLMENT, PUBLICATION};
use super::descriptors;
use super::dialer::Dialer;
use super::enroll;
use super::listener::Listener;
use super::news::News;
use super::publication_port;
use super::shared::Shared;
use crate::config::NodePlan;
use arc_swap::ArcSwap;
use dwcp_channel::{CloseReason, Incoming, Judgement, ServeSettings, listen, serve, serve_plain};
use dwcp_tls::TlsContext;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What listens, by name, and the tasks of the node besides.
pub(super) struct Floor {
    listeners: BTreeMap<String, Placed<Listener>>,
    dialers: BTreeMap<String, Placed<Dialer>>,
    publication: Option<Placed<()>>,
    enrolment: Option<Placed<()>>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// A listener or dialer at its address.
pub(super) struct Placed<T> {
    pub(super) what: Arc<T>,
    pub(super) address: SocketAddr,
    /// The address that was asked for; it may say port 0.
    pub(super) asked: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Floor {
    pub(super) fn new() -> Self {
        Self {
            listeners: BTreeMap::new(),
            dialers: BTreeMap::new(),
            publication: None,
            enrolment: None,
            tasks: JoinSet::new(),
            stop: watch::channel(false).0,
        }
    }

    /// Resolves when the node stops.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    pub(super) fn listener(&self, name: &str) -> Option<&Placed<Listener>> {
        self.listeners.get(name)
    }

    pub(super) fn dialer(&self, name: &str) -> Option<&Placed<Dialer>> {
        self.dialers.get(name)
    }

    pub(super) fn publication(&self) -> Option<&Placed<()>> {
        self.publication.as_ref()
    }

    pub(super) fn enrolment(&self) -> Option<&Placed<()>> {
        self.enrolment.as_ref()
    }

    pub(super) fn address_of(&self, name: &str) -> Option<SocketAddr> {
        let listener = self.listeners.get(name).map(|placed| placed.address);
        listener.or_else(|| self.dialers.get(name).map(|placed| placed.address))
    }

    /// Serves a listener on its socket.
    pub(super) fn place_listener(&mut self, listener: Listener, socket: Bound, shared: &Arc<Shared>) {
        let what = Arc::new(listener);
        let (stop, stopped) = watch::channel(false);
        let (accept, handler, node) = (Arc::clone(&what), Arc::clone(&what), Arc::clone(shared));
        let carry = move |session| {
            let (listener, shared) = (Arc::clone(&handler), Arc::clone(&node));
            async move { listener.carry(session, &shared).await }
        };
        let Bound { socket, address, asked } = socket;
        tracing::info!(listener = %what.name, %address, "listening");
        let served = serve(socket, accept, carry, settings(shared), changed(stopped));
        let task = tokio::spawn(async move {
            let _ = served.await;
        });
        let placed = Placed { what, address, asked, stop, task };
        if let Some(moved) = self.listeners.insert(placed.what.name.to_string(), placed) {
            moved.what.retire();
            moved.leave(&moved.what.name);
        }
    }

    /// Serves a dialer on its socket.
    pub(super) fn place_dialer(&mut self, dialer: Dialer, socket: Bound, shared: &Arc<Shared>) {
        let what = Arc::new(dialer);
        let (stop, stopped) = watch::channel(false);
        let (handler, node) = (Arc::clone(&what), Arc::clone(shared));
        let carry = move |incoming| {
            let (dialer, shared) = (Arc::clone(&handler), Arc::clone(&node));
            async move { dialer.carry(incoming, &shared).await }
        };
        let Bound { socket, address, asked } = socket;
        tracing::info!(dialer = %what.name, %address, "listening");
        let served = serve_plain(socket, carry, settings(shared), changed(stopped));
        let (shower, node) = (Arc::clone(&what), Arc::clone(shared));
        let task = tokio::spawn(async move {
            // Until the last stream has ended, the drain included.
            tokio::select! {
                _ = served => {}
                () = shower.keep_shown(&node) => {}
            }
        });
        self.dialers.insert(what.name.to_string(), Placed { what, address, asked, stop, task });
    }

    /// Serves what the authority publishes by plain HTTP.
    pub(super) fn place_publication(&mut self, socket: Bound, shared: &Arc<Shared>) {
        tracing::info!(address = %socket.address, "publishing lists and OCSP by plain HTTP");
        let node = Arc::clone(shared);
        let carry = move |incoming| publication_port::carry(incoming, Arc::clone(&node));
        let placed = port(socket, publication_port::max_connections(), shared, carry);
        if let Some(moved) = self.publication.replace(placed) {
            moved.leave(PUBLICATION);
        }
    }

    /// Serves machines that join and renew.
    pub(super) fn place_enrolment(
        &mut self,
        socket: Bound,
        tls: &Arc<ArcSwap<TlsContext>>,
        shared: &Arc<Shared>,
    ) {
        tracing::info!(address = %socket.address, "machines can join by HTTPS");
        let (node, tls) = (Arc::clone(shared), Arc::clone(tls));
        let carry = move |incoming| enroll::port::carry(incoming, Arc::clone(&tls), Arc::clone(&node));
        if let Some(moved) =
            self.enrolment.replace(port(socket, enroll::port::max_connections(), shared, carry))
        {
            moved.leave(ENROLMENT);
        }
    }

    /// Stops the listeners and dialers that `plan` no longer has and says how many; their connections drain by themselves.
    pub(super) fn retain(&mut self, plan: &NodePlan) -> usize {
        let count = |floor: &Self| {
            floor.listeners.len()
                + floor.dialers.len()
                + usize::from(floor.publication.is_some())
                + usize::from(floor.enrolment.is_some())
        };
        let before = count(self);
        self.listeners.retain(|name, placed| {
            plan.listeners.iter().any(|l| l.name == *name) || {
                placed.what.retire();
                placed.leave(name)
            }
        });
        self.dialers
            .retain(|name, placed| plan.dialers.iter().any(|d| d.name == *name) || placed.leave(name));
        if plan.publish.is_none()
            && let Some(placed) = self.publication.take()
        {
            placed.leave(PUBLICATION);
        }
        if plan.enroll.is_none()
            && let Some(placed) = self.enrolment.take()
        {
            placed.leave(ENROLMENT);
        }
        before - count(self)
    }

    /// Stops everything within about `drain`: connections may end by themselves, what is left is cut and recorded so.
    pub(super) async fn close(mut self, drain: Duration, shared: &Shared) {
        let mut tasks = Vec::new();
        for placed in std::mem::take(&mut self.listeners).into_values() {
            placed.stop.send_replace(true);
            tasks.push(placed.task);
        }
        for placed in std::mem::take(&mut self.dialers).into_values() {
            placed.stop.send_replace(true);
            tasks.push(placed.task);
        }
        for placed in [self.publication.take(), self.enrolment.take()].into_iter().flatten() {
            placed.stop.send_replace(true);
            tasks.push(placed.task);
        }
        let grace = connections_drain(drain);
        let all = async {
            for task in &mut tasks {
                let _ = task.await;
            }
        };
        if tokio::time::timeout(grace, all).await.is_err() {
            let cut = shared.registry.judge(|_| Judgement::Close(CloseReason::Shutdown));
            tracing::info!(connections = cut.closed, "cut at the end of the drain");
            for task in tasks.iter_mut().filter(|task| !task.is_finished()) {
                let _ = tokio::time::timeout(MARGIN, task).await;
            }
        }
        self.stop.send_replace(true);
        let rest = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(MARGIN, rest).await;
    }
}

impl<T> Placed<T> {
    /// Stops accepting. Always false: it reads as "does not stay" in `retain`.
    fn leave(&self, name: &str) -> bool {
        tracing::warn!(name, address = %self.address, "stopped: the configuration no longer has it there");
        self.stop.send_replace(true);
        false
    }
}

/// Serves one of the authority's ports.
fn port<F>(
    socket: Bound,
    most: usize,
    shared: &Arc<Shared>,
    carry: impl Fn(Incoming) -> F + Send + Sync + 'static,
) -> Placed<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, stopped) = watch::channel(false);
    let Bound { socket, address, asked } = socket;
    let mut settings = settings(shared);
    settings.max_connections = most;
    settings.drain = settings.drain.min(publication_port::DRAIN);
    let served = serve_plain(socket, carry, settings, changed(stopped));
    let task = tokio::spawn(async move {
        let _ = served.await;
    });
    Placed { what: Arc::new(()), address, asked, stop, task }
}

/// A socket that listens already.
pub(super) struct Bound {
    pub(super) socket: TcpListener,
    pub(super) address: SocketAddr,
    asked: SocketAddr,
}

impl Bound {
    /// Listens for `what` (named in the error) on `asked`.
    pub(super) fn new(what: &str, asked: SocketAddr) -> Result<Self, NodeError> {
        let failed = |source| NodeError::Bind { what: what.to_owned(), address: asked, source };
        let socket = listen(asked).map_err(|error| failed(error.source))?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, asked })
    }
}

fn settings(shared: &Arc<Shared>) -> ServeSettings {
    let mut settings = ServeSettings::default();
    let plan = shared.plan.load();
    // A little longer than what `close` waits, so that what is left is cut by its name and not aborted.
    settings.drain = connections_drain(plan.drain) + MARGIN / 2;
    if let Some(guard) = &plan.guard {
        settings.max_connections = descriptors::carried(guard.max_connections);
    }
    settings.clock = Arc::clone(&shared.clock);
    settings.observer = Arc::<News>::clone(&shared.news);
    settings
}

/// What connections get of the time that the whole end may take: cutting the rest and closing the log need some of it.
fn connections_drain(whole: Duration) -> Duration {
    whole.saturating_sub(END).max(whole / 2)
}

async fn changed(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it the node.
    let _ = stopped.changed().await;
}

const MARGIN: Duration = Duration::from_millis(250);
const END: Duration = Duration::from_millis(1_500);
