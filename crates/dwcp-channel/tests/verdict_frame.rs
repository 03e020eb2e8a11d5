//! The verdict frame against its page: vectors, every malformation it lists, and arbitrary bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_channel::{MalformedVerdict, ReasonCode, Rejection, RejectionKind, Verdict};
use proptest::prelude::*;
use std::time::Duration;

const PAGE: &str = include_str!("../../../docs/formats/verdict-frame.md");

fn vectors() -> Vec<[u8; Verdict::LENGTH]> {
    let mut lines = PAGE.lines();
    let mut frames = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("44574356") {
            let hex: String = [line, lines.next().unwrap()].concat().replace(' ', "");
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            frames.push(bytes.try_into().unwrap());
        }
    }
    frames
}

fn refused(kind: RejectionKind, reason: &str, millis: u64) -> Verdict {
    let reason = reason.parse().unwrap();
    Verdict::Refused(Rejection { kind, reason, retry_after: Duration::from_millis(millis) })
}

#[test]
fn the_page_and_the_code_agree_on_the_vectors() {
    let expected = [
        Verdict::Accepted,
        refused(RejectionKind::Policy, "pki.policy.denied", 0),
        refused(RejectionKind::Full, "channel.registry.full", 1_500),
    ];
    let vectors = vectors();
    assert_eq!(vectors.len(), expected.len());
    for (frame, verdict) in vectors.iter().zip(expected) {
        assert_eq!(Verdict::from_bytes(frame), Ok(verdict));
        assert_eq!(verdict.to_bytes(), *frame);
    }
}

#[test]
fn every_malformation_of_the_page_is_refused() {
    let accepted = Verdict::Accepted.to_bytes();
    let denied = refused(RejectionKind::Policy, "pki.policy.denied", 0).to_bytes();
    let with = |mut frame: [u8; Verdict::LENGTH], changes: &[(usize, u8)]| {
        for (at, byte) in changes {
            frame[*at] = *byte;
        }
        Verdict::from_bytes(&frame).unwrap_err()
    };
    assert_eq!(with(accepted, &[(0, b'X')]), MalformedVerdict::Magic);
    assert_eq!(with(accepted, &[(4, 2)]), MalformedVerdict::Version(2));
    assert_eq!(with(accepted, &[(5, 2)]), MalformedVerdict::Outcome);
    assert_eq!(with(accepted, &[(7, 1)]), MalformedVerdict::Outcome);
    assert_eq!(with(accepted, &[(11, 1)]), MalformedVerdict::Outcome);
    assert_eq!(with(denied, &[(7, 0)]), MalformedVerdict::Outcome);
    assert_eq!(with(denied, &[(12, 49)]), MalformedVerdict::Reason);
    assert_eq!(with(denied, &[(16, b'P')]), MalformedVerdict::Reason);
    assert_eq!(with(denied, &[(63, 1)]), MalformedVerdict::Padding);
    assert_eq!(with(denied, &[(14, 1)]), MalformedVerdict::Padding);
    assert_eq!(with(denied, &[(12, 16)]), MalformedVerdict::Padding);
    assert_eq!(with(accepted, &[(5, 1), (7, 1)]), MalformedVerdict::Reason);
}

#[test]
fn a_refusal_of_a_later_version_is_still_a_refusal() {
    let verdict = refused(RejectionKind::Other(900), "later.kind", 7);
    assert_eq!(Verdict::from_bytes(&verdict.to_bytes()), Ok(verdict));
    let never_accepted = refused(RejectionKind::Other(0), "later.kind", 0);
    assert!(matches!(Verdict::from_bytes(&never_accepted.to_bytes()), Ok(Verdict::Refused(_))));
}

proptest! {
    #[test]
    fn what_parses_is_what_would_be_written(
        changes in proptest::collection::vec((0..Verdict::LENGTH, any::<u8>()), 0..4),
        base in 0..3_usize,
    ) {
        let mut frame = vectors()[base];
        for (at, byte) in changes {
            frame[at] = byte;
        }
        if let Ok(verdict) = Verdict::from_bytes(&frame) {
            prop_assert_eq!(verdict.to_bytes(), frame);
        }
    }

    #[test]
    fn every_verdict_makes_the_round_trip(kind in 1..=u16::MAX, millis: u32, reason in "[a-z0-9_]{1,20}(\\.[a-z0-9_]{1,8}){0,3}") {
        let verdict = Verdict::Refused(Rejection {
            kind: RejectionKind::Other(kind),
            reason: reason.parse::<ReasonCode>().unwrap(),
            retry_after: Duration::from_millis(millis.into()),
        });
        let Ok(Verdict::Refused(read)) = Verdict::from_bytes(&verdict.to_bytes()) else { panic!("refused stays refused") };
        prop_assert_eq!(read.kind.number(), kind);
        prop_assert_eq!(read.reason.as_str(), reason);
        prop_assert_eq!(read.retry_after.as_millis(), u128::from(millis));
    }
}
