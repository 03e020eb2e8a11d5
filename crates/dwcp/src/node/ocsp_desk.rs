//! OCSP answers within bounds: how many at once, and how much each source gets signed.

use super::compose::unfit;
use super::error::NodeError;
use super::off_loop::off_loop;
use super::onion::reason_text;
use super::shared::Shared;
use dwcp_guard::{Guard, GuardSettings};
use dwcp_pki::{CertificateAuthority, OcspAnswer, OcspProblem, OcspRefusal, OcspResponder};
use hyper::body::Bytes;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The responder of an embedded authority and its bounds, the same for whichever way the question came.
///
/// A kept answer costs a look at the index; what has to be signed (nonces, serials that were never issued, the first question
/// after a change) is bounded by source and in all, whether or not the guard is switched on.
pub(super) struct OcspDesk {
    responder: Arc<OcspResponder>,
    /// Its permits are signatures.
    signing: Guard,
    places: Arc<Semaphore>,
}

/// A question as HTTP brought it.
pub(super) enum Question {
    /// The body of a POST.
    Body(Bytes),
    /// What follows the responder's path in a GET.
    Path(String),
}

/// Why there is not even a refusal.
#[derive(Debug)]
pub(super) struct NoAnswer;

impl OcspDesk {
    pub(super) fn new(authority: &Arc<CertificateAuthority>) -> Result<Self, NodeError> {
        let settings = GuardSettings {
            handshakes_per_second: SIGNATURES_PER_SOURCE,
            burst: SIGNATURES_PER_SOURCE * 2,
            global_per_second: SIGNATURES,
            global_burst: SIGNATURES * 2,
            max_connections: AT_ONCE,
            max_connections_per_source: AT_ONCE,
            max_pending: AT_ONCE,
            max_pending_per_source: AT_ONCE,
            table_capacity: SOURCES,
            ..GuardSettings::default()
        };
        Ok(Self {
            responder: Arc::new(OcspResponder::new(Arc::clone(authority))),
            signing: Guard::new(settings).map_err(unfit)?,
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// What bounds signatures.
    pub(super) fn signing(&self) -> &Guard {
        &self.signing
    }

    /// The answer's DER and until when a cache may repeat it.
    pub(super) async fn answer(
        &self,
        question: Question,
        source: IpAddr,
        shared: &Shared,
    ) -> Result<(Bytes, Option<dwcp_base::UnixTime>), NoAnswer> {
        let place = timeout(WAIT, Arc::clone(&self.places).acquire_owned());
        let Ok(Ok(place)) = place.await else {
            return Ok((Bytes::from_static(OcspRefusal::TryLater.der()), None));
        };
        let (responder, signing) = (Arc::clone(&self.responder), self.signing.clone());
        let (now, tick) = (shared.now(), shared.clock.tick());
        // The index is on a disk, and another process may hold it for seconds.
        let answer = off_loop(move || {
            let mut permit = None;
            let may_sign = || {
                permit = signing.admit(source, tick).ok();
                permit.is_some()
            };
            let answer = match question {
                Question::Body(request) => responder.answer_if(&request, now, may_sign),
                Question::Path(path) => responder.answer_path_if(&path, now, may_sign),
            };
            drop((permit, place));
            answer
        })
        .await
        .ok_or(NoAnswer)?;
        note(shared, &answer);
        Ok((Bytes::copy_from_slice(answer.der()), answer.keep_until()))
    }
}

/// What is wrong with a question is its sender's affair; what is wrong here shows in health.
fn note(shared: &Shared, answer: &OcspAnswer) {
    match answer.problem() {
        Some(OcspProblem::Authority(error)) => {
            let text = reason_text(error);
            if shared.troubles.begin("ocsp", text.clone()) {
                tracing::error!(%text, "OCSP requests get no answer");
            }
        }
        None if answer.refusal().is_none() && shared.troubles.end("ocsp") => {
            tracing::info!("OCSP requests are answered again");
        }
        _ => {}
    }
}

/// Answers in the making: each holds a thread, and a core while it signs.
const AT_ONCE: usize = 4;
/// How long a question may wait for its turn.
const WAIT: Duration = Duration::from_secs(2);
/// Signatures a second for one source in the long run, twice as many after a rest.
const SIGNATURES_PER_SOURCE: u32 = 10;
/// Signatures a second for all sources.
const SIGNATURES: u32 = 200;
/// Sources whose rate is remembered.
const SOURCES: usize = 8_192;
