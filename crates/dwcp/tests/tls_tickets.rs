//! Tickets that several node processes share: out of a sealed file or through a pipe, and never by way of a plain file.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::SystemClock;
use dwcp_channel::{NODE_ALPN, Verdict};
use dwcp_pki::{Certificate, CertificateStore, Credential, RevocationMode, SubjectName, TrustStore};
use dwcp_tls::{
    ClientSettings, ExpectedServer, Resumption, TicketKeySet, TlsConnector, TlsManager, TlsPolicy,
};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use support::{
    PATIENCE, Place, Running, assert_three_lines, command, dwcp, echo, eventually, free_port, ok, refused,
    text,
};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Processes of one node: the same identity, roots, list and listener, each with addresses of its own.
struct Cluster {
    place: Place,
}

struct Member {
    config: String,
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Cluster {
    fn new() -> Self {
        let place = Place::new();
        echo(place.target);
        let (ca, out) = (place.node("ca"), text(&place.path("own")));
        let id = "URI:spiffe://test.example/node/a";
        ok(&["cert", "issue", "--ca", &ca, "--san", id, "--san", "IP:127.0.0.1", "--out", &out]);
        let cluster = Self { place };
        cluster.list();
        cluster
    }

    /// Signs the list anew.
    fn list(&self) {
        ok(&["cert", "crl", "--ca", &self.place.node("ca"), "--out", &text(&self.place.path("list.crl"))]);
    }

    fn member(&self, name: &str, tickets: &str) -> Member {
        let local = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let member = Member {
            config: text(&self.place.path(&format!("{name}/dwcp.yaml"))),
            listen: local(),
            admin: local(),
        };
        fs::create_dir(self.place.path(name)).unwrap();
        let (listen, admin, target) = (member.listen, member.admin, self.place.target);
        let config = format!(
            "node:\n  admin: {{listen: '{admin}'}}\n  listeners:\n    - {{name: in, listen: '{listen}', target: '{target}', allow: ['spiffe://test.example/node/*']}}\n\
             security:\n  tls: {{cert_file: ../own.crt, key_file: ../own.key, ca_file: ../node/ca/ca.crt, crl_file: ../list.crl, tickets: {tickets}}}\n"
        );
        fs::write(&member.config, config).unwrap();
        member
    }

    /// A client that keeps its tickets.
    fn client(&self, name: &str) -> TlsConnector {
        let who = self.place.issue(name);
        let roots = Certificate::bundle_from_pem(&fs::read(self.place.node("ca/ca.crt")).unwrap()).unwrap();
        let roots = roots.iter().map(|root| root.certificate_der().clone()).collect();
        let trust = TrustStore::new(roots, Vec::new(), RevocationMode::Off).unwrap();
        let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
        let credential = Credential::load(Path::new(&cert), Path::new(&key)).unwrap();
        let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
        let manager = TlsManager::new(store, TlsPolicy::default(), Arc::new(SystemClock::new())).unwrap();
        manager.client(ClientSettings::new().with_alpn([NODE_ALPN])).unwrap()
    }
}

impl Member {
    fn up(&self, stdin: Stdio) -> Running {
        Running::start(command().args(["up", "--config", &self.config]).stdin(stdin), self.admin)
    }

    fn edit(&self, from: &str, to: &str) {
        let before = fs::read_to_string(&self.config).unwrap();
        assert!(before.contains(from), "{before}");
        fs::write(&self.config, before.replace(from, to)).unwrap();
    }
}

/// Whether the session was resumed; `None` where the other side refused it.
async fn visit(client: &TlsConnector, address: SocketAddr) -> Option<bool> {
    let server = ExpectedServer::name(SubjectName::Ip(address.ip())).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut session = client.connect(stream, &server, PATIENCE).await.ok()?;
    let mut verdict = [0; Verdict::LENGTH];
    session.read_exact(&mut verdict).await.ok()?;
    matches!(Verdict::from_bytes(&verdict).unwrap(), Verdict::Accepted)
        .then_some(session.facts().resumed == Resumption::Resumed)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn at_t3_a_client_resumes_at_the_other_process_until_it_is_revoked() {
    let cluster = Cluster::new();
    let (set, kek) = (text(&cluster.place.path("set")), text(&cluster.place.path("kek")));
    let made = ok(&["tls", "tickets", "create", &set, "--key-file", &kek]);
    assert!(made.contains("sealed by file"), "{made}");
    let shared = "{shared: {sealed_file: ../set, key_file: ../kek}}";
    let (one, two) = (cluster.member("one", shared), cluster.member("two", shared));
    let stranger = cluster.member("three", "true");
    ok(&["config", "check", "--files", &one.config]);
    let (_one, second) = (one.up(Stdio::null()), two.up(Stdio::null()));
    let _third = stranger.up(Stdio::null());
    let client = cluster.client("b");
    let runtime = runtime();
    runtime.block_on(async {
        assert_eq!(visit(&client, one.listen).await, Some(false));
        assert_eq!(visit(&client, two.listen).await, Some(true));
        assert_eq!(visit(&client, one.listen).await, Some(true));
        // Without the set the same identity opens nothing.
        assert_eq!(visit(&client, stranger.listen).await, Some(false));
    });

    // The sealed file is read again: the newest secret seals, and what the one before sealed still opens.
    client.forget(&ExpectedServer::name(SubjectName::Ip(one.listen.ip())).unwrap());
    runtime.block_on(async { assert_eq!(visit(&client, one.listen).await, Some(false)) });
    ok(&["tls", "tickets", "rotate", &set, "--key-file", &kek]);
    second.signal("HUP");
    let metrics = || {
        let request = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let mut line = support::Line::dial(&cluster.place, two.admin, None).unwrap();
        line.send(request.as_bytes()).unwrap();
        String::from_utf8(line.rest(PATIENCE).0).unwrap()
    };
    let reloads = |count: u8| format!("dwcp_config_reloads_total{{result=\"applied\"}} {count}");
    eventually(PATIENCE, "the reload is in force", || metrics().contains(&reloads(1)));
    runtime.block_on(async { assert_eq!(visit(&client, two.listen).await, Some(true)) });

    // Revoked between two visits: the ticket opens and brings nothing.
    ok(&["cert", "revoke", "--ca", &cluster.place.node("ca"), "--cert", &text(&cluster.place.path("b.crt"))]);
    cluster.list();
    second.signal("HUP");
    eventually(PATIENCE, "the list is in force", || metrics().contains(&reloads(2)));
    runtime.block_on(async { assert_eq!(visit(&client, two.listen).await, None) });
    let refused = "dwcp_tls_handshake_failures_total{reason=\"resumption_refused\"} 1";
    eventually(PATIENCE, "it is counted", || metrics().contains(refused));
    // In full it gets in no more than by a ticket.
    client.forget(&ExpectedServer::name(SubjectName::Ip(one.listen.ip())).unwrap());
    runtime.block_on(async { assert_eq!(visit(&client, two.listen).await, None) });
}

#[test]
fn a_set_comes_once_through_a_pipe_or_a_socket_and_outlives_reloads() {
    let cluster = Cluster::new();
    let shared = "{shared: {fd: 0}}";
    let (one, two) = (cluster.member("one", shared), cluster.member("two", shared));
    let set = TicketKeySet::generate().unwrap().to_bytes();
    let (read, mut write) = io::pipe().unwrap();
    write.write_all(set.expose()).unwrap();
    drop(write);
    let first = one.up(Stdio::from(read));
    let (ours, theirs) = UnixStream::pair().unwrap();
    (&ours).write_all(set.expose()).unwrap();
    let _second = two.up(Stdio::from(OwnedFd::from(theirs)));
    let client = cluster.client("b");
    let runtime = runtime();
    runtime.block_on(async {
        assert_eq!(visit(&client, one.listen).await, Some(false));
        assert_eq!(visit(&client, two.listen).await, Some(true));
    });
    let log = text(&cluster.place.path("one/audit/log-000000000001.jsonl"));
    let recorded = |kind: &str| fs::read_to_string(&log).unwrap_or_default().matches(kind).count();
    first.signal("HUP");
    eventually(PATIENCE, "the reload is in force", || recorded("\"config_reloaded\"") == 1);
    runtime.block_on(async { assert_eq!(visit(&client, one.listen).await, Some(true)) });
    // Another descriptor could be anything by now.
    one.edit("fd: 0", "fd: 7");
    first.signal("HUP");
    eventually(PATIENCE, "it is refused", || recorded("\"config_rejected\"") == 1);
    runtime.block_on(async { assert_eq!(visit(&client, one.listen).await, Some(true)) });
}

#[test]
fn at_t3_a_set_is_never_read_from_a_plain_file() {
    let cluster = Cluster::new();
    let plain = cluster.place.path("plain");
    fs::write(&plain, TicketKeySet::generate().unwrap().to_bytes().expose()).unwrap();
    let member = cluster.member("one", "{shared: {fd: 0}}");
    let up = |stdin: Stdio| {
        let output = command().args(["up", "--config", &member.config]).stdin(stdin).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    };
    let (code, said) = up(Stdio::from(File::open(&plain).unwrap()));
    assert!(
        code == 3 && said.contains("never from a file") && said.contains("tls tickets create"),
        "{code} {said}"
    );
    let (read, write) = io::pipe().unwrap();
    drop(write);
    let (code, said) = up(Stdio::from(read));
    assert!(code == 1 && said.contains("descriptor 0"), "{code} {said}");

    let kek = text(&cluster.place.path("kek"));
    ok(&["tls", "tickets", "create", &text(&cluster.place.path("set")), "--key-file", &kek]);
    for (source, code, why) in [
        ("{sealed_file: ../plain, key_file: ../kek}", 3, "no envelope"),
        ("{sealed_file: ../none, key_file: ../kek}", 1, "sealed set of ticket keys"),
        ("{sealed_file: ../set, key_file: ../other}", 7, "wrong"),
    ] {
        let other = text(&cluster.place.path("other"));
        let _ = dwcp(&["tls", "tickets", "create", &text(&cluster.place.path("more")), "--key-file", &other]);
        let before = fs::read_to_string(&member.config).unwrap();
        member.edit("{fd: 0}", source);
        let (found, said) = refused(&["config", "check", "--files", &member.config]);
        assert_three_lines(&said);
        assert!(found == code && said.contains(why), "{source}: {found} {said}");
        fs::write(&member.config, before).unwrap();
    }
    // Nothing of a set that is there already is lost.
    let again = ["tls", "tickets", "create", &text(&cluster.place.path("set")), "--key-file", &kek];
    assert_eq!(refused(&again).0, 1);
}

#[test]
fn what_is_no_source_of_keys_is_refused_with_key_why_and_fix() {
    let place = Place::new();
    let original = fs::read_to_string(place.config()).unwrap();
    for (tickets, more, key, why) in [
        ("{shared: {}}", "", "tickets.shared.sealed_file", "is missing, and so is fd"),
        ("{shared: {sealed_file: a}}", "", "tickets.shared.sealed_file", "never read from a plain file"),
        ("{shared: {fd: 3, sealed_file: a, key_file: b}}", "", "tickets.shared.fd", "stands beside"),
        ("{shared: {fd: 2}}", "", "tickets.shared.fd", "is for writing"),
        (
            "{shared: {sealed_file: a, key_file: b, passphrase_file: c}}",
            "",
            "tickets.shared.key_file",
            "stands beside",
        ),
        ("{shared: {file: a}}", "", "security.tls", "unknown key `file`"),
        ("{mine: {fd: 3}}", "", "security.tls", "unknown key `mine`"),
        ("maybe", "", "security.tls", "true, false or a section"),
        (
            "{shared: {fd: 3}}",
            "early_data: true",
            "tls.early_data",
            "each of them would take the same first flight",
        ),
    ] {
        fs::write(place.config(), &original).unwrap();
        place.edit("    pq: prefer ", &format!("    tickets: {tickets}\n    {more}\n    pq: prefer "));
        let (code, said) = refused(&["config", "check", &place.config()]);
        assert_three_lines(&said);
        assert!(code == 3 && said.contains(key) && said.contains(why), "{tickets}: {code} {said}");
    }
}
