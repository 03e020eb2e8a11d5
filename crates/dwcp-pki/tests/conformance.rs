//! The suite for providers: ours pass it, and each way to break a rule trips exactly that rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod waiting;

use dwcp_base::{Clock, ManualClock, SystemClock};
use dwcp_crypto::KeyType;
use dwcp_pki::testing::conformance::{Means, Report, Rule, check};
use dwcp_pki::testing::{Conduct, Double, Forge, Lie};
use dwcp_pki::{
    BoxFuture, CertProvider, CertificateRequest, EmbeddedProvider, IssuancePolicy, Issued, ProviderError,
    SelfSignedProvider, SubjectName, Usage,
};
use lab::{NOW, mesh_authority};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use waiting::block_on;

const SECRET: &str = "s.hvs-token-of-the-backend";
const QUICK: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(200));

fn names(texts: &[&str]) -> Vec<SubjectName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn node() -> Vec<SubjectName> {
    names(&["URI:spiffe://mesh.example/web", "DNS:web.example", "IP:192.0.2.7"])
}

fn every_kind() -> Vec<Vec<SubjectName>> {
    vec![node(), names(&["DNS:a.example"]), names(&["IP:2001:db8::1"])]
}

const EVERY_KEY: &[KeyType] = &[KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519];

#[test]
fn the_embedded_provider_keeps_every_rule() {
    let (_directory, authority) = mesh_authority();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let provider = EmbeddedProvider::new(Arc::new(authority), IssuancePolicy::default(), Arc::clone(&clock));
    let means = Means::new(every_kind(), clock)
        .with_key_types(EVERY_KEY)
        .refusing(names(&["EMAIL:a@mesh.example"]))
        .refusing(names(&["URI:spiffe://mesh.example/a", "URI:https://mesh.example/b"]))
        .waiving(Rule::Deadline, "it waits for its disk alone, and does not interrupt that");
    let report = block_on(check(&provider, &means)).verdict().unwrap();
    assert_eq!(
        report.untried(),
        [(Rule::Deadline, "it waits for its disk alone, and does not interrupt that")]
    );
    assert_eq!(report.held().len(), Rule::ALL.len() - 1);
}

#[test]
fn a_wildcard_is_issued_for_servers() {
    let (_directory, authority) = mesh_authority();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let provider = EmbeddedProvider::new(Arc::new(authority), IssuancePolicy::default(), Arc::clone(&clock));
    let means = Means::new(vec![names(&["DNS:*.a.example"])], clock).for_usage(Usage::Server);
    let report = block_on(check(&provider, &means));
    assert!(report.broken().is_empty(), "{report}");
}

#[test]
fn the_self_signed_provider_keeps_every_rule() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let provider = SelfSignedProvider::new(Arc::clone(&clock)).unwrap();
    let means = Means::new(every_kind(), clock)
        .with_key_types(EVERY_KEY)
        .refusing(names(&["EMAIL:a@mesh.example"]))
        .waiving(Rule::Deadline, "it waits for nobody");
    let report = block_on(check(&provider, &means)).verdict().unwrap();
    assert_eq!(report.held().len(), Rule::ALL.len() - 1);
}

struct Bench {
    clock: Arc<dyn Clock>,
    forge: Arc<Forge>,
    honest: Double,
}

impl Bench {
    fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let forge = Arc::new(Forge::new(Arc::clone(&clock)).unwrap());
        Self { clock, honest: Double::new(Arc::clone(&forge)), forge }
    }

    fn double(&self, conduct: Conduct) -> Double {
        Double::new(Arc::clone(&self.forge)).conducting(conduct)
    }

    /// What the suite makes of `provider`, with means by which an honest double is without fault.
    fn report(&self, provider: &dyn CertProvider) -> Report {
        self.report_over(provider, &Silent)
    }

    fn report_over(&self, provider: &dyn CertProvider, silent: &dyn CertProvider) -> Report {
        let means = Means::new(vec![node()], Arc::clone(&self.clock))
            .refusing(names(&["DNS:forbidden.example"]))
            .with_secrets([SECRET.to_owned()])
            .with_deadline(QUICK.0, QUICK.1)
            .trusting(self.forge.trust().unwrap())
            .over_silence(silent);
        block_on(check(provider, &means))
    }

    fn trips(&self, provider: &dyn CertProvider, rule: Rule) {
        self.trips_over(provider, &Silent, rule);
    }

    fn trips_over(&self, provider: &dyn CertProvider, silent: &dyn CertProvider, rule: Rule) {
        let report = self.report_over(provider, silent);
        assert_eq!(report.broken(), BTreeSet::from([rule]), "{report}");
        let broken = report.verdict().unwrap_err();
        assert!(broken.to_string().contains(&format!("{rule}: ")), "{broken}");
        assert!(broken.to_string().contains(rule.mend()), "{broken}");
    }
}

/// A good provider over a backend that never answers.
struct Silent;

impl CertProvider for Silent {
    fn name(&self) -> &str {
        "silent"
    }

    fn issue<'a>(
        &'a self,
        _: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move {
            std::thread::sleep(deadline);
            Err(ProviderError::TimedOut { deadline })
        })
    }
}

type Way = Box<
    dyn for<'a> Fn(
            &'a Double,
            &'a CertificateRequest,
            Duration,
        ) -> BoxFuture<'a, Result<Issued, ProviderError>>
        + Send
        + Sync,
>;

/// An honest double with one thing done another way. It refuses what it must.
struct Mutant {
    honest: Double,
    way: Way,
}

impl Mutant {
    fn new(bench: &Bench, way: Way) -> Self {
        Self { honest: bench.honest.clone(), way }
    }
}

fn is_forbidden(request: &CertificateRequest) -> bool {
    request.names() == names(&["DNS:forbidden.example"])
}

impl CertProvider for Mutant {
    fn name(&self) -> &str {
        "mutant"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        if is_forbidden(request) {
            return Box::pin(async { Err(ProviderError::Refused("no".into())) });
        }
        (self.way)(&self.honest, request, deadline)
    }
}

/// Behaves as `double` does, and refuses what it must.
fn but_for_refusals(double: Double) -> Mutant {
    Mutant { honest: double, way: Box::new(|double, request, deadline| double.issue(request, deadline)) }
}

#[test]
fn an_honest_double_is_without_fault() {
    let bench = Bench::new();
    let report = bench.report(&but_for_refusals(bench.honest.clone())).verdict().unwrap();
    assert_eq!(report.held().len(), Rule::ALL.len());
    let slow = but_for_refusals(bench.double(Conduct::Slow(Duration::from_millis(20))));
    assert!(bench.report(&slow).verdict().is_ok());
}

#[test]
fn at_p7_each_lie_trips_its_rule_and_no_other() {
    let bench = Bench::new();
    for (lie, rule) in [
        (Lie::WrongKey, Rule::OwnKey),
        (Lie::AnothersChain, Rule::OwnKey),
        (Lie::MissingName, Rule::ExactNames),
        (Lie::ExtraName, Rule::ExactNames),
        (Lie::Expired, Rule::Dates),
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
    assert_eq!(tried, 16, "a new lie needs a row above");
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

#[test]
fn a_rule_that_is_neither_tried_nor_waived_is_no_success() {
    let bench = Bench::new();
    let means = || Means::new(vec![node()], Arc::clone(&bench.clock));
    let report = block_on(check(&bench.honest, &means()));
    assert!(report.broken().is_empty(), "{report}");
    let broken = report.verdict().unwrap_err();
    assert_eq!(broken.report().broken(), BTreeSet::from([Rule::Refuses, Rule::Deadline, Rule::NoSecrets]));
    let waiving = [Rule::Refuses, Rule::Deadline, Rule::NoSecrets]
        .into_iter()
        .fold(means(), |means, rule| means.waiving(rule, "it has no backend"));
    assert!(block_on(check(&bench.honest, &waiving)).verdict().is_ok());
    let nothing = block_on(check(&bench.honest, &Means::new(Vec::new(), Arc::clone(&bench.clock))));
    assert!(nothing.verdict().is_err(), "who claims nothing proves nothing");
}

#[test]
fn a_claim_of_less_is_judged_by_less() {
    let bench = Bench::new();
    let server = bench.double(Conduct::Lies(Lie::ServerOnly));
    let means = Means::new(vec![node()], Arc::clone(&bench.clock)).for_usage(Usage::Server);
    let report = block_on(check(&server, &means));
    assert!(report.broken().is_empty(), "{report}");
    assert_eq!(bench.report(&server).findings()[0].rule, Rule::Usable);
    assert!(server.calls() > 16, "{}", server.calls());
}

#[test]
fn every_rule_has_a_name_of_its_own_and_says_what_to_mend() {
    let names: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    let mends: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.mend()).collect();
    assert_eq!((names.len(), mends.len()), (Rule::ALL.len(), Rule::ALL.len()));
}
