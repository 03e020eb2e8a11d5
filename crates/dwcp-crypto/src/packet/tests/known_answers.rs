//! Bytes that the RFCs, SP 800-38A and other programs get.

use super::super::mac::MacKey;
use super::super::{cbc, encrypt_then_mac::MacSealing};
use super::*;
use crate::hkdf::Hash;
use crate::table::{Case, cases};
use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit};
use aes::{Aes128Dec, Aes128Enc, Aes256Dec, Aes256Enc};

/// The cases of one kind, as many as there have to be.
fn table(kind: &str, count: usize) -> Vec<Case> {
    let mut cases = cases(include_str!("../../../tests/data/packet.txt"));
    cases.retain(|case| case.text("of") == kind);
    assert_eq!(cases.len(), count, "{kind}");
    cases
}

fn meet_cbc<E, D>(kind: &str, count: usize)
where
    E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit,
    D: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16> + KeyInit,
{
    for case in table(kind, count) {
        let (key, iv) = (case.bytes("key"), case.bytes("iv").try_into().unwrap());
        let mut body = case.bytes("msg");
        cbc::encrypt(&*cbc::schedule::<E>(&key).unwrap(), &iv, &mut body).unwrap();
        assert_eq!(body, case.bytes("sealed"), "{}", case.text("case"));
        cbc::decrypt(&*cbc::schedule::<D>(&key).unwrap(), &iv, &mut body).unwrap();
        assert_eq!(body, case.bytes("msg"), "{}", case.text("case"));
    }
}

/// Keys of packets have 256 bits. The same chaining meets the answers of RFC 3602, whose keys have 128.
#[test]
fn cbc_gives_the_bytes_of_rfc_3602_and_sp_800_38a() {
    meet_cbc::<Aes128Enc, Aes128Dec>("cbc-128", 8);
    meet_cbc::<Aes256Enc, Aes256Dec>("cbc-256", 1);
}

#[test]
fn hmac_gives_the_truncated_tags_of_rfc_4868() {
    for (kind, hash) in [("hmac-256", Hash::Sha256), ("hmac-384", Hash::Sha384), ("hmac-512", Hash::Sha512)] {
        for case in table(kind, 4) {
            let (key, message) = (case.bytes("key"), case.bytes("msg"));
            assert_eq!((key.len(), case.bytes("tag").len()), (hash.len(), hash.len() / 2));
            // However the message is cut into parts.
            for cut in 0..=message.len() {
                let parts = [&message[..cut / 2], &message[cut / 2..cut], b"", &message[cut..]];
                let mut tag = vec![0; hash.len() / 2];
                MacKey::new(hash, &key).tag(parts, &mut tag);
                assert_eq!(tag, case.bytes("tag"), "{} {cut}", case.text("case"));
            }
        }
    }
}

/// The case as this crate seals it, and as it opens it.
fn meet(cipher: PacketCipher, case: &Case) {
    let name = case.text("case");
    let number = u64::from_str_radix(case.text("number"), 16).unwrap();
    let (head, tail, expected_iv) = (case.bytes("head"), case.bytes("tail"), case.bytes("iv"));
    let material = || Secret::from(case.bytes("material"));

    let mut sealer = PacketSealer::with_limits(cipher, material(), number, ENDLESS).unwrap();
    let (mut iv, mut body, mut tag) =
        (vec![0; cipher.iv_len()], case.bytes("msg"), vec![0; cipher.tag_len()]);
    let turn = sealer.turn(1_000).unwrap();
    assert_eq!(turn.number(), number, "{name}");
    let parts = PacketParts { head: &head, iv: &mut iv, body: &mut body, tail: &tail };
    sealer.seal(turn, parts, &mut tag).unwrap();
    assert_eq!((&iv, &body, &tag), (&expected_iv, &case.bytes("sealed"), &case.bytes("tag")), "{name}");

    let opener = PacketOpener::new(cipher, material()).unwrap();
    let parts = SealedParts { head: &head, iv: &iv, body: &mut body, tail: &tail };
    opener.open(0, parts, &tag).unwrap();
    assert_eq!(body, case.bytes("msg"), "{name}");
}

#[test]
fn rfc_7634_appendix_a_is_met() {
    for case in table("chacha20-poly1305", 1) {
        meet(PacketCipher::ChaCha20Poly1305, &case);
    }
}

/// With the high half of the number and without it; the IV too is what others derive, so that no change of it goes unseen.
#[test]
fn whole_packets_under_encrypt_then_mac_are_what_other_programs_make() {
    for (kind, cipher) in [
        ("packet-256", PacketCipher::Aes256CbcHmacSha256),
        ("packet-384", PacketCipher::Aes256CbcHmacSha384),
        ("packet-512", PacketCipher::Aes256CbcHmacSha512),
    ] {
        for case in table(kind, 2) {
            meet(cipher, &case);
        }
    }
}

/// RFC 3602 §2.1 and RFC 4868 §2.1.1 in one packet under an IV of somebody's choice: as a peer makes it that draws its IVs.
#[test]
fn a_packet_under_an_iv_that_was_drawn_opens() {
    for (cipher, hash) in [
        (PacketCipher::Aes256CbcHmacSha256, Hash::Sha256),
        (PacketCipher::Aes256CbcHmacSha384, Hash::Sha384),
        (PacketCipher::Aes256CbcHmacSha512, Hash::Sha512),
    ] {
        let sealing = MacSealing::new(hash, &material(cipher)).unwrap();
        let drawn: [u8; 16] = crate::random::array().unwrap();
        assert_ne!(sealing.iv(1), drawn);
        let (mut iv, mut body, mut tag) = ([0; 16], [3; 48], vec![0; cipher.tag_len()]);
        let parts = PacketParts { head: b"SPI.num.", iv: &mut iv, body: &mut body, tail: b"high" };
        sealing.seal_under(drawn, parts, &mut tag).unwrap();
        let opener = PacketOpener::new(cipher, material(cipher)).unwrap();
        let parts = SealedParts { head: b"SPI.num.", iv: &drawn, body: &mut body, tail: b"high" };
        assert_eq!(opener.open(1, parts, &tag), Ok(()));
        assert_eq!((iv, body), (drawn, [3; 48]));
    }
}
