//! Sealed streams from files: read, sought in, and sealed anew to see that a whole one is what it says.
#![no_main]
use dwcp_crypto::stream::{StreamLayout, refusal};
use dwcp_crypto::{Secret, StreamDecryptor, StreamEncryptor, StreamFormat, StreamKey, StreamParameters};
use libfuzzer_sys::fuzz_target;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    let format = if choice & 1 == 0 { StreamFormat::Tink } else { StreamFormat::C2sp };
    let parameters = StreamParameters::new(32, dwcp_crypto::hkdf::Hash::Sha256, 64 + usize::from(choice)).unwrap();
    let key = StreamKey::from_material(parameters, Secret::from(vec![7; 32])).unwrap();
    // As a sealed stream: nobody but the holder of the key can make one that opens.
    if let Ok(mut stream) = StreamDecryptor::new([&key], format, b"", Cursor::new(data)) {
        let sought = stream.seek(SeekFrom::End(-1));
        let read = stream.read_to_end(&mut Vec::new());
        assert!(sought.is_err() || read.is_err() || read.is_ok_and(|count| count <= data.len()));
    }
    // As plaintext, with one byte of the stream changed.
    let mut stream = StreamEncryptor::new(&key, format, b"", Vec::new()).unwrap();
    stream.write_all(data).unwrap();
    let mut sealed = stream.finish().unwrap();
    let layout = StreamLayout::new(format, parameters);
    assert_eq!(layout.plaintext_len(sealed.len() as u64), Some(data.len() as u64));
    let at = usize::from(choice) * 31 % sealed.len();
    sealed[at] ^= 1;
    let refused = StreamDecryptor::new([&key], format, b"", sealed.as_slice())
        .and_then(|mut stream| stream.read_to_end(&mut Vec::new()))
        .unwrap_err();
    assert!(refusal(&refused).is_some());
});
