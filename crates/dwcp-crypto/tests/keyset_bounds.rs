//! What sizes the keys of a keyset may have: the last that is taken, and the first that is not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::hkdf::Hash;
use dwcp_crypto::{
    CryptoError, KeyProblem, Keyring, KeyringError, KeysetError, Secret, StreamKey, StreamParameters,
};

/// A binary keyset of one key: `fields` are those of the key inside, with their numbers.
fn binary(type_url: &str, prefix: u8, fields: &[(u8, &[u8])]) -> Vec<u8> {
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(bytes.len()).unwrap();
        let low = u8::try_from(length % 128).unwrap();
        let high = u8::try_from(length / 128).unwrap();
        let length = if high == 0 { vec![low] } else { vec![low | 0x80, high] };
        [&[number << 3 | 2], length.as_slice(), bytes].concat()
    }
    let value: Vec<u8> = fields.iter().flat_map(|(number, bytes)| field(*number, bytes)).collect();
    let type_url = format!("type.googleapis.com/google.crypto.tink.{type_url}");
    let data = [field(1, type_url.as_bytes()), field(2, &value), vec![0x18, 1]].concat();
    let key = [field(1, &data), vec![0x10, 1, 0x18, 7, 0x20, prefix]].concat();
    [vec![0x08, 7], field(2, &key)].concat()
}

/// What is wrong with the one key of a keyset, if anything is.
fn problem(keyset: &[u8]) -> Option<KeyProblem> {
    match Keyring::from_tink_binary(keyset) {
        Ok(_) => None,
        Err(KeyringError::Keyset { source: KeysetError::Key { id: 7, problem } }) => Some(problem),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn each_type_takes_keys_of_its_lengths_and_of_none_beside_them() {
    for (type_url, number, lengths) in [
        ("AesGcmKey", 3, &[16, 32][..]),
        ("ChaCha20Poly1305Key", 2, &[32]),
        ("XChaCha20Poly1305Key", 3, &[32]),
    ] {
        for length in 0..70 {
            let keyset = binary(type_url, 1, &[(number, &vec![7; length])]);
            let expected = (!lengths.contains(&length)).then_some(KeyProblem::Length);
            assert_eq!(problem(&keyset), expected, "{type_url} of {length} bytes");
        }
    }
    for derived in [16, 32] {
        let parameters = [0x08, 0x80, 0x20, 0x10, derived, 0x18, 3];
        for length in 0..70 {
            let keyset = binary("AesGcmHkdfStreamingKey", 3, &[(2, &parameters), (3, &vec![7; length])]);
            let fits = (usize::from(derived)..=64).contains(&length);
            assert_eq!(problem(&keyset), (!fits).then_some(KeyProblem::Length), "{length} for {derived}");
            let parameters = StreamParameters::new(derived.into(), Hash::Sha256, 4_096).unwrap();
            let key = StreamKey::from_material(parameters, Secret::from(vec![7; length])).map(|_| ());
            assert_eq!(key, if fits { Ok(()) } else { Err(CryptoError::InvalidKey) }, "{length}");
        }
    }
}

#[test]
fn segments_have_64_bytes_to_8_mebibytes_and_derived_keys_16_or_32() {
    let largest = 8 << 20;
    for (size, varint, fits) in [
        (0, &[0][..], false),
        (1, &[1], false),
        (63, &[63], false),
        (64, &[64], true),
        (65, &[65], true),
        (largest - 1, &[0xff, 0xff, 0xff, 0x03], true),
        (largest, &[0x80, 0x80, 0x80, 0x04], true),
        (largest + 1, &[0x81, 0x80, 0x80, 0x04], false),
        (usize::MAX >> 32, &[0xff, 0xff, 0xff, 0xff, 0x0f], false),
    ] {
        let parameters = [&[0x08], varint, &[0x10, 16, 0x18, 3]].concat();
        let keyset = binary("AesGcmHkdfStreamingKey", 3, &[(2, &parameters), (3, &[7; 16])]);
        assert_eq!(problem(&keyset), (!fits).then_some(KeyProblem::Parameters), "{size}");
        for derived in [16, 32] {
            let made = StreamParameters::new(derived, Hash::Sha256, size).map(StreamParameters::segment_size);
            assert_eq!(made, if fits { Ok(size) } else { Err(CryptoError::InvalidKey) }, "{size}");
        }
    }
    // A number of 33 bits is none that this field holds.
    let parameters = [0x08, 0x80, 0x80, 0x80, 0x80, 0x10, 0x10, 16, 0x18, 3];
    let keyset = binary("AesGcmHkdfStreamingKey", 3, &[(2, &parameters), (3, &[7; 16])]);
    assert_eq!(problem(&keyset), Some(KeyProblem::Malformed));
    for derived in (0..70).filter(|derived| ![16, 32].contains(derived)) {
        let made = StreamParameters::new(derived.into(), Hash::Sha256, 4_096).map(|_| ());
        assert_eq!(made, Err(CryptoError::InvalidKey), "{derived}");
        let parameters = [0x08, 0x80, 0x20, 0x10, derived, 0x18, 3];
        let keyset = binary("AesGcmHkdfStreamingKey", 3, &[(2, &parameters), (3, &[7; 64])]);
        assert_eq!(problem(&keyset), Some(KeyProblem::Parameters), "{derived}");
    }
}
