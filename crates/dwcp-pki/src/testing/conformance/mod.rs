//! The suite that every [`CertProvider`] passes.
//!
//! ```
//! use dwcp_base::{Clock, SystemClock};
//! use dwcp_pki::testing::conformance::{Means, Rule, check};
//! use dwcp_pki::SelfSignedProvider;
//! use std::sync::Arc;
//!
//! # async fn suite() -> Result<(), Box<dyn std::error::Error>> {
//! let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
//! let provider = SelfSignedProvider::new(Arc::clone(&clock))?;
//! let means = Means::new(vec![vec!["DNS:web.example".parse()?]], clock)
//!     .refusing(vec!["EMAIL:a@web.example".parse()?])
//!     .waiving(Rule::Deadline, "it waits for nobody");
//! let report = check(&provider, &means).await.verdict()?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! It runs on any executor, in a few seconds at most: what never answers is given up. That a provider never needs a private key is no rule
//! here: it is handed a [`CertificateRequest`], and nothing else is.

mod answer;
mod call;
mod means;
mod report;
mod rule;
mod secrets;

pub use means::Means;
pub use report::{Broken, Finding, Report};
pub use rule::Rule;

use crate::{CertProvider, CertificateRequest, Issued, ProviderError, Serial, SubjectName};
use call::{Called, abandon, all, call};
use dwcp_base::{Clock, Coded, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use std::collections::BTreeSet;

/// Tries every rule on `provider` that `means` allow to try.
pub async fn check(provider: &dyn CertProvider, means: &Means<'_>) -> Report {
    let mut run = Run { provider, means, report: Report::waiving(&means.waived), serials: BTreeSet::new() };
    run.name();
    // What is wrong with one request alone would be found sixteen times more.
    if run.issues().await && run.report.broken().is_subset(&BTreeSet::from([Rule::Name])) {
        run.abandoned().await;
        run.together().await;
    }
    run.refuses().await;
    run.fails().await;
    run.deadline().await;
    run.report
}

struct Run<'a, 'm> {
    provider: &'a dyn CertProvider,
    means: &'a Means<'m>,
    report: Report,
    serials: BTreeSet<Serial>,
}

impl Run<'_, '_> {
    fn name(&mut self) {
        self.report.tried(Rule::Name);
        let (first, second) = (self.provider.name().to_owned(), self.provider.name().to_owned());
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if first != second {
            self.report.breach(Rule::Name, format!("it was {first:?} and then {second:?}"));
        } else if first.is_empty() || first.len() > 32 || !first.bytes().all(fits) {
            self.report.breach(Rule::Name, format!("it is {first:?}"));
        }
    }

    /// Twice for each set of names, and once for each further kind of key; whether all were answered.
    async fn issues(&mut self) -> bool {
        let means = self.means;
        let types = || means.key_types.iter().chain(means.key_types.first());
        for names in &means.grants {
            for key_type in types() {
                if !self.once(names, *key_type).await {
                    return false;
                }
            }
        }
        !means.grants.is_empty()
    }

    async fn once(&mut self, names: &[SubjectName], key_type: KeyType) -> bool {
        let Some(request) = self.request(names, key_type) else { return false };
        let called = call(self.provider, &request, self.means.deadline, self.limit()).await;
        let what = format!("{} key, {}", key_type.name(), listed(names));
        self.takes(Rule::Issues, &what, &request, called)
    }

    /// Judges what came of a question that was to be answered with a certificate; whether it was, by whatever certificate.
    fn takes(&mut self, rule: Rule, what: &str, request: &CertificateRequest, called: Called) -> bool {
        self.report.tried(rule);
        self.report.tried(Rule::NoPanic);
        match called {
            Called::Panicked => self.report.breach(Rule::NoPanic, format!("it panicked ({what})")),
            Called::Overran => {
                let what = format!("there was neither answer nor error within its deadline ({what})");
                self.report.breach(Rule::Deadline, what);
            }
            Called::Answered(Err(error)) => {
                self.hides(&error);
                self.report.breach(rule, format!("{} ({what})", told(&error)));
            }
            Called::Answered(Ok(issued)) => {
                self.judges(&issued, request, what);
                return true;
            }
        }
        false
    }

    fn judges(&mut self, issued: &Issued, request: &CertificateRequest, what: &str) {
        answer::RULES.iter().for_each(|rule| self.report.tried(*rule));
        if let Err((rule, how)) = answer::judge(issued, request, self.means) {
            return self.report.breach(rule, format!("{how} ({what})"));
        }
        self.report.tried(Rule::FreshSerials);
        let serial = issued.chain.leaf().serial();
        if !self.serials.insert(serial) {
            self.report.breach(Rule::FreshSerials, format!("the serial {serial} came twice ({what})"));
        }
    }

    /// Leaves requests after their first poll, which is where most that can be left lying is left, then asks once more.
    async fn abandoned(&mut self) {
        let (means, report) = (self.means, &mut self.report);
        report.tried(Rule::Abandoned);
        let (Some(names), Some(key_type)) = (means.grants.first(), means.key_types.first()) else { return };
        for _ in 0..3 {
            let Some(request) = self.request(names, *key_type) else { return };
            // One that is answered at its first poll leaves nothing half-way.
            if let Some(Called::Panicked) = abandon(self.provider, &request, means.deadline).await {
                self.report.breach(Rule::NoPanic, "it panicked at its first poll");
            }
        }
        let Some(request) = self.request(names, *key_type) else { return };
        let called = call(self.provider, &request, means.deadline, self.limit()).await;
        match called {
            Called::Overran => {
                self.report.breach(Rule::Abandoned, "the request after it had no answer within its deadline")
            }
            called => {
                self.takes(Rule::Abandoned, "after three requests that were dropped", &request, called);
            }
        }
    }

    async fn together(&mut self) {
        let means = self.means;
        self.report.tried(Rule::Together);
        let (Some(names), Some(key_type)) = (means.grants.first(), means.key_types.first()) else { return };
        let requests: Vec<_> = (0..AT_ONCE).filter_map(|_| self.request(names, *key_type)).collect();
        let (provider, limit) = (self.provider, self.limit());
        let asked =
            requests.iter().map(|request| Box::pin(call(provider, request, means.deadline, limit)) as _);
        let called: Vec<Called> = all(asked.collect()).await;
        for (at, (request, called)) in requests.iter().zip(called).enumerate() {
            let what = format!("request {} of {AT_ONCE} at once", at + 1);
            match called {
                // What is wrong here was right for one request alone.
                Called::Answered(Ok(issued)) if answer::judge(&issued, request, means).is_err() => {
                    self.report.breach(Rule::Together, format!("{what} got an answer that is not its own"));
                }
                Called::Overran => {
                    self.report.breach(Rule::Together, format!("{what} had no answer within its deadline"))
                }
                called => {
                    self.takes(Rule::Together, &what, request, called);
                }
            }
        }
    }

    async fn refuses(&mut self) {
        let means = self.means;
        for names in &means.refuses {
            let key_type = means.key_types.first().copied().unwrap_or(KeyType::EcdsaP256);
            let Some(request) = self.request(names, key_type) else { return };
            self.report.tried(Rule::Refuses);
            self.report.tried(Rule::NoSecrets);
            match call(self.provider, &request, means.deadline, self.limit()).await {
                Called::Answered(Err(error)) => {
                    self.hides(&error);
                    if !matches!(error, ProviderError::Refused(_)) {
                        self.report.breach(
                            Rule::Refuses,
                            format!("{} instead of a refusal ({})", told(&error), listed(names)),
                        );
                    }
                }
                Called::Answered(Ok(_)) => {
                    self.report.breach(Rule::Refuses, format!("it issued {}", listed(names)))
                }
                Called::Overran => {
                    self.report.breach(Rule::Refuses, format!("no answer to {}", listed(names)))
                }
                Called::Panicked => {
                    self.report.breach(Rule::NoPanic, format!("it panicked ({})", listed(names)))
                }
            }
        }
    }

    /// Over a backend that fails, every error is looked at.
    async fn fails(&mut self) {
        let means = self.means;
        for failing in &means.failing {
            let Some(names) = means.grants.first() else { return };
            let key_type = means.key_types.first().copied().unwrap_or(KeyType::EcdsaP256);
            let Some(request) = self.request(names, key_type) else { return };
            match call(*failing, &request, means.deadline, self.limit()).await {
                Called::Answered(Err(error)) => self.hides(&error),
                Called::Answered(Ok(_)) => {
                    self.report.breach(Rule::NoSecrets, "a failing backend's provider did not fail")
                }
                Called::Overran => self.report.breach(Rule::Deadline, "no answer over a failing backend"),
                Called::Panicked => self.report.breach(Rule::NoPanic, "it panicked over a failing backend"),
            }
        }
    }

    async fn deadline(&mut self) {
        let means = self.means;
        let (Some(silent), Some(names)) = (means.silent, means.grants.first()) else { return };
        let key_type = means.key_types.first().copied().unwrap_or(KeyType::EcdsaP256);
        let Some(request) = self.request(names, key_type) else { return };
        // Silence is waited out for, so not for the whole deadline of the others.
        let deadline = means.deadline.min(SILENCE);
        self.report.tried(Rule::Deadline);
        let clock = SystemClock::new();
        let began = clock.tick();
        let called = call(silent, &request, deadline, deadline.saturating_add(means.tolerance)).await;
        let took = clock.tick().since(began);
        match called {
            Called::Overran => {
                self.report.breach(
                    Rule::Deadline,
                    format!("nothing within {took:?}, for a deadline of {deadline:?}"),
                );
            }
            Called::Panicked => self.report.breach(Rule::NoPanic, "it panicked over a silent backend"),
            Called::Answered(Ok(_)) => {
                self.report.breach(Rule::Deadline, "a backend that never answers answered")
            }
            Called::Answered(Err(error)) => {
                self.hides(&error);
                if !matches!(error, ProviderError::TimedOut { .. }) {
                    let what = format!("{} after {took:?} of silence instead of a time-out", told(&error));
                    self.report.breach(Rule::Deadline, what);
                }
            }
        }
    }

    fn hides(&mut self, error: &ProviderError) {
        self.report.tried(Rule::NoSecrets);
        if let Some(what) = secrets::found_in(error, &self.means.secrets) {
            self.report.breach(Rule::NoSecrets, what);
        }
    }

    fn request(&mut self, names: &[SubjectName], key_type: KeyType) -> Option<CertificateRequest> {
        let made = SigningKey::generate(key_type)
            .map_err(|error| error.to_string())
            .and_then(|key| CertificateRequest::generate(&key, names).map_err(|error| error.to_string()));
        match made {
            Ok(request) => Some(request),
            Err(why) => {
                self.report.breach(Rule::Issues, format!("the means ask for what no request can: {why}"));
                None
            }
        }
    }

    fn limit(&self) -> std::time::Duration {
        self.means.deadline.saturating_add(self.means.tolerance)
    }
}

/// An error by its code: its text may be what must not be shown.
fn told(error: &ProviderError) -> String {
    format!("it answered {}", error.code())
}

fn listed(names: &[SubjectName]) -> String {
    let all: Vec<_> = names.iter().map(|name| crate::certificate::printable(&name.to_string())).collect();
    all.join(", ")
}

const AT_ONCE: usize = 16;
const SILENCE: std::time::Duration = std::time::Duration::from_secs(2);
