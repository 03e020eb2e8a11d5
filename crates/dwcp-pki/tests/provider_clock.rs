//! A provider whose clock or advice is not ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod scripted;

use dwcp_base::{Clock, Coded};
use dwcp_pki::{
    CertificateManager, CertificateRequest, ChainFault, Issued, ManagedSlot, NextStep, ProviderError,
    SlotSpec, ValidationError,
};
use lab::*;
use scripted::*;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Signs for a day by a clock that is this many seconds ahead (or behind), dated back by a minute as ours is.
fn skewed(
    root: &Party,
    seconds: i64,
) -> impl Fn(&CertificateRequest) -> Result<Issued, ProviderError> + Send + Sync + 'static {
    let root = root.reissued(|_| {});
    let its_now = dwcp_base::UnixTime::from_secs(NOW.secs() + seconds);
    move |request| {
        Ok(sign(&root, request, |p| {
            p.not_before = date(its_now.minus(MINUTE));
            p.not_after = date(its_now.plus(DAY));
        }))
    }
}

const DAYS: i64 = 86_400;

#[test]
fn at_p14_a_provider_whose_clock_is_a_little_off_is_no_reason_to_go_without() {
    let root = Party::root("root");
    for seconds in [-3_600, -60, 0, 59, 60] {
        let slot = slot(&root, Scripted::new(skewed(&root, seconds)));
        assert!(slot.renew().is_ok(), "{seconds}");
        // Due by the certificate's own dates, and never at once.
        let NextStep::Wait(wait) = slot.manager.next(NOW) else { panic!("{seconds}: a loop") };
        assert!(wait >= Duration::from_secs(54) && wait < DAY, "{seconds}: {wait:?}");
    }
}

#[test]
fn at_p14_a_provider_whose_clock_is_far_off_replaces_nothing_and_is_asked_again_in_time() {
    let root = Party::root("root");
    let is_expected = |error: &ValidationError, ahead: bool| match error.fault() {
        ChainFault::NotYetValid { .. } => ahead,
        ChainFault::Expired { .. } => !ahead,
        _ => false,
    };
    for (seconds, ahead) in [(61, true), (30 * DAYS, true), (-DAYS - 1, false), (-300 * DAYS, false)] {
        let provider = Scripted::new(skewed(&root, seconds));
        let slot = slot(&root, Arc::clone(&provider) as _);
        let serving = slot.store.current().credential().chain().clone();
        let error = slot.renew().unwrap_err();
        assert_eq!(error.code(), "pki.issued.invalid", "{seconds}");
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        let mut found = false;
        while let Some(error) = cause {
            found |= error.downcast_ref::<ValidationError>().is_some_and(|e| is_expected(e, ahead));
            cause = error.source();
        }
        assert!(found, "{seconds}: {error:?}");
        assert_eq!(*slot.store.current().credential().chain(), serving, "{seconds}");
        // It was asked by hand: the next time is when the certificate is due.
        let due_at = slot.state().renew_at;
        assert_eq!(slot.manager.next(NOW), NextStep::Wait(NOW.until(due_at)), "{seconds}");
        assert_eq!(slot.state().retry_at, Some(due_at), "{seconds}");
        // Once its clock is right the next attempt succeeds.
        slot.clock.set_unix(due_at);
        provider.now_answers(skewed(&root, 60));
        assert_eq!(slot.manager.next(slot.clock.unix()), due(None));
        assert!(slot.renew().is_ok());
    }
}

#[test]
fn at_p14_advice_to_renew_in_the_past_makes_no_loop() {
    let root = Party::root("root");
    let slot = slot(&root, Scripted::new(skewed(&root, 0)));
    let (signer, clock) = (root.reissued(|_| {}), Arc::clone(&slot.clock));
    let provider = Scripted::new(move |request: &CertificateRequest| {
        Ok(sign(&signer, request, |p| {
            p.not_before = date(clock.unix().minus(MINUTE));
            p.not_after = date(clock.unix().plus(DAY));
        }))
    });
    // Renewal "10 000 days before the end" lies long before the certificate was issued.
    let spec = SlotSpec { renew_before: Some(10_000 * DAY), ..spec() };
    let (store, clock) = (Arc::clone(&slot.store), Arc::clone(&slot.clock) as Arc<dyn Clock>);
    let manager = CertificateManager::new(clock, Arc::clone(&slot.events) as _);
    manager.manage(ManagedSlot::new(spec, store).with_provider(provider)).unwrap();
    let end = NOW.plus(10 * DAY);
    let mut renewals = 0;
    while slot.clock.unix() < end {
        match manager.next(slot.clock.unix()) {
            NextStep::Renew { .. } => {
                renew(&manager).unwrap();
                renewals += 1;
            }
            NextStep::Wait(wait) => {
                assert!(!wait.is_zero());
                slot.clock.advance(wait);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((10..=40).contains(&renewals), "{renewals} in ten days, for certificates of a day");
}
