//! A reader that hears a signal while it waits for a pipe or a terminal, and that does not take the death of whoever writes
//! for the end of the data.

use super::progress::Stopped;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::Builder;
use std::time::Duration;
use zeroize::Zeroizing;

/// Reads ahead on a thread of its own, at most three pieces of 256 KiB.
pub(super) struct Patient {
    pieces: Receiver<io::Result<Zeroizing<Vec<u8>>>>,
    piece: Zeroizing<Vec<u8>>,
    at: usize,
    ended: bool,
    stopped: Arc<AtomicBool>,
}

impl Patient {
    /// Opens and reads: both can take as long as whoever writes takes.
    pub(super) fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        stopped: &Arc<AtomicBool>,
    ) -> Self {
        let (sender, pieces) = sync_channel(1);
        let told = sender.clone();
        let read = move || {
            let mut from = match open() {
                Ok(from) => from,
                Err(error) => {
                    // Nobody waits any more once the work has ended.
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            loop {
                let mut piece = Zeroizing::new(vec![0; PIECE]);
                let read = match from.read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read.map(|count| piece.truncate(count)),
                };
                let over = read.is_err() || piece.is_empty();
                if sender.send(read.map(|()| piece)).is_err() || over {
                    break;
                }
            }
        };
        if let Err(error) = Builder::new().spawn(read) {
            // The one place in the channel is free.
            let _ = told.try_send(Err(error));
        }
        let piece = Zeroizing::new(Vec::new());
        Self { pieces, piece, at: 0, ended: false, stopped: Arc::clone(stopped) }
    }

    fn heard(&self) -> io::Result<()> {
        if self.stopped.load(Ordering::Relaxed) { Err(io::Error::other(Stopped)) } else { Ok(()) }
    }
}

impl Read for Patient {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.ended {
            self.heard()?;
            match self.pieces.recv_timeout(LISTEN) {
                Ok(piece) => (self.piece, self.at) = (piece?, 0),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
            if self.piece.is_empty() {
                // A signal to a whole pipeline ends the writer first and is heard here a moment later.
                std::thread::sleep(LISTEN);
                self.heard()?;
                self.ended = true;
            }
        }
        let count = out.len().min(self.piece.len() - self.at);
        out[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

const PIECE: usize = 256 << 10;
const LISTEN: Duration = Duration::from_millis(100);
