//! Any bytes, any cut, any flipped bit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod hellos;

use dwcp_tls::inspect::{HelloAssembler, InspectError, Ja4, Progress};
use dwcp_tls::{ClientHello, TlsRecord};
use hellos::{captured, extension, message};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Everything that can be asked of a hello.
fn look_at_all_of(hello: &ClientHello<'_>) {
    let text = format!("{hello:?} {} {}", hello.ja4(), hello.weaknesses());
    assert!(text.len() < 4_096);
    let listed = hello.cipher_suites().count() + hello.supported_groups().count() + hello.alpn().count();
    assert!(listed <= 16 * 1024);
    assert!(hello.key_share_groups().count() <= 16 && hello.extensions().count() <= 128);
    assert!(hello.server_name().is_none_or(|name| name.len() <= 253));
    assert_eq!(hello.ja4().as_str().len(), 36);
}

fn all_at_once(bytes: &[u8]) -> (Result<bool, InspectError>, Option<Vec<u8>>) {
    let mut assembler = HelloAssembler::new();
    let pushed = assembler.push(bytes);
    (pushed.map(|progress| progress != Progress::More), assembler.message().map(<[u8]>::to_vec))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..2_000)) {
        let mut rest = &bytes[..];
        while let Ok(Some((_, behind))) = TlsRecord::parse(rest) {
            prop_assert!(behind.len() < rest.len());
            rest = behind;
        }
        let _ = all_at_once(&bytes);
        if let Ok(hello) = ClientHello::parse(&bytes) {
            look_at_all_of(&hello);
        }
    }

    #[test]
    fn any_content_of_any_extension_is_read_or_refused(
        bodies in vec((prop_oneof![0_u16..64, Just(0xfe0d), any::<u16>()], vec(any::<u8>(), 0..80)), 0..12),
        suites in vec(any::<u16>(), 1..40),
    ) {
        let extensions: Vec<_> = bodies.iter().map(|(number, body)| extension(*number, body)).collect();
        if let Ok(hello) = ClientHello::parse(&message(&suites, &extensions)) {
            look_at_all_of(&hello);
            prop_assert_eq!(hello.extensions().count(), bodies.len());
        }
    }

    #[test]
    fn a_spoiled_hello_is_read_or_refused(
        which in any::<Index>(),
        spoils in vec((any::<Index>(), any::<u8>()), 1..8),
    ) {
        let all = captured();
        let mut message = which.get(&all).message().to_vec();
        for (at, byte) in spoils {
            let at = at.index(message.len());
            message[at] = byte;
        }
        if let Ok(hello) = ClientHello::parse(&message) {
            look_at_all_of(&hello);
        }
    }

    #[test]
    fn no_cut_into_records_and_segments_changes_what_is_read(
        which in any::<Index>(),
        record_cuts in vec(1_usize..300, 1..20),
        segment_cuts in vec(1_usize..300, 1..20),
        behind in vec(any::<u8>(), 0..20),
    ) {
        let all = captured();
        let captured = which.get(&all);
        let mut wire = Vec::new();
        let (mut rest, mut cuts) = (captured.message(), record_cuts.iter().cycle());
        while !rest.is_empty() {
            let (part, more) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            wire.extend([&[22, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat());
            rest = more;
        }
        let length = wire.len();
        wire.extend(&behind);
        // So many small records may be too much, whatever the segments are.
        let expected = all_at_once(&wire);
        let mut assembler = HelloAssembler::new();
        let (mut taken, mut cuts) = (0, segment_cuts.iter().cycle());
        let mut last = Ok(Progress::More);
        while taken < wire.len() && last == Ok(Progress::More) {
            let end = wire.len().min(taken + cuts.next().unwrap());
            last = assembler.push(&wire[taken..end]);
            match last {
                Ok(Progress::Whole { taken: used }) => taken += used,
                _ => taken = end,
            }
        }
        prop_assert_eq!(last.map(|progress| progress != Progress::More), expected.0);
        if let Ok(true) = expected.0 {
            prop_assert_eq!(taken, length);
            prop_assert_eq!(assembler.message().unwrap(), captured.message());
            prop_assert_eq!(expected.1.as_deref(), Some(captured.message()));
        } else {
            prop_assert_eq!(last, Err(InspectError::TooManyBytes { limit: 24 * 1024 }));
        }
    }
}

#[test]
fn every_truncation_is_an_error_or_needs_more() {
    for captured in captured() {
        let message = captured.message();
        for cut in 0..message.len() {
            assert!(ClientHello::parse(&message[..cut]).is_err(), "{} at {cut}", captured.name);
        }
        for cut in 0..captured.records.len() {
            let part = &captured.records[..cut];
            assert_eq!(all_at_once(part), (Ok(false), None), "{} at {cut}", captured.name);
            assert_eq!(TlsRecord::parse(part), Ok(None));
            assert_eq!(Ja4::from_records(part), Err(InspectError::Incomplete));
        }
    }
}

#[test]
fn every_truncation_whose_lengths_are_mended_is_read_or_refused() {
    for captured in captured() {
        let message = captured.message();
        for cut in 4..message.len() {
            let length = u32::try_from(cut - 4).unwrap().to_be_bytes();
            let mended = [&message[..1], &length[1..], &message[4..cut]].concat();
            if let Ok(hello) = ClientHello::parse(&mended) {
                // Only where the extensions would begin may a hello end.
                assert_eq!(hello.extensions().count(), 0, "{} at {cut}", captured.name);
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_read_or_refused() {
    for captured in captured() {
        let mut records = captured.records.clone();
        for bit in 0..8 * records.len() {
            records[bit / 8] ^= 1 << (bit % 8);
            let _ = all_at_once(&records);
            if let Ok(hello) = ClientHello::parse(&records[5..]) {
                look_at_all_of(&hello);
            }
            records[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(records, captured.records);
    }
}
