//! Joining and renewing at a node, over TLS connections of the tests' own and bytes.

use super::{Line, PATIENCE, Place, free_port, ok};
use dwcp::enroll::JoinToken;
use dwcp_base::{LocalDisk, read_bounded};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    CertificateAuthority, CertificateChain, CertificateRequest, Credential, IssuedRecord, SubjectName,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Told {
    /// The code of a refusal; empty where it is none.
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or("")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

/// Makes a token with these flags besides.
pub(crate) fn token(place: &Place, more: &[&str]) -> JoinToken {
    let text = ok(&[&["token", "create", "--config", &place.config()][..], more].concat());
    JoinToken::parse(&text).unwrap()
}

/// Gives the node a port for joining.
pub(crate) fn enrolling(place: &Place) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    place.edit("      ca_dir: ca\n", &format!("      ca_dir: ca\n      enroll: \"{address}\"\n"));
    address
}

/// A key, and a request for these names that it signed.
pub(crate) fn asking(names: &[&str]) -> (SigningKey, String) {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let names: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
    let pem = CertificateRequest::generate(&key, &names).unwrap().to_pem();
    (key, pem)
}

/// `URI:spiffe://test.example/node/NAME`
pub(crate) fn id(name: &str) -> String {
    format!("URI:spiffe://test.example/node/{name}")
}

/// The body of a request to join.
pub(crate) fn joining(token: &JoinToken, csr: &str) -> String {
    json!({ "token": format!("{}.{}", token.id, token.secret.to_text().as_str()), "csr": csr }).to_string()
}

/// A request with a body.
pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Sends bytes over a connection that is open, and takes the one answer apart; `None` where none came.
pub(crate) fn over(line: &mut Line, request: &str) -> Option<Told> {
    // What is refused early is not read to its end, which a writer may feel.
    let _ = line.send(request.as_bytes());
    let (bytes, _) = line.rest(PATIENCE);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.get(9..12)?.parse().ok()?;
    Some(Told { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() })
}

/// Asks over a connection of its own, as the identity in `PREFIX.crt` and `PREFIX.key` or as nobody.
pub(crate) fn ask(place: &Place, at: SocketAddr, who: Option<&str>, request: &str) -> Told {
    over(&mut Line::dial(place, at, who).unwrap(), request).expect("an answer")
}

/// Asks again for as long as it is told to come later.
pub(crate) fn patiently(mut asked: impl FnMut() -> Told) -> Told {
    for _ in 0..20 {
        let told = asked();
        if told.status != 429 {
            return told;
        }
        let seconds: u64 = told.header("retry-after").parse().unwrap();
        assert!((1..10).contains(&seconds), "{told:?}");
        std::thread::sleep(Duration::from_secs(seconds));
    }
    panic!("told to come later for ever");
}

/// Joins at `at` with these names.
pub(crate) fn join(place: &Place, at: SocketAddr, token: &JoinToken, names: &[&str]) -> Told {
    let (_, csr) = asking(names);
    patiently(|| ask(place, at, None, &post("/enroll/join", &joining(token, &csr))))
}

/// Keeps what was granted for `key` as `PREFIX.crt` and `PREFIX.key`; gives the prefix.
pub(crate) fn keep(place: &Place, name: &str, key: SigningKey, told: &Told) -> String {
    assert_eq!(told.status, 200, "{told:?}");
    let chain = CertificateChain::from_pem(told.body["chain"].as_str().unwrap().as_bytes()).unwrap();
    let prefix = place.path(name);
    Credential::new(chain, key).unwrap().save(&LocalDisk, &prefix).unwrap();
    prefix.to_str().unwrap().to_owned()
}

/// Joins as `NAME` with a token of its own, and gives the prefix of its files.
pub(crate) fn joined(place: &Place, name: &str) -> String {
    let token = token(place, &[]);
    let (key, csr) = asking(&[&id(name)]);
    let told = patiently(|| ask(place, place.admin, None, &post("/enroll/join", &joining(&token, &csr))));
    keep(place, name, key, &told)
}

/// Renews what is in `PREFIX.crt`, for these names.
pub(crate) fn renew(place: &Place, prefix: &str, names: &[&str]) -> (SigningKey, Told) {
    let (key, csr) = asking(names);
    let body = json!({ "csr": csr }).to_string();
    let told = patiently(|| ask(place, place.admin, Some(prefix), &post("/enroll/renew", &body)));
    (key, told)
}

/// The certificates in the index that have this name.
pub(crate) fn issued(place: &Place, name: &str) -> Vec<IssuedRecord> {
    let name: SubjectName = name.parse().unwrap();
    let ca = place.node("ca");
    let mut records = CertificateAuthority::records(Arc::new(LocalDisk), Path::new(&ca)).unwrap();
    records.retain(|record| record.names.contains(&name));
    records
}

/// Every byte of the log, as text.
pub(crate) fn log(place: &Place) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(place.node("audit")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            all.push_str(&String::from_utf8_lossy(&read_bounded(&path, 64 << 20).unwrap()));
        }
    }
    all
}

/// The value of a series of the metrics.
pub(crate) fn metric(place: &Place, series: &str) -> f64 {
    let metrics = place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    let line =
        metrics.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("no {series}")).rsplit(' ').next().unwrap().parse().unwrap()
}
