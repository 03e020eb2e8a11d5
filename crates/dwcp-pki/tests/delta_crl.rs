//! Delta CRLs: what they list, what they refer to, and that nobody takes one for a complete CRL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod foreign;
mod workbench;

use dwcp_base::{Coded, Disk, FaultyDisk, LocalDisk, Recorder, UnixTime};
use dwcp_crypto::KeyType;
use dwcp_pki::{
    AuthorityParams, AuthorityUrls, CertificateAuthority, Crl, DeltaCrl, Event, IssuancePolicy, ParseError,
    RevocationReason, Serial,
};
use foreign::*;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use workbench::*;

const HOUR: Duration = Duration::from_secs(3_600);
const ADDRESS: &str = "http://ca.example.org/pki/delta.crl";
const MINUTE: Duration = Duration::from_secs(60);

fn revoke(ca: &CertificateAuthority, serial: &Serial, reason: RevocationReason, at: UnixTime) {
    let _ = ca.revoke(serial, reason, at).unwrap();
}

#[test]
fn a_delta_lists_what_was_revoked_or_became_graver_since_its_base_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let news = Arc::new(Recorder::with_capacity(16));
    let ca = authority(directory.path()).observed_by(Arc::clone(&news) as Arc<_>);
    let serials: Vec<Serial> = (0..4).map(|_| issue(&ca).unwrap()).collect();
    revoke(&ca, &serials[0], RevocationReason::Superseded, NOW);
    revoke(&ca, &serials[1], RevocationReason::Superseded, NOW);
    let complete = ca.crl(NOW).unwrap();
    let empty = ca.delta_crl(NOW).unwrap();
    assert!(empty.is_empty() && empty.number() > empty.base());
    assert_eq!(Some(empty.base()), complete.number());

    // In the same second as the complete CRL: order counts, not the clock.
    revoke(&ca, &serials[2], RevocationReason::CessationOfOperation, NOW);
    revoke(&ca, &serials[1], RevocationReason::KeyCompromise, NOW);
    let delta = ca.delta_crl(NOW).unwrap();
    let mut expected = vec![serials[1], serials[2]];
    expected.sort();
    assert_eq!(delta.serials().collect::<Vec<_>>(), expected);
    assert!(delta.contains(&serials[2]) && !delta.contains(&serials[0]) && !delta.contains(&serials[3]));
    assert_eq!((Some(delta.base()), delta.this_update()), (complete.number(), NOW));
    assert_eq!(delta.next_update(), NOW.plus(MINUTE * 10));

    // One sequence of numbers for both kinds (RFC 5280 §5.2.3).
    let next = ca.crl(NOW).unwrap();
    assert!(empty.number() < delta.number() && Some(delta.number()) < next.number());
    let seen = news.events();
    assert!(seen.contains(&Event::CrlPublished {
        number: delta.number(),
        revoked: 2,
        next_update: delta.next_update(),
    }));
}

#[test]
fn without_a_complete_crl_there_is_no_delta_and_the_error_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let error = ca.delta_crl(NOW).unwrap_err();
    assert_eq!(error.code(), "pki.crl.unpublished");
    assert!(error.to_string().contains("publish a complete CRL first"), "{error}");

    // A directory of before deltas were known: its last CRL is not known well enough to refer to.
    ca.crl(NOW).unwrap();
    ca.delta_crl(NOW).unwrap();
    fs::remove_file(directory.path().join("index/crl-base")).unwrap();
    let ca = open(directory.path()).unwrap();
    assert_eq!(ca.delta_crl(NOW).unwrap_err().code(), "pki.crl.unpublished");
    let complete = ca.crl(NOW).unwrap();
    assert_eq!(Some(ca.delta_crl(NOW).unwrap().base()), complete.number());
}

#[test]
fn the_base_lags_so_that_whoever_fetches_complete_crls_every_hour_can_use_every_delta() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let mut complete: Vec<(UnixTime, Crl)> = Vec::new();
    let mut revoked: Vec<(UnixTime, Serial)> = Vec::new();
    // A complete CRL at each revocation, as a node makes them, a delta every five minutes, for five hours.
    for minute in 0..300 {
        let now = NOW.plus(MINUTE * minute);
        if minute % 7 == 0 {
            let serial = issue(&ca).unwrap();
            revoke(&ca, &serial, RevocationReason::Superseded, now);
            revoked.push((now, serial));
            complete.push((now, ca.crl(now).unwrap()));
        }
        if minute % 5 == 0 {
            let delta = open(directory.path()).unwrap().delta_crl(now).unwrap();
            for (made, crl) in &complete {
                let usable = crl.number() >= Some(delta.base()) && crl.number() < Some(delta.number());
                assert!(usable || made.plus(HOUR) < now, "minute {minute}: a CRL of {made} has no delta");
                // Both together say all (§5.2.4).
                let known = |serial: &Serial| crl.contains(serial) || delta.contains(serial);
                assert!(!usable || revoked.iter().all(|(_, serial)| known(serial)), "minute {minute}");
            }
            let spanned = revoked.iter().filter(|(at, _)| at.plus(HOUR * 2 + MINUTE * 7) >= now).count();
            assert!(delta.len() <= spanned, "minute {minute}: {} entries", delta.len());
        }
    }
}

#[test]
fn the_base_outlives_clocks_that_jump_and_logs_that_were_put_back() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let log = directory.path().join("index/log");
    let before = fs::read(&log).unwrap();
    // A clock that was years ahead for one CRL.
    ca.crl(NOW.plus(DAY * 800)).unwrap();
    let first = ca.crl(NOW).unwrap();
    ca.crl(NOW.plus(HOUR)).unwrap();
    let now = NOW.plus(HOUR * 2);
    ca.crl(now).unwrap();
    assert!(Some(ca.delta_crl(now).unwrap().base()) >= first.number(), "the base moves again");

    let serial = issue(&ca).unwrap();
    revoke(&ca, &serial, RevocationReason::Superseded, now);
    ca.crl(now).unwrap();
    ca.crl(now.plus(HOUR)).unwrap();
    ca.crl(now.plus(HOUR * 2)).unwrap();
    drop(ca);
    fs::write(&log, before).unwrap();
    let ca = open(directory.path()).unwrap();
    assert_eq!(ca.delta_crl(now).unwrap_err().code(), "pki.crl.unpublished");
    // A list without the revocations that were published would bring them back: somebody has to say that they are gone.
    assert_eq!(ca.crl(now.plus(HOUR * 3)).unwrap_err().code(), "pki.index.corrupt");
    fs::remove_file(directory.path().join("index/crl-base")).unwrap();
    let complete = ca.crl(now.plus(HOUR * 3)).unwrap();
    assert_eq!(Some(ca.delta_crl(now.plus(HOUR * 3)).unwrap().base()), complete.number());
}

#[test]
fn a_damaged_base_is_told_and_healed_by_the_next_complete_crl() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    ca.crl(NOW).unwrap();
    let path = directory.path().join("index/crl-base");
    let good = fs::read_to_string(&path).unwrap();
    for bad in ["", "\n", "1 2 3\n", &good[..good.len() - 1], &format!("{good}x\n"), &"1".repeat(300)] {
        fs::write(&path, bad).unwrap();
        assert!(ca.delta_crl(NOW).is_err(), "{bad:?}");
    }
    fs::write(&path, "one two three\n").unwrap();
    assert_eq!(ca.delta_crl(NOW).unwrap_err().code(), "pki.index.corrupt");
    let complete = ca.crl(NOW).unwrap();
    assert_eq!(Some(ca.delta_crl(NOW).unwrap().base()), complete.number());
}

#[test]
fn no_failing_write_makes_a_delta_forget_a_revocation() {
    let reached = (0..).take_while(|n| {
        let directory = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::failing_once(*n, io::ErrorKind::StorageFull);
        let Ok(ca) = create(Arc::new(disk.clone()) as Arc<dyn Disk>, directory.path()) else { return true };
        let mut complete: Vec<Crl> = Vec::new();
        let mut revoked = Vec::new();
        for round in 0..4 {
            let now = NOW.plus(HOUR * round);
            complete.extend(ca.crl(now));
            if let Ok(serial) = issue(&ca)
                && ca.revoke(&serial, RevocationReason::Superseded, now).is_ok()
            {
                revoked.push(serial);
            }
            let Ok(delta) = ca.delta_crl(now) else { continue };
            for crl in complete.iter().filter(|crl| crl.number() >= Some(delta.base())) {
                assert!(revoked.iter().all(|s| crl.contains(s) || delta.contains(s)), "fault {n}");
            }
        }
        disk.operations() > *n
    });
    assert!(reached.count() > 20);
}

#[test]
fn a_revocation_leaves_the_delta_as_it_leaves_complete_crls_after_expiry() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    ca.crl(NOW).unwrap();
    let serial = issue(&ca).unwrap();
    revoke(&ca, &serial, RevocationReason::Superseded, NOW);
    let days = [(1, true), (8, true), (9, false)].map(|(days, listed)| (NOW.plus(DAY * days), listed));
    for (now, listed) in days {
        assert_eq!(ca.delta_crl(now).unwrap().contains(&serial), listed, "{now}");
    }
    for (now, listed) in days {
        assert_eq!(ca.crl(now).unwrap().contains(&serial), listed, "{now}");
    }
}

#[test]
fn a_complete_crl_names_its_deltas_where_they_have_a_place() {
    let directory = tempfile::tempdir().unwrap();
    let plain = authority(&directory.path().join("plain"));
    let naming = naming(&directory.path().join("naming"), KeyType::EcdsaP256, NOW);
    let names = |der: &[u8]| der.windows(ADDRESS.len()).any(|window| window == ADDRESS.as_bytes());
    assert!(names(naming.crl(NOW).unwrap().der()) && !names(plain.crl(NOW).unwrap().der()));
    assert!(!names(naming.delta_crl(NOW).unwrap().der()), "a delta has no deltas (RFC 5280 §5.2.6)");
}

/// An authority whose deltas have a place.
fn naming(directory: &Path, key_type: KeyType, now: UnixTime) -> CertificateAuthority {
    let urls = AuthorityUrls { delta: Some(ADDRESS.parse().unwrap()), ..AuthorityUrls::default() };
    let params = AuthorityParams { key_type, urls, ..AuthorityParams::new("Interop Root") };
    CertificateAuthority::create(Arc::new(LocalDisk), directory, &params, now).unwrap()
}

#[test]
fn at_x7_a_delta_is_never_taken_for_a_complete_crl() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let serial = issue(&ca).unwrap();
    ca.crl(NOW).unwrap();
    revoke(&ca, &serial, RevocationReason::KeyCompromise, NOW);
    let delta: DeltaCrl = ca.delta_crl(NOW).unwrap();
    // A trust store takes values of `Crl` alone, and this is the one way to make one.
    for read in [Crl::from_der(delta.der()), Crl::from_pem(delta.to_pem().as_bytes())] {
        match read {
            Err(ParseError::Malformed { rule, .. }) => assert_eq!(rule, "a delta CRL is not complete"),
            other => panic!("{other:?}"),
        }
    }
    // Its mark is critical: also a reader that knows no deltas refuses it.
    let mark = [0x06, 0x03, 0x55, 0x1d, 0x1b, 0x01, 0x01, 0xff];
    assert!(delta.der().windows(mark.len()).any(|window| window == mark));
}

#[test]
fn openssl_refuses_what_only_the_delta_revokes() {
    if !openssl_is_there("openssl_refuses_what_only_the_delta_revokes") {
        return;
    }
    // OpenSSL judges at the time of its own clock.
    let now = dwcp_base::Clock::unix(&dwcp_base::SystemClock::new());
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let ca = naming(at, key_type, now);
        let serials: Vec<Serial> = ["early", "late", "never"]
            .iter()
            .map(|name| {
                let chain =
                    ca.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), now).unwrap();
                fs::write(at.join(format!("{name}.crt")), chain.to_pem()).unwrap();
                chain.leaf().serial()
            })
            .collect();
        revoke(&ca, &serials[0], RevocationReason::Superseded, now);
        // Without an address of deltas OpenSSL looks at none.
        let complete = ca.crl(now).unwrap();
        fs::write(at.join("base.crl"), complete.to_pem()).unwrap();
        let shown = succeeds(at, &["crl", "-noout", "-text", "-in", "base.crl"]);
        assert!(shown.contains("X509v3 Freshest CRL") && shown.contains(ADDRESS), "{shown}");
        revoke(&ca, &serials[1], RevocationReason::KeyCompromise, now);
        let delta = ca.delta_crl(now).unwrap();
        fs::write(at.join("delta.crl"), delta.to_pem()).unwrap();

        let shown = succeeds(at, &["crl", "-noout", "-text", "-in", "delta.crl"]);
        for expected in
            ["X509v3 Delta CRL Indicator: critical", "Key Compromise", "X509v3 Authority Key Identifier"]
        {
            assert!(shown.contains(expected), "{shown}");
        }
        succeeds(at, &["crl", "-noout", "-verify", "-CAfile", "ca.crt", "-in", "delta.crl"]);
        let number = succeeds(at, &["crl", "-noout", "-crlnumber", "-in", "delta.crl"]).to_ascii_lowercase();
        assert!(number.contains(&delta.number().to_string()), "{number}");

        let verify = |with_delta: bool, leaf: &str| {
            let mut arguments = vec!["verify", "-crl_check", "-CAfile", "ca.crt", "-CRLfile", "base.crl"];
            if with_delta {
                arguments.extend(["-use_deltas", "-CRLfile", "delta.crl"]);
            }
            let file = format!("{leaf}.crt");
            arguments.push(&file);
            text(&openssl(at, &arguments))
        };
        for (leaf, base_says, both_say) in [
            ("early", "certificate revoked", "certificate revoked"),
            ("late", "late.crt: OK", "certificate revoked"),
            ("never", "never.crt: OK", "never.crt: OK"),
        ] {
            let (base, both) = (verify(false, leaf), verify(true, leaf));
            assert!(base.contains(base_says), "{leaf}: {base}");
            assert!(both.contains(both_say), "{leaf}: {both}");
        }
    }
}
