//! Answers to TLS-ALPN-01 (RFC 8737), shown by the TLS listeners that follow a certificate store.

use super::{ChallengeAnswer, ChallengeKind, Presented, Responder, ResponderError};
use dwcp_base::{Clock, SystemClock};
use dwcp_pki::{BoxFuture, CertificateStore, Challenges, Credential, FurtherError};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Has the listeners of a [`CertificateStore`] answer TLS-ALPN-01, on the port they have: an authority asks at port 443 (RFC 8737 §3).
///
/// It puts one certificate a name among the store's [`Challenges`] and takes it away again. What others have put there stays. An
/// address is validated by its name in the reverse tree (RFC 8738 §6).
///
/// # Security
/// A listener shows such a certificate to a client that offers `acme-tls/1` alone and asks for that name, and then closes: no byte of an application
/// is ever said, and no other client sees it.
#[derive(Clone)]
pub struct TlsAlpnResponder {
    shown: Arc<Shown>,
}

struct Shown {
    store: Arc<CertificateStore>,
    clock: Arc<dyn Clock>,
    /// What was presented and not withdrawn, in this order, by what is asked for.
    ours: Mutex<Vec<(String, Arc<Credential>)>>,
}

impl TlsAlpnResponder {
    /// A responder over the store that listeners follow.
    pub fn new(store: Arc<CertificateStore>) -> Self {
        Self::with_clock(store, Arc::new(SystemClock::new()))
    }

    /// The same with certificates dated by `clock`.
    pub fn with_clock(store: Arc<CertificateStore>, clock: Arc<dyn Clock>) -> Self {
        Self { shown: Arc::new(Shown { store, clock, ours: Mutex::default() }) }
    }
}

impl Responder for TlsAlpnResponder {
    fn kinds(&self) -> &[ChallengeKind] {
        &[ChallengeKind::TlsAlpn01]
    }

    fn present<'a>(
        &'a self,
        answer: ChallengeAnswer<'a>,
    ) -> BoxFuture<'a, Result<Presented, ResponderError>> {
        Box::pin(async move {
            answer.check(ChallengeKind::TlsAlpn01)?;
            let ChallengeAnswer { kind, name, key_authorization, .. } = answer;
            let unfit = || ResponderError::Name { name: name.clone(), kind };
            let asked_for = Challenges::asked_for(name).ok_or_else(unfit)?;
            let credential = Credential::for_challenge(name, key_authorization, self.shown.clock.unix())
                .map_err(|source| ResponderError::Certificate { source })?;
            Shown::show(&self.shown, asked_for, Arc::new(credential))
        })
    }
}

impl Shown {
    fn show(
        this: &Arc<Self>,
        asked_for: String,
        credential: Arc<Credential>,
    ) -> Result<Presented, ResponderError> {
        let mut ours = this.lock();
        if ours.len() == MOST_SHOWN {
            return Err(ResponderError::TooMany { limit: MOST_SHOWN });
        }
        this.store.change_challenges(|set| set.with(Arc::clone(&credential))).map_err(
            |error| match error {
                FurtherError::TooMany { limit } => ResponderError::TooMany { limit },
                source => ResponderError::Unshown { source },
            },
        )?;
        ours.push((asked_for.clone(), Arc::clone(&credential)));
        let shown = Arc::clone(this);
        Ok(Presented::new(move || shown.withdraw(&asked_for, &credential)))
    }

    /// Whoever asked for the same name before and still waits is answered again.
    fn withdraw(&self, asked_for: &str, credential: &Arc<Credential>) {
        let mut ours = self.lock();
        ours.retain(|(_, known)| !Arc::ptr_eq(known, credential));
        let earlier = ours.iter().rev().find(|(known, _)| known == asked_for).map(|(_, known)| known);
        let changed: Result<u64, Infallible> = self.store.change_challenges(|set| {
            let was_shown = set.answer_for(asked_for).is_some_and(|shown| Arc::ptr_eq(shown, credential));
            let rest = set.without(credential);
            // It was in the set before, so there is room for it.
            let again = earlier.filter(|_| was_shown).and_then(|earlier| rest.with(Arc::clone(earlier)).ok());
            Ok(again.unwrap_or(rest))
        });
        let Ok(_) = changed;
    }

    /// Nothing panics while it is held, so what a poisoned lock guards is whole.
    fn lock(&self) -> MutexGuard<'_, Vec<(String, Arc<Credential>)>> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TlsAlpnResponder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAlpnResponder").field("shown", &self.shown.lock().len()).finish_non_exhaustive()
    }
}

/// As many as a store shows.
const MOST_SHOWN: usize = 255;
