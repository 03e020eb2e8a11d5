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

/// FIPS 203 §7.2, and at every place: 12 bits each, two to three bytes, the lower ones first.
#[test]
fn at_t16_an_encapsulation_key_with_one_unreduced_coefficient_is_refused() {
    let share = KeyAgreement::start(Group::X25519MlKem768).unwrap().share().to_vec();
    let with = |at: usize, coefficient: u16| {
        let mut share = share.clone();
        let pair = &mut share[at / 2 * 3..at / 2 * 3 + 3];
        let [low, high] = coefficient.to_le_bytes();
        if at.is_multiple_of(2) {
            (pair[0], pair[1]) = (low, pair[1] & 0xf0 | high);
        } else {
            (pair[1], pair[2]) = (pair[1] & 0x0f | low << 4, high << 4 | low >> 4);
        }
        respond(Group::X25519MlKem768, &share).map(|_| ())
    };
    for at in 0..768 {
        assert_eq!(with(at, 3328), Ok(()), "coefficient {at}");
        for unreduced in [3329, 4095] {
            assert_eq!(with(at, unreduced), Err(CryptoError::InvalidShare), "coefficient {at}");
        }
    }
}

/// Points with small coordinates, so that the unreduced one still fits.
#[test]
fn at_c6_points_are_taken_in_their_one_spelling_alone() {
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    for (group, x, x_plus_p, y) in [
        (
            Group::P256,
            bytes(&format!("{:064x}", 5)),
            bytes("ffffffff00000001000000000000000000000001000000000000000000000004"),
            bytes("459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc"),
        ),
        (
            Group::P384,
            bytes(&format!("{:096x}", 2)),
            bytes(
                "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff000000000000000100000001",
            ),
            bytes(
                "8cdeadbbd04911a3c1931e26df3fa6439dca9c7eb286fbd46fc319f0e2bb780232baf57825fc0c1912ada2fefe84024c",
            ),
        ),
    ] {
        let point = |form: u8, x: &[u8], y: &[u8]| [&[form], x, y].concat();
        let judged = |share: &[u8]| {
            let responded = respond(group, share).map(|_| ());
            let completed = KeyAgreement::start(group).unwrap().complete(share).map(|_| ());
            assert_eq!(responded, completed, "both sides judge alike");
            responded
        };
        assert_eq!(judged(&point(4, &x, &y)), Ok(()), "{group:?}");
        let zero = vec![0; x.len()];
        for (what, share) in [
            ("infinity", vec![0]),
            ("infinity at full length", point(0, &zero, &zero)),
            ("the origin", point(4, &zero, &zero)),
            ("compressed", point(2, &x, &[])),
            ("the other compressed", point(3, &x, &[])),
            ("hybrid", point(6, &x, &y)),
            ("the other hybrid", point(7, &x, &y)),
            ("unreduced", point(4, &x_plus_p, &y)),
            ("coordinates exchanged", point(4, &y, &x)),
            ("no form", [x.as_slice(), &y].concat()),
        ] {
            assert_eq!(judged(&share), Err(CryptoError::InvalidShare), "{group:?} {what}");
        }
    }
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
