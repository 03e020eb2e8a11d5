//! Renewal: honest and lying providers, back-off, single flight, a year on a manual clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod scripted;

use dwcp_base::{Clock, Coded, ManualClock, Silent};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    Activation, BoxFuture, CertProvider, Certificate, CertificateManager, CertificateRequest,
    CertificateStore, EmbeddedProvider, Event, FirstTrust, IssuancePolicy, Issued, IssuedFault, ManagedSlot,
    ManagerError, NextStep, OverdueLevel, ProviderError, RevocationMode, RevocationReason, Serial, SlotSpec,
    TrustStore, Usage, obtain,
};
use lab::*;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose};
use rustls_pki_types::CertificateDer;
use scripted::*;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

const WEB: &str = "URI:spiffe://mesh.example/web";

#[test]
fn an_honest_renewal_is_activated_with_a_fresh_key() {
    let root = Party::root("root");
    let slot = slot(&root, Scripted::new(sign_all(&root)));
    let before = slot.store.current();
    let renewed = slot.renew().unwrap();
    let after = slot.store.current();
    assert_eq!((renewed.generation, after.number()), (2, 2));
    assert_ne!(before.credential().key().public_key(), after.credential().key().public_key());
    assert_eq!(slot.events.events().last().unwrap().code(), "pki.certificate.renewed");
    assert_eq!(slot.state().generation, 2);
}

#[test]
fn at_p7_what_a_lying_provider_issues_is_never_activated() {
    let root = Party::root("root");
    let provider = Scripted::new(sign_all(&root));
    let slot = slot(&root, Arc::clone(&provider) as _);
    let serving = slot.store.current().credential().chain().leaf().serial();
    let lie = |answer: Answer, expected: &str| {
        provider.now_answers(answer);
        let error = slot.renew().unwrap_err();
        assert_eq!(error.code(), expected, "{error}");
        assert_eq!(slot.store.number(), 1);
        assert_eq!(slot.store.current().credential().chain().leaf().serial(), serving);
        assert_eq!(slot.state().last_failure.unwrap().code, expected);
    };
    let signed = |edit: fn(&mut CertificateParams)| -> Answer {
        let root = root.reissued(|_| {});
        Box::new(move |request| Ok(sign(&root, request, edit)))
    };
    let fixed = |party: &Party| -> Answer {
        let der = party.der.clone();
        Box::new(move |_| Ok(issued(std::slice::from_ref(&der))))
    };
    lie(fixed(&root.leaf(&[WEB, "DNS:web.example"])), "pki.issued.wrong_key");
    lie(fixed(&root), "pki.issued.wrong_key");
    lie(signed(|p| p.subject_alt_names.truncate(1)), "pki.issued.missing_name");
    lie(signed(|p| p.subject_alt_names.clear()), "pki.issued.missing_name");
    let extra = |p: &mut CertificateParams| {
        p.subject_alt_names.push(rcgen::SanType::DnsName("evil.example".try_into().unwrap()));
    };
    lie(signed(extra), "pki.issued.extra_name");
    lie(signed(|p| p.not_after = date(NOW.minus(MINUTE / 2))), "pki.issued.invalid");
    lie(signed(|p| p.not_before = date(NOW.plus(MINUTE))), "pki.issued.invalid");
    lie(signed(|p| p.extended_key_usages.clear()), "pki.issued.invalid");
    lie(signed(|p| p.extended_key_usages.truncate(1)), "pki.issued.invalid");
    lie(signed(|p| p.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained)), "pki.issued.invalid");
    lie(Box::new(sign_all(&Party::root("root"))), "pki.issued.invalid");
    lie(Box::new(sign_all(&Party::root("other"))), "pki.issued.invalid");
    let untrusted_root = Party::root("other");
    let offered = Certificate::from_der(&untrusted_root.der).unwrap();
    let convincing: Answer = Box::new(move |request| {
        Ok(Issued { roots: vec![offered.clone()], ..sign(&untrusted_root, request, |_| {}) })
    });
    lie(convincing, "pki.issued.invalid");
    lie(Box::new(|_| Err(ProviderError::TimedOut { deadline: DEADLINE })), "pki.provider.timed_out");
    lie(Box::new(|_| Err(ProviderError::Refused("no".into()))), "pki.provider.refused");
}

#[test]
fn at_p8_key_and_certificate_change_together_or_not_at_all() {
    let root = Party::root("root");
    // The answer to the request before: a certificate that was real once, for the key of that time.
    let earlier: Arc<Mutex<Option<Issued>>> = Arc::default();
    let honest = sign_all(&root);
    let provider = Scripted::new(move |request: &CertificateRequest| {
        let answer = honest(request)?;
        Ok(earlier.lock().unwrap().replace(answer.clone()).unwrap_or(answer))
    });
    let slot = slot(&root, provider);
    slot.renew().unwrap();
    let serving = slot.store.current();
    for _ in 0..3 {
        assert!(matches!(slot.renew(), Err(ManagerError::Issued(IssuedFault::WrongKey))));
        assert_eq!(slot.store.current().number(), serving.number());
    }
}

#[test]
fn a_revoked_answer_is_refused_but_a_stale_crl_does_not_hold_up_a_renewal() {
    let root = Party::root("root");
    let provider = Scripted::new(sign_all(&root));
    let slot = slot_with(&root, Arc::clone(&provider) as _, RevocationMode::Required);
    assert!(slot.renew().is_ok(), "no CRL at all");
    let listed = root.leaf_with(&[WEB], |p| p.serial_number = Some(vec![0x44].into()));
    let stale = root.crl_with(1, &[&listed], |p| p.next_update = date(NOW.minus(MINUTE / 2)));
    slot.store.install_trust(strict(&[&root], vec![stale])).unwrap();
    let error = slot.renew().unwrap_err();
    assert!(slot.state().last_failure.unwrap().message.contains("revoked"), "{error}");
}

#[test]
fn failures_back_off_are_announced_and_end_with_a_success() {
    let root = Party::root("root");
    let provider =
        Scripted::new(|_| Err(ProviderError::Unavailable { retry_after: None, source: "down".into() }));
    let slot = slot(&root, Arc::clone(&provider) as _);
    let begins = slot.state().renew_at;
    assert_eq!(slot.manager.next(NOW), NextStep::Wait(NOW.until(begins)));
    slot.clock.advance(NOW.until(begins));
    assert_eq!(slot.manager.next(begins), due(None));
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert!(slot.renew().is_err());
        assert!(matches!(slot.manager.next(slot.clock.unix()), NextStep::Wait(_)), "no back-off");
        let wait = slot.clock.unix().until(slot.state().retry_at.unwrap());
        slot.clock.advance(wait);
        assert!(matches!(slot.manager.next(slot.clock.unix()), NextStep::Renew { .. }));
        waits.push(wait);
    }
    for (wait, minutes) in waits.iter().zip([1, 2, 4, 8, 16, 32, 60, 60]) {
        assert!((MINUTE * minutes * 9 / 10..=MINUTE * minutes).contains(wait), "{minutes}: {waits:?}");
    }
    assert_eq!(slot.state().failures, 8);
    assert_eq!(
        slot.state().last_failure.unwrap().message,
        "no certificate was issued: the provider is unavailable: down"
    );
    let failed = |event: &&Event| matches!(event, Event::RenewalFailed { .. });
    assert_eq!(slot.events.events().iter().filter(failed).count(), 8);
    let honest = sign_at(&root, &slot.clock);
    provider.now_answers(honest);
    slot.renew().unwrap();
    let state = slot.state();
    assert_eq!((state.failures, state.last_failure, state.retry_at), (0, None, None));
}

/// Signs for a day from what the clock shows.
fn sign_at(
    root: &Party,
    clock: &Arc<ManualClock>,
) -> impl Fn(&CertificateRequest) -> Result<Issued, ProviderError> + Send + Sync + 'static {
    let (root, clock) = (root.reissued(|_| {}), Arc::clone(clock));
    let serial = AtomicU32::new(100);
    move |request: &CertificateRequest| {
        Ok(sign(&root, request, |p| {
            p.not_before = date(clock.unix().minus(MINUTE));
            p.not_after = date(clock.unix().plus(DAY));
            p.serial_number = Some(u64::from(serial.fetch_add(1, Ordering::SeqCst)).into());
        }))
    }
}

#[test]
fn at_p5_retry_after_is_honoured_and_capped() {
    let root = Party::root("root");
    let asked = |secs| {
        move |_: &CertificateRequest| {
            let retry_after = Some(Duration::from_secs(secs));
            Err(ProviderError::Unavailable { retry_after, source: "busy".into() })
        }
    };
    let provider = Scripted::new(asked(7_200));
    let slot = slot(&root, Arc::clone(&provider) as _);
    slot.clock.set_unix(slot.state().renew_at);
    let wait = |slot: &Slot| {
        assert!(slot.renew().is_err());
        let now = slot.clock.unix();
        assert!(matches!(slot.manager.next(now), NextStep::Wait(_)), "no back-off");
        now.until(slot.state().retry_at.unwrap())
    };
    assert_eq!(wait(&slot), Duration::from_secs(7_200));
    provider.now_answers(asked(1_000_000_000));
    // A quarter of the life, which is a day and the minute it is dated back.
    assert_eq!(wait(&slot), (DAY + MINUTE) / 4);
    provider.now_answers(asked(0));
    assert!(wait(&slot) >= MINUTE);
}

#[test]
fn a_clock_that_was_set_back_does_not_stretch_the_back_off() {
    let root = Party::root("root");
    let slot = slot(&root, Scripted::new(|_| Err(ProviderError::TimedOut { deadline: DEADLINE })));
    assert!(slot.renew().is_err());
    slot.clock.set_unix(NOW.minus(365 * DAY));
    assert_eq!(slot.manager.next(slot.clock.unix()), due(None));
}

#[test]
fn an_overdue_certificate_is_announced_once_per_level() {
    let root = Party::root("root");
    let slot = slot(&root, Scripted::new(|_| Err(ProviderError::TimedOut { deadline: DEADLINE })));
    let levels = [(20, OverdueLevel::Alarm), (22, OverdueLevel::Critical), (25, OverdueLevel::Expired)];
    for (hours, level) in levels {
        let now = NOW.plus(hours * HOUR);
        slot.clock.set_unix(now);
        for _ in 0..3 {
            assert_eq!(slot.manager.next(now), due(Some(level)));
        }
        assert_eq!(slot.state().overdue, Some(level));
    }
    let announced: Vec<_> = slot.events.events();
    assert_eq!(announced.len(), 3);
    assert!(announced.iter().all(|event| event.code() == "pki.renewal.overdue"));
}

#[test]
fn there_is_one_renewal_at_a_time_and_an_abandoned_one_frees_the_slot() {
    struct Never;
    impl CertProvider for Never {
        fn name(&self) -> &str {
            "never"
        }
        fn issue<'a>(
            &'a self,
            _: &'a CertificateRequest,
            _: Duration,
        ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
            Box::pin(std::future::pending())
        }
    }
    let root = Party::root("root");
    let slot = slot(&root, Arc::new(Never));
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut first = pin!(slot.manager.renew("node", Activation::Now, DEADLINE));
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(matches!(slot.renew(), Err(ManagerError::Busy)));
        assert!(matches!(slot.manager.next(NOW.plus(DAY)), NextStep::Wait(_)));
    }
    assert!(matches!(slot.manager.next(NOW.plus(DAY)), NextStep::Renew { .. }));
    assert_eq!(slot.state().failures, 0);
}

#[test]
fn a_provider_whose_certificates_are_due_at_once_makes_no_loop() {
    let root = Party::root("root");
    let provider = Scripted::new({
        let root = root.reissued(|_| {});
        move |request: &CertificateRequest| {
            Ok(sign(&root, request, |p| p.not_before = date(NOW.minus(90 * DAY))))
        }
    });
    let slot = slot(&root, Arc::clone(&provider) as _);
    slot.renew().unwrap();
    assert!(slot.state().renew_at < NOW);
    assert!(matches!(slot.manager.next(NOW), NextStep::Wait(wait) if wait >= MINUTE * 9 / 10));
}

#[test]
fn a_year_with_the_embedded_provider_passes_without_a_gap() {
    let (_directory, authority) = mesh_authority();
    let authority = Arc::new(authority);
    let clock = Arc::new(ManualClock::at(NOW));
    let policy = IssuancePolicy::default().with_ttl(30 * DAY).unwrap();
    let provider = Arc::new(EmbeddedProvider::new(Arc::clone(&authority), policy, Arc::clone(&clock) as _));
    let (credential, roots) =
        run(obtain(&*provider, &spec(), FirstTrust::FromProvider, &*clock, DEADLINE)).unwrap();
    assert_eq!(&roots, &[authority.certificate().clone()]);
    let anchors = || vec![CertificateDer::from(authority.certificate().der().to_vec())];
    let trust = TrustStore::new(anchors(), Vec::new(), RevocationMode::Required).unwrap();
    let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
    let manager = CertificateManager::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(Silent));
    manager.manage(ManagedSlot::new(spec(), Arc::clone(&store)).with_provider(provider)).unwrap();
    let end = NOW.plus(365 * DAY);
    let mut renewals = 0;
    while clock.unix() < end {
        match manager.next(clock.unix()) {
            NextStep::Wait(wait) => clock.advance(wait),
            NextStep::Renew { overdue, .. } => {
                assert_eq!(overdue, None);
                renew(&manager).unwrap();
                renewals += 1;
            }
            other => panic!("{other:?}"),
        }
        // What is served validates at every step, under the CRL of the hour.
        let crl = authority.crl(clock.unix()).unwrap();
        store
            .install_trust(TrustStore::new(anchors(), vec![crl], RevocationMode::Required).unwrap())
            .unwrap();
        let generation = store.current();
        let chain = generation.credential().chain().ders();
        let identity = generation.trust().validate(&chain, dwcp_pki::Purpose::Any, clock.unix()).unwrap();
        assert_eq!(identity.label(), "spiffe://mesh.example/web");
    }
    assert!((16..=21).contains(&renewals), "{renewals}");
    // And once it is revoked, its successor is still issued: another key, another serial.
    let serial = manager.state("node").unwrap().serial;
    let _ = authority.revoke(&serial, RevocationReason::Superseded, clock.unix()).unwrap();
    let crl = authority.crl(clock.unix()).unwrap();
    store.install_trust(TrustStore::new(anchors(), vec![crl], RevocationMode::Required).unwrap()).unwrap();
    assert_ne!(renew(&manager).unwrap().serial, serial);
}

#[test]
fn the_embedded_provider_says_no_where_its_policy_does_and_when_its_authority_is_over() {
    let (_directory, authority) = mesh_authority();
    let authority = Arc::new(authority);
    let clock = Arc::new(ManualClock::at(NOW));
    let provider = EmbeddedProvider::new(authority, IssuancePolicy::default(), Arc::clone(&clock) as _);
    assert_eq!(provider.name(), "embedded");
    let ask = |names: &[&str]| {
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
        let request = CertificateRequest::generate(&key, &names).unwrap();
        run(provider.issue(&request, DEADLINE)).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(ask(&[WEB]), Ok(()));
    assert_eq!(ask(&["EMAIL:a@mesh.example"]), Err("pki.provider.refused"));
    clock.advance(11 * 365 * DAY);
    assert_eq!(ask(&[WEB]), Err("pki.provider.refused"));
}

#[test]
fn a_slot_for_servers_alone_takes_what_is_for_servers_alone() {
    let root = Party::root("root");
    let server_only =
        |p: &mut CertificateParams| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let provider = Scripted::new({
        let root = root.reissued(|_| {});
        move |request: &CertificateRequest| Ok(sign(&root, request, server_only))
    });
    let known = lax(&[&root]);
    let mut slot = spec();
    let clock = ManualClock::at(NOW);
    assert!(run(obtain(&*provider, &slot, FirstTrust::Known(&known), &clock, DEADLINE)).is_err());
    slot.usage = Usage::Server;
    assert!(run(obtain(&*provider, &slot, FirstTrust::Known(&known), &clock, DEADLINE)).is_ok());
    let nameless = SlotSpec::new("node", Vec::new());
    let calls = provider.calls.load(Ordering::SeqCst);
    let refused = run(obtain(&*provider, &nameless, FirstTrust::Known(&known), &clock, DEADLINE));
    assert!(matches!(refused, Err(ManagerError::Request(_))));
    assert_eq!(provider.calls.load(Ordering::SeqCst), calls, "nothing was asked for");
}

#[test]
fn an_issuers_advice_moves_a_renewal_and_ends_with_its_certificate() {
    let root = Party::root("root");
    let slot = slot(&root, Scripted::new(sign_all(&root)));
    let before = slot.state();
    assert_eq!(before.advised, None);
    let at = NOW.plus(Duration::from_secs(60));
    assert_eq!(slot.manager.advise("node", before.serial, Some(at)).unwrap(), at);
    let advised = slot.state();
    assert_eq!((advised.advised, advised.renew_at), (Some(at), at));
    assert_eq!(slot.manager.next(NOW), NextStep::Wait(Duration::from_secs(60)));
    // In the past: now, once.
    let past = NOW.minus(Duration::from_secs(86_400));
    slot.manager.advise("node", before.serial, Some(past)).unwrap();
    assert_eq!(slot.manager.next(NOW), due(None));
    slot.renew().unwrap();
    let after = slot.state();
    assert!(after.advised.is_none() && after.renew_at > NOW);
    assert!(matches!(slot.manager.next(NOW), NextStep::Wait(_)));
    let other = Serial::from_be_bytes(&[0x70, 0x71]).unwrap();
    let late = slot.manager.advise("node", other, Some(past)).unwrap_err();
    assert!(matches!(late, ManagerError::Superseded));
    let unknown = slot.manager.advise("nobody", before.serial, None).unwrap_err();
    assert!(matches!(unknown, ManagerError::UnknownSlot));
    assert_eq!(slot.manager.advise("node", after.serial, None).unwrap(), after.renew_at);
}
