//! AT-P7: an authority that answers with a certificate for another key, other names, of another chain or out of date. The provider and the
//! manager over it serve none of these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::{Clock, Coded, Silent, SystemClock};
use dwcp_pki::testing::{Conduct, Double, Forge, Lie};
use dwcp_pki::{
    Activation, CertProvider, CertificateManager, CertificateStore, FirstTrust, ManagedSlot, SlotSpec,
    TrustStore, Usage, obtain,
};
use dwcp_pki_acme::AcmeSettings;
use dwcp_testkit::Lab;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use support::scripted::Scripted;
use support::{Blind, DEADLINE, Made};

#[tokio::test(flavor = "multi_thread")]
async fn at_p7_no_lie_of_an_authority_is_ever_served() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let double = Double::new(Arc::new(Forge::new(Arc::clone(&clock)).unwrap()));
    let trust = double.forge().trust().unwrap();
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let liar = double.clone();
    let authority = Scripted::signing(
        &lab,
        |_, _| None,
        move |request| {
            let mut issuing = pin!(liar.issue(request, DEADLINE));
            match issuing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(issued) => issued.unwrap(),
                Poll::Pending => panic!("a double answers at once"),
            }
        },
    )
    .await;
    let made = Made::new(AcmeSettings::new(authority.issuer()), place.path(), Blind::new());
    let provider = Arc::new(made.provider);
    let names = vec!["DNS:a.example".parse().unwrap()];
    let spec = SlotSpec { usage: Usage::Server, ..SlotSpec::new("web", names) };
    let known = FirstTrust::Known(&trust);
    let (credential, _) = obtain(&*provider, &spec, known, &*clock, DEADLINE).await.unwrap();
    let store = CertificateStore::new_public(credential, TrustStore::of_nobody(), trust).unwrap();
    let store = Arc::new(store);
    let manager = CertificateManager::new(Arc::clone(&clock), Arc::new(Silent));
    manager.manage(ManagedSlot::new(spec, Arc::clone(&store)).with_provider(provider)).unwrap();
    let serial = || store.current().credential().chain().leaf().serial();
    let first = serial();
    for (lie, code) in [
        (Lie::WrongKey, "pki.provider.bad_answer"),
        (Lie::AnothersChain, "pki.provider.bad_answer"),
        (Lie::Backwards, "pki.provider.bad_answer"),
        (Lie::MissingName, "pki.issued.missing_name"),
        (Lie::ExtraName, "pki.issued.extra_name"),
        (Lie::Expired, "pki.issued.invalid"),
        (Lie::AlmostOver, "pki.issued.almost_over"),
        (Lie::NotYetValid, "pki.issued.invalid"),
        (Lie::Untrusted, "pki.issued.invalid"),
        (Lie::Authority, "pki.issued.invalid"),
        (Lie::Gap, "pki.issued.invalid"),
    ] {
        double.turn(Conduct::Lies(lie));
        let error = manager.renew("web", Activation::Now, DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), code, "{lie:?}: {error}");
        assert_eq!(serial(), first, "{lie:?}");
    }
    double.turn(Conduct::Honest);
    manager.renew("web", Activation::Now, DEADLINE).await.unwrap();
    assert_ne!(serial(), first);
}
