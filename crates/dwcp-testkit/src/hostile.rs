//! Peers that misbehave on purpose, on plain sockets so that no library corrects them.

use dwcp_base::{Clock, SystemClock};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// No hostile peer stays longer than this; a test that needs more would only wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the other side did about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Reaction {
    /// How many bytes it took before it hung up.
    pub taken: usize,
    /// What it said, at most 64 KiB.
    pub said: Vec<u8>,
    /// Whether it hung up (or reset the connection) rather than wait on.
    pub closed: bool,
    /// How long the conversation lasted.
    pub after: Duration,
}

/// Sends `bytes` one by one with a pause between, then waits for the end: a slow or fragmented handshake.
///
/// # Errors
/// When no connection comes about.
pub fn drip(to: SocketAddr, bytes: &[u8], pause: Duration) -> io::Result<Reaction> {
    let stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    converse(stream, bytes.chunks(1), pause, PATIENCE)
}

/// Sends `length` bytes that mean nothing (the same ones for the same `seed`), then waits for the end.
///
/// # Errors
/// When no connection comes about.
pub fn garbage(to: SocketAddr, length: usize, seed: u64) -> io::Result<Reaction> {
    let bytes = noise(length, seed);
    converse(TcpStream::connect(to)?, bytes.chunks(1024), Duration::ZERO, PATIENCE)
}

/// Connects, sends nothing, and sees whether the other side hangs up within `patience`.
///
/// # Errors
/// When no connection comes about.
pub fn half_open(to: SocketAddr, patience: Duration) -> io::Result<Reaction> {
    converse(TcpStream::connect(to)?, [].chunks(1), Duration::ZERO, patience.min(PATIENCE))
}

/// Sends `bytes`, says that nothing more will come, and waits for the end: a truncated conversation.
///
/// # Errors
/// When no connection comes about.
pub fn truncated(to: SocketAddr, bytes: &[u8]) -> io::Result<Reaction> {
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)?;
    let mut reaction = converse(stream, [].chunks(1), Duration::ZERO, PATIENCE)?;
    reaction.taken = bytes.len();
    Ok(reaction)
}

/// Bytes that mean nothing: a xorshift generator, the same for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

fn converse<'a>(
    mut stream: TcpStream,
    pieces: impl Iterator<Item = &'a [u8]>,
    pause: Duration,
    patience: Duration,
) -> io::Result<Reaction> {
    let clock = SystemClock::new();
    let begun = clock.tick();
    let mut reaction = Reaction { taken: 0, said: Vec::new(), closed: false, after: Duration::ZERO };
    for piece in pieces {
        // What it says is read in between: a refusal may come long before the last byte is sent.
        if listen(&mut stream, &mut reaction, pause.max(Duration::from_millis(1)))
            || stream.write_all(piece).is_err()
            || clock.tick().since(begun) > patience
        {
            break;
        }
        reaction.taken += piece.len();
    }
    while !reaction.closed {
        let left = patience.saturating_sub(clock.tick().since(begun));
        if left.is_zero() || listen(&mut stream, &mut reaction, left.min(Duration::from_millis(100))) {
            break;
        }
    }
    reaction.after = clock.tick().since(begun);
    Ok(reaction)
}

/// Reads for up to `time`; true once the other side has hung up.
fn listen(stream: &mut TcpStream, reaction: &mut Reaction, time: Duration) -> bool {
    const MOST: usize = 64 * 1024;
    let mut buffer = [0; 4096];
    let read = stream.set_read_timeout(Some(time)).and_then(|()| stream.read(&mut buffer));
    match read {
        Ok(0) => reaction.closed = true,
        Ok(length) => {
            let room = MOST.saturating_sub(reaction.said.len());
            reaction.said.extend_from_slice(&buffer[..length.min(room)]);
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
        Err(_) => reaction.closed = true,
    }
    reaction.closed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A server that reads `enough` bytes, answers and hangs up; or, with `None`, reads for ever.
    fn server(enough: Option<usize>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = vec![0; enough.unwrap_or(1 << 20)];
            if stream.read_exact(&mut buffer).is_ok() {
                stream.write_all(b"no").unwrap();
            }
        });
        address
    }

    #[test]
    fn a_drip_ends_when_the_other_side_has_enough() {
        let reaction = drip(server(Some(5)), &[7; 400], Duration::from_millis(2)).unwrap();
        assert!(reaction.closed);
        assert!((5..400).contains(&reaction.taken), "{}", reaction.taken);
    }

    #[test]
    fn garbage_is_sent_in_full_and_the_answer_is_kept() {
        let reaction = garbage(server(Some(3000)), 3000, 42).unwrap();
        assert_eq!(
            (reaction.taken, reaction.said.as_slice(), reaction.closed),
            (3000, b"no".as_slice(), true)
        );
        assert_eq!(noise(64, 1), noise(64, 1));
        assert_ne!(noise(64, 1), noise(64, 3));
    }

    #[test]
    fn a_half_open_connection_tells_whether_the_other_side_waits_on() {
        let reaction = half_open(server(None), Duration::from_millis(150)).unwrap();
        assert!(!reaction.closed);
        assert!(reaction.after >= Duration::from_millis(150));
        assert!(half_open(server(Some(0)), Duration::from_secs(5)).unwrap().closed);
    }

    #[test]
    fn a_truncated_conversation_is_noticed_by_the_other_side() {
        let reaction = truncated(server(None), b"half").unwrap();
        assert_eq!((reaction.taken, reaction.closed), (4, true));
    }
}
