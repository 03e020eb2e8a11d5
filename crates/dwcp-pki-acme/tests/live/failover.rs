//! Several authorities in their order: one that is down, silent or full does not keep the next from issuing.

use crate::support::scripted::{Asked, Say, Scripted};
use crate::support::{Blind, Made, issuer, judge, request};
use dwcp_base::{Clock, Coded, SystemClock};
use dwcp_pki_acme::{AcmeError, AcmeSettings};
use dwcp_testkit::{Lab, ManualClock, Pebble, PebbleOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NAMES: [&str; 1] = ["DNS:a.example"];

fn pebble() -> Option<Pebble> {
    Pebble::start(&PebbleOptions { always_valid: true, ..PebbleOptions::default() })
}

fn settings(first: dwcp_pki_acme::AcmeIssuer, second: &Pebble) -> AcmeSettings {
    let (first, second) = (first.named("first").unwrap(), issuer(second).named("second").unwrap());
    AcmeSettings::new(first).with_issuer(second).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_issues_while_the_first_is_down_and_the_first_again_when_it_is_back() {
    let (Some(mut first), Some(second)) = (pebble(), pebble()) else { return };
    let place = tempfile::tempdir().unwrap();
    let settings = settings(issuer(&first), &second);
    let clock = Arc::new(ManualClock::at(SystemClock::new().unix()));
    let start = || Made::with_clock(settings.clone(), place.path(), Blind::new(), Arc::clone(&clock));
    let made = start();
    judge(&first, &made.issue(&NAMES).await.unwrap(), &NAMES);
    first.kill();
    judge(&second, &made.issue(&NAMES).await.unwrap(), &NAMES);
    let state = made.provider.state();
    assert_eq!(state.in_use.as_deref(), Some("second"));
    let error = state.issuers[0].last_error.as_ref().unwrap();
    assert_eq!((error.code, error.attempts), ("https.server.unreachable", 1));
    assert!(made.told().contains(&"acme.issuer.failed"));
    // For a while the one that failed is not asked, by the next process neither.
    made.issue(&NAMES).await.unwrap();
    assert_eq!(made.provider.state().issuers[0].last_error.as_ref().unwrap().attempts, 1);
    first.restart();
    judge(&second, &start().issue(&NAMES).await.unwrap(), &NAMES);
    clock.advance(Duration::from_secs(61));
    let next = start();
    judge(&first, &next.issue(&NAMES).await.unwrap(), &NAMES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_takes_its_share_of_the_time_and_no_more() {
    let (Some(first), Some(second)) = (pebble(), pebble()) else { return };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(settings(issuer(&first), &second), place.path(), Blind::new());
    first.pause();
    let deadline = Duration::from_secs(10);
    let began = Instant::now();
    let chain = made.provider.obtain(&request(&NAMES).1, deadline).await.unwrap();
    assert!((4..9).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    judge(&second, &chain, &NAMES);
    second.pause();
    made.provider.ask_at_once();
    let error = made.provider.obtain(&request(&NAMES).1, Duration::from_secs(2)).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(13));
    let provider = error.into_provider_error(dwcp_base::UnixTime::from_secs(0));
    assert_eq!(provider.code(), "pki.provider.timed_out", "{provider:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_one_is_left_alone_and_the_second_issues() {
    let Some(second) = pebble() else { return };
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let script = |asked: &Asked, _: &str| {
        let full = || Say::problem(429, "rateLimited", "full").with("retry-after", 7_200);
        (asked.path == "/new-order").then(full)
    };
    let first = Scripted::start(&lab, script).await;
    let settings = settings(first.issuer(), &second);
    let made = Made::new(settings.clone(), place.path(), Blind::new());
    judge(&second, &made.issue(&NAMES).await.unwrap(), &NAMES);
    let asked = first.asked().len();
    for _ in 0..2 {
        let next = Made::new(settings.clone(), place.path(), Blind::new());
        judge(&second, &next.issue(&NAMES).await.unwrap(), &NAMES);
        assert!(next.provider.state().issuers[0].next_try.is_some());
    }
    assert_eq!(first.asked().len(), asked, "it said when to come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_issues_each_is_told_with_its_reason() {
    let (Some(mut first), Some(second)) = (pebble(), pebble()) else { return };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(settings(issuer(&first), &second), place.path(), Blind::new());
    first.kill();
    let error = made.issue(&["DNS:blocked.example"]).await.unwrap_err();
    let AcmeError::All(all) = &error else { panic!("{error:?}") };
    let told: Vec<_> = all.iter().map(|(name, error)| (name.as_str(), error.code())).collect();
    assert_eq!(told, [("first", "https.server.unreachable"), ("second", "acme.order.refused")]);
    assert!(error.to_string().starts_with("none of 2 authorities issued: first: "), "{error}");
}
