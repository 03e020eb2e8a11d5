//! Streams that others sealed: Tink's AES-GCM-HKDF and Wycheproof's set for C2SP chunked encryption.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/table.rs"]
mod table;

use dwcp_crypto::digest::sha256;
use dwcp_crypto::stream::refusal;
use dwcp_crypto::{CryptoError, Secret, StreamDecryptor, StreamFormat, StreamKey, StreamParameters};
use ring::digest::{SHA512, digest};
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

#[test]
fn streams_sealed_by_tink_open_and_have_the_lengths_that_the_layout_says() {
    let pattern = sha256(b"dwcp-tink-vectors");
    let mut met = 0;
    for case in table::cases(include_str!("data/tink/streams.txt")) {
        let name = case.text("file");
        let sealed = std::fs::read(Path::new("tests/data/tink").join(name)).unwrap();
        let parameters = match name.rsplitn(3, '-').last().unwrap() {
            "AES128_GCM_HKDF_4KB" => StreamParameters::AES128_4K,
            "AES256_GCM_HKDF_4KB" => StreamParameters::AES256_4K,
            "AES256_GCM_HKDF_1MB" => StreamParameters::AES256_1M,
            other => panic!("no parameters for {other}"),
        };
        let key = StreamKey::from_material(parameters, Secret::from(case.bytes("key"))).unwrap();
        let length: usize = case.text("length").parse().unwrap();
        let aad = case.bytes("aad");
        let mut stream =
            StreamDecryptor::new([&key], StreamFormat::Tink, &aad, Cursor::new(&sealed)).unwrap();
        let mut opened = Vec::new();
        stream.read_to_end(&mut opened).unwrap();
        let expected: Vec<u8> = pattern.iter().copied().cycle().take(length).collect();
        assert_eq!(opened, expected, "{name}");
        assert_eq!(stream.plaintext_len().unwrap(), length as u64);
        let wrong = StreamDecryptor::new([&key], StreamFormat::Tink, b"other", &sealed[..])
            .and_then(|mut stream| stream.read_to_end(&mut Vec::new()));
        assert_eq!(refusal(&wrong.unwrap_err()), Some(CryptoError::NotAuthentic));
        met += 1;
    }
    assert_eq!(met, 20);
}

/// <https://c2sp.org/chunked-encryption>, the cases for AES-256-GCM: through the reader, through a seek to the end, and from
/// the end on.
#[test]
fn every_wycheproof_case_of_c2sp_chunked_encryption_has_its_verdict() {
    let set: serde_json::Value =
        serde_json::from_str(include_str!("data/c2sp_chunked_encryption_aes_256_gcm_test.json")).unwrap();
    let mut valid = 0;
    let mut invalid = 0;
    for case in set["testGroups"].as_array().unwrap().iter().flat_map(|g| g["tests"].as_array().unwrap()) {
        let id = &case["tcId"];
        let flags: Vec<&str> = case["flags"].as_array().unwrap().iter().filter_map(|f| f.as_str()).collect();
        let bytes = |name: &str| table::unhex(case[name].as_str().unwrap());
        let sealed = miniz_oxide::inflate::decompress_to_vec_zlib(&bytes("ct")).unwrap();
        let key = bytes("key");
        // Anything but 32 bytes is no key for this AES: refused when it is given, or when the format is chosen.
        let key = StreamKey::from_material(StreamParameters::AES256_4K, Secret::from(key));
        let Ok(key) = key else {
            assert!(flags.contains(&"InvalidKeySize"), "{id}");
            invalid += 1;
            continue;
        };
        let context = bytes("ctx");
        let open = || StreamDecryptor::new([&key], StreamFormat::C2sp, &context, Cursor::new(&sealed));
        let mut opened = Vec::new();
        let read = open().and_then(|mut stream| {
            let read = stream.read_to_end(&mut opened);
            if read.is_err() {
                let again = stream.read(&mut [0; 1]).unwrap_err();
                assert!(refusal(&again).is_some(), "{id}: the error stays");
            }
            read
        });
        let sought = open().and_then(|mut stream| {
            stream.seek(SeekFrom::End(0))?;
            stream.seek(SeekFrom::Start(0))?;
            stream.read_to_end(&mut Vec::new())
        });
        let length = case["msgLength"].as_u64().unwrap_or(0);
        if case["result"] == "valid" {
            assert_eq!(read.unwrap() as u64, length, "{id}");
            assert_eq!(sought.unwrap() as u64, length, "{id}");
            assert_eq!(digest(&SHA512, &opened).as_ref(), bytes("msgSha512"), "{id}");
            assert_eq!(open().unwrap().plaintext_len().unwrap(), length);
            valid += 1;
        } else {
            assert!(refusal(&read.unwrap_err()).is_some(), "{id}");
            assert!(refusal(&sought.unwrap_err()).is_some(), "{id}");
            assert!(opened.len() as u64 <= length, "{id}: nothing beyond the valid prefix came out");
            let end = open().and_then(|mut stream| stream.plaintext_len());
            assert!(end.is_err() || flags.contains(&"ValidFinalChunk"), "{id}: the length was proven");
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid), (valid_cases(&set), 35 - valid_cases(&set)));
    assert!(valid >= 5 && invalid >= 20, "{valid} and {invalid}");
}

fn valid_cases(set: &serde_json::Value) -> usize {
    set.to_string().matches(r#""result":"valid""#).count()
}

/// The vectors of `docs/formats/streams.md`.
#[test]
fn the_documented_vectors_open() {
    for (format, sealed) in [(StreamFormat::Tink, TINK_VECTOR), (StreamFormat::C2sp, C2SP_VECTOR)] {
        let material = Secret::from((0..32).collect::<Vec<u8>>());
        let key = StreamKey::from_material(StreamParameters::AES256_4K, material).unwrap();
        let sealed = table::unhex(sealed);
        let mut opened = String::new();
        let mut stream = StreamDecryptor::new([&key], format, b"dwcp/ctx", sealed.as_slice()).unwrap();
        stream.read_to_string(&mut opened).unwrap();
        assert_eq!(opened, "hello, stream");
    }
}

const TINK_VECTOR: &str = "28648b65430a5ddc2aa9af91ba3c14eeffb4b448df6e1213a854742798cd938ce5f0685ac0339a1964c9346abe\
     954844011f00fdf02b988546f3b05ae4ced85a0df6b99a5d";
const C2SP_VECTOR: &str = "d2f43415f4a54560f498c5a944d303cd9856f98e3eafec0adcc3cec7cf73798cb3a692aeffaeadbab00f2756a8\
     c643adab592a05686500c3794f8b0e6db0fa3181a2694d0c65a6a9f43441fd00fdf96174bc2d169d";
