//! How far long work is: a bar on a terminal after two seconds, and an end when a signal asks for one.

use crate::cli::output::Output;
use dwcp_base::{Clock, SystemClock, Tick};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Told how many bytes are done; says stop after a signal.
pub(super) struct Progress {
    clock: SystemClock,
    start: Tick,
    total: Option<u64>,
    base: u64,
    wanted: bool,
    bar: Option<ProgressBar>,
    stopped: Arc<AtomicBool>,
}

impl Progress {
    /// Work of `total` bytes, if that is known. No bar with `--json`, `-q` or where standard error is no terminal.
    pub(super) fn new(output: Output, total: Option<u64>, stopped: Arc<AtomicBool>) -> Self {
        let clock = SystemClock::new();
        let wanted = output.is_chatty() && io::IsTerminal::is_terminal(&io::stderr());
        Self { clock, start: clock.tick(), total, base: 0, wanted, bar: None, stopped }
    }

    /// `done` bytes of the current file are done.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] once a signal asked for the end.
    pub(super) fn at(&mut self, done: u64) -> io::Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::Interrupted, Stopped));
        }
        if self.wanted && self.bar.is_none() && self.clock.tick().since(self.start) > QUIET_FOR {
            let bar = self.bar.insert(bar(self.total));
            // What was done before it was shown is no sudden leap.
            bar.set_position(self.base.saturating_add(done));
            bar.reset_eta();
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.base.saturating_add(done));
        }
        Ok(())
    }

    /// Prints something beside the bar.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// A file of `bytes` is done.
    pub(super) fn next_file(&mut self, bytes: u64) {
        self.base = self.base.saturating_add(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A signal asked for the end.
#[derive(Debug, thiserror::Error)]
#[error("a signal said so")]
pub(super) struct Stopped;

/// Whether it was a signal that ended the work.
pub(super) fn is_stopped(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<Stopped>())
}

fn bar(total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{spinner} {bytes}, {bytes_per_sec}",
    };
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    // The templates are constants; a plain bar is what is left if one were wrong.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

const QUIET_FOR: Duration = Duration::from_secs(2);
