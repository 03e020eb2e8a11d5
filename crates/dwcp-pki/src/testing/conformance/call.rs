//! One question to a provider, so that neither silence nor a panic of its ends the suite.

use crate::timer::Timer;
use crate::{CertProvider, CertificateRequest, Issued, ProviderError};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

/// What came of a question.
#[expect(clippy::large_enum_variant, reason = "one at a time, in tests")]
pub(super) enum Called {
    Answered(Result<Issued, ProviderError>),
    /// No answer within deadline and tolerance.
    Overran,
    Panicked,
}

/// Asks, and waits for `limit` at most.
pub(super) async fn call(
    provider: &dyn CertProvider,
    request: &CertificateRequest,
    deadline: Duration,
    limit: Duration,
) -> Called {
    let Ok(mut timer) = Timer::start() else { return Called::Overran };
    let mut asked = pin!(Caught(|| provider.issue(request, deadline), None));
    let mut over = pin!(timer.sleep(limit));
    poll_fn(|cx| match asked.as_mut().poll(cx) {
        Poll::Ready(called) => Poll::Ready(called),
        Poll::Pending => over.as_mut().poll(cx).map(|()| Called::Overran),
    })
    .await
}

/// Polls a question once and leaves it.
pub(super) async fn abandon(
    provider: &dyn CertProvider,
    request: &CertificateRequest,
    deadline: Duration,
) -> Option<Called> {
    let mut asked = pin!(Caught(|| provider.issue(request, deadline), None));
    poll_fn(|cx| match asked.as_mut().poll(cx) {
        Poll::Ready(called) => Poll::Ready(Some(called)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// All of them at once, in the order they were given.
pub(super) async fn all<'a, T>(futures: Vec<Pin<Box<dyn Future<Output = T> + Send + 'a>>>) -> Vec<T> {
    let mut slots: Vec<_> = futures.into_iter().map(|future| (Some(future), None)).collect();
    poll_fn(|cx| {
        for (future, done) in &mut slots {
            if let Some(running) = future
                && let Poll::Ready(value) = running.as_mut().poll(cx)
            {
                (*future, *done) = (None, Some(value));
            }
        }
        if slots.iter().any(|(future, _)| future.is_some()) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    slots.into_iter().filter_map(|(_, done)| done).collect()
}

/// A future that is made when it is first polled, and whose panics, also while it is made, are an answer.
struct Caught<M, F>(M, Option<F>);

impl<M, F> Future for Caught<M, F>
where
    M: Fn() -> F + Unpin,
    F: Future<Output = Result<Issued, ProviderError>> + Unpin,
{
    type Output = Called;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Called> {
        let Self(make, made) = self.get_mut();
        // What a panic leaves behind is dropped, or is the provider's own to keep in order.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(made.get_or_insert_with(make)).poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => Poll::Ready(Called::Answered(answer)),
            Err(_) => {
                *made = None;
                Poll::Ready(Called::Panicked)
            }
        }
    }
}
