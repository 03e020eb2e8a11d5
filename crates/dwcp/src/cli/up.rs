//! `dwcp up`: the node in the foreground, driven by signals.

use super::args::Up;
use super::config::{locate, read};
use super::exit::{Exit, Failure};
use super::output::Report;
use crate::config::LoggingPlan;
use crate::node::{Node, NodeError};
use serde_json::json;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Runs the node until SIGTERM or SIGINT.
pub(super) fn run(args: &Up, named: Option<&Path>, verbose: u8) -> Result<Report, Failure> {
    let file = locate(named)?;
    let (_, plan) = read(&file, args.state.as_deref())?;
    log_to_stderr(&plan.logging, verbose);
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        for warning in &plan.warnings {
            tracing::warn!("{warning}");
        }
        // Before the start, so that a signal that comes during it is not lost (nor deadly, as SIGHUP is by default).
        let mut signals = Signals::new()?;
        let (mut start, mut again) = (pin!(Node::start(plan)), false);
        // Whoever issues the first certificate may take its time, and nobody has to wait for that to stop.
        let node = loop {
            tokio::select! {
                started = &mut start => break started?,
                signal = signals.next() => match signal {
                    Signal::Reload => again = true,
                    Signal::Stop => return Ok(Report::new("", json!({ "stopped": true }))),
                },
            }
        };
        tracing::info!(admin = %node.admin_address(), config = %file.display(), "the node is up");
        notify("READY=1");
        if again {
            reload(&node, &file, args.state.as_deref()).await;
        }
        while let Signal::Reload = signals.next().await {
            reload(&node, &file, args.state.as_deref()).await;
        }
        notify("STOPPING=1");
        tracing::info!("draining");
        node.stop().await;
        Ok(Report::new("", json!({ "stopped": true })))
    });
    // A name lookup that hangs is not worth waiting for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

/// The multi-threaded runtime the node and the demo run on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(
            Exit::Failure,
            "the runtime does not start",
            &error,
            "check this user's limits on threads and descriptors",
        )
    })
}

async fn reload(node: &Node, file: &Path, state: Option<&Path>) {
    notify("RELOADING=1");
    let plan = read(file, state).map(|(_, plan)| plan);
    match plan {
        Ok(plan) => match node.reload(plan).await {
            Ok(done) => tracing::info!(
                started = done.started,
                stopped = done.stopped,
                no_longer_allowed = done.no_longer_allowed,
                "the configuration was reloaded"
            ),
            Err(error) => tracing::error!("{}", Failure::from(error)),
        },
        Err(failure) => {
            tracing::error!("{failure}");
            node.reload_refused(&failure.why.join(": "));
        }
    }
    notify("READY=1");
}

impl Signals {
    /// Waits for the signal to stop; a reload has no meaning here.
    pub(super) async fn stopped(&mut self) {
        while let Signal::Reload = self.next().await {}
    }
}

/// What an operator can tell a running node.
pub(super) enum Signal {
    Reload,
    Stop,
}

#[cfg(unix)]
pub(super) struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let open = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(
                    Exit::Failure,
                    "signals can not be received",
                    &error,
                    "check what started this process",
                )
            })
        };
        Ok(Self {
            hangup: open(SignalKind::hangup())?,
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
        }
    }
}

#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::Stop
    }
}

/// The one subscriber of the process; libraries only emit.
fn log_to_stderr(logging: &LoggingPlan, verbose: u8) {
    let level = match verbose {
        0 => logging.level.as_str(),
        1 => "debug",
        _ => "trace",
    };
    // Both say at length, and as an error, what the node says itself: in a server's own words, of any length.
    let filter = |level: &str| EnvFilter::try_new(format!("{level},vaultrs=off,rustify=off"));
    let filter = filter(level).or_else(|_| filter("info")).unwrap_or_default();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second node in one process (in a test) keeps the first one's subscriber.
    let _ = if logging.json {
        subscriber.json().try_init()
    } else {
        subscriber.with_ansi(std::env::var_os("NO_COLOR").is_none() && is_terminal()).try_init()
    };
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

/// Tells a service manager how the node stands (sd_notify(3)); nobody listens where NOTIFY_SOCKET is not set.
#[cfg(unix)]
fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Ok(socket) = std::os::unix::net::UnixDatagram::unbound() {
        // A service manager that does not listen learns nothing; the node runs all the same.
        let _ = socket.send_to(state.as_bytes(), path);
    }
}

#[cfg(not(unix))]
fn notify(_state: &str) {}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        super::node_failure::failure(error)
    }
}
