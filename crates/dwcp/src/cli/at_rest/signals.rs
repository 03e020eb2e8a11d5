//! Signals that end the work: heard on a thread beside it, so that nothing half done is left behind.

use super::terminal::Echo;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What the process does when a signal asks it to end.
#[derive(Default)]
enum Doing {
    /// Nothing that would have to be taken back.
    #[default]
    Else,
    /// It asks for a passphrase, with the echo of the terminal off.
    Asking(Echo),
    /// It works, and looks at the flag. Work that writes to a stream may wait for its reader without end.
    Working { stopped: Arc<AtomicBool>, to_stream: bool },
}

/// How the end is told.
static OUTPUT: OnceLock<Output> = OnceLock::new();

/// The one listener of the process, once there is one.
static DOING: Mutex<Option<Arc<Mutex<Doing>>>> = Mutex::new(None);

/// What follows can be interrupted, and an interruption is told as `output` says.
pub(super) fn listen_for(output: Output) -> Result<(), Failure> {
    let _ = OUTPUT.set(output);
    now(Doing::Else)
}

/// Sets `stopped` at the first SIGINT, SIGTERM, SIGHUP or SIGQUIT. Work that writes to a stream is ended a moment later whatever it does,
/// since it leaves nothing behind; and so is any work at a second signal.
pub(super) fn work(stopped: &Arc<AtomicBool>, to_stream: bool) -> Result<(), Failure> {
    now(Doing::Working { stopped: Arc::clone(stopped), to_stream })
}

/// A signal puts `echo` back before it ends the process, until the value that is returned is dropped.
pub(super) fn ask(echo: Echo) -> Result<Asking, Failure> {
    now(Doing::Asking(echo)).map(|()| Asking)
}

/// A passphrase is being asked for.
pub(super) struct Asking;

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = now(Doing::Else);
    }
}

fn now(doing: Doing) -> Result<(), Failure> {
    let mut shared = DOING.lock().unwrap_or_else(PoisonError::into_inner);
    let listening = match &*shared {
        Some(there) => Arc::clone(there),
        None => {
            let fresh = Arc::new(Mutex::new(Doing::Else));
            listen(Arc::clone(&fresh)).map_err(|error| {
                let fix = "raise this user's limits on open files and processes (ulimit -n, ulimit -u)";
                Failure::new(Exit::Failure, "signals can not be received", &error, fix)
            })?;
            Arc::clone(shared.insert(fresh))
        }
    };
    *listening.lock().unwrap_or_else(PoisonError::into_inner) = doing;
    Ok(())
}

/// Starts the thread. Whatever can fail fails here, with an error; a runtime of several threads would panic.
fn listen(doing: Arc<Mutex<Doing>>) -> io::Result<()> {
    enough_descriptors()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _within = runtime.enter();
        Ending::new()?
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || hear(&runtime, signals, &doing))?;
    Ok(())
}

/// The library under the signals panics where it gets none, so that is found out first.
fn enough_descriptors() -> io::Result<()> {
    (0..NEEDED)
        .map(|_| std::fs::File::open("/dev/null"))
        .collect::<io::Result<Vec<_>>>()
        .map(drop)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Ends the process whatever becomes of the thread that listens: nobody else would hear the signals any more.
struct AtTheEnd;

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        std::process::exit(i32::from(Exit::Failure as u8));
    }
}

fn hear(runtime: &Runtime, mut signals: Ending, doing: &Mutex<Doing>) {
    let _end = AtTheEnd;
    let to_stream = runtime.block_on(async {
        signals.next().await;
        let (patience, to_stream) = match &*doing.lock().unwrap_or_else(PoisonError::into_inner) {
            Doing::Else => (Duration::ZERO, false),
            Doing::Asking(echo) => {
                // Put back from the background, it would stop this process.
                let _ = Ending::hold_output();
                echo.restore();
                (Duration::ZERO, false)
            }
            Doing::Working { stopped, to_stream } => {
                stopped.store(true, Ordering::Relaxed);
                (if *to_stream { Duration::from_secs(1) } else { Duration::MAX / 4 }, *to_stream)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(patience) => {}
            () = signals.next() => {}
        }
        to_stream
    });
    let failure = Failure::plain(Exit::Failure, "the work was ended", "a signal said so", "run it again");
    let output = OUTPUT.get().copied().unwrap_or(Output::new(false, false));
    output.finish(Err(if to_stream { failure.aside() } else { failure }));
}

#[cfg(unix)]
struct Ending {
    signals: [tokio::signal::unix::Signal; 4],
    /// Not an end: a file that may not grow any further is an error of writing then, and is cleaned up after.
    _too_large: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Ending {
    fn new() -> io::Result<Self> {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
            ],
            _too_large: signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?,
        })
    }

    /// A process in the background that writes to its terminal is not stopped from now on.
    fn hold_output() -> io::Result<tokio::signal::unix::Signal> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::from_raw(rustix::process::Signal::TTOU.as_raw()))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup, quit] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Ending;

#[cfg(not(unix))]
impl Ending {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    fn hold_output() -> io::Result<()> {
        Ok(())
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Two pairs of sockets, an epoll, an eventfd, and something to work with.
const NEEDED: usize = 12;
