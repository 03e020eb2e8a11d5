//! Status responses that servers staple, from a real authority: what they cover, what they refuse, and what a resumed session has of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::foreign::{dialling, server};
use common::{Authority, DEADLINE, HOUR, Leaf, clock, expected, manager, now};
use dwcp_base::{Coded, LocalDisk, ManualClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, CertIdHash, CertificateAuthority, CertificateRequest, CertificateStore, Credential,
    IssuancePolicy, OcspRequest, Purpose, RevocationChecked, RevocationMode, RevocationReason, TrustStore,
};
use dwcp_tls::{
    ClientSettings, ExpectedServer, PeerRule, PeerRules, Resumption, RuleOutcome, RuleRefusal, Shown,
    TlsConnector, TlsError, TlsPolicy, shown_by,
};
use rcgen::CustomExtension;
use std::sync::Arc;
use std::time::Duration;

/// An authority with a server's certificate, and a client that trusts it and has no list of it.
struct Bench {
    _directory: tempfile::TempDir,
    authority: CertificateAuthority,
    credential: Credential,
    store: Arc<CertificateStore>,
    clock: Arc<ManualClock>,
    client: TlsConnector,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let params = AuthorityParams::new("staples");
        let disk = Arc::new(LocalDisk);
        let made = now().minus(HOUR);
        let authority = CertificateAuthority::create(disk, directory.path(), &params, made).unwrap();
        let issue = |name: &str| {
            let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
            let request = CertificateRequest::generate(&key, &[name.parse().unwrap()]).unwrap();
            let chain = authority.issue(&request, &IssuancePolicy::default(), now()).unwrap();
            Credential::new(chain, key).unwrap()
        };
        let (credential, own) = (issue("URI:spiffe://mesh/server"), issue("URI:spiffe://mesh/client"));
        let anchors = vec![authority.root().certificate_der().clone()];
        let trust = TrustStore::new(anchors, Vec::new(), RevocationMode::Required).unwrap();
        let store = Arc::new(CertificateStore::new(own, trust).unwrap());
        let clock = clock();
        let client =
            manager(Arc::clone(&store), TlsPolicy::new(), &clock).client(ClientSettings::new()).unwrap();
        Self { _directory: directory, authority, credential, store, clock, client }
    }

    fn response(&self) -> Vec<u8> {
        self.response_about(&self.credential)
    }

    fn response_about(&self, credential: &Credential) -> Vec<u8> {
        let (leaf, issuer) = (credential.chain().leaf(), self.authority.certificate());
        let asked = OcspRequest::for_certificate(leaf, issuer, CertIdHash::Sha256).unwrap();
        self.authority.ocsp(&asked, now()).unwrap().der().to_vec()
    }

    fn server(&self, staple: Option<Vec<u8>>) -> Arc<rustls::ServerConfig> {
        server(self.credential.chain().ders(), self.credential.key().pkcs8().expose(), staple)
    }
}

fn the_server() -> ExpectedServer {
    expected("URI:spiffe://mesh/server")
}

#[tokio::test]
async fn a_good_staple_covers_what_no_list_does_and_a_resumed_session_remembers_it() {
    let bench = Bench::new();
    let (refused, told) = dialling(&bench.client, &bench.server(None), &the_server()).await;
    assert_eq!(
        (refused.unwrap_err().code(), told),
        ("tls.certificate.status_unknown", Some("tls.peer.unknown_ca"))
    );
    let stapling = bench.server(Some(bench.response()));
    for resumed in [Resumption::Full, Resumption::Resumed, Resumption::Resumed] {
        let (session, _) = dialling(&bench.client, &stapling, &the_server()).await;
        let session = session.unwrap();
        assert_eq!(session.facts().resumed, resumed);
        let dwcp_pki::Peer::Identified(identity) = session.peer() else { panic!("nobody") };
        assert_eq!(identity.revocation(), RevocationChecked::Covered);
        assert_eq!(identity.vouched_until(), Some(now().plus(HOUR)));
    }
    // The verdict is of that response: without it nothing covers the certificate, and nothing is borrowed from before.
    bench.client.forget(&the_server());
    let (refused, _) = dialling(&bench.client, &bench.server(None), &the_server()).await;
    assert_eq!(refused.unwrap_err().code(), "tls.certificate.status_unknown");
}

#[tokio::test]
async fn a_staple_is_shown_to_who_only_looks_and_the_rules_say_what_it_is_worth() {
    let bench = Bench::new();
    for (staple, code) in [(Some(bench.response()), None), (None, Some("pki.chain.crl_missing"))] {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let acceptor = tokio_rustls::TlsAcceptor::from(bench.server(staple.clone()));
        let (meant, policy) = (the_server(), TlsPolicy::new());
        let looking = shown_by(far, &meant, &policy, DEADLINE);
        let (session, shown) = tokio::join!(acceptor.accept(near), looking);
        assert!(session.is_err(), "no session came of it");
        let shown = shown.unwrap();
        assert_eq!(shown.staple, staple.unwrap_or_default());
        let asked =
            Shown { chain: &shown.chain, staple: &shown.staple, purpose: Purpose::Server, group: None };
        let verdicts = PeerRules::new().examine(bench.store.current().trust(), &asked, Some(&meant), now());
        let chain = match &verdicts[0].outcome {
            RuleOutcome::Refused { code, .. } => Some(*code),
            _ => None,
        };
        assert_eq!((verdicts[0].rule, chain), (PeerRule::Chain, code));
    }
}

#[tokio::test]
async fn a_resumed_session_ends_with_the_staple_it_was_made_with() {
    let bench = Bench::new();
    let stapling = bench.server(Some(bench.response()));
    dialling(&bench.client, &stapling, &the_server()).await.0.unwrap();
    bench.clock.advance(HOUR - Duration::from_secs(1));
    let (session, _) = dialling(&bench.client, &stapling, &the_server()).await;
    assert_eq!(session.unwrap().facts().resumed, Resumption::Resumed);
    bench.clock.advance(Duration::from_secs(1));
    let (refused, _) = dialling(&bench.client, &stapling, &the_server()).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), "tls.resumption.refused");
    assert_eq!(error.validation().map(Coded::code), Some("pki.chain.crl_missing"));
    // In full the response is looked at itself, and is past its time.
    bench.client.forget(&the_server());
    let (refused, told) = dialling(&bench.client, &stapling, &the_server()).await;
    let error = refused.unwrap_err();
    assert_eq!(error.validation().map(Coded::code), Some("pki.chain.status_response"));
    assert_eq!(told, Some("tls.peer.bad_certificate_status_response"));
}

#[tokio::test]
async fn a_staple_that_says_revoked_refuses_although_a_list_covers_the_certificate() {
    let bench = Bench::new();
    let good = bench.response();
    // A list from before the revocation.
    let list = bench.authority.crl(now()).unwrap();
    let anchors = vec![bench.authority.root().certificate_der().clone()];
    bench
        .store
        .install_trust(TrustStore::new(anchors, vec![list], RevocationMode::Required).unwrap())
        .unwrap();
    let (session, _) = dialling(&bench.client, &bench.server(Some(good.clone())), &the_server()).await;
    assert_eq!(session.unwrap().facts().resumed, Resumption::Full);
    bench.client.forget(&the_server());
    assert!(dialling(&bench.client, &bench.server(None), &the_server()).await.0.is_ok());
    bench.client.forget(&the_server());
    let serial = bench.credential.chain().leaf().serial();
    let _ = bench.authority.revoke(&serial, RevocationReason::KeyCompromise, now()).unwrap();
    let revoked = bench.server(Some(bench.response()));
    let (refused, told) = dialling(&bench.client, &revoked, &the_server()).await;
    let error = refused.unwrap_err();
    assert_eq!((error.code(), told), ("tls.certificate.revoked", Some("tls.peer.certificate_revoked")));
}

#[tokio::test]
async fn who_turned_out_to_be_revoked_does_not_come_back_on_an_older_staple() {
    let bench = Bench::new();
    let stapling = bench.server(Some(bench.response()));
    dialling(&bench.client, &stapling, &the_server()).await.0.unwrap();
    let serial = bench.credential.chain().leaf().serial();
    let _ = bench.authority.revoke(&serial, RevocationReason::KeyCompromise, now()).unwrap();
    let honest = bench.server(Some(bench.response()));
    let (refused, _) = dialling(&bench.client, &honest, &the_server()).await;
    assert_eq!(refused.unwrap_err().code(), "tls.certificate.revoked");
    // A ticket is left over, and the response of before would count for most of an hour.
    let (refused, _) = dialling(&bench.client, &stapling, &the_server()).await;
    assert_eq!(refused.unwrap_err().code(), "tls.resumption.refused");
}

#[tokio::test]
async fn an_older_response_does_not_shorten_what_a_newer_one_vouched_for() {
    let (authority, clock) = (Authority::new("replayed"), clock());
    let store = authority.store(&Leaf::named("client"));
    let client = manager(store, TlsPolicy::new(), &clock).client(ClientSettings::new()).unwrap();
    let credential = featured(&authority, &[2, 1, 5]);
    let until = |until| serving(&credential, Some(authority.good(credential.chain().leaf(), until)));
    let (newer, mut older) = (until(now().plus(2 * HOUR)), until(now().plus(HOUR)));
    // Two servers of one name that open each other's tickets.
    Arc::get_mut(&mut older).unwrap().ticketer = Arc::clone(&newer.ticketer);
    let meant = expected("DNS:server.mesh");
    for server in [&newer, &older] {
        client.forget(&meant);
        assert!(dialling(&client, server, &meant).await.0.is_ok());
    }
    clock.advance(HOUR);
    let (session, _) = dialling(&client, &older, &meant).await;
    assert_eq!(session.unwrap().facts().resumed, Resumption::Resumed);
}

#[tokio::test]
async fn a_staple_that_can_not_be_read_or_is_about_another_refuses() {
    let bench = Bench::new();
    let other = {
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let request =
            CertificateRequest::generate(&key, &["URI:spiffe://mesh/other".parse().unwrap()]).unwrap();
        let chain = bench.authority.issue(&request, &IssuancePolicy::default(), now()).unwrap();
        Credential::new(chain, key).unwrap()
    };
    let good = bench.response();
    let mut forged = good.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let cut = good[..good.len() - 1].to_vec();
    let large = vec![0x30; (16 << 10) + 1];
    let about_another = bench.response_about(&other);
    for (staple, what) in [
        (b"no response".to_vec(), "text"),
        (vec![0], "one byte"),
        (cut, "cut"),
        (forged, "forged"),
        (large, "large"),
        (about_another, "another"),
    ] {
        let (refused, told) = dialling(&bench.client, &bench.server(Some(staple)), &the_server()).await;
        let error = refused.unwrap_err();
        assert_eq!(error.code(), "tls.certificate.status_unknown", "{what}: {error:?}");
        assert_eq!(error.validation().map(Coded::code), Some("pki.chain.status_response"), "{what}");
        assert_eq!(told, Some("tls.peer.bad_certificate_status_response"), "{what}");
    }
    assert!(dialling(&bench.client, &bench.server(Some(good)), &the_server()).await.0.is_ok());
}

/// A server whose certificate says these features of TLS (RFC 7633), under an authority whose list covers it: the extension alone
/// decides.
fn featured(authority: &Authority, features: &[u8]) -> Credential {
    authority.issue_with(&Leaf::named("server"), |params| {
        let content = [&[0x30, u8::try_from(features.len()).unwrap()], features].concat();
        let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], content);
        params.custom_extensions = vec![extension];
    })
}

fn serving(credential: &Credential, staple: Option<Vec<u8>>) -> Arc<rustls::ServerConfig> {
    server(credential.chain().ders(), credential.key().pkcs8().expose(), staple)
}

#[tokio::test]
async fn a_certificate_that_comes_with_a_staple_is_refused_without_one() {
    let authority = Authority::new("must staple");
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    for (features, asks) in [(&[2, 1, 5][..], true), (&[2, 1, 17, 2, 1, 5], true), (&[2, 1, 17], false)] {
        let config = serving(&featured(&authority, features), None);
        let (outcome, told) = dialling(&client, &config, &expected("DNS:server.mesh")).await;
        if !asks {
            outcome.unwrap();
            client.forget(&expected("DNS:server.mesh"));
            continue;
        }
        let error = outcome.unwrap_err();
        assert_eq!((error.code(), error.reason()), ("tls.certificate.unstapled", "certificate_unstapled"));
        assert!(matches!(error, TlsError::Refused { rule: RuleRefusal::Unstapled, .. }));
        assert_eq!(told, Some("tls.peer.bad_certificate_status_response"));
    }
}

#[tokio::test]
async fn the_staple_that_a_certificate_asks_for_counts_until_it_lapses() {
    let (authority, clock) = (Authority::new("stapled"), clock());
    let store = authority.store(&Leaf::named("client"));
    let client = manager(store, TlsPolicy::new(), &clock).client(ClientSettings::new()).unwrap();
    let credential = featured(&authority, &[2, 1, 5]);
    let good = authority.good(credential.chain().leaf(), now().plus(HOUR));
    let stapling = serving(&credential, Some(good));
    let meant = expected("DNS:server.mesh");
    for resumed in [Resumption::Full, Resumption::Resumed] {
        let (session, _) = dialling(&client, &stapling, &meant).await;
        assert_eq!(session.unwrap().facts().resumed, resumed);
    }
    // A list still covers the certificate, so that the rule about the staple alone refuses.
    clock.advance(HOUR);
    let error = dialling(&client, &stapling, &meant).await.0.unwrap_err();
    assert_eq!(error.code(), "tls.certificate.unstapled");
    assert!(matches!(error, TlsError::Refused { resumed: Resumption::Resumed, .. }), "{error:?}");
    // In full a newer one is shown.
    client.forget(&meant);
    let newer = serving(&credential, Some(authority.good(credential.chain().leaf(), now().plus(2 * HOUR))));
    assert!(dialling(&client, &newer, &meant).await.0.is_ok());
}

#[tokio::test]
async fn who_turned_out_to_be_revoked_does_not_come_back_by_a_ticket_although_a_list_covers_it() {
    let bench = Bench::new();
    // A list from before the revocation.
    let list = bench.authority.crl(now()).unwrap();
    let trust = || {
        let anchors = vec![bench.authority.root().certificate_der().clone()];
        TrustStore::new(anchors, vec![list.clone()], RevocationMode::Required).unwrap()
    };
    bench.store.install_trust(trust()).unwrap();
    let stapling = bench.server(Some(bench.response()));
    dialling(&bench.client, &stapling, &the_server()).await.0.unwrap();
    let serial = bench.credential.chain().leaf().serial();
    let _ = bench.authority.revoke(&serial, RevocationReason::KeyCompromise, now()).unwrap();
    let honest = bench.server(Some(bench.response()));
    let (refused, _) = dialling(&bench.client, &honest, &the_server()).await;
    assert_eq!(refused.unwrap_err().code(), "tls.certificate.revoked");
    // Tickets are left over.
    let (refused, _) = dialling(&bench.client, &stapling, &the_server()).await;
    assert_eq!(refused.unwrap_err().code(), "tls.resumption.refused");
    // Nor does it by showing nothing, until trust changes or somebody vouches for it anew.
    bench.client.forget(&the_server());
    let (refused, told) = dialling(&bench.client, &bench.server(None), &the_server()).await;
    assert_eq!(
        (refused.unwrap_err().code(), told),
        ("tls.certificate.revoked", Some("tls.peer.certificate_revoked"))
    );
    bench.store.install_trust(trust()).unwrap();
    assert!(dialling(&bench.client, &bench.server(None), &the_server()).await.0.is_ok());
}
