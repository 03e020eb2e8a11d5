//! Plain traffic: a service, and clients that load what stands in front of it.

use crate::report::{Failed, failed};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A service. The first byte of a connection says what it does: `e` answers one byte, `s` swallows blocks and answers one byte after
/// the one that says it is the last, `g` gives until the other side has gone. Nobody closes one direction alone: some relays
/// take that for the end.
pub(super) fn service() -> Result<SocketAddr, Failed> {
    let io = |e: io::Error| failed(format!("the service: {e}"));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(io)?;
    let address = listener.local_addr().map_err(io)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes in the middle is how `g` ends.
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut mode = [0];
    stream.read_exact(&mut mode)?;
    let mut block = vec![0x5a; BLOCK];
    match mode {
        [b'g'] => loop {
            stream.write_all(&block)?;
        },
        [b's'] => {
            while block.first() != Some(&LAST) {
                stream.read_exact(&mut block)?;
            }
            stream.write_all(b".")
        }
        _ => {
            stream.write_all(b"!")?;
            while stream.read(&mut block[..64])? > 0 {}
            Ok(())
        }
    }
}

/// What is asked of one relay.
pub(super) struct Load {
    /// The plain address of the dialer in front of it.
    pub(super) near: SocketAddr,
    pub(super) period: Duration,
}

impl Load {
    /// Connections of one byte each way, four at a time: how many.
    #[allow(clippy::disallowed_methods, reason = "a comparison is of wall time")]
    pub(super) fn handshakes(&self) -> Result<f64, Failed> {
        let start = Instant::now();
        let client = || {
            let mut done = 0.0;
            while start.elapsed() < self.period {
                let mut stream = self.connect(b'e')?;
                stream.read_exact(&mut [0])?;
                done += 1.0;
            }
            Ok::<f64, io::Error>(done)
        };
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
            let ends = clients.into_iter().map(|client| client.join().unwrap_or(Ok(f64::NAN)));
            ends.sum::<io::Result<f64>>()
                .map_err(|e| failed(format!("a handshake through {}: {e}", self.near)))
        })
    }

    /// Bytes through one connection to the service, until it has them all.
    #[allow(clippy::disallowed_methods, clippy::cast_precision_loss, reason = "a comparison is of wall time")]
    pub(super) fn inward(&self) -> Result<f64, Failed> {
        let send = || {
            let mut stream = self.connect(b's')?;
            let mut block = vec![0x5a; BLOCK];
            let (start, mut sent) = (Instant::now(), 0);
            while block.first() != Some(&LAST) {
                if start.elapsed() > self.period {
                    block.fill(LAST);
                }
                stream.write_all(&block)?;
                sent += block.len();
            }
            stream.read_exact(&mut [0])?;
            Ok(sent as f64)
        };
        send().map_err(|e: io::Error| failed(format!("bytes through {}: {e}", self.near)))
    }

    /// Bytes through one connection from the service.
    #[allow(clippy::disallowed_methods, clippy::cast_precision_loss, reason = "a comparison is of wall time")]
    pub(super) fn outward(&self) -> Result<f64, Failed> {
        let receive = || {
            let mut stream = self.connect(b'g')?;
            let mut block = vec![0; BLOCK];
            let (start, mut received) = (Instant::now(), 0);
            while start.elapsed() < self.period {
                received += match stream.read(&mut block)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => count,
                };
            }
            Ok(received as f64)
        };
        receive().map_err(|e: io::Error| failed(format!("bytes through {}: {e}", self.near)))
    }

    fn connect(&self, mode: u8) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.near)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.set_nodelay(true)?;
        stream.write_all(&[mode])?;
        Ok(stream)
    }
}

/// The first byte of the last block.
const LAST: u8 = 0;
const BLOCK: usize = 256 * 1024;
