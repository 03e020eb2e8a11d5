//! After the end: what is written, flushed, shut down or read once a stream is over, blocking and asynchronous.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::stream::{End, StreamOpener, StreamSealer, open_all, refusal};
use dwcp_crypto::{CryptoError, StreamDecryptor, StreamEncryptor, StreamFormat, StreamKey, StreamParameters};
use std::cell::Cell;
use std::io::{self, Read, Write};

const FORMATS: [StreamFormat; 2] = [StreamFormat::Tink, StreamFormat::C2sp];
/// Nothing, less than a segment, exactly the first of Tink's, several batches.
const LENGTHS: [usize; 4] = [0, 100, 4_040, 2_500_000];

fn key() -> StreamKey {
    StreamKey::generate(StreamParameters::AES256_4K).unwrap()
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 253).unwrap()).collect()
}

fn seal(key: &StreamKey, format: StreamFormat, plaintext: &[u8]) -> Vec<u8> {
    let mut stream = StreamEncryptor::new(key, format, b"", Vec::new()).unwrap();
    stream.write_all(plaintext).unwrap();
    stream.finish().unwrap()
}

/// A source that ends, speaks again when it is told to, and counts how often it is asked.
struct Resumed<'s> {
    rest: &'s [u8],
    resumed: &'s Cell<bool>,
    asked: &'s Cell<usize>,
}

impl Resumed<'_> {
    fn next(&mut self, room: usize) -> &[u8] {
        self.asked.set(self.asked.get() + 1);
        if self.resumed.get() {
            return &b"more that came later"[..room.min(20)];
        }
        let (now, later) = self.rest.split_at(room.min(self.rest.len()));
        self.rest = later;
        now
    }
}

impl Read for Resumed<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let data = self.next(out.len());
        out[..data.len()].copy_from_slice(data);
        Ok(data.len())
    }
}

#[test]
fn at_e1_bytes_behind_the_end_make_no_stream() {
    for format in FORMATS {
        for length in LENGTHS {
            let key = key();
            let whole = seal(&key, format, &text(length));
            for more in [vec![0], vec![0x41; 15], vec![0x41; 16], vec![0x41; 5_000], whole.clone()] {
                let longer = [whole.as_slice(), &more].concat();
                let mut opened = Vec::new();
                let refused =
                    open_all([&key], format, b"", &mut longer.as_slice(), &mut opened, &mut |_| Ok(()))
                        .unwrap_err();
                let refused = refusal(&refused).unwrap();
                assert!(
                    matches!(refused, CryptoError::NotAuthentic | CryptoError::Truncated),
                    "{format:?} {length} {}: {refused:?}",
                    more.len()
                );
                assert!(opened.len() <= length && text(length).starts_with(&opened));
            }
        }
    }
}

#[test]
fn a_reader_that_saw_the_end_stays_there_and_asks_for_no_more() {
    for format in FORMATS {
        for length in LENGTHS {
            let key = key();
            let sealed = seal(&key, format, &text(length));
            let (resumed, asked) = (Cell::new(false), Cell::new(0));
            let source = Resumed { rest: &sealed, resumed: &resumed, asked: &asked };
            let mut stream = StreamDecryptor::new([&key], format, b"", source).unwrap();
            let mut opened = Vec::new();
            stream.read_to_end(&mut opened).unwrap();
            assert_eq!(opened, text(length));
            let before = asked.get();
            resumed.set(true);
            for _ in 0..3 {
                assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0, "{format:?} {length}");
            }
            assert_eq!(asked.get(), before, "{format:?} {length}");
        }
    }
}

/// Counts what reaches it; refuses everything once `broken`.
#[derive(Default)]
struct Counted {
    bytes: Vec<u8>,
    flushes: usize,
    #[cfg(feature = "tokio")]
    shutdowns: usize,
    broken: bool,
}

impl Counted {
    fn intact(&self) -> io::Result<()> {
        if self.broken { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

impl Write for Counted {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.intact()?;
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.intact()?;
        self.flushes += 1;
        Ok(())
    }
}

#[test]
fn finishing_flushes_the_writer_below_once_and_a_flush_before_ends_nothing() {
    for format in FORMATS {
        for length in LENGTHS {
            let key = key();
            let mut stream = StreamEncryptor::new(&key, format, b"", Counted::default()).unwrap();
            stream.flush().unwrap();
            stream.write_all(&text(length)).unwrap();
            stream.flush().unwrap();
            assert_eq!(stream.write(b"").unwrap(), 0);
            stream.write_all(b"and more").unwrap();
            let written = stream.finish().unwrap();
            assert_eq!(written.flushes, 3);
            let mut opened = Vec::new();
            let mut whole = StreamDecryptor::new([&key], format, b"", written.bytes.as_slice()).unwrap();
            whole.read_to_end(&mut opened).unwrap();
            assert_eq!(opened, [text(length).as_slice(), b"and more"].concat());
        }
    }
}

#[test]
fn an_end_that_does_not_reach_the_writer_below_is_an_error() {
    for format in FORMATS {
        let key = key();
        let broken = Counted { broken: true, ..Counted::default() };
        let stream = StreamEncryptor::new(&key, format, b"", broken).unwrap();
        assert_eq!(stream.finish().map(|_| ()).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn the_engine_seals_nothing_after_the_end_and_opens_nothing_before_it_as_the_end() {
    for format in FORMATS {
        let key = key();
        let mut sealer = StreamSealer::new(&key, format, b"").unwrap();
        let mut last = vec![7; 100];
        sealer.seal(&mut last, End::Last).unwrap();
        let full = sealer.layout().slot_of(1);
        for end in [End::More, End::Last] {
            let mut late = vec![7; full];
            assert_eq!(sealer.seal(&mut late, end), Err(CryptoError::InvalidLayout));
            assert_eq!(late, vec![7; full], "nothing happened");
            assert_eq!(sealer.next_segment(), 1);
        }
        let opener = StreamOpener::new(&key, format, b"", sealer.header()).unwrap();
        opener.open(0, &mut last, End::Last).unwrap();
        assert_eq!(last[..84], [7; 84]);
    }
}

#[cfg(feature = "tokio")]
mod asynchronous {
    use super::*;
    use dwcp_crypto::stream::{AsyncStreamDecryptor, AsyncStreamEncryptor};
    use std::future::poll_fn;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll};
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

    impl AsyncWrite for Counted {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Write::write(self.get_mut(), data))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Write::flush(self.get_mut()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.shutdowns += 1;
            Poll::Ready(self.intact())
        }
    }

    impl AsyncRead for Resumed<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            out: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let data = self.next(out.remaining());
            out.put_slice(data);
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn after_shutdown_writing_is_an_error_and_flush_and_shutdown_add_nothing() {
        for format in FORMATS {
            for length in LENGTHS {
                let key = key();
                let mut stream = AsyncStreamEncryptor::new(&key, format, b"", Counted::default()).unwrap();
                stream.write_all(&text(length)).await.unwrap();
                stream.shutdown().await.unwrap();
                for late in [&b"late"[..], b"", &text(2_500_000)] {
                    let refused = stream.write(late).await.unwrap_err();
                    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
                    assert_eq!(refusal(&refused), Some(CryptoError::InvalidLayout), "{format:?} {length}");
                    stream.flush().await.unwrap();
                    stream.shutdown().await.unwrap();
                }
                let written = stream.into_inner();
                // Both reach the writer below each time, who may have to try again.
                assert_eq!((written.flushes, written.shutdowns), (3, 4));
                let mut opened = Vec::new();
                let mut whole = StreamDecryptor::new([&key], format, b"", written.bytes.as_slice()).unwrap();
                whole.read_to_end(&mut opened).unwrap();
                assert_eq!(opened, text(length), "{format:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_shutdown_that_was_given_up_half_way_goes_on_and_ends_the_stream_once() {
        for format in FORMATS {
            let key = key();
            let (near, mut far) = tokio::io::duplex(10);
            let mut stream = AsyncStreamEncryptor::new(&key, format, b"", near).unwrap();
            stream.write_all(b"hello").await.unwrap();
            // Given up half-way, as `select!` does, and begun again.
            {
                let mut shutdown = pin!(stream.shutdown());
                let pending = poll_fn(|context| Poll::Ready(shutdown.as_mut().poll(context).is_pending()));
                assert!(pending.await, "ten bytes of the end fit the pipe");
            }
            let read = async {
                let mut sealed = Vec::new();
                far.read_to_end(&mut sealed).await.unwrap();
                sealed
            };
            let write = async move { stream.shutdown().await.unwrap() };
            let ((), sealed) = tokio::join!(write, read);
            let mut opened = Vec::new();
            let mut whole = StreamDecryptor::new([&key], format, b"", sealed.as_slice()).unwrap();
            whole.read_to_end(&mut opened).unwrap();
            assert_eq!(opened, b"hello");
        }
    }

    #[tokio::test]
    async fn an_asynchronous_reader_that_saw_the_end_stays_there() {
        for format in FORMATS {
            for length in LENGTHS {
                let key = key();
                let sealed = seal(&key, format, &text(length));
                let (resumed, asked) = (Cell::new(false), Cell::new(0));
                let source = Resumed { rest: &sealed, resumed: &resumed, asked: &asked };
                let mut stream = AsyncStreamDecryptor::new([&key], format, b"", source).await.unwrap();
                let mut opened = Vec::new();
                stream.read_to_end(&mut opened).await.unwrap();
                assert_eq!(opened, text(length));
                let before = asked.get();
                resumed.set(true);
                for _ in 0..3 {
                    assert_eq!(stream.read(&mut [0; 10]).await.unwrap(), 0, "{format:?} {length}");
                }
                assert_eq!(asked.get(), before, "{format:?} {length}");
                let longer = [sealed.as_slice(), &[0x41; 17]].concat();
                let mut stream =
                    AsyncStreamDecryptor::new([&key], format, b"", longer.as_slice()).await.unwrap();
                let refused = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
                assert_eq!(refusal(&refused), Some(CryptoError::NotAuthentic), "{format:?} {length}");
                // It is refused again, not told as an end.
                assert!(stream.read(&mut [0; 10]).await.is_err());
            }
        }
    }
}
