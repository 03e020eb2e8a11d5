//! Certificates from a Pebble that takes every challenge for met: orders, accounts, profiles, nonces.

use crate::support::{Blind, Made, Quick, issuer, judge, told};
use dwcp_base::{Coded, UnixTime};
use dwcp_https::Roots;
use dwcp_pki::Certificate;
use dwcp_pki_acme::{AcmeError, AcmeIssuer, AcmeSettings, ProblemKind};
use dwcp_testkit::{Lab, PebbleOptions, peer};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn scenarios() {
    beside!(
        names_of_several_kinds_get_one_certificate_that_is_good_for_servers,
        at_p3_an_authority_that_takes_every_other_nonce_issues_all_the_same,
        at_p4_a_name_that_was_proven_is_not_proven_again_and_another_one_is,
        at_p3_nonces_that_are_never_taken_are_not_tried_for_ever,
        a_profile_is_asked_for_and_an_unknown_one_is_answered_with_those_there_are,
        a_name_that_the_authority_does_not_issue_for_is_refused_in_its_words_and_nothing_stays,
        at_p6_a_directory_over_an_untrusted_connection_is_not_read,
        what_it_issues_is_good_for_openssl,
    );
}

async fn names_of_several_kinds_get_one_certificate_that_is_good_for_servers() {
    let Some(pebble) = Quick::start(PebbleOptions::default()).await else { return };
    let place = tempfile::tempdir().unwrap();
    let responder = Blind::new();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Arc::clone(&responder));
    let names = ["DNS:a.example", "DNS:b.a.example", "DNS:c.example", "IP:127.0.0.1", "IP:::1"];
    let chain = made.issue(&names).await.unwrap();
    judge(&pebble, &chain, &names);
    assert_eq!((responder.ever(), responder.shown()), (5, 0), "what was shown is withdrawn");
    assert_eq!(made.told(), ["acme.account.made", "acme.certificate.issued"]);
    let state = made.provider.state();
    assert_eq!(state.in_use.as_deref(), pebble.directory_url().split('/').nth(2));
    assert!(state.issuers[0].account.as_deref().unwrap().starts_with("https://127.0.0.1:"));
}

async fn at_p3_an_authority_that_takes_every_other_nonce_issues_all_the_same() {
    let Some(pebble) = Quick::start(PebbleOptions { nonce_reject: 50, ..PebbleOptions::default() }).await
    else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    for _ in 0..4 {
        let chain = made.issue(&["DNS:a.example", "DNS:b.example"]).await.unwrap();
        judge(&pebble, &chain, &["DNS:a.example", "DNS:b.example"]);
    }
    // An order of two names is eight questions at least; each that is refused is one more.
    let asked = pebble.log().matches(" POST /").count();
    assert!(asked > 4 * 9, "{asked} questions: nothing was refused, so this tests nothing");
    assert_eq!(made.told().iter().filter(|code| **code == "acme.account.made").count(), 1);
}

async fn at_p4_a_name_that_was_proven_is_not_proven_again_and_another_one_is() {
    let options = PebbleOptions { authz_reuse: 100, nonce_reject: 20, ..PebbleOptions::default() };
    let Some(pebble) = Quick::start(options).await else { return };
    let place = tempfile::tempdir().unwrap();
    let responder = Blind::new();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Arc::clone(&responder));
    let mut ever = Vec::new();
    for names in [&["DNS:a.example"][..], &["DNS:a.example"], &["DNS:a.example", "DNS:b.example"]] {
        let chain = made.issue(names).await.unwrap();
        judge(&pebble, &chain, names);
        ever.push(responder.ever());
    }
    assert_eq!(ever, [1, 1, 2]);
    // Another account has proven nothing.
    let other = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), other.path(), Arc::clone(&responder));
    made.issue(&["DNS:a.example"]).await.unwrap();
    assert_eq!(responder.ever(), 3);
}

async fn at_p3_nonces_that_are_never_taken_are_not_tried_for_ever() {
    let Some(pebble) = Quick::start(PebbleOptions { nonce_reject: 100, ..PebbleOptions::default() }).await
    else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    let error = made.issue(&["DNS:a.example"]).await.unwrap_err();
    assert!(matches!(error, AcmeError::Nonces { attempts: 15 }), "{error:?}");
    let asked = pebble.log().matches("POST /sign-me-up").count();
    assert_eq!(asked, 15, "{}", pebble.said());
}

async fn a_profile_is_asked_for_and_an_unknown_one_is_answered_with_those_there_are() {
    let Some(pebble) = Quick::start(PebbleOptions::default()).await else { return };
    if !pebble.is_complete() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let with = |profile: &str| AcmeSettings::new(issuer(&pebble).with_profile(profile).unwrap());
    let made = Made::new(with("shortlived"), place.path(), Blind::new());
    let leaf = made.issue(&["DNS:a.example"]).await.unwrap().leaf().clone();
    let life = leaf.not_before().until(leaf.not_after());
    assert!(life <= Duration::from_secs(6 * 86_400 + 60), "{life:?}");
    let made = Made::new(with("eternal"), place.path(), Blind::new());
    let error = made.issue(&["DNS:a.example"]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the authority does not offer the profile eternal; it offers: default, shortlived"
    );
    assert_eq!(error.into_provider_error(UnixTime::from_secs(0)).code(), "pki.provider.refused");
}

async fn a_name_that_the_authority_does_not_issue_for_is_refused_in_its_words_and_nothing_stays() {
    let Some(pebble) = Quick::start(PebbleOptions::default()).await else { return };
    let place = tempfile::tempdir().unwrap();
    let responder = Blind::new();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Arc::clone(&responder));
    let error = made.issue(&["DNS:a.example", "DNS:x.blocked.example"]).await.unwrap_err();
    let AcmeError::Refused(problem) = &error else { panic!("{error:?}") };
    assert_eq!(problem.kind, ProblemKind::RejectedIdentifier, "{problem}");
    assert!(problem.to_string().contains("x.blocked.example"), "{problem}");
    assert_eq!(responder.shown(), 0);
    let state = made.provider.state().issuers.remove(0);
    let failed = state.last_error.unwrap();
    assert_eq!((failed.code, failed.attempts), ("acme.order.refused", 1));
    assert!(failed.fix.contains("domains"), "{}", failed.fix);
    assert!(made.issue(&["DNS:a.example"]).await.is_ok(), "the next one is not in its way");
}

async fn at_p6_a_directory_over_an_untrusted_connection_is_not_read() {
    let Some(pebble) = Quick::start(PebbleOptions::default()).await else { return };
    let place = tempfile::tempdir().unwrap();
    let other = Lab::new();
    let roots = Roots::Only(vec![other.authority().root().clone()]);
    let issuer = AcmeIssuer::new(pebble.directory_url().parse().unwrap(), roots);
    let made = Made::new(AcmeSettings::new(issuer), place.path(), Blind::new());
    let error = made.issue(&["DNS:a.example"]).await.unwrap_err();
    assert_eq!(error.code(), "https.server.untrusted", "{}", told(&error));
}

async fn what_it_issues_is_good_for_openssl() {
    let Some(pebble) = Quick::start(PebbleOptions { chain_length: 2, ..PebbleOptions::default() }).await
    else {
        return;
    };
    let Some(openssl) = peer("openssl") else { return };
    let place = tempfile::tempdir().unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    let chain = made.issue(&["DNS:a.example", "IP:::1"]).await.unwrap();
    assert_eq!(chain.len(), 3, "two intermediates, and no root");
    let write = |name: &str, text: String| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let root = write("root", pebble.issuing_roots().remove(0).to_pem());
    let leaf = write("leaf", chain.leaf().to_pem());
    let between = write("between", chain.iter().skip(1).map(Certificate::to_pem).collect());
    let run = |name: [&str; 2]| {
        let mut verify = std::process::Command::new(&openssl);
        verify.args(["verify", "-purpose", "sslserver"]).args(name).arg("-CAfile").arg(&root);
        verify.arg("-untrusted").arg(&between).arg(&leaf).output().unwrap()
    };
    for good in [["-verify_hostname", "a.example"], ["-verify_ip", "::1"]] {
        let output = run(good);
        assert!(output.status.success(), "{good:?}: {output:?}");
    }
    assert!(!run(["-verify_hostname", "b.example"]).status.success());
}
