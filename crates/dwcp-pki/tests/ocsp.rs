//! The responder of an authority: what it says, when it signs, and that it is never behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod inquiry;
mod workbench;

use dwcp_base::{Blame, Coded, UnixTime};
use dwcp_pki::{
    CertIdHash, CertStatus, Certificate, OcspError, OcspNonce, OcspRefusal, OcspRequest, OcspResponse,
    RevocationReason,
};
use inquiry::*;
use std::fs;
use std::sync::OnceLock;
use std::time::Duration;
use workbench::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn good_revoked_and_unknown_are_told_with_time_and_reason() {
    let bench = Bench::new();
    let leaf = bench.leaf();
    assert_eq!(bench.answer(&leaf, NOW).1, CertStatus::Good);
    for (reason, told) in [
        (RevocationReason::Superseded, Some(RevocationReason::Superseded)),
        (RevocationReason::AaCompromise, Some(RevocationReason::AaCompromise)),
        (RevocationReason::Unspecified, None),
    ] {
        let leaf = bench.leaf();
        bench.revoke(&leaf, reason, NOW.plus(MINUTE));
        let at = NOW.plus(MINUTE);
        assert_eq!(bench.answer(&leaf, at).1, CertStatus::Revoked { at, reason: told });
    }
    // Another authority under the same name issued it: not ours, whatever its serial.
    let other = Bench::new();
    let theirs = other.leaf();
    let answer = bench.responder.answer(other.ask(&theirs).der(), NOW);
    assert_eq!((answer.refusal(), answer.keep_until()), (Some(OcspRefusal::Unauthorized), None));
    assert!(answer.problem().is_none());
    // A serial that was never issued: neither good nor revoked (RFC 6960 §2.2).
    let serial = leaf.serial().as_be_bytes().to_vec();
    let mut never = serial.clone();
    never[serial.len() - 1] ^= 1;
    let answer = bench.responder.answer(&edited(&bench.ask(&leaf), &serial, &never), NOW);
    assert_eq!((answer.refusal(), answer.keep_until()), (None, None));
    let unknown = [0x82, 0];
    assert!(answer.der().windows(2).any(|window| window == unknown));
    let response = OcspResponse::from_der(answer.der()).unwrap();
    assert_eq!(
        response.verify(&leaf, bench.ca.certificate(), None, NOW),
        Err(OcspError::NotOne { count: 0 })
    );
}

#[test]
fn an_answer_is_signed_once_until_half_of_it_is_spent() {
    let bench = Bench::new();
    let (leaf, other) = (bench.leaf(), bench.leaf());
    let (first, _) = bench.answer(&leaf, NOW);
    assert_eq!(bench.answer(&leaf, NOW.plus(MINUTE * 29)).0, first);
    // What happens to others does not matter.
    bench.revoke(&other, RevocationReason::Superseded, NOW);
    bench.leaf();
    assert_eq!(bench.answer(&leaf, NOW.plus(MINUTE * 29)).0, first);
    let (second, _) = bench.answer(&leaf, NOW.plus(MINUTE * 30));
    assert_ne!(second, first);
    assert_eq!(bench.answer(&leaf, NOW.plus(MINUTE * 59)).0, second);
    // A clock that was put back must not give what holds from later on.
    assert_ne!(bench.answer(&leaf, NOW).0, second);
    // Asked in another hash, answered in that.
    let asked = OcspRequest::for_certificate(&leaf, bench.ca.certificate(), CertIdHash::Sha256).unwrap();
    let answer = bench.responder.answer(asked.der(), NOW);
    let sha256 = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    assert!(answer.der().windows(9).any(|window| window == sha256));
    assert_eq!(bench.responder.answer(asked.der(), NOW).der(), answer.der());
    let response = OcspResponse::from_der(answer.der()).unwrap();
    assert!(response.verify(&leaf, bench.ca.certificate(), None, NOW).is_ok());
}

#[test]
fn who_may_have_nothing_signed_gets_what_is_kept_and_else_try_later() {
    let bench = Bench::new();
    let (leaf, other) = (bench.leaf(), bench.leaf());
    let ask = bench.ask(&leaf);
    let refused = |request: &[u8]| {
        let answer = bench.responder.answer_if(request, NOW, || false);
        (answer.refusal(), answer.keep_until(), answer.problem().is_some())
    };
    let later = (Some(OcspRefusal::TryLater), None, false);
    assert_eq!(refused(ask.der()), later, "nothing is kept yet");
    let (first, _) = bench.answer(&leaf, NOW);
    let kept = || bench.responder.answer_path_if(&ask.to_get_path(), NOW, || panic!("nothing is signed"));
    assert_eq!(kept().der(), first);
    // Looked up in the index again, and not signed again.
    bench.revoke(&other, RevocationReason::Superseded, NOW);
    assert_eq!(kept().der(), first);
    let nonced = ask.clone().with_nonce(OcspNonce::random().unwrap()).unwrap();
    assert_eq!(refused(nonced.der()), later);
    let serial = leaf.serial().as_be_bytes().to_vec();
    let mut never = serial.clone();
    never[serial.len() - 1] ^= 1;
    assert_eq!(refused(&edited(&ask, &serial, &never)), later);
    // What says good and is revoked since is not kept any more.
    bench.revoke(&leaf, RevocationReason::Superseded, NOW);
    assert_eq!(refused(ask.der()), later);
    // Neither costs a signature.
    let theirs = Bench::new();
    let foreign = theirs.ask(&theirs.leaf());
    assert_eq!(refused(foreign.der()).0, Some(OcspRefusal::Unauthorized));
    assert_eq!(refused(b"no request").0, Some(OcspRefusal::MalformedRequest));
}

#[test]
fn a_revocation_is_in_the_very_next_answer_whoever_made_it() {
    let bench = Bench::new();
    let leaves = [bench.leaf(), bench.leaf()];
    for leaf in &leaves {
        assert_eq!(bench.answer(leaf, NOW).1, CertStatus::Good);
    }
    bench.revoke(&leaves[0], RevocationReason::Superseded, NOW);
    let elsewhere = open(bench.directory.path()).unwrap();
    let _ = elsewhere.revoke(&leaves[1].serial(), RevocationReason::Superseded, NOW).unwrap();
    for leaf in &leaves {
        let reason = Some(RevocationReason::Superseded);
        assert_eq!(bench.answer(leaf, NOW).1, CertStatus::Revoked { at: NOW, reason });
    }
    bench.revoke(&leaves[0], RevocationReason::KeyCompromise, NOW.plus(MINUTE));
    let reason = Some(RevocationReason::KeyCompromise);
    assert_eq!(
        bench.answer(&leaves[0], NOW).1,
        CertStatus::Revoked { at: NOW, reason },
        "graver, and since the same time"
    );
}

#[test]
fn no_thread_is_told_good_once_a_revocation_was_acknowledged() {
    let bench = Bench::new();
    let leaves: Vec<Certificate> = (0..12).map(|_| bench.leaf()).collect();
    let revoked: Vec<OnceLock<()>> = leaves.iter().map(|_| OnceLock::new()).collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while revoked.iter().any(|done| done.get().is_none()) {
                    for (leaf, done) in leaves.iter().zip(&revoked) {
                        let acknowledged = done.get().is_some();
                        let (_, status) = bench.answer(leaf, NOW);
                        assert!(!acknowledged || status != CertStatus::Good);
                    }
                }
            });
        }
        for (leaf, done) in leaves.iter().zip(&revoked) {
            bench.revoke(leaf, RevocationReason::Superseded, NOW);
            done.set(()).unwrap();
        }
    });
}

#[test]
fn an_authority_that_can_not_look_says_so_instead_of_good() {
    let bench = Bench::new();
    let (kept, fresh) = (bench.leaf(), bench.leaf());
    bench.answer(&kept, NOW);
    fs::rename(bench.directory.path().join("index/log"), bench.directory.path().join("gone")).unwrap();
    let nonce = OcspNonce::random().unwrap();
    for asked in [bench.ask(&kept), bench.ask(&fresh), bench.ask(&kept).with_nonce(nonce).unwrap()] {
        let answer = bench.responder.answer(asked.der(), NOW);
        assert_eq!(answer.refusal(), Some(OcspRefusal::InternalError));
        assert_eq!(answer.der(), [0x30, 3, 0x0a, 1, 2]);
        assert_eq!(answer.problem().unwrap().blame(), Blame::Local);
    }
    fs::rename(bench.directory.path().join("gone"), bench.directory.path().join("index/log")).unwrap();
    bench.answer(&fresh, NOW);
    // Outside what can be written down nothing is said.
    let answer = bench.responder.answer(bench.ask(&kept).der(), UnixTime::from_secs(-1));
    assert_eq!(answer.refusal(), Some(OcspRefusal::InternalError));
}

#[test]
fn at_x13_an_answer_counts_for_a_certificate_of_its_issuer_alone() {
    let (one, two) = (Bench::new(), Bench::new());
    let leaf = one.leaf();
    let (der, _) = one.answer(&leaf, NOW);
    let response = OcspResponse::from_der(&der).unwrap();
    // Both roots have one name: the key tells them apart.
    assert_eq!(one.ca.certificate().subject(), two.ca.certificate().subject());
    let wrong = Err(OcspError::WrongIssuer);
    assert_eq!(response.verify(&leaf, two.ca.certificate(), None, NOW), wrong);
    assert_eq!(response.verify(&two.leaf(), one.ca.certificate(), None, NOW), wrong);
    assert_eq!(response.verify(&leaf, &leaf, None, NOW), wrong, "a leaf issues nothing");
    let theirs = two.leaf();
    let (der, _) = two.answer(&theirs, NOW);
    let response = OcspResponse::from_der(&der).unwrap();
    assert!(matches!(
        response.verify(&leaf, one.ca.certificate(), None, NOW),
        Err(OcspError::Stranger { .. })
    ));
}
