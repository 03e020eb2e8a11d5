//! The provider for an issuer that takes requests and leaves answers as files.

mod answer;
mod name;

pub use answer::{Displaced, Unfinished};
pub use name::{BadFileStem, FileStem};

use crate::timer::Timer;
use crate::{BoxFuture, CertProvider, CertificateRequest, Issued, ProviderError};
use answer::{Files, Found, look};
use dwcp_base::{Clock, Disk, Tick};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Writes a request to a directory and waits there for its answer: for an issuer behind a script, a person or a machine that only files
/// reach.
///
/// | file | who writes it | what it holds |
/// |---|---|---|
/// | `NAME.csr` | this provider | the request, PEM; it stays until the next one replaces it |
/// | `NAME.crt` | the issuer | the chain, leaf first, PEM, at most 1 MiB |
/// | `NAME.refused` | the issuer, if it will not | the SHA-256 of `NAME.csr` in hex, as `sha256sum` prints it, then a line end and why; at most 4 KiB |
/// | the file of roots | the operator | what the chain leads to, PEM, at most 1 MiB |
///
/// An answer is one of this request if its leaf is for this request's key and its chain leads to one of the roots. Answers of earlier
/// requests are passed over, and what is half-written, unreadable or no file is looked at again until the deadline. There is one request in the
/// directory at a time; others wait for their turn, 64 at most.
///
/// # Security
/// Whoever can write to the directory can have a certificate issued for a key of theirs, but not make this side use it. The file of roots decides who
/// is believed: keep it where the issuer's helpers do not write.
pub struct FileProvider {
    disk: Arc<dyn Disk>,
    files: Files,
    every: Duration,
    clock: Arc<dyn Clock>,
    /// Whether a request is in the directory.
    busy: AtomicBool,
    waiting: AtomicUsize,
}

impl FileProvider {
    /// A provider that asks in `directory` under `name` and reads what its answers lead to from `roots`. Looks every 250 ms; deadlines are
    /// counted by the ticks of `clock`, so that one that stands still never ends them.
    ///
    /// Use one value for a directory and name. Two of them, in one process or several, notice and fail rather than take turns.
    pub fn new(
        disk: Arc<dyn Disk>,
        directory: &Path,
        name: &FileStem,
        roots: &Path,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let file = |suffix: &str| directory.join(format!("{name}.{suffix}"));
        let (request, chain, refusal) = (file("csr"), file("crt"), file("refused"));
        let files = Files { request, chain, refusal, roots: roots.to_owned() };
        let (busy, waiting) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { disk, files, every: Duration::from_millis(250), clock, busy, waiting }
    }

    /// Looks this often, from every millisecond to every minute; what is outside counts as the bound.
    #[must_use]
    pub fn looking_every(mut self, every: Duration) -> Self {
        self.every = every.clamp(Duration::from_millis(1), Duration::from_secs(60));
        self
    }

    async fn ask(&self, request: &CertificateRequest, deadline: Duration) -> Result<Issued, ProviderError> {
        let began = self.clock.tick();
        let _place =
            Place::take(&self.waiting).ok_or_else(|| unavailable("64 requests are waiting already"))?;
        let mut timer = Timer::start().map_err(unavailable)?;
        let _turn = loop {
            if let Some(turn) = Turn::take(&self.busy) {
                break turn;
            }
            self.pause(&mut timer, began, deadline).await.ok_or(ProviderError::TimedOut { deadline })?;
        };
        let text = request.to_pem();
        self.disk.replace(&self.files.request, text.as_bytes(), false).map_err(unavailable)?;
        loop {
            let unfinished = match look(&self.files, request, &text) {
                Found::Answer(issued) => return Ok(*issued),
                Found::Refused(words) => return Err(ProviderError::Refused(words.into())),
                Found::Displaced => return Err(unavailable(Displaced)),
                Found::Nothing => None,
                Found::Unfinished(why) => Some(why),
            };
            if self.pause(&mut timer, began, deadline).await.is_none() {
                return Err(match unfinished {
                    Some(why) => ProviderError::BadAnswer(why.into()),
                    None => ProviderError::TimedOut { deadline },
                });
            }
        }
    }

    /// Waits until the next look; `None` once the deadline has passed.
    async fn pause(&self, timer: &mut Timer, began: Tick, deadline: Duration) -> Option<()> {
        let left = deadline.checked_sub(self.clock.tick().since(began)).filter(|left| !left.is_zero())?;
        timer.sleep(self.every.min(left)).await;
        Some(())
    }
}

impl CertProvider for FileProvider {
    fn name(&self) -> &str {
        "file"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(self.ask(request, deadline))
    }
}

impl fmt::Debug for FileProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileProvider")
            .field("files", &self.files)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

fn unavailable(source: impl Into<crate::Cause>) -> ProviderError {
    ProviderError::Unavailable { retry_after: None, source: source.into() }
}

/// The directory, as long as this lives; given back also when the future is dropped half-way.
struct Turn<'a>(&'a AtomicBool);

impl<'a> Turn<'a> {
    fn take(busy: &'a AtomicBool) -> Option<Self> {
        busy.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).ok().map(|_| Self(busy))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// One of the requests that wait: each has a thread that sleeps for it.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let room = |waiting| (waiting < MOST_WAITING).then_some(waiting + 1);
        waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, room).ok().map(|_| Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

const MOST_WAITING: usize = 64;
