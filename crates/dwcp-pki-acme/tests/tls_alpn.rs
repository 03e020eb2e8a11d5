//! Answers to TLS-ALPN-01 in a certificate store: there while they are presented, and beside those of others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::Coded;
use dwcp_crypto::digest::sha256;
use dwcp_pki::{CertificateStore, Credential, SubjectName};
use dwcp_pki_acme::{ChallengeAnswer, ChallengeKind, Presented, Responder, ResponderError, TlsAlpnResponder};
use dwcp_testkit::Lab;
use std::sync::Arc;

const THUMBPRINT: &str = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";

async fn shown(responder: &TlsAlpnResponder, name: &str, token: &str) -> Result<Presented, ResponderError> {
    let name: SubjectName = name.parse().unwrap();
    let (kind, key_authorization) = (ChallengeKind::TlsAlpn01, &format!("{token}.{THUMBPRINT}"));
    responder.present(ChallengeAnswer { kind, name: &name, token, key_authorization }).await
}

fn answer(store: &CertificateStore, domain: &str) -> Option<Arc<Credential>> {
    store.current().challenges().answer_for(domain).cloned()
}

/// Whether the certificate answers this token.
fn is_for(credential: &Credential, token: &str) -> bool {
    let digest = sha256(format!("{token}.{THUMBPRINT}").as_bytes());
    let octets = [&[0x04, 0x20][..], &digest].concat();
    credential.chain().leaf().der().windows(34).any(|window| window == octets)
}

#[tokio::test]
async fn at_p13_an_answer_is_in_the_store_while_it_is_presented() {
    let store = Lab::new().store("node");
    let responder = TlsAlpnResponder::new(Arc::clone(&store));
    assert_eq!(responder.kinds(), [ChallengeKind::TlsAlpn01]);
    let served = Arc::clone(store.current().served());
    for (name, asked) in [
        ("DNS:shop.example", "shop.example"),
        ("IP:192.0.2.1", "1.2.0.192.in-addr.arpa"),
        ("IP:::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"),
    ] {
        let guard = shown(&responder, name, "token").await.unwrap();
        let credential = answer(&store, asked).unwrap();
        assert!(is_for(&credential, "token") && !is_for(&credential, "other"), "{name}");
        assert_eq!(credential.names().iter().map(ToString::to_string).collect::<Vec<_>>(), [name]);
        drop(guard);
        assert!(store.current().challenges().is_empty(), "{name}");
    }
    assert!(Arc::ptr_eq(&served, store.current().served()), "what is shown to clients is untouched");
}

#[tokio::test]
async fn at_p13_two_orders_for_one_name_and_answers_of_others_get_along() {
    let store = Lab::new().store("node");
    let responder = TlsAlpnResponder::new(Arc::clone(&store));
    // Somebody else's, in the same store: another responder, and a set that was installed whole.
    let other = TlsAlpnResponder::new(Arc::clone(&store));
    let theirs = shown(&other, "DNS:theirs.example", "theirs").await.unwrap();
    let (first, second) = (
        shown(&responder, "DNS:shop.example", "1").await.unwrap(),
        shown(&responder, "DNS:shop.example", "2").await.unwrap(),
    );
    assert!(is_for(&answer(&store, "shop.example").unwrap(), "2"), "the later one is shown");
    drop(second);
    assert!(is_for(&answer(&store, "shop.example").unwrap(), "1"), "and the earlier one again");
    let third = shown(&responder, "DNS:shop.example", "3").await.unwrap();
    drop(first);
    assert!(is_for(&answer(&store, "shop.example").unwrap(), "3"));
    // One of another responder for the same name is that one's to withdraw.
    let over = shown(&other, "DNS:shop.example", "4").await.unwrap();
    drop(third);
    assert!(is_for(&answer(&store, "shop.example").unwrap(), "4"));
    drop(over);
    assert!(answer(&store, "shop.example").is_none());
    assert!(answer(&store, "theirs.example").is_some());
    drop(theirs);
    assert!(store.current().challenges().is_empty());
}

#[tokio::test]
async fn at_p13_an_order_that_panics_or_is_cancelled_leaves_nothing_installed() {
    let store = Lab::new().store("node");
    let responder = TlsAlpnResponder::new(Arc::clone(&store));
    let panics = responder.clone();
    let panicked = tokio::spawn(async move {
        let _guard = shown(&panics, "DNS:shop.example", "token").await.unwrap();
        panic!("as an order may");
    });
    assert!(panicked.await.unwrap_err().is_panic());
    assert!(store.current().challenges().is_empty());
    let waits = responder.clone();
    let waiting = tokio::spawn(async move {
        let _guard = shown(&waits, "DNS:shop.example", "token").await.unwrap();
        std::future::pending::<()>().await;
    });
    while answer(&store, "shop.example").is_none() {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert!(store.current().challenges().is_empty());
    // The responder may be gone before what it presented.
    let guard = shown(&responder, "DNS:shop.example", "token").await.unwrap();
    drop(responder);
    assert!(answer(&store, "shop.example").is_some());
    drop(guard);
    assert!(store.current().challenges().is_empty());
}

#[tokio::test]
async fn names_that_nobody_validates_so_and_more_than_there_may_be_are_refused() {
    let store = Lab::new().store("node");
    let responder = TlsAlpnResponder::new(Arc::clone(&store));
    for name in ["DNS:*.shop.example", "URI:spiffe://lab.example/a", "EMAIL:a@shop.example"] {
        assert_eq!(
            shown(&responder, name, "token").await.unwrap_err().code(),
            "acme.responder.unfit",
            "{name}"
        );
    }
    assert_eq!(shown(&responder, "DNS:a.example", "../x").await.unwrap_err().code(), "acme.responder.token");
    let mut guards = Vec::new();
    for number in 0..255 {
        guards.push(shown(&responder, &format!("DNS:n{}.example", number % 200), "token").await.unwrap());
    }
    let full = shown(&responder, "DNS:shop.example", "token").await.unwrap_err();
    assert!(matches!(full, ResponderError::TooMany { limit: 255 }));
    drop(guards);
    assert!(store.current().challenges().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_at_once_neither_lose_answers_nor_leave_any() {
    let store = Lab::new().store("node");
    let responders = [TlsAlpnResponder::new(Arc::clone(&store)), TlsAlpnResponder::new(Arc::clone(&store))];
    let tasks: Vec<_> = (0..8)
        .map(|task: usize| {
            let (responder, store) = (responders[task % 2].clone(), Arc::clone(&store));
            tokio::spawn(async move {
                for round in 0..20 {
                    let (own, common) = (format!("n{task}.example"), format!("r{}.example", task % 2));
                    let _own = shown(&responder, &format!("DNS:{own}"), &format!("t{round}")).await.unwrap();
                    let _common =
                        shown(&responder, &format!("DNS:{common}"), &format!("t{task}")).await.unwrap();
                    tokio::task::yield_now().await;
                    assert!(is_for(&answer(&store, &own).unwrap(), &format!("t{round}")));
                    assert!(answer(&store, &common).is_some());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(store.current().challenges().is_empty());
}
