//! The asynchronous adapters meet the blocking ones, through a pipe that passes a few bytes at a time.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::stream::{AsyncStreamDecryptor, AsyncStreamEncryptor, refusal};
use dwcp_crypto::{CryptoError, StreamDecryptor, StreamFormat, StreamKey, StreamParameters};
use std::io::Read;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

#[tokio::test]
async fn what_one_task_seals_another_opens_while_it_is_written() {
    for format in [StreamFormat::Tink, StreamFormat::C2sp] {
        for length in [0_usize, 1, 4_040, 16_384, 3_000_000] {
            let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
            let plaintext: Vec<u8> = (0..length).map(|at| u8::try_from(at % 253).unwrap()).collect();
            let (to, from) = duplex(1_000);
            let write = async {
                let mut stream = AsyncStreamEncryptor::new(&key, format, b"aad", to).unwrap();
                stream.write_all(&plaintext).await.unwrap();
                stream.flush().await.unwrap();
                stream.shutdown().await.unwrap();
                stream.shutdown().await.unwrap();
            };
            let read = async {
                let mut stream = AsyncStreamDecryptor::new([&key], format, b"aad", from).await.unwrap();
                let mut opened = Vec::new();
                stream.read_to_end(&mut opened).await.unwrap();
                assert_eq!(stream.key_index(), 0);
                opened
            };
            let ((), opened) = tokio::join!(write, read);
            assert_eq!(opened, plaintext);
        }
    }
}

#[tokio::test]
async fn without_shutdown_the_stream_is_incomplete() {
    let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
    let mut stream = AsyncStreamEncryptor::new(&key, StreamFormat::Tink, b"", Vec::new()).unwrap();
    stream.write_all(&vec![7; 2 << 20]).await.unwrap();
    stream.flush().await.unwrap();
    let sealed = stream.into_inner();
    let mut stream = StreamDecryptor::new([&key], StreamFormat::Tink, b"", sealed.as_slice()).unwrap();
    let refused = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(refusal(&refused), Some(CryptoError::Truncated));
    let mut stream =
        AsyncStreamDecryptor::new([&key], StreamFormat::Tink, b"", sealed.as_slice()).await.unwrap();
    let refused = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(refusal(&refused), Some(CryptoError::Truncated));
}
