//! Asking a running node over its admin socket, or telling it: one request, one JSON object, both bounded.

use super::config;
use super::exit::{Exit, Failure};
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
    let answer = ask(socket, "GET", path, PATIENCE).map_err(|error| failed(socket, &error))?;
    if answer.status != 200 {
        let error = io::Error::new(io::ErrorKind::InvalidData, "it has no such status");
        return Err(failed(socket, &error));
    }
    object(socket, &answer.body)
}

/// Has the node behind `socket` do something: the status of its answer, and the object in it. An order takes its time.
pub(super) fn post(socket: &Path, path: &str) -> Result<(u16, Value), Failure> {
    let answer = ask(socket, "POST", path, ORDER_PATIENCE).map_err(|error| failed(socket, &error))?;
    Ok((answer.status, object(socket, &answer.body)?))
}

fn object(socket: &Path, body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|error| {
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
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            (Exit::Unavailable, "see whether the node runs, and ask again: it ended before it had answered")
        }
        io::ErrorKind::ConnectionRefused => {
            (Exit::Unavailable, "start the node with `dwcp up`: its socket is there and nobody listens")
        }
        _ => (Exit::Unavailable, "look at the node's log: it took the question and did not answer"),
    };
    Failure::new(exit, what, error, fix)
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

#[cfg(unix)]
fn ask(socket: &Path, method: &str, path: &str, patience: Duration) -> io::Result<Answer> {
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let request = format!("{method} {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LARGEST + 1).read_to_end(&mut answer)?;
    read(answer)
}

#[cfg(not(unix))]
fn ask(_socket: &Path, _method: &str, _path: &str, _patience: Duration) -> io::Result<Answer> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no such sockets"))
}

/// Status and body. The node says how long it is, and closes after it.
fn read(mut answer: Vec<u8>) -> io::Result<Answer> {
    let bad = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    if answer.len() as u64 > LARGEST {
        return Err(bad("its answer is longer than any status"));
    }
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it took the question and closed"));
    }
    let no_http = || bad("its answer is no HTTP");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(no_http)?;
    let status = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).ok_or_else(no_http)?;
    let status = std::str::from_utf8(status).ok().and_then(|text| text.parse().ok()).ok_or_else(no_http)?;
    Ok(Answer { status, body: answer.split_off(end + 4) })
}

const PATIENCE: Duration = Duration::from_secs(5);
/// As long as the slowest provider has, and a little more.
const ORDER_PATIENCE: Duration = Duration::from_secs(130);
/// A thousand peers with the longest labels there are.
const LARGEST: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_of_an_answer_are_read_and_nothing_else() {
        let good = read(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}".to_vec()).unwrap();
        assert_eq!((good.status, &good.body[..]), (200, &b"{}"[..]));
        assert_eq!(read(b"HTTP/1.1 404 Not Found\r\n\r\nno".to_vec()).unwrap().status, 404);
        for bad in [
            &b"SSH-2.0-x\r\n"[..],
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"\r\n\r\n{}",
            b"HTTP/1.1 \r\n\r\n",
        ] {
            let error = read(bad.to_vec()).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bad:?}");
        }
        // One that ended is a node all the same.
        let ended = failed(Path::new("s"), &read(Vec::new()).err().unwrap());
        assert_eq!(ended.exit, Exit::Unavailable, "{ended}");
    }
}
