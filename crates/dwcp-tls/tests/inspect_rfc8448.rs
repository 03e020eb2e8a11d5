//! The ClientHellos and records of RFC 8448, read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_tls::inspect::ContentType;
use dwcp_tls::{ClientHello, TlsRecord};

const TRACES: &str = include_str!("vectors/rfc8448/records.txt");

/// The named field of a line, as bytes.
fn field(line: &str, name: &str) -> Vec<u8> {
    let value = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).unwrap();
    (0..value.len()).step_by(2).map(|at| u8::from_str_radix(&value[at..at + 2], 16).unwrap()).collect()
}

fn lines(what: &str) -> impl Iterator<Item = &'static str> {
    TRACES.lines().filter(move |line| line.starts_with(&format!("what={what} ")))
}

#[test]
fn every_client_hello_is_read_as_a_tls13_one() {
    let hellos: Vec<_> = lines("hello").collect();
    assert_eq!(hellos.len(), 6);
    for line in hellos {
        let bytes = field(line, "bytes");
        let hello = ClientHello::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(hello.server_name(), Some("server"));
        assert_eq!(hello.highest_version().unwrap().to_string(), "TLS 1.3");
        assert_eq!(hello.ja4().as_str().get(..4), Some("t13d"), "{}", hello.ja4());
    }
}

#[test]
fn every_record_is_read_to_its_last_byte_and_those_in_the_clear_give_their_payload() {
    let (mut clear, mut sealed, mut values) = (0, 0, 0);
    for line in lines("record") {
        let (payload, complete) = (field(line, "payload"), field(line, "complete"));
        let (record, rest) = TlsRecord::parse(&complete).unwrap().unwrap();
        assert!(rest.is_empty(), "{line}");
        if record.content_type() == ContentType::ApplicationData {
            // At least its type and a tag longer; one has padding too (section 3 has none).
            assert!(record.payload().len() >= payload.len() + 17, "{line}");
            sealed += 1;
        } else {
            assert_eq!(record.payload(), payload, "{line}");
            clear += 1;
        }
        for cut in 0..complete.len() {
            assert_eq!(TlsRecord::parse(&complete[..cut]), Ok(None), "{line}");
        }
        values += 2;
    }
    assert_eq!((clear, sealed, values), (14, 27, 82));
}
