//! A provider that behaves as a test tells it to.

use super::{Forge, Lie};
use crate::timer::Timer;
use crate::{BoxFuture, CertProvider, CertificateRequest, Issued, ProviderError};
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a [`Double`] behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conduct {
    /// It issues what was asked for.
    Honest,
    /// The same, after this long, whatever the deadline.
    Slow(Duration),
    /// It answers honestly once a quarter more than the deadline has passed.
    Late,
    /// It is unavailable every so many calls, the first included; 0 and 1 are always.
    FailsEvery(u32),
    /// It is unavailable for so many calls, counted from when the conduct was set.
    FailsFirst(u32),
    /// It is unavailable and asks to be left alone for this long.
    RetryAfter(Duration),
    /// It refuses.
    Refuses,
    /// It answers with a lie.
    Lies(Lie),
    /// It answers with what it answered the first time: a certificate that was real once, for the key of that time.
    Repeats,
    /// It never answers.
    Hangs,
    /// It panics while it is polled.
    Panics,
}

/// A provider over a [`Forge`], honest until it is told otherwise. Clones are one double.
#[derive(Clone)]
pub struct Double {
    inner: Arc<Inner>,
}

struct Inner {
    forge: Arc<Forge>,
    conduct: Mutex<Conduct>,
    calls: AtomicU32,
    /// Calls since the conduct was set.
    since: AtomicU32,
    first: Mutex<Option<Issued>>,
}

impl Double {
    /// An honest one.
    pub fn new(forge: Arc<Forge>) -> Self {
        let (calls, since) = (AtomicU32::new(0), AtomicU32::new(0));
        let inner =
            Inner { forge, conduct: Mutex::new(Conduct::Honest), calls, since, first: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// One that behaves so from the start.
    #[must_use]
    pub fn conducting(self, conduct: Conduct) -> Self {
        self.turn(conduct);
        self
    }

    /// Behaves so from the next call on.
    pub fn turn(&self, conduct: Conduct) {
        *locked(&self.inner.conduct) = conduct;
        self.inner.since.store(0, Ordering::SeqCst);
    }

    /// How often it was asked.
    pub fn calls(&self) -> u32 {
        self.inner.calls.load(Ordering::SeqCst)
    }

    /// Its authority.
    pub fn forge(&self) -> &Arc<Forge> {
        &self.inner.forge
    }

    async fn answer(
        &self,
        request: &CertificateRequest,
        deadline: Duration,
    ) -> Result<Issued, ProviderError> {
        let inner = &*self.inner;
        let conduct = *locked(&inner.conduct);
        inner.calls.fetch_add(1, Ordering::SeqCst);
        let call = inner.since.fetch_add(1, Ordering::SeqCst);
        let down = |retry_after| {
            Err(ProviderError::Unavailable { retry_after, source: "the double is down".into() })
        };
        match conduct {
            Conduct::Honest => self.honest(request),
            Conduct::Slow(time) => {
                sleep(time).await?;
                self.honest(request)
            }
            Conduct::Late => {
                sleep(deadline.saturating_add(deadline / 4)).await?;
                self.honest(request)
            }
            Conduct::FailsEvery(nth) if call.is_multiple_of(nth.max(1)) => down(None),
            Conduct::FailsFirst(many) if call < many => down(None),
            Conduct::FailsEvery(_) | Conduct::FailsFirst(_) => self.honest(request),
            Conduct::RetryAfter(wait) => down(Some(wait)),
            Conduct::Refuses => Err(ProviderError::Refused("the double will not".into())),
            Conduct::Lies(lie) => lie.tell(&inner.forge, request),
            Conduct::Repeats => {
                let first = locked(&inner.first).clone();
                first.map_or_else(|| self.honest(request), Ok)
            }
            Conduct::Hangs => std::future::pending().await,
            Conduct::Panics => fall(),
        }
    }

    fn honest(&self, request: &CertificateRequest) -> Result<Issued, ProviderError> {
        let issued = self.inner.forge.sign(request)?;
        locked(&self.inner.first).get_or_insert_with(|| issued.clone());
        Ok(issued)
    }
}

impl CertProvider for Double {
    fn name(&self) -> &str {
        "double"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(self.answer(request, deadline))
    }
}

impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Double").field("conduct", &*locked(&self.inner.conduct)).finish_non_exhaustive()
    }
}

async fn sleep(time: Duration) -> Result<(), ProviderError> {
    let mut timer = Timer::start().map_err(super::forge::broken)?;
    timer.sleep(time).await;
    Ok(())
}

/// Unwinds as a panic does, past the hook that would print a trace of what is meant to happen.
fn fall() -> ! {
    std::panic::resume_unwind(Box::new("the double panics, as it was told to"))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
