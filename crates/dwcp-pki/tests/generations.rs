//! Credentials as pairs, on disk and in the store; generations installed whole or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::{Coded, FaultyDisk, LocalDisk, Recorder};
use dwcp_crypto::{KeyType, Secret, SigningKey};
use dwcp_pki::{CertificateChain, CertificateStore, ChainFault, Credential, CredentialError, Event, Purpose};
use lab::*;
use std::path::Path;
use std::sync::Arc;

const WEB: &str = "URI:spiffe://mesh.example/web";

fn chain(parties: &[&Party]) -> CertificateChain {
    CertificateChain::from_der_list(&parties.iter().map(|p| p.der.clone()).collect::<Vec<_>>()).unwrap()
}

fn key(party: &Party) -> SigningKey {
    SigningKey::from_pkcs8(Secret::from(party.key.serialize_der())).unwrap()
}

fn credential(party: &Party) -> Credential {
    Credential::new(chain(&[party]), key(party)).unwrap()
}

#[test]
fn a_key_that_is_not_the_leafs_makes_no_credential() {
    let root = Party::root("root");
    let (one, two) = (root.leaf(&[WEB]), root.leaf(&[WEB]));
    assert!(Credential::new(chain(&[&one]), key(&one)).is_ok());
    for other in [key(&two), key(&root), SigningKey::generate(KeyType::Ed25519).unwrap()] {
        let error = Credential::new(chain(&[&one, &root]), other).unwrap_err();
        assert!(matches!(error, CredentialError::KeyMismatch));
        assert_eq!(error.code(), "pki.credential.mismatch");
    }
}

#[test]
fn a_credential_makes_the_round_trip_through_its_files() {
    let root = Party::root("root");
    let directory = tempfile::tempdir().unwrap();
    let prefix = directory.path().join("node");
    let leaf = root.leaf(&[WEB]);
    credential(&leaf).save(&LocalDisk, &prefix).unwrap();
    let read = Credential::load(&prefix.with_extension("crt"), &prefix.with_extension("key")).unwrap();
    assert_eq!(read.names(), credential(&leaf).names());
    assert_eq!(Credential::load_saved(&prefix).unwrap().not_after(), leaf_end());
    // A foreign pair of files is refused whole.
    std::fs::write(prefix.with_extension("crt"), chain(&[&root.leaf(&[WEB])]).to_pem()).unwrap();
    let torn = Credential::load(&prefix.with_extension("crt"), &prefix.with_extension("key"));
    assert!(matches!(torn, Err(CredentialError::KeyMismatch)));
}

fn leaf_end() -> dwcp_base::UnixTime {
    NOW.plus(DAY)
}

#[cfg(unix)]
#[test]
fn at_p10_a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let prefix = directory.path().join("node");
    credential(&Party::root("root").leaf(&[WEB])).save(&LocalDisk, &prefix).unwrap();
    let file = prefix.with_extension("key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(Credential::load_saved(&prefix).unwrap_err().code(), "base.secret.exposed");
}

#[test]
fn at_p8_whichever_write_fails_a_complete_pair_can_be_loaded() {
    let root = Party::root("root");
    let (old, new) = (root.leaf(&[WEB]), root.leaf_with(&[WEB], |p| p.serial_number = Some(vec![9].into())));
    let loads = |prefix: &Path| Credential::load_saved(prefix).unwrap().chain().leaf().serial();
    let mut failures = 0;
    for fails in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("node");
        credential(&old).save(&LocalDisk, &prefix).unwrap();
        let disk = FaultyDisk::failing_from(fails, std::io::ErrorKind::StorageFull);
        let saved = credential(&new).save(&disk, &prefix);
        let serial = loads(&prefix);
        assert!(serial == old.serial() || serial == new.serial());
        if saved.is_ok() {
            assert_eq!(serial, new.serial());
            break;
        }
        failures += 1;
    }
    assert_eq!(failures, 4, "each of the four writes was made to fail");
}

#[test]
fn generations_are_numbered_and_installed_whole() {
    let root = Party::root("root");
    let events = Arc::new(Recorder::with_capacity(9));
    let store = CertificateStore::new(credential(&root.leaf(&[WEB])), lax(&[&root])).unwrap();
    let store = store.observed_by(Arc::clone(&events) as _);
    assert_eq!((store.number(), store.current().number(), store.current().trust().generation()), (1, 1, 1));
    let first = store.current();
    assert_eq!(store.install_credential(credential(&root.leaf(&[WEB]))).unwrap(), 2);
    assert_eq!(first.number(), 1, "a reader keeps what it holds");
    let old_key = Arc::downgrade(first.credential());
    assert!(old_key.upgrade().is_some());
    drop(first);
    assert!(old_key.upgrade().is_none(), "nobody else holds the old private key");
    assert_eq!(store.install_trust(strict(&[&root], vec![root.crl(1, &[])])).unwrap(), 3);
    assert_eq!(events.events(), [Event::TrustChanged { generation: 3, anchors: 1, crls: 1 }]);
    let other = Party::root("other");
    let error = store.install_trust(lax(&[&other])).unwrap_err();
    assert_eq!(
        (error.verdict().fault(), error.code()),
        (&ChainFault::UnknownIssuer, "pki.generation.refused")
    );
    assert!(store.install_credential(credential(&other.leaf(&[WEB]))).is_err());
    assert_eq!((store.number(), store.current().number()), (3, 3), "nothing changed");
    assert_eq!(store.install(credential(&other.leaf(&[WEB])), lax(&[&other])).unwrap(), 4);
    let identity = store
        .current()
        .trust()
        .validate(&store.current().credential().chain().ders(), Purpose::Client, NOW)
        .by_rule();
    assert_eq!(identity.unwrap().trust_generation(), 4);
}

#[test]
fn an_expired_node_starts_and_a_crl_against_itself_is_adopted() {
    let root = Party::root_with("root", |p| p.not_after = date(NOW.minus(HOUR)));
    let leaf = root.leaf_with(&[WEB], |p| p.not_after = date(NOW.minus(2 * HOUR)));
    let leaf = root.leaf_with(&[WEB], |p| {
        p.not_before = date(NOW.minus(DAY));
        p.not_after = leaf.params.not_after;
    });
    let store = CertificateStore::new(credential(&leaf), strict(&[&root], Vec::new())).unwrap();
    let revoking = strict(&[&root], vec![root.crl(1, &[&leaf])]);
    assert_eq!(store.install_trust(revoking).unwrap(), 2);
}

#[test]
fn at_x7_an_older_crl_does_not_come_back_with_a_reload() {
    let root = Party::root("root");
    let peer = root.leaf_with(&[WEB], |p| p.serial_number = Some(vec![7].into()));
    let store =
        CertificateStore::new(credential(&root.leaf(&[WEB])), strict(&[&root], vec![root.crl(2, &[&peer])]))
            .unwrap();
    let refused = |store: &CertificateStore| verdict(store.current().trust(), &[&peer]).is_err();
    assert!(refused(&store));
    store.install_trust(strict(&[&root], vec![root.crl(1, &[])])).unwrap();
    assert!(refused(&store), "number 2 is kept");
    store.install_trust(strict(&[&root], vec![root.crl(3, &[])])).unwrap();
    assert!(!refused(&store));
}

#[test]
fn readers_never_see_a_torn_generation_while_writers_swap() {
    let roots = [Party::root("one"), Party::root("two")];
    let leaves = [roots[0].leaf(&[WEB]), roots[1].leaf(&[WEB])];
    let store = CertificateStore::new(credential(&leaves[0]), lax(&[&roots[0]])).unwrap();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    while last < 41 {
                        let number = store.number();
                        let generation = store.current();
                        assert!(generation.number() >= number && number >= last);
                        assert_eq!(generation.trust().generation(), generation.number());
                        assert!(generation.trust().covers(generation.credential().chain()).is_ok());
                        last = number;
                    }
                })
            })
            .collect();
        for round in 1..=40 {
            let at = round % 2;
            store.install(credential(&leaves[at]), lax(&[&roots[at]])).unwrap();
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn a_clients_own_certificate_may_lead_elsewhere_but_no_server_is_trusted_for_it() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    let own = ours.leaf(&[WEB]);
    assert!(CertificateStore::new(credential(&own), lax(&[&theirs])).is_err());
    let store = CertificateStore::for_client(credential(&own), lax(&[&theirs]));
    assert!(verdict(store.current().trust(), &[&theirs.leaf(&[WEB])]).is_ok());
    assert_eq!(verdict(store.current().trust(), &[&own]), Err(ChainFault::UnknownIssuer));
    assert!(store.install_trust(lax(&[&theirs])).is_err());
}
