//! Agreements between two sides, one of them sometimes written out by hand or hostile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::agreement::{Group, KeyAgreement, respond};
use dwcp_crypto::{CryptoError, Secret};
use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use ml_kem::{Decapsulate, Encapsulate, KeyExport, Seed};
use proptest::prelude::*;
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::SystemRandom;

const GROUPS: [Group; 4] = [Group::X25519MlKem768, Group::X25519, Group::P256, Group::P384];

fn x25519() -> (EphemeralPrivateKey, Vec<u8>) {
    let key = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).unwrap();
    let public = key.compute_public_key().unwrap().as_ref().to_vec();
    (key, public)
}

fn x25519_secret(key: EphemeralPrivateKey, peer: &[u8]) -> Vec<u8> {
    agree_ephemeral(key, &UnparsedPublicKey::new(&X25519, peer), <[u8]>::to_vec).unwrap()
}

fn refusal(result: Result<Secret, CryptoError>) -> CryptoError {
    result.expect_err("the share is refused")
}

#[test]
fn both_sides_get_one_secret_of_the_documented_length() {
    for (group, share_len, answer_len, secret_len) in [
        (Group::X25519MlKem768, 1216, 1120, 64),
        (Group::X25519, 32, 32, 32),
        (Group::P256, 65, 65, 32),
        (Group::P384, 97, 97, 48),
    ] {
        let initiator = KeyAgreement::start(group).unwrap();
        assert_eq!((initiator.group(), initiator.share().len()), (group, share_len));
        let (answer, theirs) = respond(group, initiator.share()).unwrap();
        assert_eq!(answer.len(), answer_len);
        let ours = initiator.complete(&answer).unwrap();
        assert_eq!(ours.len(), secret_len);
        assert_eq!(ours.expose(), theirs.expose());
        let (_, other) = respond(group, KeyAgreement::start(group).unwrap().share()).unwrap();
        assert_ne!(other.expose(), theirs.expose());
    }
}

#[test]
fn the_hybrid_initiator_speaks_the_layout_of_rfc_10024() {
    let initiator = KeyAgreement::start(Group::X25519MlKem768).unwrap();
    let (encapsulation_key, point) = initiator.share().split_at(1184);
    let key = EncapsulationKey::new(encapsulation_key.try_into().unwrap()).unwrap();
    let (ciphertext, lattice_secret) = key.encapsulate();
    let (private, public) = x25519();
    let expected = [lattice_secret.as_slice(), &x25519_secret(private, point)].concat();
    let answer = [ciphertext.as_slice(), &public].concat();
    assert_eq!(initiator.complete(&answer).unwrap().expose(), expected);
}

#[test]
fn the_hybrid_responder_speaks_the_layout_of_rfc_10024() {
    let key = DecapsulationKey::from_seed(Seed::from([42; 64]));
    let (private, public) = x25519();
    let share = [key.encapsulation_key().to_bytes().as_slice(), &public].concat();
    let (answer, secret) = respond(Group::X25519MlKem768, &share).unwrap();
    let (ciphertext, point) = answer.split_at(1088);
    let lattice_secret = key.decapsulate(ciphertext.try_into().unwrap());
    let expected = [lattice_secret.as_slice(), &x25519_secret(private, point)].concat();
    assert_eq!(secret.expose(), expected);
}

#[test]
fn one_key_offers_the_hybrid_and_its_classical_half() {
    let initiator = KeyAgreement::start(Group::X25519MlKem768).unwrap();
    let (group, half) = initiator.hybrid_component().unwrap();
    assert_eq!(group, Group::X25519MlKem768.classical());
    assert_eq!(half, &initiator.share()[1184..]);
    let (answer, theirs) = respond(group, half).unwrap();
    assert_eq!(initiator.complete_component(&answer).unwrap().expose(), theirs.expose());
    for group in [Group::X25519, Group::P256, Group::P384] {
        let initiator = KeyAgreement::start(group).unwrap();
        assert_eq!((initiator.hybrid_component(), group.classical()), (None, group));
        let (answer, _) = respond(group, initiator.share()).unwrap();
        assert_eq!(refusal(initiator.complete_component(&answer)), CryptoError::NotHybrid);
    }
}

#[test]
fn at_t16_shares_of_any_other_length_are_refused() {
    for group in GROUPS {
        let valid = KeyAgreement::start(group).unwrap().share().to_vec();
        let (answer, _) = respond(group, &valid).unwrap();
        for length in [0, 1, 31, 33, 64, 66, 96, 98, 1087, 1088, 1119, 1121, 1184, 1215, 1217, 70_000] {
            let resized =
                |share: &[u8]| share.iter().copied().chain(std::iter::repeat(4)).take(length).collect();
            let (share, cut): (Vec<u8>, Vec<u8>) = (resized(&valid), resized(&answer));
            let responded = respond(group, &share).map(|(_, secret)| secret);
            assert_eq!(refusal(responded), CryptoError::InvalidShare, "{group:?} {length}");
            let completed = KeyAgreement::start(group).unwrap().complete(&cut);
            assert_eq!(refusal(completed), CryptoError::InvalidShare, "{group:?} {length}");
        }
        assert_eq!(
            refusal(KeyAgreement::start(group).unwrap().complete(&[0; 32])),
            CryptoError::InvalidShare
        );
    }
}

/// The points of order 1, 2, 4 and 8 on the curve and its twist, with their non-canonical spellings.
#[test]
fn at_c6_and_at_t16_a_small_order_half_spoils_the_whole_hybrid() {
    let order_8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
    let order_8_byte = |at| u8::from_str_radix(&order_8[at..at + 2], 16).unwrap();
    let mut one = [0; 32];
    one[0] = 1;
    let mut prime = [0xff; 32]; // p = 2^255 - 19, which is zero
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut minus_one = prime;
    minus_one[0] = 0xec;
    let mut prime_and_one = prime;
    prime_and_one[0] = 0xee;
    let eight: Vec<u8> = (0..64).step_by(2).map(order_8_byte).collect();
    for point in [[0; 32].as_slice(), &one, &prime, &minus_one, &prime_and_one, &eight] {
        let initiator = KeyAgreement::start(Group::X25519MlKem768).unwrap();
        let share = [&initiator.share()[..1184], point].concat();
        let responded = respond(Group::X25519MlKem768, &share).map(|(_, secret)| secret);
        assert_eq!(refusal(responded), CryptoError::InvalidShare);
        let (answer, _) = respond(Group::X25519MlKem768, initiator.share()).unwrap();
        let answer = [&answer[..1088], point].concat();
        assert_eq!(refusal(initiator.complete(&answer)), CryptoError::InvalidShare);
        let initiator = KeyAgreement::start(Group::X25519MlKem768).unwrap();
        assert_eq!(refusal(initiator.complete_component(point)), CryptoError::InvalidShare);
    }
}

#[test]
fn at_t16_an_encapsulation_key_with_unreduced_coefficients_is_refused() {
    let mut share = KeyAgreement::start(Group::X25519MlKem768).unwrap().share().to_vec();
    share[..3].fill(0xff); // two 12-bit coefficients of 4095, and q is 3329
    let responded = respond(Group::X25519MlKem768, &share).map(|(_, secret)| secret);
    assert_eq!(refusal(responded), CryptoError::InvalidShare);
}

#[test]
fn a_changed_ciphertext_gives_a_secret_that_nobody_else_has() {
    let initiator = KeyAgreement::start(Group::X25519MlKem768).unwrap();
    let (mut answer, theirs) = respond(Group::X25519MlKem768, initiator.share()).unwrap();
    answer[500] ^= 1;
    let ours = initiator.complete(&answer).unwrap();
    assert_ne!(ours.expose()[..32], theirs.expose()[..32]);
    assert_eq!(ours.expose()[32..], theirs.expose()[32..], "the classical half is untouched");
}

#[test]
fn debug_text_shows_the_group_alone() {
    let text = format!("{:?}", KeyAgreement::start(Group::X25519MlKem768).unwrap());
    assert_eq!(text, "KeyAgreement(X25519MlKem768)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn arbitrary_shares_never_panic(
        group in prop::sample::select(GROUPS.to_vec()),
        share in prop::collection::vec(any::<u8>(), 0..1300),
    ) {
        if let Err(error) = respond(group, &share) {
            prop_assert_eq!(error, CryptoError::InvalidShare);
        }
        if let Err(error) = KeyAgreement::start(group).unwrap().complete(&share) {
            prop_assert_eq!(error, CryptoError::InvalidShare);
        }
    }
}
