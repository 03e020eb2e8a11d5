//! Signals that end the work: heard on a thread beside it.

use crate::cli::exit::{Exit, Failure};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Sets `stopped` at the first SIGINT, SIGTERM or SIGHUP. Work that writes to standard output may wait for its reader and leaves
/// nothing behind, so it is ended a moment later whatever it does; and so is any work at a second signal.
pub(super) fn listen(stopped: &Arc<AtomicBool>, to_stream: bool) -> Result<Runtime, Failure> {
    let failed = |error: &std::io::Error| {
        let fix = "check this user's limits on processes and descriptors";
        Failure::new(Exit::Failure, "signals can not be received", error, fix)
    };
    let runtime =
        Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(|e| failed(&e))?;
    let stopped = Arc::clone(stopped);
    let guard = runtime.enter();
    let mut signals = Ending::new().map_err(|e| failed(&e))?;
    drop(guard);
    runtime.spawn(async move {
        signals.next().await;
        stopped.store(true, Ordering::Relaxed);
        let patience = tokio::time::sleep(if to_stream { Duration::from_secs(1) } else { Duration::MAX / 4 });
        tokio::select! {
            () = patience => {}
            () = signals.next() => {}
        }
        eprintln!("error: the work was ended\n  why: a signal said so\n  fix: run it again");
        std::process::exit(i32::from(Exit::Failure as u8));
    });
    Ok(runtime)
}

#[cfg(unix)]
struct Ending([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Ending {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Ending;

#[cfg(not(unix))]
impl Ending {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
