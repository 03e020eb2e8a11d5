//! What goes back to whoever asked, whatever it sent.

use super::response::OcspResponse;
use super::status::OcspRefusal;
use crate::{AuthorityError, ParseError};
use dwcp_base::{Blame, Coded, UnixTime};
use std::sync::Arc;

/// What a responder sends back: an answer, or a refusal for a reason that is kept for this side's own log.
#[derive(Debug)]
pub struct OcspAnswer {
    der: Arc<[u8]>,
    keep_until: Option<UnixTime>,
    refusal: Option<(OcspRefusal, Option<OcspProblem>)>,
}

impl OcspAnswer {
    /// The body of the HTTP response, of type `application/ocsp-response`; its status is 200 in every case (RFC 6960
    /// appendix A.2).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The bytes without a copy: answers that are kept share theirs.
    pub fn shared_der(&self) -> Arc<[u8]> {
        Arc::clone(&self.der)
    }

    /// Until when a cache may give the same answer to the same request: its nextUpdate (RFC 5019 §6.2). `None` for what was
    /// made for one request alone, and for refusals.
    pub fn keep_until(&self) -> Option<UnixTime> {
        self.keep_until
    }

    /// What the other side is told when it gets no answer; `None` when it gets one.
    pub fn refusal(&self) -> Option<OcspRefusal> {
        self.refusal.as_ref().map(|(refusal, _)| *refusal)
    }

    /// What was wrong, for this side's log; `None` when nothing was, when the request was for another authority's responder, and
    /// when nothing was to be signed for it.
    pub fn problem(&self) -> Option<&OcspProblem> {
        self.refusal.as_ref().and_then(|(_, problem)| problem.as_ref())
    }

    /// What was made for one request alone, also when it is a refusal for good reason.
    pub(super) fn once(response: &OcspResponse) -> Self {
        let refusal = response.refusal().map(|refusal| (refusal, None));
        Self { der: response.shared_der(), keep_until: None, refusal }
    }

    /// What is given to whoever asks the same, until then.
    pub(super) fn repeated(der: Arc<[u8]>, keep_until: UnixTime) -> Self {
        Self { der, keep_until: Some(keep_until), refusal: None }
    }

    /// RFC 6960 §2.3: what is wrong with the request is malformedRequest, whatever it is.
    pub(super) fn malformed(error: ParseError) -> Self {
        Self::refused(OcspRefusal::MalformedRequest, OcspProblem::Request(error))
    }

    /// Nothing is signed for whoever asks now.
    pub(super) fn busy() -> Self {
        let refusal = OcspRefusal::TryLater;
        Self { der: refusal.der().into(), keep_until: None, refusal: Some((refusal, None)) }
    }

    pub(super) fn failed(error: AuthorityError) -> Self {
        let refusal = match error {
            AuthorityError::IndexBusy { .. } => OcspRefusal::TryLater,
            _ => OcspRefusal::InternalError,
        };
        Self::refused(refusal, OcspProblem::Authority(error))
    }

    fn refused(refusal: OcspRefusal, problem: OcspProblem) -> Self {
        Self { der: refusal.der().into(), keep_until: None, refusal: Some((refusal, Some(problem))) }
    }
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OcspProblem {
    /// The request can not be read.
    #[error("the request was not read")]
    Request(#[source] ParseError),
    /// The authority could not answer.
    #[error("the authority did not answer")]
    Authority(#[source] AuthorityError),
}

impl Coded for OcspProblem {
    fn code(&self) -> &'static str {
        match self {
            Self::Request(source) => source.code(),
            Self::Authority(source) => source.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Request(source) => source.blame(),
            Self::Authority(source) => source.blame(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_meets_a_busy_authority_is_asked_to_come_again() {
        let busy = OcspAnswer::failed(AuthorityError::IndexBusy { path: "lock".into() });
        assert_eq!((busy.der(), busy.refusal()), (&[0x30, 3, 0x0a, 1, 3][..], Some(OcspRefusal::TryLater)));
        assert_eq!(busy.problem().unwrap().code(), "pki.index.busy");
        let suspect = OcspAnswer::failed(AuthorityError::IndexSuspect);
        assert_eq!((suspect.refusal(), suspect.keep_until()), (Some(OcspRefusal::InternalError), None));
    }
}
