//! Asking a running node over its admin socket: one GET, one JSON object, both bounded.

use crate::cli::config;
use crate::cli::exit::{Exit, Failure};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The socket that was named, else that of the configuration.
pub(super) fn locate(named: Option<&Path>, socket: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(socket) = socket {
        return Ok(socket.to_owned());
    }
    let file = config::locate(named)?;
    let (_, plan) = config::read(&file, None)?;
    plan.admin_socket.ok_or_else(|| {
        Failure::plain(
            Exit::NotFound,
            "there is no admin socket to ask",
            format!("{} has no node.admin.socket, and --socket was not given", file.display()),
            "set node.admin.socket and restart the node, or name its socket with --socket",
        )
    })
}

/// The object at `path` of the node behind `socket`.
pub(super) fn get(socket: &Path, path: &str) -> Result<Value, Failure> {
    let body = ask(socket, path).map_err(|error| failed(socket, &error))?;
    serde_json::from_slice(&body).map_err(|error| {
        let what = format!("what answers at {} is no node of this version", socket.display());
        Failure::new(
            Exit::Failure,
            what,
            &error,
            "name the admin socket of a node, and use its own version of dwcp",
        )
    })
}

fn failed(socket: &Path, error: &io::Error) -> Failure {
    let what = format!("no node answers at {}", socket.display());
    let (exit, fix) = match error.kind() {
        io::ErrorKind::NotFound => (
            Exit::NotFound,
            "start the node with `dwcp up`, or name the socket of one that runs with --socket",
        ),
        io::ErrorKind::PermissionDenied => (Exit::Denied, "ask as the user that the node runs as"),
        io::ErrorKind::InvalidData => {
            (Exit::Failure, "name the admin socket of a node, and use its own version of dwcp")
        }
        io::ErrorKind::Unsupported => (Exit::Failure, "ask the admin listener over HTTPS"),
        io::ErrorKind::ConnectionRefused => {
            (Exit::Unavailable, "start the node with `dwcp up`: its socket is there and nobody listens")
        }
        _ => (Exit::Unavailable, "look at the node's log: it took the question and did not answer"),
    };
    Failure::new(exit, what, error, fix)
}

#[cfg(unix)]
fn ask(socket: &Path, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LARGEST + 1).read_to_end(&mut answer)?;
    body(answer)
}

#[cfg(not(unix))]
fn ask(_socket: &Path, _path: &str) -> io::Result<Vec<u8>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no such sockets"))
}

/// The body of a 200. The node says how long it is, and closes after it.
fn body(mut answer: Vec<u8>) -> io::Result<Vec<u8>> {
    let bad = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    if answer.len() as u64 > LARGEST {
        return Err(bad("its answer is longer than any status"));
    }
    let end =
        answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| bad("its answer is no HTTP"))?;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        return Err(bad("it has no such status"));
    }
    Ok(answer.split_off(end + 4))
}

const PATIENCE: Duration = Duration::from_secs(5);
/// A thousand peers with the longest labels there are.
const LARGEST: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_body_of_a_good_answer_is_read() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}".to_vec()).unwrap(), b"{}");
        for bad in [&b""[..], b"HTTP/1.1 404 Not Found\r\n\r\nno", b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n{}"] {
            assert!(body(bad.to_vec()).is_err(), "{bad:?}");
        }
    }
}
