//! Servers for `dwcp tls handshake` to meet: OpenSSL's, and some that speak no TLS worth the name.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its deadline is wall time"
)]

use super::support::{PATIENCE, free_port};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `openssl s_server`; killed when dropped.
pub(crate) struct OpenSsl {
    child: Child,
    pub(crate) address: String,
}

impl OpenSsl {
    /// A server with the pair `NAME.crt` and `NAME.key` of `dir`, told further things.
    pub(crate) fn start(dir: &Path, name: &str, more: &[&str]) -> Self {
        let port = free_port();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-quiet"]);
        command.args(["-cert", &format!("{name}.crt"), "-key", &format!("{name}.key")]).args(more);
        command.current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self { child: command.spawn().unwrap(), address: format!("127.0.0.1:{port}") };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(&server.address).is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "openssl s_server ended: {more:?}");
            assert!(Instant::now() < end, "openssl s_server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that answers whatever it gets with `bytes`, and then closes, or stays and says no more.
pub(crate) fn raw(bytes: &'static [u8], stays: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut hello = [0; 4_096];
                let _ = stream.read(&mut hello);
                let _ = stream.write_all(bytes);
                // Whoever hangs up first ends it.
                while stays && matches!(stream.read(&mut hello), Ok(1..)) {}
            });
        }
    });
    address
}

/// A server that closes at once.
pub(crate) fn closing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address
}
