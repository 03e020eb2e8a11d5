//! A renewal that was tried before its time and failed, as one by hand may: told for as long as it says something, and no longer.
//!
//! Nothing is late then, the certificate is good, and its own time may be days away, when it is tried again.

use super::shared::Shared;
use super::{provider_checks, renewal};
use dwcp_base::UnixTime;
use dwcp_pki::SlotState;
use std::time::Duration;

/// What is left of the last attempt to renew a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// None failed.
    Good,
    /// One that was due failed.
    Failed,
    /// One failed before its time, a moment ago, or its cause is still there.
    Early,
    /// One failed before its time, and there is nothing more to say of it.
    Over,
}

/// What whoever issues said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issuer {
    /// It answered.
    Well,
    /// It did not answer, or said no.
    Ill,
    /// It is not asked between renewals.
    Unasked,
}

impl Attempt {
    /// That of one of the node's slots.
    pub(super) fn of(state: &SlotState, shared: &Shared) -> Self {
        let is_own = state.name == renewal::own(&shared.plan.load());
        let issuer = if is_own { provider_checks::issuer(shared) } else { Issuer::Unasked };
        Self::judge(state, issuer, shared.now())
    }

    fn judge(state: &SlotState, issuer: Issuer, now: UnixTime) -> Self {
        if state.failures == 0 {
            return Self::Good;
        }
        // What was ordered for later and failed is tried again like what is due.
        if state.overdue.is_some() || state.ordered.is_some() || state.renew_at <= now {
            return Self::Failed;
        }
        // A process before this one told it.
        let Some(failure) = &state.last_failure else { return Self::Over };
        let answers_again = failure.code == UNAVAILABLE && issuer == Issuer::Well;
        match answers_again || now >= failure.at.plus(TOLD) {
            true => Self::Over,
            false => Self::Early,
        }
    }
}

/// That it was not there says nothing more once it answers.
const UNAVAILABLE: &str = "pki.provider.unavailable";
/// Who tried it by hand has read the answer; whoever looks after them has an hour.
const TOLD: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::{Clock, LocalDisk, ManualClock, Silent, SystemClock};
    use dwcp_crypto::{KeyType, SigningKey};
    use dwcp_pki::{
        Activation, AuthorityParams, CertProvider, CertificateAuthority, CertificateManager,
        CertificateRequest, CertificateStore, Credential, IssuancePolicy, Issued, ManagedSlot, ProviderError,
        RevocationMode, SlotSpec, TrustStore,
    };
    use std::pin::Pin;
    use std::sync::Arc;

    /// An issuer that issues nothing.
    struct Down(fn() -> ProviderError);

    impl CertProvider for Down {
        fn name(&self) -> &str {
            "down"
        }

        fn issue<'a>(
            &'a self,
            _request: &'a CertificateRequest,
            _deadline: Duration,
        ) -> Pin<Box<dyn Future<Output = Result<Issued, ProviderError>> + Send + 'a>> {
            Box::pin(async { Err((self.0)()) })
        }
    }

    struct Scene {
        manager: CertificateManager,
        clock: Arc<ManualClock>,
    }

    impl Scene {
        fn new(error: fn() -> ProviderError) -> Self {
            let clock = Arc::new(ManualClock::at(SystemClock::new().unix()));
            let dir = tempfile::tempdir().unwrap();
            let params = AuthorityParams::new("Root");
            let authority =
                CertificateAuthority::create(Arc::new(LocalDisk), dir.path(), &params, clock.unix());
            let authority = authority.unwrap();
            let names = vec!["URI:spiffe://mesh.example/a".parse().unwrap()];
            let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
            let request = CertificateRequest::generate(&key, &names).unwrap();
            let chain = authority.issue(&request, &IssuancePolicy::default(), clock.unix()).unwrap();
            let anchors = vec![authority.certificate().certificate_der().clone()];
            let trust = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap();
            let credential = Credential::new(chain, key).unwrap();
            let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
            let manager = CertificateManager::new(Arc::<ManualClock>::clone(&clock), Arc::new(Silent));
            let slot =
                ManagedSlot::new(SlotSpec::new("a", names), store).with_provider(Arc::new(Down(error)));
            manager.manage(slot).unwrap();
            Self { manager, clock }
        }

        async fn fail(&self) {
            self.manager.renew("a", Activation::Now, Duration::from_secs(1)).await.unwrap_err();
        }

        fn judged(&self, issuer: Issuer) -> Attempt {
            Attempt::judge(&self.manager.state("a").unwrap(), issuer, self.clock.unix())
        }
    }

    fn unavailable() -> ProviderError {
        ProviderError::Unavailable { retry_after: None, source: "sealed".into() }
    }

    #[tokio::test]
    async fn an_attempt_before_its_time_is_told_until_the_issuer_answers_or_an_hour_is_over() {
        let scene = Scene::new(unavailable);
        assert_eq!(scene.judged(Issuer::Well), Attempt::Good);
        scene.fail().await;
        assert_eq!(scene.judged(Issuer::Ill), Attempt::Early);
        assert_eq!(scene.judged(Issuer::Unasked), Attempt::Early);
        assert_eq!(scene.judged(Issuer::Well), Attempt::Over);
        scene.clock.advance(Duration::from_secs(3_599));
        assert_eq!(scene.judged(Issuer::Ill), Attempt::Early);
        scene.clock.advance(Duration::from_secs(1));
        assert_eq!(scene.judged(Issuer::Ill), Attempt::Over);
        // Its time has come, and nothing is excused any more.
        let due = scene.manager.state("a").unwrap().renew_at;
        scene.clock.advance(scene.clock.unix().until(due));
        assert_eq!(scene.judged(Issuer::Well), Attempt::Failed);
    }

    #[tokio::test]
    async fn a_refusal_is_told_though_the_issuer_answers() {
        let scene = Scene::new(|| ProviderError::Refused("no".into()));
        scene.fail().await;
        assert_eq!(scene.judged(Issuer::Well), Attempt::Early);
        scene.clock.advance(TOLD);
        assert_eq!(scene.judged(Issuer::Well), Attempt::Over);
    }
}
