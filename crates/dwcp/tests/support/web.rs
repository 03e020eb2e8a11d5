//! What a node publishes by plain HTTP, asked for over raw sockets.

use super::{PATIENCE, Place, free_port};
use dwcp_pki::{CertIdHash, CertStatus, Certificate, OcspNonce, OcspRequest, OcspResponse};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value; empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// How long a cache may keep it.
    pub(crate) fn max_age(&self) -> u64 {
        self.header("cache-control").split("max-age=").nth(1).unwrap().parse().unwrap()
    }
}

/// Lets `place` publish, and its guard leave this machine alone; gives the address.
pub(crate) fn publishing(place: &Place) -> SocketAddr {
    place.edit("  burst: 40", "  burst: 40\n  exempt: [\"127.0.0.0/8\"]");
    publishing_guarded(place)
}

/// Lets `place` publish; gives the address.
pub(crate) fn publishing_guarded(place: &Place) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    place.edit("      ca_dir: ca\n", &format!("      ca_dir: ca\n      publish: \"{address}\"\n"));
    address
}

/// Sends bytes and gives all that comes back until the end.
pub(crate) fn raw(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // What is refused early is not read to its end, which a writer may feel.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(answer),
    }
}

/// The one answer to a request.
pub(crate) fn request(address: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let answer = raw(address, request)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Answer { status, head, body: answer[end + 4..].to_vec() })
}

/// A GET with further headers, each with its line's end.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    request(address, format!("GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes()).unwrap()
}

/// A POST to the responder.
pub(crate) fn post(address: SocketAddr, body: &[u8]) -> io::Result<Answer> {
    let head = format!(
        "POST /pki/ocsp HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    request(address, &[head.as_bytes(), body].concat())
}

/// A question about the leaf in `PREFIX.crt`, which `place` issued.
pub(crate) struct Question {
    leaf: Certificate,
    issuer: Certificate,
    plain: OcspRequest,
}

impl Question {
    pub(crate) fn about(place: &Place, prefix: &str) -> Self {
        let read = |path: String| Certificate::from_pem(&std::fs::read(path).unwrap()).unwrap();
        let (leaf, issuer) = (read(format!("{prefix}.crt")), read(place.node("ca/ca.crt")));
        let plain = OcspRequest::for_certificate(&leaf, &issuer, CertIdHash::Sha1).unwrap();
        Self { leaf, issuer, plain }
    }

    pub(crate) fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    pub(crate) fn plain(&self) -> &OcspRequest {
        &self.plain
    }

    pub(crate) fn nonced(&self) -> OcspRequest {
        self.plain.clone().with_nonce(OcspNonce::random().unwrap()).unwrap()
    }

    /// What an answer to `asked` says, its signature verified; `None` where it is a refusal.
    pub(crate) fn verdict(&self, asked: &OcspRequest, answer: &Answer) -> Option<CertStatus> {
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/ocsp-response"));
        let response = OcspResponse::from_der(&answer.body).unwrap();
        if response.refusal().is_some() {
            return None;
        }
        let now = dwcp_base::Clock::unix(&dwcp_base::SystemClock::new());
        Some(response.verify(&self.leaf, &self.issuer, asked.nonce(), now).unwrap().status())
    }
}
