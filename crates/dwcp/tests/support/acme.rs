//! A node whose certificate a real Pebble issues, and its visitors.

use super::{Running, command, echo, free_port, ok, refused, text};
use dwcp_pki::{Certificate, CertificateChain};
use dwcp_testkit::Pebble;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A node for `web.example`, whose listener is where Pebble looks for TLS-ALPN-01.
pub(crate) struct Web {
    pub(crate) dir: PathBuf,
    listen: SocketAddr,
    admin: SocketAddr,
    target: SocketAddr,
    _home: tempfile::TempDir,
}

impl Web {
    pub(crate) fn new(pebble: &Pebble, keys: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().to_owned();
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (listen, admin, target) = (local(pebble.tls_port()), local(free_port()), local(free_port()));
        echo(target);
        let web = Self { dir, listen, admin, target, _home: home };
        web.configure(&format!("{}, {keys}", web.authority(pebble, "one")));
        web
    }

    /// The keys of an authority, whose roots lie here from now on: those of its own TLS, and those of what it issues.
    pub(crate) fn authority(&self, pebble: &Pebble, name: &str) -> String {
        let issued: String = pebble.issuing_roots().iter().map(Certificate::to_pem).collect();
        fs::write(self.dir.join(format!("{name}-issued.pem")), issued).unwrap();
        fs::copy(pebble.ca_file(), self.dir.join(format!("{name}.pem"))).unwrap();
        format!("directory: '{}', ca_file: {name}.pem, issued_by: {name}-issued.pem", pebble.directory_url())
    }

    /// The same node with other keys of `acme`.
    pub(crate) fn configure(&self, keys: &str) {
        let Self { listen, admin, target, .. } = self;
        let config = format!(
            "security:\n  cert_management:\n    provider: acme\n    acme: {{domains: [web.example, www.web.example, 127.0.0.1], email: ops@web.example, \
             {keys}}}\n\
             node:\n  name: web\n  admin: {{listen: '{admin}', socket: admin.sock}}\n  \
             listeners: [{{name: w, listen: '{listen}', target: '{target}', allow: [anonymous]}}]\n",
        );
        fs::write(self.dir.join("dwcp.yaml"), config).unwrap();
    }

    /// The configuration with one text in the place of another.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let config = fs::read_to_string(self.dir.join("dwcp.yaml")).unwrap();
        assert!(config.contains(from), "{from} is not in {config}");
        fs::write(self.dir.join("dwcp.yaml"), config.replace(from, to)).unwrap();
    }

    pub(crate) fn file(&self, name: &str) -> String {
        text(&self.dir.join(name))
    }

    pub(crate) fn up(&self) -> Running {
        self.start(command().args(["up", "--config", &self.file("dwcp.yaml")]))
    }

    /// A node by a command of the test's own, until it answers.
    pub(crate) fn start(&self, command: &mut Command) -> Running {
        Running::start(command, self.admin)
    }

    pub(crate) fn up_refused(&self) -> (i32, String) {
        let (code, said) = refused(&["up", "--config", &self.file("dwcp.yaml")]);
        let at = said.find("error: ").unwrap_or_else(|| panic!("no error: {said}"));
        (code, said[at..].trim_end().to_owned())
    }

    pub(crate) fn leaf(&self) -> Certificate {
        CertificateChain::from_pem(&fs::read(self.dir.join("identity.crt")).unwrap()).unwrap().leaf().clone()
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        ok(&[arguments, &["--socket", &self.file("admin.sock")]].concat())
    }

    pub(crate) fn check(&self, id: &str) -> Value {
        let mut socket = UnixStream::connect(self.dir.join("admin.sock")).unwrap();
        socket.write_all(b"GET /health/certs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let report: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["id"] == id)
            .cloned()
            .unwrap_or(Value::Null)
    }

    /// A session as any browser has one, judged by Pebble's root and the name.
    pub(crate) fn visit(&self, roots: &[Certificate]) -> StreamOwned<ClientConnection, TcpStream> {
        let mut store = RootCertStore::empty();
        roots.iter().for_each(|root| store.add(root.certificate_der().clone()).unwrap());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(store)
            .with_no_client_auth();
        let name = ServerName::try_from("www.web.example").unwrap();
        let stream = TcpStream::connect(self.listen).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut session = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream);
        say(&mut session);
        session
    }
}

pub(crate) fn say(session: &mut StreamOwned<ClientConnection, TcpStream>) {
    session.write_all(b"hello").unwrap();
    session.flush().unwrap();
    let mut back = [0; 5];
    session.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
}
