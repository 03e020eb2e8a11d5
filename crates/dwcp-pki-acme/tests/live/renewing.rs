//! Renewals at a Pebble: its advice (RFC 9773), what an order replaces, revocation.

use crate::support::{Blind, DEADLINE, Made, issuer, request};
use dwcp_base::{Clock, Coded, LocalDisk, SystemClock, UnixTime};
use dwcp_pki::{Certificate, RevocationReason};
use dwcp_pki_acme::{AcmeError, AcmeSettings, Cache, LastRecord, NamesDigest};
use dwcp_testkit::{ManualClock, Pebble, PebbleOptions};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn pebble() -> Option<Pebble> {
    let pebble = Pebble::start(&PebbleOptions { always_valid: true, ..PebbleOptions::default() })?;
    pebble.is_complete().then_some(pebble)
}

fn window(start: UnixTime, hours: u64) -> serde_json::Value {
    let end = start.plus(Duration::from_secs(hours * 3_600));
    json!({ "suggestedWindow": { "start": start.to_string(), "end": end.to_string() },
            "explanationURL": "https://ca.example/why" })
}

/// Changes what is kept of the newest certificate.
async fn change_last(place: &Path, leaf: &Certificate, change: impl FnOnce(&mut LastRecord)) {
    let cache = Cache::open(&place.join("acme"), Arc::new(LocalDisk)).unwrap();
    let locked = cache.lock(DEADLINE).await.unwrap();
    let mut last = locked.last(&NamesDigest::of(leaf.names())).unwrap().unwrap();
    change(&mut last);
    locked.put_last(&last).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_read_once_in_a_while_and_its_point_survives_a_restart() {
    let Some(pebble) = pebble() else { return };
    let place = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(SystemClock::new().unix()));
    let settings = AcmeSettings::new(issuer(&pebble));
    let start_anew = || Made::with_clock(settings.clone(), place.path(), Blind::new(), Arc::clone(&clock));
    let made = start_anew();
    let leaf = made.issue(&["DNS:a.example"]).await.unwrap().leaf().clone();
    let now = clock.unix();
    let start = UnixTime::from_secs(now.secs() + 86_400);
    pebble.set_renewal_info(&leaf.to_pem(), &window(start, 48));
    let advice = made.provider.renewal_advice(&leaf, DEADLINE).await.unwrap();
    let point = advice.renew_at.unwrap();
    assert!(start <= point && point <= start.plus(Duration::from_secs(48 * 3_600)), "{advice:?}");
    assert_eq!(advice.explanation.as_deref(), Some("https://ca.example/why"));
    let wait = now.until(advice.ask_again);
    assert!((Duration::from_secs(60)..=Duration::from_secs(86_400)).contains(&wait), "{wait:?}");
    let asked = || pebble.log().matches("GET /draft-ietf-acme-ari").count();
    let before = asked();
    assert!(before >= 1, "{}", pebble.said());
    // Another process, before it is time to ask again: the same point, and nobody was asked.
    let again = start_anew().provider.renewal_advice(&leaf, DEADLINE).await.unwrap();
    assert_eq!((again, asked()), (advice.clone(), before));
    // Time to ask again, and the same window: the same point. The authority sees where a window moves to.
    clock.advance(wait + Duration::from_secs(1));
    let again = start_anew().provider.renewal_advice(&leaf, DEADLINE).await.unwrap();
    assert_eq!((again.renew_at, asked()), (Some(point), before + 1));
    pebble.set_renewal_info(&leaf.to_pem(), &window(now.minus(Duration::from_secs(86_400 * 3)), 24));
    clock.advance(Duration::from_secs(86_400));
    let made = start_anew();
    let moved = made.provider.renewal_advice(&leaf, DEADLINE).await.unwrap();
    assert!(moved.renew_at.unwrap() < clock.unix(), "AT-P14: a window in the past is a time in the past");
    assert!(made.told().contains(&"acme.advice.changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_the_authority_does_not_know_has_no_advice() {
    let Some(mut pebble) = pebble() else { return };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    let leaf = made.issue(&["DNS:a.example"]).await.unwrap().leaf().clone();
    pebble.restart();
    let advice = made.provider.renewal_advice(&leaf, DEADLINE).await.unwrap();
    assert_eq!((advice.renew_at, advice.explanation), (None, None), "404 is no error");
    assert!(advice.ask_again > SystemClock::new().unix());
    pebble.kill();
    let error = made.provider.renewal_advice(&leaf, DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "https.server.unreachable", "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_says_what_it_replaces_and_goes_without_where_that_is_refused() {
    let Some(pebble) = pebble() else { return };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    let refused = || made.told().iter().filter(|code| **code == "acme.replaces.refused").count();
    let first = made.issue(&["DNS:a.example"]).await.unwrap().leaf().clone();
    let cache = Cache::open(&place.path().join("acme"), Arc::new(LocalDisk)).unwrap();
    let kept = || cache.last(&NamesDigest::of(first.names())).unwrap().unwrap();
    let named = kept().certificate;
    let second = made.issue(&["DNS:a.example"]).await.unwrap().leaf().clone();
    assert_eq!(refused(), 0, "{}", pebble.said());
    // Said once more, the authority knows that it was replaced: so it was told, and it is told no second time.
    change_last(place.path(), &second, |last| last.certificate = named.clone()).await;
    made.issue(&["DNS:a.example"]).await.unwrap();
    assert_eq!(refused(), 1, "the first renewal did not say what it replaces");
    // Of another account's certificate nothing is said.
    change_last(place.path(), &second, |last| {
        last.certificate = named.clone();
        last.account = "https://127.0.0.1/another".to_owned();
    })
    .await;
    made.issue(&["DNS:a.example"]).await.unwrap();
    // Nor of another authority's.
    change_last(place.path(), &second, |last| {
        last.certificate = named.clone();
        last.directory = "https://another.example/dir".to_owned();
    })
    .await;
    made.issue(&["DNS:a.example"]).await.unwrap();
    assert_eq!(refused(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_revoked_once_and_twice_does_no_harm() {
    let Some(pebble) = pebble() else { return };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    let leaf = made.issue(&["DNS:a.example"]).await.unwrap().leaf().clone();
    let status = || pebble.certificate_status(&leaf.serial().to_string()).unwrap()["Status"].clone();
    assert_eq!(status(), "Valid");
    for _ in 0..2 {
        made.provider.revoke(&leaf, RevocationReason::Superseded, DEADLINE).await.unwrap();
        assert_eq!(status(), "Revoked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_order_can_hold_are_refused_before_anybody_is_asked() {
    let Some(mut pebble) = pebble() else { return };
    pebble.kill();
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    for name in ["URI:spiffe://a.example/x", "EMAIL:a@b.example", "DNS:*.a.example"] {
        let error = made.provider.obtain(&request(&[name]).1, DEADLINE).await.unwrap_err();
        assert!(matches!(error, AcmeError::Names(_)), "{name}: {error:?}");
    }
}
