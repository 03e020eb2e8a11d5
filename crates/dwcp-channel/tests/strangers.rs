//! Plain TLS programs, which know nothing of verdicts: served without a frame, dialed by their first sign.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{DEADLINE, Forwarder, Mesh, allow, echo, ping, target};
use dwcp_base::Coded;
use dwcp_channel::{Ended, LivePolicy, RelaySettings, TlsAcceptor, relay};
use dwcp_tls::{ClientAuth, ServerSettings, Tickets};
use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

#[tokio::test]
async fn a_stranger_is_served_without_a_frame() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), echo().await);
    let started = Instant::now();
    let mut session =
        client.stranger().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(450), "a ticket is a sign: {:?}", started.elapsed());
    assert_eq!(session.facts().alpn, None);
    ping(&mut session, b"plain TLS").await;
}

#[tokio::test]
async fn a_server_that_speaks_first_loses_no_byte_to_the_waiting() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    // Without tickets the first thing that comes is data.
    let settings = ServerSettings::new(ClientAuth::Required).with_tickets(Tickets::Off);
    let policy = LivePolicy::new(allow(&["spiffe://mesh/*"]));
    let context = server.manager.server(settings).unwrap();
    let acceptor = TlsAcceptor::new(context, server.premises.clone(), policy, "test");
    let banner = common::pattern(5_000, 3);
    let sent = banner.clone();
    let plain = target(move |mut stream| {
        let sent = sent.clone();
        async move {
            stream.write_all(&sent).await.unwrap();
            stream.shutdown().await.unwrap();
            let _ = stream.read_u8().await;
        }
    })
    .await;
    let forwarder = Forwarder::start(acceptor, plain);
    let transport = client.stranger();
    let dial = || async { transport.dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap() };
    let started = Instant::now();
    let mut session = dial().await;
    assert!(started.elapsed() < Duration::from_millis(450), "data is a sign: {:?}", started.elapsed());
    let mut read = Vec::new();
    session.read_to_end(&mut read).await.unwrap();
    assert!(read == banner, "{} bytes", read.len());

    // The same through a relay, as a dialer does it for a plain client.
    let local = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut plain = TcpStream::connect(local.local_addr().unwrap()).await.unwrap();
    let (session, accepted) = (dial().await, local.accept().await.unwrap().0);
    let carried = tokio::spawn(async move { relay(session, accepted, &RelaySettings::default()).await });
    let mut read = Vec::new();
    plain.read_to_end(&mut read).await.unwrap();
    assert!(read == banner, "{} bytes", read.len());
    plain.shutdown().await.unwrap();
    let outcome = carried.await.unwrap();
    assert!(matches!(outcome.end, Ended::Clean), "{outcome:?}");
}

#[tokio::test]
async fn a_stranger_refused_by_policy_sees_no_clean_end() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/somebody-else"]), echo().await);
    match client.stranger().dial(&forwarder.remote(), &server.expected(), DEADLINE).await {
        Err(error) => assert!(error.code().starts_with("tls."), "{error:?}"),
        // The ticket may have come before the refusal; the first read then shows it.
        Ok(mut session) => assert!(session.read_to_end(&mut Vec::new()).await.is_err()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_is_served_like_any_stranger() {
    let Some(openssl) = dwcp_testkit::peer("openssl") else { return };
    let mesh = Mesh::new();
    let (server, credential) = (mesh.node("server"), mesh.credential("client"));
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), echo().await);
    let path = |name: &str| mesh.directory.path().join(name);
    credential.save(&dwcp_base::LocalDisk, &path("client")).unwrap();
    let mut child = tokio::process::Command::new(openssl)
        .args(["s_client", "-quiet", "-verify_return_error", "-no_ign_eof", "-connect", &forwarder.remote()])
        .args([OsStr::new("-CAfile"), path("ca/ca.crt").as_os_str()])
        .args([OsStr::new("-cert"), path("client.crt").as_os_str()])
        .args([OsStr::new("-key"), path("client.key").as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    input.write_all(b"hello from openssl\n").await.unwrap();
    let mut line = [0; 19];
    let read = tokio::time::timeout(DEADLINE, output.read_exact(&mut line)).await.unwrap();
    if read.is_err() {
        let output = child.wait_with_output().await.unwrap();
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(&line, b"hello from openssl\n");
    assert_eq!(&*server.registry().snapshot()[0].label, "spiffe://mesh/client");
}
