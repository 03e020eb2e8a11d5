//! AT-P7: an authority that answers with a certificate for another key, other names, of another chain or out of date. The provider and the
//! manager over it serve none of these.

use crate::support::scripted::{Asked, Say, Scripted, attempt};
use crate::support::{Blind, DEADLINE, Made};
use dwcp_base::{Clock, Coded, LocalDisk, Silent, SystemClock};
use dwcp_pki::testing::{Conduct, Double, Forge, Lie};
use dwcp_pki::{
    Activation, CertProvider, CertificateManager, CertificateRequest, CertificateStore, FirstTrust,
    ManagedSlot, Purpose, SlotSpec, TrustStore, Usage, obtain,
};
use dwcp_pki_acme::{AcmeSettings, Cache, NamesDigest};
use dwcp_testkit::Lab;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// An authority of the script that issues as a double does.
async fn over(lab: &Lab, double: &Double) -> Scripted {
    let double = double.clone();
    let sign = move |request: &CertificateRequest| {
        let mut issuing = pin!(double.issue(request, DEADLINE));
        match issuing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(issued) => issued.unwrap(),
            Poll::Pending => panic!("a double answers at once"),
        }
    };
    Scripted::signing(lab, |_, _| None, sign).await
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p7_no_lie_of_an_authority_is_ever_served() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let double = Double::new(Arc::new(Forge::new(Arc::clone(&clock)).unwrap()));
    let trust = double.forge().trust().unwrap();
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let authority = over(&lab, &double).await;
    let made = Made::new(AcmeSettings::new(authority.issuer()), place.path(), Blind::new());
    let provider = Arc::new(made.provider);
    let asked = Arc::clone(&provider);
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
        asked.ask_at_once();
        let error = manager.renew("web", Activation::Now, DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), code, "{lie:?}: {error}");
        assert_eq!(serial(), first, "{lie:?}");
    }
    double.turn(Conduct::Honest);
    asked.ask_at_once();
    manager.renew("web", Activation::Now, DEADLINE).await.unwrap();
    assert_ne!(serial(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p7_where_one_issues_what_is_of_no_use_the_next_is_asked_and_nothing_of_it_is_kept() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (false_one, honest) = (
        Double::new(Arc::new(Forge::new(Arc::clone(&clock)).unwrap())),
        Double::new(Arc::new(Forge::new(Arc::clone(&clock)).unwrap())),
    );
    let trust = honest.forge().trust().unwrap();
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let (first, second) = (over(&lab, &false_one).await, over(&lab, &honest).await);
    let (one, two) = (first.issuer().named("first").unwrap(), second.issuer().named("second").unwrap());
    let settings = AcmeSettings::new(one).with_issuer(two).unwrap();
    let mut made = Made::new(settings, place.path(), Blind::new());
    let now = clock.unix();
    made.provider = made.provider.with_judge(move |request, chain| {
        let mut names = [request.names().to_vec(), chain.leaf().names().to_vec()];
        names.iter_mut().for_each(|names| names.sort());
        let exact = (names[0] == names[1]).then_some(()).ok_or("its names are others");
        let judged = trust.validate_own(chain, Purpose::Server, now).map(drop);
        exact.map_err(str::to_owned).and(judged.map_err(|error| error.to_string()))
    });
    let names = ["DNS:a.example"];
    let chain = made.issue(&names).await.unwrap();
    assert_eq!((first.count("/new-order"), second.count("/new-order")), (1, 1));
    let state = made.provider.state();
    assert_eq!(state.in_use.as_deref(), Some("second"));
    let error = state.issuers[0].last_error.as_ref().unwrap();
    assert_eq!((error.code, state.issuers[0].issued), ("acme.certificate.unfit", None), "{error:?}");
    let cache = Cache::open(&place.path().join("acme"), Arc::new(LocalDisk)).unwrap();
    let digest = NamesDigest::of(chain.leaf().names());
    let kept = || cache.last(&digest).unwrap().unwrap();
    assert_eq!(kept().directory, format!("{}/dir", second.base));
    assert_eq!(cache.order(&format!("{}/dir", first.base), &digest).unwrap(), None, "its order is given up");
    // With both false, what is in force keeps its record, and the error says what each did.
    let before = kept();
    honest.turn(Conduct::Lies(Lie::ExtraName));
    made.provider.ask_at_once();
    let error = made.issue(&names).await.unwrap_err();
    assert!(error.to_string().contains("its names are others"), "{error}");
    assert_eq!(kept(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_directory_is_the_address_is_wrong_and_nobody_refused_anything() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let script = |asked: &Asked, _: &str| (asked.path == "/dir").then(|| Say::new(404, "no such page"));
    let authority = Scripted::start(&lab, script).await;
    let error = attempt(&Made::new(AcmeSettings::new(authority.issuer()), place.path(), Blind::new()))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "acme.answer.malformed", "{error}");
    assert!(error.to_string().contains("/dir (status 404)"), "{error}");
    assert!(error.fix().contains("directory's address"), "{}", error.fix());
}
