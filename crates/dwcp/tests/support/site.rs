//! A node in this process whose certificate, roots and lists are files that a test renews, with a plain echo behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

use dwcp::config::{NodePlan, check, load};
use dwcp::node::{Node, Outside};
use dwcp_base::{Clock, SystemClock};
use dwcp_channel::{DialError, Session};
use dwcp_pki::{Credential, Peer, Serial, SubjectName, private_key_pem};
use dwcp_testkit::Lab;
use dwcp_tls::ExpectedServer;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The texts of a certificate and its key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) cert: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) serial: Serial,
}

impl Pair {
    pub(crate) fn of(credential: &Credential) -> Self {
        let key = private_key_pem(credential.key()).unwrap();
        Self {
            cert: credential.chain().to_pem().into_bytes(),
            key: key.expose().to_vec(),
            serial: credential.chain().leaf().serial(),
        }
    }
}

/// The files, and the authority that issues what is in them.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) roots: PathBuf,
    pub(crate) crl: PathBuf,
}

impl Site {
    /// With a first pair in place.
    pub(crate) fn new() -> Self {
        // An authority that is older than what it issues, so that it can have issued what has ended.
        let now = SystemClock::new().unix();
        let mut lab = Lab::at(now.minus(Duration::from_secs(2 * 86_400)));
        lab.set_now(now);
        let dir = lab.directory().canonicalize().unwrap().join("tls");
        fs::create_dir(&dir).unwrap();
        let path = |name: &str| dir.join(name);
        let site = Self {
            lab,
            cert: path("tls.crt"),
            key: path("tls.key"),
            roots: path("roots.pem"),
            crl: path("list.pem"),
        };
        site.put(&site.pair());
        fs::copy(site.lab.directory().join("ca/ca.crt"), &site.roots).unwrap();
        site.put_list();
        site
    }

    pub(crate) fn dir(&self) -> &Path {
        self.cert.parent().unwrap()
    }

    /// The next pair of the node `a`.
    pub(crate) fn pair(&self) -> Pair {
        Pair::of(&self.lab.node("a"))
    }

    /// Replaces both files by renaming, key first.
    pub(crate) fn put(&self, pair: &Pair) {
        replace(&self.key, &pair.key, 0o600);
        replace(&self.cert, &pair.cert, 0o644);
    }

    /// The authority's list of now.
    pub(crate) fn put_list(&self) {
        replace(&self.crl, self.lab.crl().to_pem().as_bytes(), 0o644);
    }

    /// The plan of a node with these files and, in `more`, further keys of `security.cert_management`.
    pub(crate) fn plan(&self, target: std::net::SocketAddr, more: &str) -> NodePlan {
        let file = self.dir().join("dwcp.yaml");
        let text = format!(
            "node: {{name: a, state_dir: '{state}', admin: {{listen: '127.0.0.1:0'}}, listeners: [{{name: l, listen: \
             '127.0.0.1:0', target: '{target}', allow: ['spiffe://lab.example/*']}}]}}\n\
             security: {{tls: {{cert_file: tls.crt, key_file: tls.key, ca_file: roots.pem, crl_file: list.pem}}, \
             cert_management: {{provider: manual{more}}}}}\n\
             guard: {{exempt: ['127.0.0.0/8']}}\n",
            state = self.lab.directory().join("state").display()
        );
        fs::write(&file, text).unwrap();
        check(&load(&file, &[]).unwrap()).unwrap()
    }

    /// Starts the node; its files are followed.
    pub(crate) async fn up(&self) -> Up {
        self.up_with("").await
    }

    pub(crate) async fn up_with(&self, more: &str) -> Up {
        let plan = self.plan(echo().await, more);
        let node = Node::start(plan.clone()).await.unwrap();
        let listener = node.address_of("l").await.unwrap();
        Up { node, plan, listener }
    }

    /// A client that may come in.
    pub(crate) fn guest(&self) -> Outside {
        let root = self.lab.authority().certificate().certificate_der().clone();
        Outside::with(vec![root], Vec::new(), Some(self.lab.node("guest"))).unwrap()
    }

    /// The records of the log so far that are of this kind.
    pub(crate) fn records(&self, kind: &str) -> Vec<String> {
        let log = self.lab.directory().join("state/audit/log-000000000001.jsonl");
        let all = fs::read_to_string(log).unwrap();
        all.lines().filter(|line| line.contains(&format!("\"{kind}\""))).map(str::to_owned).collect()
    }
}

/// A running node.
pub(crate) struct Up {
    pub(crate) node: Node,
    pub(crate) plan: NodePlan,
    pub(crate) listener: std::net::SocketAddr,
}

impl Up {
    /// A session with the listener.
    pub(crate) async fn dial(&self, guest: &Outside) -> Result<Session, DialError> {
        dial(guest, self.listener).await
    }

    /// The serial of the certificate that a new connection is shown.
    pub(crate) async fn shown(&self, guest: &Outside) -> Serial {
        serial(&self.dial(guest).await.unwrap())
    }

    /// Waits until a new connection is shown `serial`, and says how long it took.
    pub(crate) async fn shows(&self, guest: &Outside, wanted: Serial, limit: Duration) -> Duration {
        let started = Instant::now();
        while self.shown(guest).await != wanted {
            assert!(started.elapsed() < limit, "{wanted} is not shown within {limit:?}");
        }
        started.elapsed()
    }

    /// What the admin listener answers.
    pub(crate) async fn get(&self, guest: &Outside, path: &str) -> String {
        let mut session = dial(guest, self.node.admin_address()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        session.write_all(request.as_bytes()).await.unwrap();
        session.flush().await.unwrap();
        let mut answer = String::new();
        session.read_to_string(&mut answer).await.unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Status and reason of `certs.files`.
    pub(crate) async fn finding(&self, guest: &Outside) -> (String, String) {
        let report: serde_json::Value =
            serde_json::from_str(&self.get(guest, "/health/certs").await).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let Some(check) = checks.iter().find(|check| check["id"] == "certs.files") else {
            return Default::default();
        };
        (check["status"].as_str().unwrap().to_owned(), check["reason"].as_str().unwrap().to_owned())
    }

    /// A sample of a metric.
    pub(crate) async fn metric(&self, guest: &Outside, series: &str) -> f64 {
        let all = self.get(guest, "/metrics").await;
        let line = all.lines().find(|line| line.starts_with(series));
        let line = line.unwrap_or_else(|| panic!("no {series} in {all}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits until `certs.files` stands so.
    pub(crate) async fn stands(&self, guest: &Outside, status: &str) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let (stands, reason) = self.finding(guest).await;
            if stands == status {
                return reason;
            }
            assert!(Instant::now() < end, "certs.files is {stands} and not {status}: {reason}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) async fn dial(guest: &Outside, address: std::net::SocketAddr) -> Result<Session, DialError> {
    let expected = ExpectedServer::name(SubjectName::uri("spiffe://lab.example/a").unwrap()).unwrap();
    guest.dial(&address.to_string(), &expected, Duration::from_secs(20)).await
}

/// The serial of who is at the other side.
pub(crate) fn serial(session: &Session) -> Serial {
    let Peer::Identified(identity) = session.peer() else { panic!("an anonymous server") };
    identity.serial()
}

/// Renames a whole file over another.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) {
    let next = path.with_extension("next");
    fs::write(&next, bytes).unwrap();
    fs::set_permissions(&next, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(next, path).unwrap();
}

/// A plain service that sends back what it gets.
pub(crate) async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

/// Sends bytes to the echo and expects them back.
pub(crate) async fn says(session: &mut Session, bytes: &[u8]) {
    session.write_all(bytes).await.unwrap();
    session.flush().await.unwrap();
    let mut back = vec![0; bytes.len()];
    session.read_exact(&mut back).await.unwrap();
    assert_eq!(back, bytes);
}
