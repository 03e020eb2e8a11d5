//! NIST's ACVP: a second opinion on what fits the interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/table.rs"]
mod table;

use base64ct::{Base64Unpadded, Encoding};
use dwcp_crypto::agreement::{Group, respond};
use dwcp_crypto::digest::sha256;
use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Algorithm, CryptoError, Kdf, OpeningKey, Passphrase, Secret, Sequence};
use table::{Case, cases};

fn set(name: &str) -> Vec<Case> {
    cases(include_str!("data/acvp.txt")).into_iter().filter(|case| case.text("set") == name).collect()
}

/// What ACVP calls valid under a tag of 4 to 15 bytes is refused: no tag is cut short here.
#[test]
fn at_c8_aes_gcm_opens_under_full_tags_alone() {
    let (mut opened, mut forged, mut short) = (0, 0, 0);
    for case in set("aes-gcm") {
        let (key, iv) = (case.bytes("key"), case.bytes("iv"));
        let algorithm = if key.len() == 16 { Algorithm::Aes128Gcm } else { Algorithm::Aes256Gcm };
        let sequence = Sequence::new(u64::from_be_bytes(iv[4..].try_into().unwrap()));
        let key = OpeningKey::new(algorithm, Secret::from([&key, &iv[..4]].concat())).unwrap();
        let mut sealed = [case.bytes("ct"), case.bytes("tag")].concat();
        let opens =
            key.open_in_place(sequence, &case.bytes("aad"), &mut sealed).map(|message| message.to_vec());
        match case.text("result") {
            "valid" => {
                assert_eq!(opens, Ok(case.bytes("msg")), "{}", case.text("case"));
                opened += 1;
            }
            result => {
                assert_eq!(opens, Err(CryptoError::NotAuthentic), "{}", case.text("case"));
                assert!(sealed.iter().all(|byte| *byte == 0), "{}", case.text("case"));
                *(if result == "short-tag" { &mut short } else { &mut forged }) += 1;
            }
        }
    }
    assert_eq!((opened, forged, short), (3, 1, 7));
}

#[test]
fn hkdf_gives_the_keys_of_sp_800_56c() {
    let (mut same, mut other) = (0, 0);
    for case in set("hkdf") {
        let prk = Prk::extract(Hash::Sha256, &case.bytes("salt"), &Secret::from(case.bytes("ikm")));
        let expected = case.bytes("okm");
        let mut out = vec![0; expected.len()];
        prk.expand(&case.bytes("info"), &mut out).unwrap();
        assert_eq!(out == expected, case.text("result") == "valid", "{}", case.text("case"));
        *(if out == expected { &mut same } else { &mut other }) += 1;
    }
    assert_eq!((same, other), (19, 1));
}

/// ACVP asks for more bytes than a key has here; of a longer output the beginning is the same (RFC 8018 §5.2).
#[test]
fn pbkdf2_gives_the_beginning_of_what_others_derive() {
    let cases = set("pbkdf2");
    assert_eq!(cases.len(), 1);
    let salt = Base64Unpadded::encode_string(&cases[0].bytes("salt"));
    let kdf = Kdf::from_phc(&format!("$pbkdf2-sha256$i={}${salt}", cases[0].text("iterations"))).unwrap();
    let key = kdf.derive(&Passphrase::new(&cases[0].bytes("password")).unwrap(), 64).unwrap();
    assert_eq!(key.expose(), &cases[0].bytes("dk")[..64]);
}

#[test]
fn sha256_gives_the_digest_of_others() {
    let cases = set("sha256");
    assert_eq!(cases.len(), 1);
    assert_eq!(sha256(&cases[0].bytes("msg")).to_vec(), cases[0].bytes("md"));
}

#[test]
fn at_c6_points_that_are_none_are_refused() {
    for (name, group) in [("p256", Group::P256), ("p384", Group::P384)] {
        let cases = set(name);
        assert_eq!(cases.len(), 1);
        let refused = respond(group, &cases[0].bytes("public")).map(|_| ());
        assert_eq!(refused, Err(CryptoError::InvalidShare), "{name}");
    }
}
