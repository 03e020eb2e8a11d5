//! Who is asked, who asks, and what decides it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::{Clock, Coded, SystemClock};
use dwcp_https::{HttpsClient, HttpsError, HttpsUrl, Roots};
use dwcp_testkit::Lab;
use rustls::crypto::CryptoProvider;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{Script, Server, World, get, roots, tls};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";

/// The refusal of a server under `credential`'s names and life, told as one of TLS.
async fn refused(client: &HttpsClient, server: &Server) -> String {
    let error = get(client, &server.url("/")).await.unwrap_err();
    assert_eq!(error.code(), "https.server.untrusted", "{error:?}");
    assert!(!error.is_retryable() && server.heard().is_empty());
    std::error::Error::source(&error).unwrap().to_string()
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let world = World::new();
    let stranger = Lab::new();
    let server = Server::start(tls(&stranger.credential(&["IP:127.0.0.1"]), None), Script::once(FINE)).await;
    let why = refused(&world.client, &server).await;
    assert!(why.contains("UnknownIssuer") || why.contains("BadSignature"), "{why}");
    // Both authorities are trusted where both are named.
    let both = [&world.lab, &stranger].map(|lab| lab.authority().certificate().clone());
    let client = HttpsClient::new(&Roots::Only(both.to_vec())).unwrap();
    assert_eq!(get(&client, &server.url("/")).await.unwrap().body, b"a");
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_refused() {
    let lab = Lab::at(SystemClock::new().unix().minus(Duration::from_secs(3 * 86_400)));
    let server = Server::start(tls(&lab.credential(&["IP:127.0.0.1"]), None), Script::once(FINE)).await;
    let why = refused(&HttpsClient::new(&roots(&lab)).unwrap(), &server).await;
    assert!(why.contains("expired"), "{why}");
}

/// What `openssl req -x509` makes: one certificate that is its own authority.
#[tokio::test]
async fn a_certificate_of_an_authority_is_refused_as_what_it_is() {
    let Some(openssl) = dwcp_testkit::peer("openssl") else { return };
    let directory = tempfile::tempdir().unwrap();
    let (cert, key) = (directory.path().join("server.crt"), directory.path().join("server.key"));
    let mut make = Command::new(openssl);
    make.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]);
    make.args(["-subj", "/CN=vault", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"]);
    assert!(make.arg(&key).arg("-out").arg(&cert).output().unwrap().status.success());
    let credential = dwcp_pki::Credential::load(&cert, &key).unwrap();
    let client = HttpsClient::new(&Roots::Only(vec![credential.chain().leaf().clone()])).unwrap();
    let server = Server::start(tls(&credential, None), Script::once(FINE)).await;
    let error = get(&client, &server.url("/")).await.unwrap_err();
    assert!(error.shows_authority() && error.fix().contains("CA:FALSE"), "{error:?}");
    let why = refused(&client, &server).await;
    assert!(why.contains("is a CA") && !why.contains("OtherError"), "{why}");
    // No other refusal is taken for it.
    let error = get(&World::new().client, &server.url("/")).await.unwrap_err();
    assert_eq!(error.code(), "https.server.untrusted");
    let stranger = Server::start(tls(&Lab::new().credential(&["IP:127.0.0.1"]), None), Script::once(FINE));
    let error = get(&client, &stranger.await.url("/")).await.unwrap_err();
    assert!(!error.shows_authority() && !error.fix().contains("CA:FALSE"), "{error:?}");
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let world = World::new();
    for names in [&["DNS:localhost"][..], &["IP:127.0.0.2"], &["URI:spiffe://lab.example/a"]] {
        let server = Server::start(tls(&world.lab.credential(names), None), Script::once(FINE)).await;
        let why = refused(&world.client, &server).await;
        assert!(why.contains("not valid for name"), "{why}");
    }
    let server = world.server(Script::once(FINE)).await;
    let by_name: HttpsUrl = format!("https://localhost:{}/", server.address.port()).parse().unwrap();
    assert_eq!(get(&world.client, &by_name).await.unwrap().body, b"a");
}

#[tokio::test]
async fn a_server_that_asks_who_is_there_gets_what_there_is() {
    let world = World::new();
    let config = tls(&world.lab.credential(&["IP:127.0.0.1"]), Some(&world.lab));
    let server = Server::start(config, Script::once(FINE)).await;
    // Nothing to show: the refusal comes where the answer was to be read, and is told as what it is.
    let why = refused(&world.client, &server).await;
    assert!(why.contains("CertificateRequired"), "{why}");
    let known = HttpsClient::with_credential(&roots(&world.lab), &world.lab.node("a")).unwrap();
    assert_eq!(get(&known, &server.url("/")).await.unwrap().body, b"a");
    let stranger = HttpsClient::with_credential(&roots(&world.lab), &Lab::new().node("a")).unwrap();
    let error = get(&stranger, &server.url("/")).await.unwrap_err();
    assert_eq!(error.code(), "https.server.untrusted", "{error:?}");
}

#[tokio::test]
async fn a_server_of_tls_1_2_is_refused_and_so_is_one_of_none() {
    let world = World::new();
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: HttpsUrl = format!("https://{}/", plain.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    });
    assert_eq!(get(&world.client, &url).await.unwrap_err().code(), "https.server.untrusted");

    let Some(openssl) = dwcp_testkit::peer("openssl") else { return };
    let files = world.lab.write("server", &world.lab.credential(&["IP:127.0.0.1", "DNS:localhost"]));
    let serve = |version: &str| {
        let child = Command::new(&openssl)
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", version, "-cert"])
            .arg(&files.certificate)
            .arg("-key")
            .arg(&files.key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Running::new(child)
    };
    let new = serve("-tls1_3");
    assert_eq!(get(&world.client, &new.url).await.unwrap().status, 200);
    let old = serve("-tls1_2");
    let error = get(&world.client, &old.url).await.unwrap_err();
    assert_eq!(error.code(), "https.server.untrusted", "{error:?}");
}

/// `openssl s_server` on a port of its choice, ended with its test.
struct Running {
    child: Child,
    url: HttpsUrl,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT ").map(str::to_owned)).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("https://{line}/").parse().unwrap() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn trust_in_nobody_is_no_trust() {
    assert_eq!(HttpsClient::new(&Roots::Only(Vec::new())).unwrap_err(), HttpsError::NoRoots);
}

#[tokio::test]
async fn the_process_has_no_provider_of_its_own_before_and_after() {
    assert!(CryptoProvider::get_default().is_none());
    let world = World::new();
    let server = world.once(FINE).await;
    assert_eq!(world.ask(&server).await.unwrap().status, 200);
    assert!(CryptoProvider::get_default().is_none());
}

/// The environment of a process can not be changed in a test, so another process asks.
#[test]
fn a_proxy_in_the_environment_changes_nothing() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_has_no_provider_of_its_own_before_and_after"])
        .envs(names.map(|name| (name, &address)))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

#[cfg(feature = "system-roots")]
mod system {
    use super::*;

    /// As above: the file of roots is named by the environment of another process.
    #[test]
    fn the_roots_of_the_system_are_those_of_the_machine() {
        let lab = Lab::new();
        let files = lab.write("server", &lab.credential(&["IP:127.0.0.1"]));
        for (file, passes) in [(files.root.clone(), true), (lab.directory().join("none"), false)] {
            std::fs::write(lab.directory().join("none"), "").unwrap();
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "system::asked_by_another_process"])
                .env("SSL_CERT_FILE", &file)
                .env_remove("SSL_CERT_DIR")
                .env("DWCP_TEST_SERVER", lab.directory())
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.success() && text.contains("1 passed"), passes, "{text}");
        }
    }

    /// What the test above runs; by itself it has nothing to ask.
    #[tokio::test]
    async fn asked_by_another_process() {
        let Some(directory) = std::env::var_os("DWCP_TEST_SERVER").map(std::path::PathBuf::from) else {
            return;
        };
        let credential =
            dwcp_pki::Credential::load(&directory.join("server.crt"), &directory.join("server.key")).unwrap();
        let server = Server::start(tls(&credential, None), Script::once(FINE)).await;
        let client = HttpsClient::new(&Roots::System).unwrap();
        assert_eq!(get(&client, &server.url("/")).await.unwrap().body, b"a");
        let stranger =
            Server::start(tls(&Lab::new().credential(&["IP:127.0.0.1"]), None), Script::once(FINE));
        refused(&client, &stranger.await).await;
    }
}
