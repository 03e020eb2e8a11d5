//! What an error of an authority means to whoever asked for a certificate.

use crate::problem::Remedy;
use crate::{AcmeError, AcmeProblem};
use dwcp_base::UnixTime;
use dwcp_https::HttpsError;
use dwcp_pki::ProviderError;
use std::time::Duration;

impl AcmeError {
    /// As an error of a provider, at `now`: refusals are for somebody to change something, all else is asked again.
    pub fn into_provider_error(self, now: UnixTime) -> ProviderError {
        match self.outcome() {
            Outcome::Refused => ProviderError::Refused(self.into()),
            Outcome::BadAnswer => ProviderError::BadAnswer(self.into()),
            Outcome::TimedOut(deadline) => ProviderError::TimedOut { deadline },
            Outcome::Unavailable => {
                ProviderError::Unavailable { retry_after: self.wait(now), source: self.into() }
            }
        }
    }

    /// How long to wait before asking again, where that is known.
    pub fn wait(&self, now: UnixTime) -> Option<Duration> {
        match self {
            Self::Paused { until, .. } => Some(now.until(*until)),
            // The first that may be asked again decides.
            Self::All(all) => {
                all.iter().map(|(_, one)| one.wait(now)).min_by_key(|wait| wait.unwrap_or_default())?
            }
            other => other.retry_after(),
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Names(_)
            | Self::NoChallenge { .. }
            | Self::Profile { .. }
            | Self::ExternalAccountMissing
            | Self::ExternalAccountFile(_)
            | Self::ExternalAccountKey
            | Self::Unsupported { .. } => Outcome::Refused,
            Self::Refused(problem) | Self::Unproven { problem, .. } => match problem.remedy() {
                Remedy::Refused => Outcome::Refused,
                Remedy::Later | Remedy::Slower => Outcome::Unavailable,
            },
            Self::Limited { .. }
            | Self::Failing { .. }
            | Self::Paused { .. }
            | Self::Nonces { .. }
            | Self::Responder(_)
            | Self::Cache(_)
            | Self::Key => Outcome::Unavailable,
            Self::ForeignUrl { .. } | Self::Answer { .. } | Self::WrongKey | Self::Unfit { .. } => {
                Outcome::BadAnswer
            }
            Self::Https(HttpsError::TimedOut { deadline, .. }) => Outcome::TimedOut(*deadline),
            // An expired certificate of the authority, or a wrong root here: whoever puts it right, it is asked again.
            Self::Https(_) => Outcome::Unavailable,
            Self::TimedOut { deadline } => Outcome::TimedOut(*deadline),
            Self::All(all) => {
                let outcomes: Vec<_> = all.iter().map(|(_, one)| one.outcome()).collect();
                match outcomes.first() {
                    // One that may do it later makes the whole a matter of time.
                    Some(first) if outcomes.iter().all(|one| one == first) => *first,
                    _ => Outcome::Unavailable,
                }
            }
        }
    }
}

/// A problem of an answer, sorted by what can be done; `retry_after` as the authority wrote it.
pub(crate) fn of_problem(problem: AcmeProblem, retry_after: Option<Duration>) -> AcmeError {
    match problem.remedy() {
        Remedy::Refused => AcmeError::Refused(problem),
        Remedy::Slower => AcmeError::Limited { retry_after: clamped(retry_after.unwrap_or(UNSAID)), problem },
        Remedy::Later => AcmeError::Failing {
            status: problem.status,
            retry_after: retry_after.map(clamped),
            said: crate::Said::new(&problem.to_string()),
        },
    }
}

/// Between 1 minute and 24 hours: no authority makes us ask in a loop, and none silences us for good.
pub(crate) fn clamped(retry_after: Duration) -> Duration {
    retry_after.clamp(SHORTEST, LONGEST)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Refused,
    Unavailable,
    TimedOut(Duration),
    BadAnswer,
}

const SHORTEST: Duration = Duration::from_secs(60);
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// A rate limit without a time: those of public authorities are per hour and longer.
const UNSAID: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NamesFault, ProblemKind, Said};
    use dwcp_base::Coded;

    fn problem(kind: ProblemKind, status: u16) -> AcmeProblem {
        AcmeProblem { kind, status, detail: Said::new("words"), names: Vec::new() }
    }

    fn provider(error: AcmeError) -> ProviderError {
        error.into_provider_error(NOW)
    }

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    #[test]
    fn at_p5_a_retry_after_is_honoured_and_capped() {
        for (said, waited) in [(0, 60), (61, 61), (3_600, 3_600), (1_000_000_000, 86_400), (u64::MAX, 86_400)]
        {
            let error = of_problem(problem(ProblemKind::RateLimited, 429), Some(Duration::from_secs(said)));
            let ProviderError::Unavailable { retry_after, .. } = provider(error) else { panic!("{said}") };
            assert_eq!(retry_after, Some(Duration::from_secs(waited)), "{said}");
        }
        let error = of_problem(problem(ProblemKind::RateLimited, 429), None);
        assert_eq!(error.retry_after(), Some(UNSAID));
        let failing = of_problem(problem(ProblemKind::ServerInternal, 503), None);
        assert_eq!(failing.retry_after(), None);
    }

    #[test]
    fn each_problem_is_a_refusal_or_a_matter_of_time() {
        for (kind, status, code) in [
            (ProblemKind::RejectedIdentifier, 400, "pki.provider.refused"),
            (ProblemKind::Unauthorized, 403, "pki.provider.refused"),
            (ProblemKind::Caa, 403, "pki.provider.refused"),
            (ProblemKind::ExternalAccountRequired, 403, "pki.provider.refused"),
            (ProblemKind::UserActionRequired, 403, "pki.provider.refused"),
            (ProblemKind::BadCsr, 400, "pki.provider.refused"),
            (ProblemKind::RateLimited, 429, "pki.provider.unavailable"),
            (ProblemKind::ServerInternal, 500, "pki.provider.unavailable"),
            (ProblemKind::Other, 503, "pki.provider.unavailable"),
            (ProblemKind::Other, 404, "pki.provider.refused"),
        ] {
            let error = provider(of_problem(problem(kind, status), None));
            assert_eq!(error.code(), code, "{kind} {status}");
        }
    }

    #[test]
    fn a_pause_tells_what_is_left_of_it() {
        let until = NOW.plus(Duration::from_secs(90));
        let cause = crate::PauseCause::Authority;
        let paused = || AcmeError::Paused { until, cause, reason: Said::new("rate") };
        assert_eq!(paused().wait(NOW), Some(Duration::from_secs(90)));
        assert_eq!(paused().wait(until.plus(Duration::from_secs(1))), Some(Duration::ZERO));
    }

    #[test]
    fn of_several_authorities_the_first_that_may_be_asked_again_decides() {
        let limited =
            |secs| of_problem(problem(ProblemKind::RateLimited, 429), Some(Duration::from_secs(secs)));
        let refused = || AcmeError::Names(NamesFault::Count { limit: 100 });
        let all = |errors: Vec<AcmeError>| {
            AcmeError::All(errors.into_iter().map(|error| ("a".to_owned(), error)).collect())
        };
        let waited = |error: AcmeError| match provider(error) {
            ProviderError::Unavailable { retry_after, .. } => retry_after,
            other => panic!("{other}"),
        };
        assert_eq!(waited(all(vec![limited(900), limited(300)])), Some(Duration::from_secs(300)));
        assert_eq!(
            waited(all(vec![refused(), limited(300)])),
            None,
            "one that says nothing may be asked at once"
        );
        assert_eq!(provider(all(vec![refused(), refused()])).code(), "pki.provider.refused");
    }
}
