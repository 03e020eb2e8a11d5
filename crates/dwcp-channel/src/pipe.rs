//! One direction of a relay: read until nothing more is there, write it in one go, pass the end on.

use crate::buffers::Buffer;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes on their way from a reader to a writer.
pub(crate) struct Pipe {
    buffer: Option<Buffer>,
    size: usize,
    start: usize,
    end: usize,
    stage: Stage,
    unflushed: bool,
}

/// Which side of a pipe failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Read(io::Error),
    Write(io::Error),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The reader has ended; the writer is still to be told.
    Ending,
    Ended,
}

impl Pipe {
    /// A pipe whose buffer, while it has one, is of `size` bytes.
    pub(crate) const fn new(size: usize) -> Self {
        Self { buffer: None, size, start: 0, end: 0, stage: Stage::Open, unflushed: false }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Copies until it would block; ready when the reader's end has been passed on to the writer.
    pub(crate) fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        count: &AtomicU64,
    ) -> Poll<Result<(), Fault>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            if self.stage == Stage::Ended {
                return Poll::Ready(Ok(()));
            }
            let filled = self.poll_fill(cx, from, count)?;
            ready!(self.poll_drain(cx, to))?;
            if self.stage == Stage::Ending {
                self.buffer = None;
                ready!(Pin::new(&mut *to).poll_shutdown(cx)).map_err(Fault::Write)?;
                self.stage = Stage::Ended;
            } else if filled.is_pending() {
                self.buffer = None;
                if self.unflushed {
                    ready!(Pin::new(&mut *to).poll_flush(cx)).map_err(Fault::Write)?;
                    self.unflushed = false;
                }
                return Poll::Pending;
            }
        }
    }

    /// Reads until the buffer is full, the reader has ended (both ready) or has nothing for now (pending).
    fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        count: &AtomicU64,
    ) -> Poll<Result<(), Fault>> {
        if self.stage != Stage::Open {
            return Poll::Ready(Ok(()));
        }
        let buffer = self.buffer.get_or_insert_with(|| Buffer::take(self.size));
        while self.end < buffer.len() {
            let mut room = ReadBuf::new(&mut buffer[self.end..]);
            ready!(Pin::new(&mut *from).poll_read(cx, &mut room)).map_err(Fault::Read)?;
            match room.filled().len() {
                0 => {
                    self.stage = Stage::Ending;
                    break;
                }
                read => {
                    self.end += read;
                    count.fetch_add(read as u64, Ordering::Relaxed);
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_drain<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<Result<(), Fault>> {
        if let Some(buffer) = &self.buffer {
            while self.start < self.end {
                let written = ready!(Pin::new(&mut *to).poll_write(cx, &buffer[self.start..self.end]))
                    .map_err(Fault::Write)?;
                if written == 0 {
                    return Poll::Ready(Err(Fault::Write(io::ErrorKind::WriteZero.into())));
                }
                self.start += written;
                self.unflushed = true;
            }
        }
        (self.start, self.end) = (0, 0);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter, duplex};

    #[tokio::test]
    async fn what_a_writer_holds_back_is_flushed_before_the_pipe_waits() {
        let (mut source, mut from) = duplex(64);
        let (to, mut sink) = duplex(64);
        let carrying = tokio::spawn(async move {
            let mut to = BufWriter::new(to);
            let (mut pipe, count) = (Pipe::new(4096), AtomicU64::new(0));
            poll_fn(|cx| pipe.poll_copy(cx, &mut from, &mut to, &count)).await.map(|()| (pipe, count))
        });
        for round in 0..3 {
            source.write_all(&[round; 10]).await.unwrap();
            let mut block = [9; 10];
            sink.read_exact(&mut block).await.unwrap();
            assert_eq!(block, [round; 10]);
        }
        source.shutdown().await.unwrap();
        assert_eq!(sink.read(&mut [0]).await.unwrap(), 0, "the end is passed on");
        let (pipe, count) = carrying.await.unwrap().unwrap();
        assert!(pipe.has_ended() && pipe.buffer.is_none());
        assert_eq!(count.into_inner(), 30);
    }

    #[tokio::test]
    async fn a_waiting_pipe_holds_no_buffer_and_a_blocked_one_does() {
        let (mut source, mut from) = duplex(1 << 20);
        let (mut to, _sink) = duplex(16);
        let (mut pipe, count) = (Pipe::new(4096), AtomicU64::new(0));
        let mut step = async |pipe: &mut Pipe| {
            poll_fn(|cx| Poll::Ready(pipe.poll_copy(cx, &mut from, &mut to, &count).is_pending())).await
        };
        assert!(step(&mut pipe).await && pipe.buffer.is_none());
        source.write_all(&[1; 100]).await.unwrap();
        assert!(step(&mut pipe).await && pipe.buffer.is_some());
    }
}
