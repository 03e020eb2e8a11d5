//! Providers that are good but for one thing, and what the suite says of them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses its part, and a test fails by panicking"
)]

use crate::waiting::block_on;
use dwcp_base::{Clock, SystemClock};
use dwcp_pki::testing::conformance::{Means, Report, Rule, check};
use dwcp_pki::testing::{Conduct, Double, Forge};
use dwcp_pki::{BoxFuture, CertProvider, CertificateRequest, Issued, ProviderError, SubjectName};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const SECRET: &str = "s.hvs-token-of-the-backend";
const QUICK: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(200));

pub(crate) fn names(texts: &[&str]) -> Vec<SubjectName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn node() -> Vec<SubjectName> {
    names(&["URI:spiffe://mesh.example/web", "DNS:web.example", "IP:192.0.2.7"])
}

pub(crate) struct Bench {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) forge: Arc<Forge>,
    pub(crate) honest: Double,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let forge = Arc::new(Forge::new(Arc::clone(&clock)).unwrap());
        Self { clock, honest: Double::new(Arc::clone(&forge)), forge }
    }

    pub(crate) fn double(&self, conduct: Conduct) -> Double {
        Double::new(Arc::clone(&self.forge)).conducting(conduct)
    }

    /// What the suite makes of `provider`, with means by which an honest double is without fault.
    pub(crate) fn report(&self, provider: &dyn CertProvider) -> Report {
        self.report_over(provider, &Silent)
    }

    pub(crate) fn report_over(&self, provider: &dyn CertProvider, silent: &dyn CertProvider) -> Report {
        let means = Means::new(vec![node()], Arc::clone(&self.clock))
            .refusing(names(&["DNS:forbidden.example"]))
            .with_secrets([SECRET.to_owned()])
            .with_deadline(QUICK.0, QUICK.1)
            .trusting(self.forge.trust().unwrap())
            .over_silence(silent);
        block_on(check(provider, &means))
    }

    pub(crate) fn trips(&self, provider: &dyn CertProvider, rule: Rule) {
        self.trips_over(provider, &Silent, rule);
    }

    pub(crate) fn trips_over(&self, provider: &dyn CertProvider, silent: &dyn CertProvider, rule: Rule) {
        let report = self.report_over(provider, silent);
        assert_eq!(report.broken(), BTreeSet::from([rule]), "{report}");
        let broken = report.verdict().unwrap_err();
        assert!(broken.to_string().contains(&format!("{rule}: ")), "{broken}");
        assert!(broken.to_string().contains(rule.mend()), "{broken}");
    }
}

/// A good provider over a backend that never answers.
pub(crate) struct Silent;

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

pub(crate) type Way = Box<
    dyn for<'a> Fn(
            &'a Double,
            &'a CertificateRequest,
            Duration,
        ) -> BoxFuture<'a, Result<Issued, ProviderError>>
        + Send
        + Sync,
>;

/// An honest double with one thing done another way. It refuses what it must.
pub(crate) struct Mutant {
    pub(crate) honest: Double,
    pub(crate) way: Way,
}

impl Mutant {
    pub(crate) fn new(bench: &Bench, way: Way) -> Self {
        Self { honest: bench.honest.clone(), way }
    }
}

pub(crate) fn is_forbidden(request: &CertificateRequest) -> bool {
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
pub(crate) fn but_for_refusals(double: Double) -> Mutant {
    Mutant { honest: double, way: Box::new(|double, request, deadline| double.issue(request, deadline)) }
}
