//! Clients that know nothing newer than TLS 1.2, down to those whose offer lacks all that today's have: each is told the one thing
//! that helps, and what it offered is known.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod hellos;

use common::{Authority, DEADLINE, required};
use dwcp_tls::inspect::WeakOffer;
use dwcp_tls::{ServerSettings, TlsError, UnknownName, WithoutAlpn};
use hellos::captured;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn answered(settings: ServerSettings, hello: &[u8]) -> (TlsError, Vec<u8>) {
    let server = Authority::new("old").node("server").server(settings).unwrap();
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let (outcome, said) = tokio::join!(server.accept(near, DEADLINE), async {
        far.write_all(hello).await.unwrap();
        let mut said = Vec::new();
        far.read_to_end(&mut said).await.unwrap();
        said
    });
    (outcome.unwrap_err(), said)
}

#[tokio::test]
async fn at_t10_every_old_client_hears_protocol_version_and_its_offer_is_known() {
    let old: Vec<_> = captured().into_iter().filter(|hello| hello.highest != "TLS 1.3").collect();
    assert!(old.iter().any(|hello| hello.highest == "TLS 1.0"), "the oldest are among them");
    for hello in old {
        // Whatever name or protocol it asks for, its age is what it hears about.
        let open = required().with_unknown_name(UnknownName::Serve).without_alpn(WithoutAlpn::AcceptOthers);
        for settings in [required().with_alpn(["dwcp/1"]), open] {
            let (error, said) = answered(settings, &hello.records).await;
            let offered = error.weak_offer().unwrap_or_else(|| panic!("{}: {error:?}", hello.name));
            assert!(offered.weaknesses.iter().any(|weak| weak == WeakOffer::OldProtocol), "{}", hello.name);
            // RFC 9846 §6.2: a fatal alert, 70.
            assert_eq!(said, [21, 3, 3, 0, 2, 2, 70], "{}", hello.name);
        }
    }
}
