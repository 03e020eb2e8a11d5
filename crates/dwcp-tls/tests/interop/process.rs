//! A peer's process: its output is drained, its port is known to listen, and it ends with the value that holds it.

use crate::trouble::{Trouble, failed};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often something is looked at while waiting for it, and how often at most: 10 s in all.
const PAUSE: Duration = Duration::from_millis(5);
const LOOKS: usize = 2000;

/// What one of the two streams said so far.
type Heard = Arc<Mutex<Vec<u8>>>;

/// A place in what a process said, on each of its streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    out: usize,
    err: usize,
}

/// A running peer; dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    stdin: Option<Sender<Vec<u8>>>,
    out: Heard,
    err: Heard,
}

impl Process {
    /// Starts `command` with all three streams in our hands.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Trouble> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn()?;
        let (out, err) = (Heard::default(), Heard::default());
        drain(child.stdout.take(), &out);
        drain(child.stderr.take(), &err);
        // A pipe that the peer does not read would stop who writes: that is a thread of its own, which ends with the pipe.
        let (stdin, words) = channel::<Vec<u8>>();
        let pipe = child.stdin.take();
        thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            for words in words {
                if pipe.write_all(&words).and_then(|()| pipe.flush()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { stdin: Some(stdin), child, out, err })
    }

    /// As [`start`](Self::start) for a server whose port `command` puts where it belongs; returns once it listens there.
    pub(crate) fn serve(command: impl Fn(u16) -> Command) -> Result<(Self, u16), Trouble> {
        let mut said = String::new();
        // Another process may take the port between our closing it and the peer's listening on it.
        for _ in 0..3 {
            let port = free_port()?;
            let mut process = Self::start(&mut command(port))?;
            for _ in 0..LOOKS {
                if listens(port) {
                    return Ok((process, port));
                }
                if process.is_over() {
                    break;
                }
                thread::sleep(PAUSE);
            }
            said = process.said();
        }
        Err(failed(format!("the peer does not listen: {said}")))
    }

    /// Everything on its standard output.
    pub(crate) fn out(&self) -> Vec<u8> {
        lock(&self.out).clone()
    }

    /// Everything on both streams, as text.
    pub(crate) fn said(&self) -> String {
        self.said_since(Mark::default())
    }

    /// As [`said`](Self::said), after `mark`.
    pub(crate) fn said_since(&self, mark: Mark) -> String {
        let (out, err) = (lock(&self.out), lock(&self.err));
        let after =
            |heard: &[u8], at| String::from_utf8_lossy(heard.get(at..).unwrap_or_default()).into_owned();
        format!("{}\n{}", after(&out, mark.out), after(&err, mark.err))
    }

    /// How much was said up to now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { out: lock(&self.out).len(), err: lock(&self.err).len() }
    }

    /// Writes to its standard input.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let stdin = self.stdin.as_mut().ok_or_else(|| failed("its input is closed"))?;
        stdin.send(bytes.to_vec()).map_err(|_| failed("it reads no more"))
    }

    /// Ends its standard input.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// Everything on its standard output is written back to its standard input from now on: an echo.
    pub(crate) fn echo(&mut self) {
        let (out, Some(stdin)) = (Arc::clone(&self.out), self.stdin.take()) else { return };
        thread::spawn(move || {
            let mut done = 0;
            // It ends with the process, whose input then is closed, or with the last look at a silent one.
            for _ in 0..LOOKS * 10 {
                let news = lock(&out).get(done..).unwrap_or_default().to_vec();
                done += news.len();
                if !news.is_empty() && stdin.send(news).is_err() {
                    return;
                }
                thread::sleep(PAUSE);
            }
        });
    }

    /// Whether the process has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it as if its machine had lost power: nothing is said on its connections.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Looks until `look` has something to show.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, Trouble> {
    for _ in 0..LOOKS {
        if let Some(seen) = look() {
            return Ok(seen);
        }
        thread::sleep(PAUSE);
    }
    Err(failed(format!("{what}: not within {} s", 10)))
}

/// A port of loopback that nobody has right now.
pub(crate) fn free_port() -> Result<u16, Trouble> {
    // Below those that the system gives to whoever asks for any: suites that run beside this one would be taken for the peer.
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 2_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let free = |_| {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    };
    (0..COUNT).find_map(free).ok_or_else(|| failed("no port of loopback is free"))
}

/// Whether somebody listens, without a connection that would look like a failed handshake to the peer.
fn listens(port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        let table = std::fs::read_to_string(table).unwrap_or_default();
        table.lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            // The third column is the state; 0A is LISTEN.
            words.next().is_some_and(|local| local.ends_with(&wanted)) && words.nth(1) == Some("0A")
        })
    })
}

fn drain(stream: Option<impl Read + Send + 'static>, into: &Heard) {
    let (Some(mut stream), into) = (stream, Arc::clone(into)) else { return };
    thread::spawn(move || {
        let mut chunk = [0; 16 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut chunk) {
            lock(&into).extend_from_slice(&chunk[..length]);
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
