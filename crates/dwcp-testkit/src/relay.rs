//! A relay that loses, slows and breaks connections on purpose, before any server that speaks over TCP.

use crate::Dice;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is reset once the client has said something.
    Reset,
    /// Nothing goes on for this long, then all is well.
    Delay(Duration),
    /// The server's words come in pieces of a few bytes, for a second at most.
    Drip,
    /// It ends after so many bytes of the server's.
    Cut(usize),
}

/// A relay on loopback before one server. Each connection draws its fault from the seed, by its place in the order of their coming; TLS
/// goes through as it is, so a fault of TCP is all it can make. Ends when it is dropped.
#[derive(Debug)]
pub struct FaultyRelay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    to: SocketAddr,
    percent: AtomicU8,
    dice: Mutex<Dice>,
    drawn: Mutex<Vec<Fault>>,
    ended: AtomicBool,
}

impl FaultyRelay {
    /// Relays to `to`; `percent` of a hundred connections have a fault.
    ///
    /// # Errors
    /// When loopback has no port left.
    pub fn start(to: SocketAddr, dice: Dice, percent: u8) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            to,
            percent: AtomicU8::new(percent),
            dice: Mutex::new(dice),
            drawn: Mutex::new(Vec::new()),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                let fault = accepting.draw();
                let to = accepting.to;
                // Whatever ends a connection is what the test is about.
                std::thread::spawn(move || drop(relay(client, to, fault)));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many of a hundred connections have a fault from here on.
    pub fn set_percent(&self, percent: u8) {
        self.shared.percent.store(percent, Ordering::Relaxed);
    }

    /// What was drawn, a fault for each connection.
    pub fn drawn(&self) -> Vec<Fault> {
        self.shared.drawn.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FaultyRelay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Whoever accepts is woken; that it could not be is as good.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn draw(&self) -> Fault {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let happens = dice.happens(self.percent.load(Ordering::Relaxed));
        // Drawn either way, so that a change of the percentage does not change what follows.
        let (kind, more) = (dice.below(4), dice.below(800));
        let fault = match kind {
            _ if !happens => Fault::None,
            0 => Fault::Reset,
            1 => Fault::Delay(Duration::from_millis(more)),
            2 => Fault::Drip,
            _ => Fault::Cut(usize::try_from(more).unwrap_or(0) * 4),
        };
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
        fault
    }
}

fn relay(client: TcpStream, to: SocketAddr, fault: Fault) -> io::Result<()> {
    if fault == Fault::Reset {
        // What was received and never read turns the end into a reset.
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        let _ = client.peek(&mut [0])?;
        return Ok(());
    }
    if let Fault::Delay(time) = fault {
        std::thread::sleep(time);
    }
    let server = TcpStream::connect(to)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let forth = std::thread::spawn(move || copy(from_client, to_server, Fault::None));
    copy(server, client, fault)?;
    let _ = forth.join();
    Ok(())
}

/// Copies until one side ends, then ends both ways of both.
fn copy(mut from: TcpStream, mut to: TcpStream, fault: Fault) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    let mut left = if let Fault::Cut(after) = fault { after } else { usize::MAX };
    let mut pauses = 150;
    let outcome = loop {
        let length = match from.read(&mut buffer) {
            Ok(0) | Err(_) => break Ok(()),
            Ok(length) => length.min(left),
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        let pieces = if fault == Fault::Drip { 16 } else { length.max(1) };
        let sent = bytes.chunks(pieces).try_for_each(|piece| {
            if fault == Fault::Drip && pauses > 0 {
                pauses -= 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            to.write_all(piece)
        });
        left -= length;
        if sent.is_err() || left == 0 {
            break sent;
        }
    };
    for stream in [&from, &to] {
        // The other direction may have ended it already.
        let _ = stream.shutdown(Shutdown::Both);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each connection with 100 000 bytes once it was asked.
    fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || {
                    let mut asked = [0; 3];
                    if stream.read_exact(&mut asked).is_ok() {
                        let _ = stream.write_all(&[7; 100_000]);
                    }
                });
            }
        });
        address
    }

    fn ask(address: SocketAddr) -> io::Result<usize> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(b"ask")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.len())
    }

    #[test]
    fn each_connection_ends_as_its_fault_says_and_the_seed_brings_them_back() {
        let relay = FaultyRelay::start(server(), Dice::new(5), 60).unwrap();
        let mut seen = [0; 5];
        for place in 0..20 {
            let outcome = ask(relay.address());
            let fault = relay.drawn()[place];
            let (index, holds) = match fault {
                Fault::None => (0, outcome.as_ref().is_ok_and(|length| *length == 100_000)),
                Fault::Reset => (1, outcome.is_err()),
                Fault::Delay(_) => (2, outcome.as_ref().is_ok_and(|length| *length == 100_000)),
                Fault::Drip => (3, outcome.as_ref().is_ok_and(|length| *length == 100_000)),
                Fault::Cut(after) => (4, outcome.as_ref().is_ok_and(|length| *length == after)),
            };
            assert!(holds, "{fault:?}: {outcome:?}");
            seen[index] += 1;
        }
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
        let again = FaultyRelay::start(server(), Dice::new(5), 60).unwrap();
        relay.set_percent(0);
        assert!(ask(relay.address()).is_ok_and(|length| length == 100_000));
        let _ = ask(again.address());
        assert_eq!(again.drawn()[0], relay.drawn()[0]);
    }
}
