//! The real binary against programs that others wrote: openssl, curl, promtool.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use support::{PATIENCE, Place, echo, have, ok, text};

/// `openssl s_client` at work; killed when dropped.
struct Client {
    child: Child,
    printed: Receiver<u8>,
    said: Receiver<u8>,
}

impl Client {
    fn new(place: &Place, who: Option<&str>, further: &[&str]) -> Self {
        let mut command = Command::new("openssl");
        command.args([
            "s_client",
            "-connect",
            &place.listen.to_string(),
            "-CAfile",
            &place.node("ca/ca.crt"),
        ]);
        command.args(["-verify_return_error", "-verify_ip", "127.0.0.1", "-quiet"]);
        if let Some(prefix) = who {
            command.args(["-cert", &format!("{prefix}.crt"), "-key", &format!("{prefix}.key")]);
        }
        command.args(further).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let printed = drain(child.stdout.take().unwrap());
        let said = drain(child.stderr.take().unwrap());
        Self { child, printed, said }
    }

    /// Sends a line to an echo and waits for it to come back.
    fn echoes(&mut self, line: &str) {
        self.child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let mut back = Vec::new();
        while back.len() < line.len() {
            back.push(self.printed.recv_timeout(PATIENCE).expect("an echo"));
        }
        assert_eq!(back, line.as_bytes());
    }

    /// Waits for the client to give up; gives what it said, and says that it failed.
    fn refused(&mut self) -> String {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "openssl is still connected");
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = String::from_utf8(self.said.iter().collect()).unwrap();
        assert!(!status.success(), "openssl is content: {said}");
        assert_eq!(self.printed.iter().count(), 0, "nothing of the target reaches it");
        said
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn drain(mut from: impl Read + Send + 'static) -> Receiver<u8> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(from.read(&mut byte), Ok(1)) && sender.send(byte[0]).is_ok() {}
    });
    receiver
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// Runs a program that must succeed; gives what it printed and said.
fn good(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

#[test]
fn openssl_talks_to_the_target_through_a_listener_and_only_with_a_good_certificate() {
    if !have("openssl") {
        return;
    }
    let place = Place::new();
    echo(place.target);
    let (good, bad) = (place.issue("good"), place.issue("bad"));
    let _node = place.up();

    let mut client = Client::new(&place, Some(&good), &["-tls1_3"]);
    client.echoes("through the node and back\n");

    let said = Client::new(&place, None, &["-tls1_3"]).refused();
    assert!(said.contains("certificate required") && said.contains("alert number 116"), "{said}");

    let said = Client::new(&place, Some(&good), &["-tls1_2"]).refused();
    assert!(said.contains("protocol version") && said.contains("alert number 70"), "{said}");

    let mut cut = Client::new(&place, Some(&bad), &["-tls1_3"]);
    cut.echoes("still trusted\n");
    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--cert", &format!("{bad}.crt")]);
    // A connection that is cut is reset, not ended: nobody takes it for the end of the data.
    assert!(cut.refused().contains("errno"), "a reset");
    let said = Client::new(&place, Some(&bad), &["-tls1_3"]).refused();
    assert!(said.contains("certificate revoked") && said.contains("alert number 44"), "{said}");
    client.echoes("and nobody else is cut\n");

    let other = Place::new();
    let stranger = other.issue("stranger");
    let said = Client::new(&place, Some(&stranger), &["-tls1_3"]).refused();
    assert!(said.contains("unknown ca"), "{said}");
}

/// A plain HTTP service that answers every request with its first line, and closes.
fn http(address: SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                request.push(byte[0]);
            }
            let first = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{first}",
                first.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

#[test]
fn curl_reaches_a_plain_http_service_with_the_protocols_it_offers_by_itself() {
    if !have("curl") {
        return;
    }
    let place = Place::new();
    http(place.target);
    let who = place.issue("web");
    let _node = place.up();
    let (root, url) = (place.node("ca/ca.crt"), format!("https://{}/page?x=1", place.listen));
    let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
    let identity = ["-sS", "--max-time", "20", "--cacert", &root, "--cert", &cert, "--key", &key];
    assert_eq!(good("curl", &[&identity[..], &[&url]].concat()), "GET /page?x=1 HTTP/1.1");

    let nobody = run("curl", &["-sS", "--max-time", "20", "--cacert", &root, &url]);
    assert!(!nobody.status.success() && nobody.stdout.is_empty());
    let old = run("curl", &[&identity[..], &["--tls-max", "1.2", &url]].concat());
    assert!(!old.status.success() && old.stdout.is_empty());
}

#[test]
fn curl_reads_health_and_metrics() {
    if !have("curl") {
        return;
    }
    let place = Place::new();
    let _node = place.up();
    let root = place.node("ca/ca.crt");
    let curl = |path: &str, further: &[&str]| {
        let url = format!("https://localhost:{}{path}", place.admin.port());
        let common = ["-sS", "-i", "--http1.1", "--max-time", "20", "--cacert", &root, &url];
        let answer = good("curl", &[&common[..], further].concat());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        assert!(head.contains("\r\ncache-control: no-store"), "{path}: {head}");
        (head, body.to_owned())
    };
    for which in ["tls", "certs", "security", "live"] {
        let (head, body) = curl(&format!("/health/{which}"), &[]);
        assert!(
            head.starts_with("http/1.1 200") && head.contains("\r\ncontent-type: application/json"),
            "{head}"
        );
        let report: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(report["status"], "pass", "{body}");
        for key in ["id", "status", "reason", "since", "fix"] {
            assert!(report["checks"][0][key].is_string(), "{key}: {body}");
        }
    }
    let (head, body) = curl("/metrics", &[]);
    assert!(
        head.starts_with("http/1.1 200") && head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(body.contains("dwcp_certificate_expiry_seconds{name=\"a\"}"), "{body}");
    let (head, body) = curl("/metrics", &["-H", "Accept: application/openmetrics-text; version=1.0.0"]);
    assert!(
        head.contains("content-type: application/openmetrics-text") && body.ends_with("# EOF\n"),
        "{head}"
    );
    assert!(curl("/", &[]).0.starts_with("http/1.1 404"));
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let (head, _) = curl("/health/live", &["-X", method]);
        assert!(
            head.starts_with("http/1.1 405") && head.contains("\r\nallow: get, head"),
            "{method}: {head}"
        );
    }
    let (head, body) = curl("/health/live", &["--head"]);
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}{body}");
    // With every default of curl, a client that offers h2 first.
    let url = format!("https://{}/health/live", place.admin);
    assert!(good("curl", &["-sS", "--max-time", "20", "--cacert", &root, &url]).contains("pass"));
}

#[test]
fn promtool_finds_nothing_to_say_about_the_metrics() {
    if !have("promtool") {
        return;
    }
    let place = Place::new();
    let _node = place.up();
    let answer = place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (_, metrics) = answer.split_once("\r\n\r\n").unwrap();
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn openssl_accepts_what_the_authority_writes() {
    if !have("openssl") {
        return;
    }
    let place = Place::new();
    for kind in ["p256", "p384", "ed25519"] {
        let ca = text(&place.path(kind));
        ok(&["cert", "ca", "init", "--dir", &ca, "--name", "Root of the test", "--key-type", kind]);
        let prefix = text(&place.path(&format!("{kind}-leaf")));
        let sans = ["DNS:a.example", "IP:10.0.0.7", "URI:spiffe://test.example/node/x"];
        let names: Vec<&str> = sans.iter().flat_map(|san| ["--san", san]).collect();
        ok(&[&["cert", "issue", "--ca", &ca, "--out", &prefix][..], &names].concat());
        let (root, crl) = (format!("{ca}/ca.crt"), format!("{ca}.crl"));
        let [cert, key, csr] = ["crt", "key", "csr"].map(|end| format!("{prefix}.{end}"));
        ok(&["cert", "crl", "--ca", &ca, "--out", &crl]);

        let verify = ["verify", "-x509_strict", "-crl_check", "-CAfile", &root, "-CRLfile", &crl];
        for purpose in ["sslserver", "sslclient"] {
            assert!(good("openssl", &[&verify[..], &["-purpose", purpose, &cert]].concat()).contains(": OK"));
        }
        assert!(good("openssl", &["crl", "-in", &crl, "-CAfile", &root, "-noout"]).contains("verify OK"));
        good("openssl", &["req", "-in", &csr, "-verify", "-noout"]);
        let public = good("openssl", &["pkey", "-in", &key, "-pubout"]);
        assert_eq!(
            public,
            good("openssl", &["x509", "-in", &cert, "-pubkey", "-noout"]),
            "the key is another"
        );
        let shown = good("openssl", &["x509", "-in", &cert, "-noout", "-ext", "subjectAltName"]);
        for name in ["DNS:a.example", "IP Address:10.0.0.7", "URI:spiffe://test.example/node/x"] {
            assert!(shown.contains(name), "{name}: {shown}");
        }

        ok(&["cert", "revoke", "--ca", &ca, "--cert", &cert, "--reason", "key-compromise"]);
        ok(&["cert", "crl", "--ca", &ca, "--out", &crl]);
        let output = run("openssl", &[&verify[..], &[&cert]].concat());
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("revoked"), "{output:?}");
        assert!(good("openssl", &["crl", "-in", &crl, "-text", "-noout"]).contains("Key Compromise"));
    }
    let mode = fs::metadata(place.path("p256-leaf.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "keys are the owner's alone");
}
