//! Authorities that fail us are left alone for longer and longer, by the next process too; and what is wrong on this side is told as that.

use crate::support::scripted::{Asked, Say, Scripted, attempt};
use crate::support::{Blind, DEADLINE, Made, request};
use dwcp_base::{Clock, Coded, LocalDisk, SystemClock};
use dwcp_pki::CertificateRequest;
use dwcp_pki::testing::Forge;
use dwcp_pki_acme::{AcmeError, AcmeSettings, Cache, NamesDigest, PauseCause};
use dwcp_testkit::{Lab, ManualClock};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

fn cache(place: &Path) -> Cache {
    Cache::open(&place.join("acme"), Arc::new(LocalDisk)).unwrap()
}

/// What `mode` makes an authority say to a new order.
fn failing(mode: &Arc<AtomicUsize>) -> impl Fn(&Asked, &str) -> Option<Say> + Send + Sync + 'static {
    let mode = Arc::clone(mode);
    move |asked: &Asked, _: &str| match (asked.path.as_str(), mode.load(Ordering::SeqCst)) {
        ("/new-order", 1) => Some(Say::problem(403, "rejectedIdentifier", "not here")),
        ("/new-order", 2) => Some(Say::new(500, "oops")),
        ("/new-order", 3) => Some(Say::new(200, "[]")),
        ("/new-order", 4) => Some(Say::new(503, "busy").with("retry-after", 86_400)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_started_over_and_over_asks_less_and_less_often() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let mode = Arc::new(AtomicUsize::new(1));
    let authority = Scripted::start(&lab, failing(&mode)).await;
    let clock = Arc::new(ManualClock::at(SystemClock::new().unix()));
    let settings = AcmeSettings::new(authority.issuer());
    let start = || Made::with_clock(settings.clone(), place.path(), Blind::new(), Arc::clone(&clock));
    for (failed, minutes) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        mode.store(failed % 3 + 1, Ordering::SeqCst);
        let first = start();
        let error = attempt(&first).await.unwrap_err();
        assert!(!matches!(error, AcmeError::Paused { .. }), "{failed}: {error:?}");
        let until = clock.unix().plus(MINUTE * minutes);
        assert_eq!(first.provider.state().issuers[0].next_try, Some(until), "{failed}");
        let asked = authority.asked().len();
        for early in [Duration::ZERO, MINUTE * minutes - Duration::from_secs(1)] {
            clock.advance(early);
            let error = attempt(&start()).await.unwrap_err();
            let AcmeError::Paused { until: told, cause, .. } = &error else { panic!("{failed}: {error:?}") };
            assert!(matches!(cause, PauseCause::Failures { count, .. } if *count as usize == failed + 1));
            assert_eq!((*told, authority.asked().len()), (until, asked), "{failed}");
            assert!(error.fix().contains("cert renew"), "{}", error.fix());
        }
        clock.advance(Duration::from_secs(1));
    }
    // Other names are not in its way, and an operator need not wait.
    mode.store(0, Ordering::SeqCst);
    clock.advance(Duration::from_secs(3_600));
    mode.store(1, Ordering::SeqCst);
    let made = start();
    attempt(&made).await.unwrap_err();
    mode.store(0, Ordering::SeqCst);
    assert!(made.issue(&["DNS:b.example"]).await.is_ok());
    assert!(matches!(attempt(&made).await, Err(AcmeError::Paused { .. })));
    made.provider.ask_at_once();
    attempt(&made).await.unwrap();
    assert_eq!(made.provider.state().issuers[0].next_try, None);
    // After a success the count begins anew.
    mode.store(1, Ordering::SeqCst);
    attempt(&start()).await.unwrap_err();
    let names = NamesDigest::of(request(&["DNS:a.example"]).1.names());
    let directory = settings.issuers()[0].directory().to_string();
    let kept = cache(place.path()).pause_after_failures(&directory, &names).unwrap().unwrap();
    assert_eq!(kept.cause, PauseCause::Failures { names, count: 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p5_a_pause_that_was_asked_for_holds_for_an_operator_and_is_shown_after_a_restart() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let mode = Arc::new(AtomicUsize::new(4));
    let authority = Scripted::start(&lab, failing(&mode)).await;
    let clock = Arc::new(ManualClock::at(SystemClock::new().unix()));
    let settings = AcmeSettings::new(authority.issuer());
    let start = || Made::with_clock(settings.clone(), place.path(), Blind::new(), Arc::clone(&clock));
    attempt(&start()).await.unwrap_err();
    mode.store(0, Ordering::SeqCst);
    let next = start();
    let shown = next.provider.state().issuers.remove(0).last_error.expect("a pause is no good standing");
    assert_eq!(shown.code, "acme.authority.paused");
    assert!(shown.message.contains("busy"), "{}", shown.message);
    next.provider.ask_at_once();
    assert!(matches!(attempt(&next).await, Err(AcmeError::Paused { cause: PauseCause::Authority, .. })));
    // A time that has passed is not shown as one to come.
    clock.advance(Duration::from_secs(86_401));
    assert_eq!(next.provider.state().issuers[0].next_try, None);
    assert!(attempt(&next).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p5_before_a_certificate_ends_its_authority_is_asked_several_times_whatever_it_says() {
    let clock = Arc::new(ManualClock::at(SystemClock::new().unix()));
    let forge = Forge::new(Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let mode = Arc::new(AtomicUsize::new(0));
    let authority =
        Scripted::signing(&lab, failing(&mode), move |request| forge.sign(request).unwrap()).await;
    let settings = AcmeSettings::new(authority.issuer());
    let made = Made::with_clock(settings, place.path(), Blind::new(), Arc::clone(&clock));
    let end = attempt(&made).await.unwrap().leaf().not_after();
    let life = clock.unix().until(end);
    // So late in its life that a day is too long.
    clock.advance(life.saturating_sub(Duration::from_secs(12 * 3_600)));
    mode.store(4, Ordering::SeqCst);
    let mut attempts = 0;
    while clock.unix() < end {
        let left = clock.unix().until(end);
        attempt(&made).await.unwrap_err();
        attempts += 1;
        let next = made.provider.state().issuers[0].next_try.unwrap();
        let wait = clock.unix().until(next);
        assert!(wait <= (left / 4).max(MINUTE), "{wait:?} of {left:?}");
        clock.advance(wait);
    }
    assert!(attempts >= 8, "{attempts}");
    // There is nothing left to be in a hurry for.
    attempt(&made).await.unwrap_err();
    let next = made.provider.state().issuers[0].next_try.unwrap();
    assert_eq!(clock.unix().until(next), Duration::from_secs(86_400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_another_process_holds_is_told_as_that() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let authority = Scripted::start(&lab, |_, _| None).await;
    let made = Made::new(AcmeSettings::new(authority.issuer()), place.path(), Blind::new());
    let held = cache(place.path()).lock(DEADLINE).await.unwrap();
    let soon = Duration::from_secs(1);
    let error = made.provider.obtain(&request(&["DNS:a.example"]).1, soon).await.unwrap_err();
    assert_eq!(error.code(), "acme.cache.busy", "{error:?}");
    let shown = made.provider.state().issuers.remove(0).last_error.expect("it is shown");
    assert!(shown.message.contains("another process"), "{}", shown.message);
    drop(held);
    assert!(attempt(&made).await.is_ok());
    assert!(made.provider.state().issuers[0].last_error.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_being_finalized_has_the_time_of_those_that_would_be_asked_after_it() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let (begun, forge) = (Instant::now(), Forge::new(Arc::new(SystemClock::new())).unwrap());
    let sign = move |request: &CertificateRequest| {
        std::thread::sleep(Duration::from_millis(1_600));
        forge.sign(request).unwrap()
    };
    let slow = Scripted::signing(&lab, |_, _| None, sign).await;
    let second = Scripted::start(&lab, |_, _| None).await;
    let (one, two) = (slow.issuer().named("slow").unwrap(), second.issuer().named("second").unwrap());
    let settings = AcmeSettings::new(one).with_issuer(two).unwrap();
    let made = Made::new(settings, place.path(), Blind::new());
    // Its share is half of it.
    let deadline = Duration::from_secs(3);
    made.provider.obtain(&request(&["DNS:a.example"]).1, deadline).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(1_600));
    assert_eq!(second.asked().len(), 0);
}
