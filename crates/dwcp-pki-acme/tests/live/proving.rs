//! Names that a Pebble really validates: HTTP-01 and TLS-ALPN-01, domains and addresses, and names that are not ours.

use crate::support::alpn::Listener;
use crate::support::{Made, issuer, judge};
use dwcp_base::Coded;
use dwcp_pki::CertificateStore;
use dwcp_pki_acme::{
    AcmeError, AcmeSettings, ChallengeKind, Http01Responder, ProblemKind, Responder, TlsAlpnResponder,
};
use dwcp_testkit::{Lab, Pebble, PebbleOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A responder at `address`, and a Pebble that looks there.
async fn over_http(address: &str, options: PebbleOptions) -> Option<(Arc<Http01Responder>, Pebble)> {
    let responder = Http01Responder::listen(address.parse().unwrap()).await.unwrap();
    let http_port = Some(responder.address().port());
    Some((Arc::new(responder), Pebble::start(&PebbleOptions { http_port, ..options })?))
}

fn made<R: Responder + 'static>(pebble: &Pebble, place: &tempfile::TempDir, responder: Arc<R>) -> Made {
    Made::new(AcmeSettings::new(issuer(pebble)), place.path(), responder)
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_and_addresses_of_both_families_are_proven_over_http() {
    let addresses = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    let options = PebbleOptions { addresses, nonce_reject: 20, ..PebbleOptions::default() };
    let Some((responder, pebble)) = over_http("[::]:0", options).await else { return };
    let place = tempfile::tempdir().unwrap();
    let made = made(&pebble, &place, Arc::clone(&responder));
    for names in [
        vec!["DNS:a.example", "DNS:b.a.example", "DNS:c.example"],
        vec!["IP:127.0.0.1"],
        vec!["IP:::1", "IP:127.0.0.1", "DNS:d.example"],
    ] {
        let chain = made.issue(&names).await.unwrap();
        judge(&pebble, &chain, &names);
    }
    // AT-P13: what was asked for while it had to be is not there any more.
    let tokens = tokens(&pebble);
    assert!(tokens.len() >= 7, "{}", pebble.said());
    for token in tokens {
        assert!(page(responder.address(), &token).await.starts_with("HTTP/1.1 404"), "{token}");
    }
}

/// The tokens that a Pebble looked for.
fn tokens(pebble: &Pebble) -> Vec<String> {
    let log = pebble.log();
    let after = log.split("/.well-known/acme-challenge/").skip(1);
    let token =
        |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    after.map(token).collect()
}

async fn page(address: SocketAddr, token: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", address.port())).await.unwrap();
    let head =
        format!("GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p13_a_name_that_is_not_ours_is_told_by_name_and_nothing_stays_behind() {
    let Some((responder, pebble)) = over_http("127.0.0.1:0", PebbleOptions::default()).await else { return };
    let place = tempfile::tempdir().unwrap();
    let made = made(&pebble, &place, Arc::clone(&responder));
    // Nothing listens there.
    pebble.resolve("elsewhere.example", &["127.0.0.2"]);
    pebble.fail_to_resolve("nowhere.example");
    for name in ["elsewhere.example", "nowhere.example"] {
        let error = made.issue(&["DNS:ours.example", &format!("DNS:{name}")]).await.unwrap_err();
        let AcmeError::Unproven { name: told, kind: by, problem } = &error else { panic!("{error:?}") };
        assert_eq!((told.as_str(), *by), (name, Some(ChallengeKind::Http01)), "{error}");
        assert_eq!(problem.kind, ProblemKind::Connection, "{problem}");
        assert!(!problem.detail.is_empty() && error.to_string().contains(name), "{error}");
        assert_eq!(error.code(), "acme.name.unproven");
    }
    for token in tokens(&pebble) {
        assert!(page(responder.address(), &token).await.starts_with("HTTP/1.1 404"), "{token}");
    }
    let chain = made.issue(&["DNS:ours.example"]).await.unwrap();
    judge(&pebble, &chain, &["DNS:ours.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_and_addresses_are_proven_over_tls() {
    let lab = Lab::new();
    let store: Arc<CertificateStore> = lab.store("web");
    let listener = Listener::start(Arc::clone(&store)).await;
    let addresses = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    let options = PebbleOptions { tls_port: Some(listener.port()), addresses, ..PebbleOptions::default() };
    let Some(pebble) = Pebble::start(&options) else { return };
    let place = tempfile::tempdir().unwrap();
    let made = made(&pebble, &place, Arc::new(TlsAlpnResponder::new(Arc::clone(&store))));
    for names in [vec!["DNS:a.example", "DNS:b.a.example", "DNS:c.example"], vec!["IP:127.0.0.1", "IP:::1"]] {
        let chain = made.issue(&names).await.unwrap();
        judge(&pebble, &chain, &names);
        assert!(store.current().challenges().is_empty(), "what was shown is withdrawn");
    }
    assert!(listener.shown() >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_nobody_here_answers_is_told_with_those_on_offer() {
    let Some((responder, pebble)) = over_http("127.0.0.1:0", PebbleOptions::default()).await else { return };
    let place = tempfile::tempdir().unwrap();
    let nobody = Made::with_responders(AcmeSettings::new(issuer(&pebble)), place.path(), Vec::new());
    let error = nobody.issue(&["DNS:a.example"]).await.unwrap_err();
    let AcmeError::NoChallenge { offered, .. } = &error else { panic!("{error:?}") };
    assert!(offered.as_str().contains("http-01") && offered.as_str().contains("dns-01"), "{offered}");
    // The first responder whose challenge is on offer is taken.
    let lab = Lab::new();
    let blind = Arc::new(TlsAlpnResponder::new(lab.store("web")));
    let both =
        Made::with_responders(AcmeSettings::new(issuer(&pebble)), place.path(), vec![responder, blind]);
    both.provider.ask_at_once();
    assert!(both.issue(&["DNS:a.example"]).await.is_ok());
}
