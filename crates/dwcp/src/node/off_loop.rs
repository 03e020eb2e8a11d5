//! Work that waits for the disk, on a thread of its own.

use std::io;
use tokio::sync::oneshot;

/// Runs `work` on a thread of its own and gives its result; `None` when it panicked or no thread could be had.
///
/// The runtime's pool of blocking threads is not used: name lookups can fill it, and a revocation must not stand in line
/// behind a silent name server.
pub(super) async fn off_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = oneshot::channel();
    let started: io::Result<_> = std::thread::Builder::new().name("dwcp-work".to_owned()).spawn(move || {
        // Nobody listens when the node was stopped meanwhile.
        let _ = done.send(work());
    });
    match started {
        Ok(_) => result.await.ok(),
        Err(error) => {
            tracing::error!(%error, "no thread can be started");
            None
        }
    }
}
