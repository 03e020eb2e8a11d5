//! Servers that nobody here wrote, started for one test: each on loopback with ports and a directory of its own, gone when dropped.

mod curl;
mod openbao;
mod pebble;
mod process;

pub use curl::Answer;
pub use openbao::{OpenBao, OpenBaoOptions};
pub use pebble::{Pebble, PebbleOptions};

use crate::Lab;
use dwcp_base::{Clock, SystemClock};
use dwcp_pki::Certificate;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// A server that does not answer by then never will; a loaded machine takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a start is tried anew when another process took one of its ports in between.
const STARTS: usize = 5;

/// The lab that certifies a server, and the files it is given.
#[derive(Debug)]
struct Place {
    lab: Lab,
    certificate: PathBuf,
    key: PathBuf,
    root: PathBuf,
}

impl Place {
    /// A new authority with a certificate for this machine's loopback.
    fn new() -> Self {
        let lab = Lab::new();
        let credential = lab.credential(&["DNS:localhost", "IP:127.0.0.1", "IP:::1"]);
        let files = lab.write("server", &credential);
        Self { lab, certificate: files.certificate, key: files.key, root: files.root }
    }

    fn directory(&self) -> &Path {
        self.lab.directory()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.lab.directory().join(name)
    }

    fn roots(&self) -> Vec<Certificate> {
        vec![self.lab.authority().certificate().clone()]
    }
}

/// A port of loopback that nobody uses, for both transports. Below those that the kernel gives to clients, so that no connection
/// takes it between two runs of a server; two processes begin at different places.
fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or(0);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7);
        let port = FIRST + (process.wrapping_mul(31).wrapping_add(step)) % COUNT;
        let address = (Ipv4Addr::LOCALHOST, port);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return port;
        }
    }
    panic!("no port of loopback is free")
}

/// Asks every few milliseconds until the answer is yes, or until there is no point in asking on. Gives whether it came.
fn wait_until(mut ready: impl FnMut() -> bool, is_hopeless: impl Fn() -> bool) -> bool {
    let clock = SystemClock::new();
    let begun = clock.tick();
    while clock.tick().since(begun) < PATIENCE {
        if ready() {
            return true;
        }
        if is_hopeless() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}
