//! ClientHellos of others and what is to be read in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod hellos;

use dwcp_tls::inspect::{Fault, InspectError, Ja4, TicketRequest, WeakOffer};
use dwcp_tls::{ClientHello, Group, TlsRecord};
use hellos::{captured, extension, first_body, host, message, modern, numbers, vector};

#[test]
fn captured_hellos_are_read_as_what_they_are() {
    for captured in captured() {
        let (record, rest) = TlsRecord::parse(&captured.records).unwrap().unwrap();
        assert!(rest.is_empty(), "{}", captured.name);
        let hello = ClientHello::parse(record.payload()).unwrap_or_else(|e| panic!("{}: {e}", captured.name));
        assert_eq!(hello.highest_version().unwrap().to_string(), captured.highest, "{}", captured.name);
        assert_eq!(hello.server_name(), captured.server_name, "{}", captured.name);
        let alpn: Vec<&str> = hello.alpn().map(|name| std::str::from_utf8(name).unwrap()).collect();
        assert_eq!(alpn, captured.alpn, "{}", captured.name);
        if let Some(expected) = captured.ja4 {
            assert_eq!(hello.ja4().as_str(), expected, "{}", captured.name);
        }
        assert_eq!(Ja4::from_records(&captured.records), Ok(hello.ja4()), "{}", captured.name);
    }
    assert_eq!(captured().iter().filter(|captured| captured.ja4.is_some()).count(), 2);
}

#[test]
fn what_is_weak_about_them_is_said() {
    let said = |name: &str| {
        let captured = captured().into_iter().find(|captured| captured.name == name).unwrap();
        ClientHello::parse(captured.message()).unwrap().weaknesses().to_string()
    };
    assert_eq!(
        said("zeek ssl.v3"),
        "no TLS 1.3 (TLS 1.0 at best), suites with export keys, suites with RC4, suites with blocks of 64 bits \
         (DES, 3DES), no suite that authenticates what it encrypts, no acceptable group, no signatures but SHA-1 or MD5"
    );
    assert_eq!(
        said("suricata tls-pre-1970"),
        "no TLS 1.3 (TLS 1.0 at best), suites with RC4, suites with blocks of 64 bits (DES, 3DES), no suite that \
         authenticates what it encrypts, no acceptable group, no signatures but SHA-1 or MD5"
    );
    for modern in ["suricata ja4-rules", "suricata tls-fin-close-data-01", "zeek tls13-ech"] {
        assert_eq!(said(modern), "nothing weak", "{modern}");
    }
}

#[test]
fn each_weakness_is_found_alone() {
    let weak = |suites: &[u16], extensions: &[Vec<u8>]| {
        let message = message(suites, extensions);
        let found: Vec<WeakOffer> = ClientHello::parse(&message).unwrap().weaknesses().iter().collect();
        found
    };
    assert_eq!(weak(&[0x1301], &modern()), []);
    // A signal among suites, and the numbers that mean nothing, are no weakness.
    assert_eq!(weak(&[0x0a0a, 0x1301, 0x00ff, 0x5600], &modern()), []);
    for (suite, expected) in [
        (0x0062, &[WeakOffer::ExportSuites, WeakOffer::SmallBlockSuites][..]),
        (0x003b, &[WeakOffer::NullSuites]),
        (0x00a6, &[WeakOffer::AnonymousSuites]),
        (0xc011, &[WeakOffer::Rc4Suites]),
        (0xc012, &[WeakOffer::SmallBlockSuites]),
        (0xc013, &[]),
    ] {
        assert_eq!(weak(&[0x1301, suite], &modern()), expected, "{suite:#06x}");
    }
    assert_eq!(weak(&[0xc013, 0xc014], &modern()), [WeakOffer::NoAeadSuites]);
    let swapped = |at: usize, with: Vec<u8>| {
        let mut extensions = modern();
        extensions[at] = with;
        extensions
    };
    let old = swapped(0, extension(43, &numbers(1, &[0x0303, 0x0302])));
    assert_eq!(weak(&[0x1301], &old), [WeakOffer::OldProtocol]);
    let ffdhe = swapped(1, extension(10, &numbers(2, &[0x0a0a, 0x0100])));
    assert_eq!(weak(&[0x1301], &ffdhe), [WeakOffer::NoGroup]);
    let sha1 = swapped(2, extension(13, &numbers(2, &[0x2a2a, 0x0201, 0x0203])));
    assert_eq!(weak(&[0x1301], &sha1), [WeakOffer::OldSignatures]);
    // DEFLATE, beside no compression.
    let body =
        [&[3, 3][..], &[7; 32], &[0], &numbers(2, &[0x1301]), &[2, 1, 0], &vector(2, &modern().concat())];
    let body = body.concat();
    let message = [&[1][..], &vector(3, &body)].concat();
    let found: Vec<_> = ClientHello::parse(&message).unwrap().weaknesses().iter().collect();
    assert_eq!(found, [WeakOffer::Compression]);
    for weak in WeakOffer::ALL {
        assert_eq!(weak.code(), format!("tls.offer.{}", weak.label()));
    }
}

#[test]
fn every_field_is_there_to_be_read() {
    let shares = [&[0x11, 0xec][..], &vector(2, &[1; 40]), &[0, 0x1d], &vector(2, &[2; 32])].concat();
    let psk = [vector(2, &[&vector(2, b"ticket")[..], &[0; 4]].concat()), vector(2, &vector(1, &[9; 32]))];
    let mut extensions = modern();
    extensions.extend([
        extension(0x2a2a, &[]),
        extension(0, &host(b"A.example")),
        extension(16, &vector(2, &[vector(1, b"h2"), vector(1, &[0x0a, 0x0a])].concat())),
        extension(51, &vector(2, &shares)),
        extension(45, &[1, 1]),
        extension(42, &[]),
        extension(58, &[2, 1]),
        extension(28, &[0x40, 1]),
        extension(0xfe0d, &[0; 8]),
        extension(41, &psk.concat()),
    ]);
    let message = message(&[0x0a0a, 0x1302, 0x1301], &extensions);
    let hello = ClientHello::parse(&message).unwrap();
    assert_eq!((hello.legacy_version().code_point(), hello.random()), (0x0303, &[7; 32]));
    assert_eq!((hello.session_id(), hello.compression_methods()), (&[][..], &[0][..]));
    let suites: Vec<String> = hello.cipher_suites().map(|suite| suite.to_string()).collect();
    assert_eq!(suites, ["0x0a0a", "TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"]);
    assert!(hello.cipher_suites().next().unwrap().is_grease());
    assert_eq!(hello.server_name(), Some("A.example"));
    assert_eq!(hello.alpn().collect::<Vec<_>>(), [&b"h2"[..], &[0x0a, 0x0a]]);
    assert!(hello.offers_tls13());
    let groups: Vec<_> = hello.supported_groups().map(|group| group.known()).collect();
    assert_eq!(groups, [Some(Group::X25519MlKem768), Some(Group::X25519)]);
    let shares: Vec<_> = hello.key_share_groups().map(|group| group.code_point()).collect();
    assert_eq!(shares, [0x11ec, 0x1d]);
    let schemes: Vec<_> = hello.signature_algorithms().unwrap().map(|scheme| scheme.code_point()).collect();
    assert_eq!(schemes, [0x0403, 0x0804]);
    assert_eq!((hello.psk_identities(), hello.psk_modes(), hello.early_data()), (1, &[1][..], true));
    let request = TicketRequest { new_session_count: 2, resumption_count: 1 };
    assert_eq!((hello.ticket_request(), hello.record_size_limit()), (Some(request), Some(0x4001)));
    assert!(hello.encrypted_client_hello());
    let codes: Vec<u16> = hello.extensions().map(|extension| extension.code.code_point()).collect();
    assert_eq!(codes, [43, 10, 13, 0x2a2a, 0, 16, 51, 45, 42, 58, 28, 0xfe0d, 41]);
    assert_eq!(&hello.ja4().as_str()[..11], "t13d0212h2_", "GREASE does not count");
}

#[test]
fn an_address_is_no_name_and_a_hello_may_end_before_its_extensions() {
    for address in ["192.0.2.1", "2001:db8::1"] {
        let message = message(&[0x1301], &[extension(0, &host(address.as_bytes()))]);
        let hello = ClientHello::parse(&message).unwrap();
        assert_eq!((hello.server_name(), hello.server_address()), (None, Some(address.parse().unwrap())));
        assert_eq!(&hello.ja4().as_str()[..4], "t12d");
    }
    let body = [&[3, 1][..], &[7; 32], &[0], &numbers(2, &[0x002f]), &vector(1, &[0])].concat();
    let message = [&[1][..], &vector(3, &body)].concat();
    let hello = ClientHello::parse(&message).unwrap();
    assert_eq!(hello.extensions().count(), 0);
    assert!(hello.ja4().as_str().starts_with("t10i010000_"), "{}", hello.ja4());
    assert!(hello.ja4().as_str().ends_with("_000000000000"), "{}", hello.ja4());
}

#[test]
fn a_bad_extension_is_refused_with_its_field_and_its_place() {
    let start = first_body(&[0x1301]);
    let long = vec![b'a'; 254];
    let share = [&[0, 0x1d][..], &vector(2, &[1])].concat();
    let identities = vector(2, &[&vector(2, b"t")[..], &[0; 4]].concat());
    let cases: Vec<(u16, Vec<u8>, &str, usize, Fault)> = vec![
        (0, vec![], "server_name_list", 0, Fault::Cut),
        (0, vec![0, 0], "server_name_list", 0, Fault::TooShort),
        (0, host(b""), "host_name", 3, Fault::TooShort),
        (0, host(b"a.example."), "host_name", 5, Fault::Characters),
        (0, host(b"a\0b"), "host_name", 5, Fault::Characters),
        (0, host(&[0xff]), "host_name", 5, Fault::Characters),
        (0, host(&long), "host_name", 5, Fault::TooLong),
        (0, vector(2, &[1, 0, 1, b'a']), "name_type", 2, Fault::Value),
        (0, vector(2, &[0, 0, 1, b'a', 0, 0, 1, b'b']), "server_name_list", 6, Fault::Twice),
        (0, [host(b"a"), vec![0]].concat(), "server_name_list", 6, Fault::LeftOver),
        (16, vec![0, 0], "protocol_name_list", 0, Fault::TooShort),
        (16, vector(2, &[0, 0]), "protocol_name", 2, Fault::TooShort),
        (16, vector(2, &[1, b'a', 2, b'b']), "protocol_name", 4, Fault::Cut),
        (43, vec![0], "versions", 0, Fault::TooShort),
        (43, vec![3, 3, 4, 3], "versions", 1, Fault::Odd),
        (43, vec![255; 256], "versions", 0, Fault::TooLong),
        (10, vec![0, 0], "named_group_list", 0, Fault::TooShort),
        (10, vec![0, 3, 0, 0x1d, 0], "named_group_list", 2, Fault::Odd),
        (13, vec![0, 4, 4, 3], "supported_signature_algorithms", 0, Fault::Cut),
        (50, vec![0, 2, 4, 3, 0], "supported_signature_algorithms", 4, Fault::LeftOver),
        (51, vector(2, &[0, 0x1d, 0, 0]), "key_exchange", 4, Fault::TooShort),
        (51, vector(2, &[&share[..], &share].concat()), "client_shares", 7, Fault::Twice),
        (45, vec![0], "ke_modes", 0, Fault::TooShort),
        (42, vec![0], "early_data", 0, Fault::LeftOver),
        (58, vec![1], "ticket_request", 0, Fault::Cut),
        (28, vec![0, 63], "record_size_limit", 0, Fault::Value),
        (41, [identities.clone(), vector(2, &vector(1, &[0; 31]))].concat(), "binders", 9, Fault::TooShort),
        (41, [identities, vector(2, &vector(1, &[0; 32]).repeat(2))].concat(), "binders", 11, Fault::Value),
    ];
    for (number, body, field, offset, fault) in cases {
        let message = message(&[0x1301], &[extension(number, &body)]);
        let refused = ClientHello::parse(&message).map(|_| ()).unwrap_err();
        let expected = InspectError::Malformed { field, offset: start + offset, fault };
        assert_eq!(refused, expected, "extension {number}, {body:02x?}");
    }
}
