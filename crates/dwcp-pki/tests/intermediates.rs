//! Authorities below authorities: path length, validity, names, sealed keys, and places on the web.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod workbench;

use dwcp_base::{Coded, FaultyDisk, LocalDisk};
use dwcp_crypto::kek::{FileKek, KeyEncryptionKey, PassphraseKek, at_once};
use dwcp_crypto::{CryptoError, KeyType, Passphrase, Signer, SigningKey};
use dwcp_pki::{
    AuthorityError, AuthorityKey, AuthorityParams, AuthorityUrls, CertificateAuthority, IssuancePolicy,
    KeyStorage, NameConstraints, Purpose, Refusal, RevocationMode, RevocationReason, TrustStore,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};
use workbench::{DAY, NOW, request};

const DEADLINE: Duration = Duration::from_secs(10);

fn root_of(directory: &Path, params: AuthorityParams) -> CertificateAuthority {
    CertificateAuthority::create(Arc::new(LocalDisk), directory, &params, NOW).unwrap()
}

fn with_room(room: u8) -> AuthorityParams {
    AuthorityParams { path_length: room, ..AuthorityParams::new("Root") }
}

fn below(
    ca: &CertificateAuthority,
    directory: &Path,
    params: &AuthorityParams,
) -> Result<CertificateAuthority, AuthorityError> {
    let key = AuthorityKey::generate(params.key_type).unwrap();
    ca.create_intermediate(Arc::new(LocalDisk), directory, params, key, NOW)
}

fn trusts(root: &CertificateAuthority, crls: &[&CertificateAuthority]) -> TrustStore {
    let crls = crls.iter().map(|ca| ca.crl(NOW).unwrap()).collect();
    let anchor = root.certificate().certificate_der().clone();
    TrustStore::new(vec![anchor], crls, RevocationMode::Required).unwrap()
}

#[test]
fn what_an_intermediate_issues_leads_to_the_root() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let root = root_of(&at("root"), with_room(2));
    let mut params = AuthorityParams { path_length: 1, ..AuthorityParams::new("Region") };
    params.key_type = KeyType::EcdsaP384;
    let region = below(&root, &at("region"), &params).unwrap();
    let rack = below(&region, &at("rack"), &AuthorityParams::new("Rack")).unwrap();
    assert_eq!((rack.issuers().len(), rack.root()), (2, root.certificate()));
    // Also from a process that knows the directory alone.
    let rack = CertificateAuthority::open(Arc::new(LocalDisk), &at("rack")).unwrap();
    let chain = rack.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), NOW).unwrap();
    assert_eq!(chain.len(), 3);
    let presented = chain.ders();
    let judged = |store: &TrustStore| store.validate(&presented, Purpose::Server, NOW).map(|_| ());
    assert_eq!(judged(&trusts(&root, &[&root, &region, &rack])), Ok(()));
    // A revoked intermediate takes everything below it along.
    let serial = region.certificate().serial();
    let _ = root.revoke(&serial, RevocationReason::CaCompromise, NOW).unwrap();
    assert!(judged(&trusts(&root, &[&root, &region, &rack])).is_err());
}

#[test]
fn at_x15_no_authority_stands_where_the_path_length_leaves_no_room() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let none = root_of(&at("none"), with_room(0));
    let leaf_only = AuthorityParams::new("Below");
    let error = below(&none, &at("a"), &leaf_only).unwrap_err();
    assert!(matches!(error, AuthorityError::BadParameter { .. }), "{error}");
    assert!(!at("a").join("ca.crt").exists() && none.issued().unwrap().is_empty());
    let root = root_of(&at("root"), with_room(1));
    let deeper = AuthorityParams { path_length: 1, ..leaf_only.clone() };
    assert!(below(&root, &at("b"), &deeper).is_err());
    let one = below(&root, &at("c"), &leaf_only).unwrap();
    assert!(below(&one, &at("d"), &leaf_only).is_err());
}

#[test]
fn at_x15_nothing_outlives_what_is_above_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let root = root_of(&at("root"), AuthorityParams { lifetime: 10 * DAY, ..with_room(1) });
    let one = below(&root, &at("one"), &AuthorityParams::new("One")).unwrap();
    assert_eq!(one.certificate().not_after(), root.certificate().not_after());
    let policy = IssuancePolicy::default().with_ttl(30 * DAY).unwrap();
    let chain = one.issue(&request(&["DNS:a.b"]), &policy, NOW).unwrap();
    assert_eq!(chain.leaf().not_after(), root.certificate().not_after());
    let late = NOW.plus(11 * DAY);
    let error = one.issue(&request(&["DNS:a.b"]), &policy, late).unwrap_err();
    assert!(matches!(error, AuthorityError::Expired { .. }));
    assert!(one.crl(late).is_ok(), "what has expired still revokes and publishes");
}

#[test]
fn at_x15_names_are_bound_by_every_authority_above() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let bound = |permitted: &[&str], excluded: &[&str]| NameConstraints {
        permitted: permitted.iter().map(|text| text.parse().unwrap()).collect(),
        excluded: excluded.iter().map(|text| text.parse().unwrap()).collect(),
    };
    let constraints = bound(&["DNS:example.org"], &["IP:0.0.0.0/0", "IP:::/0"]);
    let root = root_of(&at("root"), AuthorityParams { constraints, ..with_room(1) });
    let constraints = bound(&["DNS:west.example.org", "DNS:example.com"], &[]);
    below(&root, &at("one"), &AuthorityParams { constraints, ..AuthorityParams::new("One") }).unwrap();
    let one = CertificateAuthority::open(Arc::new(LocalDisk), &at("one")).unwrap();
    let store = trusts(&root, &[&root, &one]);
    for (name, allowed) in [
        ("DNS:a.west.example.org", true),
        ("DNS:*.west.example.org", true),
        ("DNS:a.east.example.org", false),
        ("DNS:example.com", false),
        ("IP:192.0.2.1", false),
        ("IP:2001:db8::1", false),
        ("URI:spiffe://mesh.example/a", true),
    ] {
        match one.issue(&request(&[name]), &IssuancePolicy::default(), NOW) {
            Ok(chain) => {
                assert!(allowed, "{name}");
                let presented = chain.ders();
                store.validate(&presented, Purpose::Server, NOW).unwrap();
            }
            Err(AuthorityError::Refused { source: Refusal::Constrained { .. } }) => {
                assert!(!allowed, "{name}")
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn a_sealed_key_opens_with_its_passphrase_alone() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("ca");
    let kek = FileKek::create(&directory.path().join("kek"), &LocalDisk, NOW).unwrap();
    let key = at_once(AuthorityKey::generate_sealed(KeyType::EcdsaP256, &kek, NOW, DEADLINE)).unwrap();
    let disk = || Arc::new(LocalDisk);
    CertificateAuthority::create_with(disk(), &home, &AuthorityParams::new("Sealed"), key, NOW).unwrap();
    assert_eq!(AuthorityKey::storage(&home).unwrap(), KeyStorage::Sealed);
    let file = fs::read_to_string(home.join("ca.key")).unwrap();
    assert!(!file.contains("PRIVATE"), "{file}");
    assert!(matches!(CertificateAuthority::open(disk(), &home), Err(AuthorityError::Sealed)));
    let open = |kek: &dyn KeyEncryptionKey| at_once(AuthorityKey::unseal(&home, kek, DEADLINE));
    let opened = CertificateAuthority::open_with(disk(), &home, open(&kek).unwrap()).unwrap();
    assert!(opened.crl(NOW).is_ok());
    let other = FileKek::create(&directory.path().join("other"), &LocalDisk, NOW).unwrap();
    assert_eq!(open(&other).unwrap_err().code(), "crypto.kek.wrong");
    let guess = PassphraseKek::opening(Passphrase::new(b"guess").unwrap());
    assert!(matches!(open(&guess), Err(AuthorityError::Unsealed { .. })));
    // Any byte of it, and a key of another authority that was sealed alike.
    for at in (0..file.len()).step_by(37) {
        let mut bad = file.clone().into_bytes();
        bad[at] ^= 1;
        fs::write(home.join("ca.key"), &bad).unwrap();
        assert!(open(&kek).is_err(), "byte {at}");
    }
    let key = at_once(AuthorityKey::generate_sealed(KeyType::EcdsaP256, &kek, NOW, DEADLINE)).unwrap();
    assert!(matches!(CertificateAuthority::open_with(disk(), &home, key), Err(AuthorityError::KeyMismatch)));
}

#[test]
fn a_key_in_clear_can_be_sealed_later_and_a_crash_leaves_one_or_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("ca");
    root_of(&home, AuthorityParams::new("Root"));
    let kek = FileKek::create(&directory.path().join("kek"), &LocalDisk, NOW).unwrap();
    let not_yet = at_once(AuthorityKey::unseal(&home, &kek, DEADLINE));
    assert!(matches!(not_yet, Err(AuthorityError::NotSealed)));
    let failing = FaultyDisk::failing_once(0, io::ErrorKind::StorageFull);
    assert!(at_once(AuthorityKey::seal(&failing, &home, &kek, NOW, DEADLINE)).is_err());
    assert_eq!(AuthorityKey::storage(&home).unwrap(), KeyStorage::Plain);
    at_once(AuthorityKey::seal(&LocalDisk, &home, &kek, NOW, DEADLINE)).unwrap();
    let again = at_once(AuthorityKey::seal(&LocalDisk, &home, &kek, NOW, DEADLINE));
    assert!(matches!(again, Err(AuthorityError::Sealed)));
    let key = at_once(AuthorityKey::unseal(&home, &kek, DEADLINE)).unwrap();
    CertificateAuthority::open_with(Arc::new(LocalDisk), &home, key).unwrap();
}

/// A key of a module: it is asked, and may refuse.
#[derive(Debug)]
struct Module(SigningKey, std::sync::atomic::AtomicBool);

impl Signer for Module {
    fn key_type(&self) -> KeyType {
        self.0.key_type()
    }

    fn public_key(&self) -> &[u8] {
        self.0.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if self.1.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(CryptoError::SignerUnavailable);
        }
        self.0.sign(message)
    }
}

#[test]
fn a_key_that_is_held_elsewhere_leaves_nothing_in_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("ca");
    let key = SigningKey::generate(KeyType::EcdsaP384).unwrap();
    let module = Arc::new(Module(key, false.into()));
    let held = || AuthorityKey::elsewhere(Arc::<Module>::clone(&module));
    let disk = || Arc::new(LocalDisk);
    CertificateAuthority::create_with(disk(), &home, &AuthorityParams::new("Root"), held(), NOW).unwrap();
    assert!(!home.join("ca.key").exists());
    assert_eq!(AuthorityKey::storage(&home).unwrap(), KeyStorage::Elsewhere);
    let ca = CertificateAuthority::open_with(disk(), &home, held()).unwrap();
    let issue = || ca.issue(&request(&["DNS:a.b"]), &IssuancePolicy::default(), NOW);
    issue().unwrap();
    module.1.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(issue().is_err());
    assert_eq!(ca.issued().unwrap().len(), 1, "what was not signed was not issued");
}

#[test]
fn places_on_the_web_are_those_of_every_certificate_and_list() {
    let directory = tempfile::tempdir().unwrap();
    let urls = AuthorityUrls {
        crl: Some("http://ca.example.org/pki/root.crl".parse().unwrap()),
        delta: None,
        issuer: Some("http://ca.example.org/pki/root.crt".parse().unwrap()),
        ocsp: Some("http://ca.example.org/pki/ocsp".parse().unwrap()),
    };
    root_of(directory.path(), AuthorityParams { urls: urls.clone(), ..AuthorityParams::new("Root") });
    let ca = CertificateAuthority::open(Arc::new(LocalDisk), directory.path()).unwrap();
    assert_eq!(ca.urls(), &urls);
    let chain = ca.issue(&request(&["DNS:a.b"]), &IssuancePolicy::default(), NOW).unwrap();
    let holds = |der: &[u8], url: &str| der.windows(url.len()).any(|window| window == url.as_bytes());
    for url in [&urls.crl, &urls.issuer, &urls.ocsp] {
        assert!(holds(chain.leaf().der(), url.as_ref().unwrap().as_str()));
    }
    let crl = ca.crl(NOW).unwrap();
    assert!(holds(crl.der(), "http://ca.example.org/pki/root.crl"), "its issuing distribution point");
    // Our own reading of the two fits together.
    let store = trusts(&ca, &[&ca]);
    let presented = chain.ders();
    store.validate(&presented, Purpose::Server, NOW).unwrap();
    fs::write(directory.path().join("urls"), "crl file:///etc/passwd\n").unwrap();
    let damaged = CertificateAuthority::open(Arc::new(LocalDisk), directory.path());
    assert!(matches!(damaged, Err(AuthorityError::Urls { .. })));
}

#[test]
fn a_directory_whose_issuers_do_not_lead_to_a_root_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let root = root_of(&at("root"), with_room(1));
    below(&root, &at("one"), &AuthorityParams::new("One")).unwrap();
    let other = root_of(&at("other"), with_room(1));
    let issuers = at("one").join("issuers.crt");
    let good = fs::read_to_string(&issuers).unwrap();
    for bad in [String::new(), other.certificate().to_pem(), format!("{good}{good}"), "nonsense".to_owned()] {
        fs::write(&issuers, &bad).unwrap();
        assert!(CertificateAuthority::open(Arc::new(LocalDisk), &at("one")).is_err(), "{bad}");
    }
    fs::remove_file(&issuers).unwrap();
    assert!(CertificateAuthority::open(Arc::new(LocalDisk), &at("one")).is_err());
    fs::write(&issuers, good).unwrap();
    CertificateAuthority::open(Arc::new(LocalDisk), &at("one")).unwrap();
}

#[test]
fn an_intermediate_whose_files_were_not_written_is_revoked_again() {
    let directory = tempfile::tempdir().unwrap();
    let root = root_of(&directory.path().join("root"), with_room(1));
    let params = AuthorityParams::new("One");
    // Each call of the disk in turn.
    for nth in 0..40 {
        let home = directory.path().join(format!("one-{nth}"));
        let failing = FaultyDisk::failing_once(nth, io::ErrorKind::StorageFull);
        let key = AuthorityKey::generate(KeyType::EcdsaP256).unwrap();
        let before = root.issued().unwrap().len();
        match root.create_intermediate(Arc::new(failing), &home, &params, key, NOW) {
            Ok(_) => return,
            Err(_) => {
                let issued = root.issued().unwrap();
                assert!(
                    issued[before..].iter().all(|record| record.standing != dwcp_pki::IssuedStanding::Good)
                );
                assert!(!home.join("ca.crt").exists(), "call {nth}");
            }
        }
    }
    panic!("no call was the last");
}
