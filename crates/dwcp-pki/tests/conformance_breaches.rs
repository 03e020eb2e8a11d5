//! The suite for providers: each way to break a rule trips exactly that rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod mutants;
mod waiting;

use dwcp_pki::testing::conformance::{Means, Rule, check};
use dwcp_pki::testing::{Conduct, Double, Lie};
use dwcp_pki::{BoxFuture, CertProvider, CertificateRequest, Issued, ProviderError};
use mutants::{Bench, Mutant, SECRET, Way, but_for_refusals, is_forbidden, node};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use waiting::block_on;

#[test]
fn at_p7_each_lie_trips_its_rule_and_no_other() {
    let bench = Bench::new();
    for (lie, rule) in [
        (Lie::WrongKey, Rule::OwnKey),
        (Lie::AnothersChain, Rule::OwnKey),
        (Lie::MissingName, Rule::ExactNames),
        (Lie::ExtraName, Rule::ExactNames),
        (Lie::Expired, Rule::Dates),
        (Lie::AlmostOver, Rule::Dates),
        (Lie::NotYetValid, Rule::Dates),
        (Lie::LivesForYears, Rule::Dates),
        (Lie::Untrusted, Rule::Usable),
        (Lie::Revoked, Rule::Usable),
        (Lie::ServerOnly, Rule::Usable),
        (Lie::Gap, Rule::Usable),
        (Lie::Authority, Rule::EndEntity),
        (Lie::Backwards, Rule::LeafFirst),
        (Lie::RootShown, Rule::NoRoot),
        (Lie::TooMany, Rule::Issues),
        (Lie::SameSerial, Rule::FreshSerials),
    ] {
        bench.trips(&but_for_refusals(bench.double(Conduct::Lies(lie))), rule);
    }
    let tried = Lie::ALL.len();
    assert_eq!(tried, 17, "a new lie needs a row above");
}

#[test]
fn at_p8_an_older_answer_again_trips_own_key() {
    let bench = Bench::new();
    bench.trips(&but_for_refusals(bench.double(Conduct::Repeats)), Rule::OwnKey);
}

#[test]
fn a_name_that_changes_or_is_no_label_trips_name() {
    struct Named(Double, AtomicBool, [&'static str; 2]);
    impl CertProvider for Named {
        fn name(&self) -> &str {
            self.2[usize::from(self.1.fetch_xor(true, Ordering::SeqCst))]
        }
        fn issue<'a>(
            &'a self,
            request: &'a CertificateRequest,
            deadline: Duration,
        ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
            if is_forbidden(request) {
                return Box::pin(async { Err(ProviderError::Refused("no".into())) });
            }
            self.0.issue(request, deadline)
        }
    }
    let bench = Bench::new();
    let long = "a-name-that-is-longer-than-32-bytes";
    for pair in [["a", "b"], ["", ""], ["A b", "A b"], ["a\n", "a\n"], [long, long]] {
        bench.trips(&Named(bench.honest.clone(), AtomicBool::new(false), pair), Rule::Name);
    }
}

#[test]
fn failures_where_a_certificate_was_claimed_trip_issues() {
    let bench = Bench::new();
    for conduct in [
        Conduct::FailsFirst(1),
        Conduct::FailsEvery(2),
        Conduct::RetryAfter(Duration::from_secs(1_000_000_000)),
    ] {
        bench.trips(&but_for_refusals(bench.double(conduct)), Rule::Issues);
    }
    // What it must refuse it refuses; what it must not as well.
    bench.trips(&bench.double(Conduct::Refuses), Rule::Issues);
}

#[test]
fn issuing_what_must_be_refused_or_calling_it_unavailable_trips_refuses() {
    let bench = Bench::new();
    bench.trips(&bench.honest, Rule::Refuses);
    struct Vague(Double);
    impl CertProvider for Vague {
        fn name(&self) -> &str {
            "vague"
        }
        fn issue<'a>(
            &'a self,
            request: &'a CertificateRequest,
            deadline: Duration,
        ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
            if is_forbidden(request) {
                let source = "403 Forbidden".into();
                return Box::pin(async { Err(ProviderError::Unavailable { retry_after: None, source }) });
            }
            self.0.issue(request, deadline)
        }
    }
    bench.trips(&Vague(bench.honest.clone()), Rule::Refuses);
}

#[test]
fn silence_and_answers_after_the_deadline_trip_deadline() {
    let bench = Bench::new();
    let good = but_for_refusals(bench.honest.clone());
    for conduct in [Conduct::Hangs, Conduct::Late, Conduct::FailsFirst(9)] {
        bench.trips_over(&good, &bench.double(conduct), Rule::Deadline);
    }
    // Also where an answer was due: the suite goes on without it.
    bench.trips(&but_for_refusals(bench.double(Conduct::Hangs)), Rule::Deadline);
}

#[test]
fn a_lock_that_an_abandoned_request_keeps_trips_abandoned() {
    let bench = Bench::new();
    let taken = Arc::new(AtomicBool::new(false));
    let way: Way = Box::new(move |honest, request, deadline| {
        let taken = Arc::clone(&taken);
        Box::pin(async move {
            // Polled for ever by nobody: whoever took it has gone. All at once is another matter.
            let mine = !taken.swap(true, Ordering::SeqCst);
            if !mine {
                return std::future::pending().await;
            }
            yield_now().await;
            taken.store(false, Ordering::SeqCst);
            honest.issue(request, deadline).await
        })
    });
    let report = bench.report(&Mutant::new(&bench, way));
    // With the lock lost, sixteen at once have no chance either.
    assert!(report.broken().contains(&Rule::Abandoned), "{report}");
    assert!(report.broken().is_subset(&BTreeSet::from([Rule::Abandoned, Rule::Together])), "{report}");
}

async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn answers_in_the_order_of_arrival_trip_together() {
    let bench = Bench::new();
    let last: Arc<Mutex<Option<CertificateRequest>>> = Arc::default();
    let way: Way = Box::new(move |honest, request, deadline| {
        let last = Arc::clone(&last);
        Box::pin(async move {
            *last.lock().unwrap() = Some(request.clone());
            yield_now().await;
            let latest = last.lock().unwrap().clone().unwrap();
            honest.issue(&latest, deadline).await
        })
    });
    bench.trips(&Mutant::new(&bench, way), Rule::Together);
}

#[test]
fn at_p12_a_token_or_a_key_in_any_text_of_an_error_trips_no_secrets() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "its Debug shows it")]
    struct Inner(&'static str);
    #[derive(Debug)]
    struct Outer(Inner);
    impl std::fmt::Display for Inner {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("shown without it")
        }
    }
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the backend said no")
        }
    }
    impl std::error::Error for Inner {}
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    struct Leaky(Double, &'static str);
    impl CertProvider for Leaky {
        fn name(&self) -> &str {
            "leaky"
        }
        fn issue<'a>(
            &'a self,
            request: &'a CertificateRequest,
            deadline: Duration,
        ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
            if is_forbidden(request) {
                return Box::pin(async { Err(ProviderError::Refused(Outer(Inner(self.1)).into())) });
            }
            self.0.issue(request, deadline)
        }
    }
    let bench = Bench::new();
    for leak in [SECRET, "-----BEGIN PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----"] {
        let leaky = Leaky(bench.honest.clone(), leak);
        bench.trips(&leaky, Rule::NoSecrets);
        assert!(!bench.report(&leaky).to_string().contains(SECRET), "the report does not repeat it");
        // And where only a failing backend shows it.
        let failing = AlwaysLeaks(leak);
        let means = Means::new(vec![node()], Arc::clone(&bench.clock))
            .with_secrets([SECRET.to_owned()])
            .over_failure(&failing);
        let report = block_on(check(&bench.honest, &means));
        assert_eq!(report.broken(), BTreeSet::from([Rule::NoSecrets]), "{report}");
    }
}

struct AlwaysLeaks(&'static str);

impl CertProvider for AlwaysLeaks {
    fn name(&self) -> &str {
        "leaks"
    }
    fn issue<'a>(
        &'a self,
        _: &'a CertificateRequest,
        _: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        let source = format!("POST with {} failed", self.0).into();
        Box::pin(async { Err(ProviderError::Unavailable { retry_after: None, source }) })
    }
}

#[test]
fn a_panic_when_called_or_when_polled_trips_no_panic_and_does_not_end_the_suite() {
    let bench = Bench::new();
    bench.trips(&but_for_refusals(bench.double(Conduct::Panics)), Rule::NoPanic);
    let way: Way = Box::new(|_, _, _| panic!("before there is a future"));
    bench.trips(&Mutant::new(&bench, way), Rule::NoPanic);
}
