//! ClientHellos that are cut to crumbs, too large, doubled or odd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod hellos;

use dwcp_base::Coded;
use dwcp_tls::inspect::{
    Fault, HelloAssembler, InspectError, LARGEST_MESSAGE, MOST_EXTENSIONS, MOST_KEY_SHARES, Progress,
    WeakOffer,
};
use dwcp_tls::{ClientHello, LARGEST_HANDSHAKE};
use hellos::{captured, extension, message, modern, numbers, records, vector};

/// A message of so many bytes, filled up by padding.
fn of_length(length: usize) -> Vec<u8> {
    let bare = message(&[0x1301], &[extension(21, &[])]).len();
    let message = message(&[0x1301], &[extension(21, &vec![0; length - bare])]);
    assert_eq!(message.len(), length);
    message
}

fn assemble(segments: impl IntoIterator<Item = Vec<u8>>) -> (HelloAssembler, Result<Progress, InspectError>) {
    let mut assembler = HelloAssembler::new();
    let mut last = Ok(Progress::More);
    for segment in segments {
        last = assembler.push(&segment);
        if last != Ok(Progress::More) {
            break;
        }
    }
    (assembler, last)
}

#[test]
fn at_t2_a_hello_in_records_and_segments_of_one_byte_is_read_as_the_whole_one() {
    for captured in captured() {
        let crumbs = records(captured.message(), 1);
        let (assembler, last) = assemble(crumbs.iter().map(|byte| vec![*byte]));
        assert_eq!(last, Ok(Progress::Whole { taken: 1 }), "{}", captured.name);
        assert_eq!(assembler.message(), Some(captured.message()));
        let whole = ClientHello::parse(captured.message()).unwrap();
        assert_eq!(assembler.hello().unwrap().ja4(), whole.ja4());
    }
}

#[test]
fn at_t2_nothing_may_stand_between_the_crumbs() {
    let message = message(&[0x1301], &modern());
    let (first, second) = message.split_at(20);
    for (between, expected) in [
        (vec![21, 3, 3, 0, 2, 1, 0], "alert in the middle of the ClientHello"),
        (vec![20, 3, 3, 0, 1, 1], "change_cipher_spec in the middle of the ClientHello"),
        (vec![23, 3, 3, 0, 1, 1], "application_data in the middle of the ClientHello"),
        (vec![22, 3, 3, 0, 0], "an empty handshake record"),
        (vec![22, 3, 3, 0x40, 1], "a record of 16385 bytes, where 16384 are the most"),
        (vec![22, 2, 3, 0, 1], "a record of version 0x0203, which is no TLS"),
    ] {
        let bytes = [records(first, 9), between, records(second, 9)].concat();
        let (mut assembler, refused) = assemble([bytes]);
        assert_eq!(refused.unwrap_err().to_string(), expected);
        assert_eq!(assembler.push(&records(second, 9)), refused, "it stays refused");
        assert_eq!(assembler.hello().map(|_| ()).unwrap_err(), refused.unwrap_err());
    }
    // Before the hello, too; and a hello goes no further than its record.
    for (bytes, code) in [
        (&[20, 3, 3, 0, 1, 1][..], "tls.record.unexpected"),
        (&[21, 3, 3, 0, 2, 1, 0], "tls.record.unexpected"),
        (b"G", "tls.record.unexpected"),
        (&[0x80, 0x2e, 1, 0, 2], "tls.record.unexpected"),
        (&[22, 3, 3, 0, 4, 2, 0, 0, 0], "tls.hello.missing"),
    ] {
        let (_, refused) = assemble([bytes.to_vec()]);
        assert_eq!(refused.unwrap_err().code(), code, "{bytes:02x?}");
    }
    let (_, refused) = assemble([records(&[&message[..], &[0; 3]].concat(), 1 << 14)]);
    assert_eq!(refused, Err(InspectError::Trailing { extra: 3 }));
    // What comes in the next record is for others.
    let bytes = records(&message, 100);
    let (_, whole) = assemble([[&bytes[..], &[23, 3, 3, 0, 1, 0]].concat()]);
    assert_eq!(whole, Ok(Progress::Whole { taken: bytes.len() }));
}

#[test]
fn at_t8_a_hello_of_16_kib_is_read_and_one_byte_more_is_refused_before_it_is_stored() {
    let most = of_length(LARGEST_MESSAGE);
    let (assembler, whole) = assemble([records(&most, 1 << 14)]);
    assert!(matches!(whole, Ok(Progress::Whole { .. })), "{whole:?}");
    assert_eq!(assembler.hello().unwrap().extensions().count(), 1);
    assert!(assembler.held() <= LARGEST_MESSAGE + 512);

    let more = of_length(LARGEST_MESSAGE + 1);
    let refusal = InspectError::HelloOversized { length: LARGEST_MESSAGE + 1, limit: LARGEST_MESSAGE };
    let (assembler, refused) = assemble([records(&more, 1 << 14)]);
    assert_eq!(refused, Err(refusal));
    assert!(assembler.held() <= 8, "its header and nothing else: {}", assembler.held());
    assert_eq!(ClientHello::parse(&more).map(|_| ()).unwrap_err(), refusal);
    // The first nine bytes are enough to say so.
    let (_, refused) = assemble([records(&more, 1 << 14)[..9].to_vec()]);
    assert_eq!(refused, Err(refusal));
}

#[test]
fn at_t8_a_hello_that_drips_holds_no_more_than_it_brought() {
    let bytes = records(&of_length(LARGEST_MESSAGE), 700);
    let mut assembler = HelloAssembler::new();
    for (at, byte) in bytes.iter().enumerate() {
        let progress = assembler.push(&[*byte]).unwrap();
        assert!(assembler.held() <= at + 1 + 512, "{} held after {} bytes", assembler.held(), at + 1);
        assert_eq!(progress == Progress::More, at + 1 < bytes.len());
    }
    // Headers count: a hello in records of one byte has six times its size.
    let (_, refused) = assemble([records(&of_length(5_000), 1)]);
    assert_eq!(refused, Err(InspectError::TooManyBytes { limit: LARGEST_HANDSHAKE }));
    let (_, whole) = assemble([records(&of_length(LARGEST_HANDSHAKE / 6), 1)]);
    assert!(matches!(whole, Ok(Progress::Whole { .. })), "{whole:?}");
}

#[test]
fn at_t8_lists_without_end_are_cut_off() {
    let many = |count: u16| (0..count).map(|number| extension(0x4000 + number, &[])).collect::<Vec<_>>();
    let most = u16::try_from(MOST_EXTENSIONS).unwrap();
    assert!(ClientHello::parse(&message(&[0x1301], &many(most))).is_ok());
    let bytes = message(&[0x1301], &many(4_000));
    let refused = ClientHello::parse(&bytes).map(|_| ()).unwrap_err();
    assert!(
        matches!(refused, InspectError::Malformed { field: "extensions", fault: Fault::TooLong, .. }),
        "{refused}"
    );
    let shares = |count: usize| {
        let shares: Vec<u8> = (0..count).flat_map(|at| [1, u8::try_from(at).unwrap(), 0, 1, 7]).collect();
        message(&[0x1301], &[extension(51, &vector(2, &shares))])
    };
    assert!(ClientHello::parse(&shares(MOST_KEY_SHARES)).is_ok());
    assert!(ClientHello::parse(&shares(MOST_KEY_SHARES + 1)).is_err());
    // As many suites as there is room for: counted as 99, and no more memory than the hello takes.
    let suites: Vec<u16> = (0..8_000).collect();
    let bytes = message(&suites, &modern());
    assert_eq!(&ClientHello::parse(&bytes).unwrap().ja4().as_str()[..8], "t13i9903");
}

#[test]
fn at_t10_an_extension_that_is_there_twice_is_refused_by_name() {
    for number in [0, 10, 13, 16, 43, 51, 63, 64, 0x2a2a, 0x4469, 0xff01] {
        let body = match number {
            0 => hellos::host(b"a"),
            10 | 13 => numbers(2, &[0x1d]),
            16 => vector(2, &[1, b'a']),
            43 => numbers(1, &[0x0304]),
            51 => vec![0, 0],
            _ => vec![],
        };
        let one = extension(number, &body);
        let bytes = message(&[0x1301], &[one.clone(), extension(5, &[]), one.clone()]);
        let refused = ClientHello::parse(&bytes).map(|_| ()).unwrap_err();
        let InspectError::Repeated { extension, offset } = refused else { panic!("{number}: {refused}") };
        assert_eq!((extension.code_point(), offset), (number, bytes.len() - one.len()));
        assert_eq!(refused.code(), "tls.hello.repeated");
    }
}

#[test]
fn at_t10_odd_version_lists_are_seen_as_what_they_are() {
    for (versions, highest, tls13) in [
        (&[0x0304][..], Some("TLS 1.3"), true),
        (&[0x0303], Some("TLS 1.2"), false),
        (&[0x0303, 0x0304], Some("TLS 1.3"), true),
        (&[0x7f1c], Some("0x7f1c"), false),
        (&[0xfafa, 0x0303], Some("TLS 1.2"), false),
        (&[0xfafa], None, false),
        (&[0x0305, 0x0304], Some("0x0305"), true),
    ] {
        let mut extensions = modern();
        extensions[0] = extension(43, &numbers(1, versions));
        let bytes = message(&[0x1301], &extensions);
        let hello = ClientHello::parse(&bytes).unwrap();
        assert_eq!(hello.highest_version().map(|version| version.to_string()).as_deref(), highest);
        assert_eq!(hello.offers_tls13(), tls13, "{versions:04x?}");
        assert_eq!(hello.weaknesses().contains(WeakOffer::OldProtocol), !tls13, "{versions:04x?}");
    }
    // A version that older fields claim is none of TLS 1.3 (RFC 9846 §4.2.1).
    let mut bytes = message(&[0x1301], &modern()[1..]);
    bytes[5] = 4;
    let hello = ClientHello::parse(&bytes).unwrap();
    assert!(hello.weaknesses().contains(WeakOffer::OldProtocol) && !hello.offers_tls13());
}

#[test]
fn at_t10_a_psk_is_the_last_extension_or_none() {
    let identity = vector(2, &[&vector(2, b"ticket")[..], &[0; 4]].concat());
    let psk = extension(41, &[identity, vector(2, &vector(1, &[9; 32]))].concat());
    assert!(ClientHello::parse(&message(&[0x1301], &[extension(45, &[1, 1]), psk.clone()])).is_ok());
    let bytes = message(&[0x1301], &[psk, extension(45, &[1, 1])]);
    let refused = ClientHello::parse(&bytes).map(|_| ()).unwrap_err();
    assert!(matches!(refused, InspectError::Malformed { fault: Fault::NotLast, .. }), "{refused}");
}
