//! A ciphertext that opens under two keys, made on purpose, and the commitment that refuses it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::kek::{KekError, KeyEncryptionKey, PassphraseKek, WrappedKey, at_once};
use dwcp_crypto::{Kdf, Passphrase};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::time::Duration;

/// Cheap: whoever attacks picks what is cheap for him, as old files may have it.
const KDF: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA";
const CONTEXT: &[u8] = b"keyring";
const NONCE: [u8; 12] = *b"attackers do";

/// The product in the field of GCM (SP 800-38D §6.3), whose first bit is the highest of the number.
fn times(x: u128, y: u128) -> u128 {
    let (mut product, mut shifted) = (0, x);
    for bit in (0..128).rev() {
        if y >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = (shifted >> 1) ^ ((shifted & 1) * (0xe1 << 120));
    }
    product
}

/// x^(2^128 - 2), the inverse of everything but zero.
fn inverse(x: u128) -> u128 {
    let (mut square, mut product) = (x, 1 << 127);
    for _ in 1..128 {
        square = times(square, square);
        product = times(product, square);
    }
    product
}

/// What an attacker derives for one passphrase, as the format says.
struct Guess {
    passphrase: &'static str,
    key: LessSafeKey,
    commitment: String,
    /// The key of GHASH, and what the tag is hidden under.
    hash: u128,
    mask: u128,
}

fn binding() -> Vec<u8> {
    let field = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    [field(KDF.as_bytes()), field(CONTEXT)].concat()
}

impl Guess {
    fn new(passphrase: &'static str) -> Self {
        let secret =
            Kdf::from_phc(KDF).unwrap().derive(&Passphrase::new(passphrase.as_bytes()).unwrap(), 32).unwrap();
        let prk = Prk::extract(Hash::Sha256, b"", &secret);
        let (mut key, mut commitment) = ([0; 32], [0; 32]);
        prk.expand_label(b"kek wrap", &binding(), &mut key).unwrap();
        prk.expand_label(b"kek commit", &binding(), &mut commitment).unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
        let tag = |aad: &[u8]| {
            let tag = key
                .seal_in_place_separate_tag(Nonce::assume_unique_for_key(NONCE), Aad::from(aad), &mut [])
                .unwrap();
            u128::from_be_bytes(tag.as_ref().try_into().unwrap())
        };
        // Of nothing, the tag is the mask; of one block of zeros it is the mask and the lengths times the key of GHASH.
        let mask = tag(b"");
        let hash = times(tag(&[0; 16]) ^ mask, inverse(128 << 64));
        let commitment = <base64ct::Base64 as base64ct::Encoding>::encode_string(&commitment);
        Self { passphrase, key, commitment, hash, mask }
    }

    fn ghash(&self, blocks: &[u128]) -> u128 {
        blocks.iter().fold(0, |sum, block| times(sum ^ block, self.hash))
    }

    fn opens(&self, wrapped: &[u8]) -> bool {
        let nonce = Nonce::assume_unique_for_key(wrapped[..12].try_into().unwrap());
        self.key.open_in_place(nonce, Aad::from(binding()), &mut wrapped[12..].to_vec()).is_ok()
    }

    fn unwraps(&self, wrapped: &WrappedKey) -> Result<usize, KekError> {
        let kek = PassphraseKek::opening(Passphrase::new(self.passphrase.as_bytes()).unwrap());
        at_once(kek.unwrap(wrapped, CONTEXT, Duration::ZERO)).map(|key| key.len())
    }
}

/// Nonce, two blocks and a tag that AES-GCM takes under both keys: the first block is what makes the two tags one.
fn forged(one: &Guess, other: &Guess) -> Vec<u8> {
    let aad = binding();
    let block = |bytes: &[u8]| {
        let mut padded = [0; 16];
        padded[..bytes.len()].copy_from_slice(bytes);
        u128::from_be_bytes(padded)
    };
    let second = block(b"whatever fits it");
    let mut blocks: Vec<u128> = aad.chunks(16).map(block).collect();
    blocks.extend([0, second, (aad.len() as u128 * 8) << 64 | 256]);
    let rest = |guess: &Guess| guess.ghash(&blocks) ^ guess.mask;
    let cube = |guess: &Guess| times(times(guess.hash, guess.hash), guess.hash);
    let first = times(rest(one) ^ rest(other), inverse(cube(one) ^ cube(other)));
    let tag = rest(one) ^ times(first, cube(one));
    [&NONCE[..], &first.to_be_bytes(), &second.to_be_bytes(), &tag.to_be_bytes()].concat()
}

#[test]
fn at_c7_a_wrapping_that_aes_gcm_opens_under_two_passphrases_opens_under_one() {
    let (one, other) = (Guess::new("one of the guesses"), Guess::new("another of them"));
    let bytes = forged(&one, &other);
    assert!(one.opens(&bytes) && other.opens(&bytes), "without a commitment this were an oracle");
    for (committed, refused) in [(&one, &other), (&other, &one)] {
        let parameters = [("kdf", KDF.to_owned()), ("commitment", committed.commitment.clone())];
        let wrapped = WrappedKey::new("passphrase", parameters, bytes.clone()).unwrap();
        assert_eq!(committed.unwraps(&wrapped).unwrap(), 32);
        assert!(matches!(refused.unwraps(&wrapped), Err(KekError::WrongKey)));
    }
    let uncommitted = WrappedKey::new("passphrase", [("kdf", KDF.to_owned())], bytes).unwrap();
    for guess in [&one, &other] {
        assert!(matches!(guess.unwraps(&uncommitted), Err(KekError::WrongKey)));
    }
}

#[test]
fn the_field_is_that_of_gcm() {
    let (x, y) = (0x0388_dace_60b6_a392_f328_c2b9_71b2_fe78, 0x66e9_4bd4_ef8a_2c3b_884c_fa59_ca34_2b2e);
    // The first product of test case 2 of the GCM specification.
    assert_eq!(times(x, y), 0x5e2e_c746_9170_6288_2c85_b068_5353_deb7);
    assert_eq!(times(x, inverse(x)), 1 << 127);
}
