//! Certificates from a Pebble that takes every challenge for met: orders, accounts, profiles, nonces.

mod support;

use dwcp_pki_acme::{AcmeError, AcmeSettings};
use dwcp_testkit::{Pebble, PebbleOptions};
use std::time::Duration;
use support::{Blind, Made, issuer, judge};

fn pebble(options: PebbleOptions) -> Option<Pebble> {
    Pebble::start(&PebbleOptions { always_valid: true, ..options })
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_several_kinds_get_one_certificate_that_is_good_for_servers() {
    let Some(pebble) = pebble(PebbleOptions::default()) else { return };
    let place = tempfile::tempdir().unwrap();
    let responder = Blind::new();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), responder.clone());
    let names = ["DNS:a.example", "DNS:b.a.example", "DNS:c.example", "IP:127.0.0.1", "IP:::1"];
    let chain = made.issue(&names).await.unwrap();
    judge(&pebble, &chain, &names);
    assert_eq!((responder.ever(), responder.shown()), (5, 0), "what was shown is withdrawn");
    assert_eq!(made.told(), ["acme.account.made", "acme.certificate.issued"]);
    let state = made.provider.state();
    assert_eq!(state.in_use.as_deref(), Some("127.0.0.1"));
    assert!(state.issuers[0].account.as_deref().unwrap().starts_with("https://127.0.0.1:"));
}
