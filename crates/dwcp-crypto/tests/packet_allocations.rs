//! A packet costs no memory, whether it is sealed, opened or refused. A binary of its own: it counts allocations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use allocation_counter::measure;
use dwcp_crypto::packet::{PacketCipher, PacketOpener, PacketParts, PacketSealer, SealedParts};
use dwcp_crypto::{CryptoError, Secret};
use std::hint::black_box;

#[test]
fn sealing_opening_and_refusing_allocate_nothing() {
    for cipher in PacketCipher::ALL {
        let material = || Secret::from(vec![7; cipher.material_len()]);
        let mut sealer = PacketSealer::new(cipher, material()).unwrap();
        let opener = PacketOpener::new(cipher, material()).unwrap();
        let (mut body, mut iv, mut tag) =
            (vec![1; 1_408], vec![0; cipher.iv_len()], vec![0; cipher.tag_len()]);
        let wrong = tag.clone();
        let counted = measure(|| {
            for length in (0..=body.len()).step_by(64) {
                let body = &mut body[..length];
                let turn = sealer.turn(8 + length).unwrap();
                let number = turn.number();
                sealer
                    .seal(turn, PacketParts { head: b"SPI.num.", iv: &mut iv, body, tail: b"" }, &mut tag)
                    .unwrap();
                opener
                    .open(number, SealedParts { head: b"SPI.num.", iv: &iv, body, tail: b"" }, &tag)
                    .unwrap();
                let forged = SealedParts { head: b"SPI.num.", iv: &iv, body, tail: b"" };
                assert_eq!(opener.open(number, forged, &wrong), Err(CryptoError::NotAuthentic));
            }
            sealer.turn(usize::MAX).map(|_| ()).unwrap_err();
        });
        assert_eq!((counted.count_total, opener.forgeries()), (0, 23), "{cipher:?}");
    }
    // The control: what allocates is seen.
    assert_eq!(measure(|| drop(black_box(vec![0; 100]))).count_total, 1);
}
