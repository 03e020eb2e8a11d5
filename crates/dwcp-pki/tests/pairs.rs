//! Certificate and key on disk as pairs: torn by writers, left by interrupted ones, and never shown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::{Clock, Coded, Disk, FaultyDisk, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, Secret, SigningKey};
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, CertificateChain, CertificateStore, Credential, CredentialError,
    KeyPin, private_key_pem,
};
use lab::*;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const WEB: &str = "URI:spiffe://mesh.example/web";

fn key(party: &Party) -> SigningKey {
    SigningKey::from_pkcs8(Secret::from(party.key.serialize_der())).unwrap()
}

fn credential(party: &Party) -> Credential {
    let chain = CertificateChain::from_der_list(std::slice::from_ref(&party.der)).unwrap();
    Credential::new(chain, key(party)).unwrap()
}

/// What a reader met while a writer was at work.
#[derive(Default)]
struct Met {
    whole: usize,
    torn: usize,
}

impl Met {
    fn note(&mut self, read: Result<Credential, CredentialError>) {
        match read {
            Ok(credential) => {
                assert_eq!(KeyPin::of_key(credential.key()), credential.chain().leaf().key_pin());
                self.whole += 1;
            }
            Err(error) => {
                assert_eq!(error.code(), "pki.credential.mismatch", "{error}");
                self.torn += 1;
            }
        }
    }
}

/// Runs a writer as fast as it goes for about a second, and a reader beside it.
fn race(
    write: impl Fn(usize) + Sync,
    read: impl Fn() -> Result<Credential, CredentialError>,
) -> (usize, Met) {
    let done = AtomicBool::new(false);
    let (mut met, clock) = (Met::default(), SystemClock::new());
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                round += 1;
                write(round);
            }
            round
        });
        let start = clock.tick();
        while clock.tick().since(start) < Duration::from_secs(1) {
            met.note(read());
        }
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    (written, met)
}

#[test]
fn at_p11_a_reader_beside_a_writer_that_flips_the_pair_never_gets_a_mismatch() {
    let root = Party::root("root");
    let pairs = [credential(&root.leaf(&[WEB])), credential(&root.leaf(&[WEB]))];
    let directory = tempfile::tempdir().unwrap();
    let (chain, key) = (directory.path().join("node.crt"), directory.path().join("node.key"));
    // One file after the other, each replaced whole: what most tools do. Unsynced, to be as fast as can be.
    let flip = |round: usize| {
        let pair = &pairs[round % 2];
        for (path, bytes) in [
            (&key, private_key_pem(pair.key()).unwrap().expose()),
            (&chain, pair.chain().to_pem().as_bytes()),
        ] {
            let fresh = path.with_extension(format!("{}.fresh", path.extension().unwrap().display()));
            write_secret(&fresh, bytes);
            std::fs::rename(&fresh, path).unwrap();
        }
    };
    flip(0);
    let (written, met) = race(flip, || Credential::load(&chain, &key));
    assert!(written > 100 && met.whole > 0 && met.torn > 0, "{written} {} {}", met.whole, met.torn);
}

fn write_secret(path: &Path, bytes: &[u8]) {
    let _ = std::fs::remove_file(path);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(&mut options.open(path).unwrap(), bytes).unwrap();
}

#[test]
fn at_p11_a_saved_pair_is_read_whole_or_not_at_all_while_it_is_replaced() {
    let root = Party::root("root");
    let pairs = [credential(&root.leaf(&[WEB])), credential(&root.leaf(&[WEB]))];
    let directory = tempfile::tempdir().unwrap();
    let prefix = directory.path().join("node");
    let save = |round: usize| pairs[round % 2].save(&LocalDisk, &prefix).unwrap();
    save(0);
    let (written, met) = race(save, || Credential::load_saved(&prefix));
    assert!(written > 1 && met.whole > 0, "{written} {}", met.whole);
}

#[test]
fn at_p8_a_first_save_that_is_interrupted_leaves_nothing_or_the_new_pair() {
    let root = Party::root("root");
    let new = credential(&root.leaf(&[WEB]));
    for (fails, loads) in [(0, false), (1, false), (2, false), (3, true)] {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("node");
        let disk = FaultyDisk::failing_from(fails, std::io::ErrorKind::StorageFull);
        assert!(new.save(&disk, &prefix).is_err());
        let read = Credential::load_saved(&prefix);
        assert_eq!(read.is_ok(), loads, "{fails}");
        match read {
            Ok(read) => assert_eq!(read.chain(), new.chain()),
            Err(error) => assert!(matches!(error, CredentialError::File(_)), "{error:?}"),
        }
    }
}

#[test]
fn a_pair_that_was_removed_does_not_come_back_from_where_it_was_staged() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = directory.path().join("node");
    credential(&Party::root("root").leaf(&[WEB])).save(&LocalDisk, &prefix).unwrap();
    for suffix in ["crt", "key"] {
        std::fs::remove_file(prefix.with_extension(suffix)).unwrap();
    }
    assert!(prefix.with_extension("next.key").exists());
    assert!(matches!(Credential::load_saved(&prefix), Err(CredentialError::File(_))));
}

/// Every form in which eight or more bytes of a secret could stand in a text.
fn shows(text: &str, secret: &[u8]) -> bool {
    let hexadecimal = |bytes: &[u8], upper: bool| -> String {
        bytes.iter().map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }).collect()
    };
    let listed = |bytes: &[u8]| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    secret.windows(8).any(|window| {
        text.contains(&hexadecimal(window, false))
            || text.contains(&hexadecimal(window, true))
            || text.contains(&listed(window))
    })
}

fn chain_of_texts(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut next = error.source();
    while let Some(source) = next {
        text += &format!(" {source} {source:?}");
        next = source.source();
    }
    text
}

#[test]
fn at_p12_no_byte_of_a_key_stands_in_what_is_printed() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let secret = leaf.key.serialize_der();
    // Version and algorithm stand before the private octets and are no secret; the public key stands after them.
    let private = &secret[36..68];
    let pem = String::from_utf8(private_key_pem(&key(&leaf)).unwrap().expose().to_vec()).unwrap();
    let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut said = String::new();
    let own = credential(&leaf);
    said += &format!("{own:?} {own:#?} {:?} {:?}", own.key(), private_key_pem(own.key()).unwrap());
    let store = CertificateStore::new(own, lax(&[&root])).unwrap();
    said += &format!("{store:?} {store:#?} {:?}", store.current());

    // Files of a key in every kind of disorder: the error may name the file and nothing in it.
    let directory = tempfile::tempdir().unwrap();
    let prefix = directory.path().join("node");
    let mut flipped = secret.clone();
    flipped[40] ^= 1;
    let damaged = |der: &[u8]| {
        let text = private_key_pem(&key(&leaf)).unwrap();
        let whole = String::from_utf8(text.expose().to_vec()).unwrap();
        whole.replace(lines[0], &lines[0][..lines[0].len() - der.len().min(5)])
    };
    let disorders = [
        pem.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
        pem.replace("-----END PRIVATE KEY-----", ""),
        pem.replace(lines[1], &format!("{}?", lines[1])),
        damaged(&flipped),
        lines.join(""),
        format!("{pem}{pem}"),
        private_key_pem(&SigningKey::generate(KeyType::Ed25519).unwrap())
            .map(|text| String::from_utf8(text.expose().to_vec()).unwrap())
            .unwrap(),
    ];
    let chain = CertificateChain::from_der_list(std::slice::from_ref(&leaf.der)).unwrap();
    LocalDisk.replace(&prefix.with_extension("crt"), chain.to_pem().as_bytes(), false).unwrap();
    for disorder in &disorders {
        LocalDisk.replace(&prefix.with_extension("key"), disorder.as_bytes(), true).unwrap();
        said += &chain_of_texts(&Credential::load_saved(&prefix).unwrap_err());
    }
    // A write that fails, and an authority whose key file is in disorder.
    let disk = FaultyDisk::failing_from(2, std::io::ErrorKind::StorageFull);
    said += &chain_of_texts(&credential(&leaf).save(&disk, &prefix).unwrap_err());
    let home = directory.path().join("ca");
    let authority =
        CertificateAuthority::create(Arc::new(LocalDisk), &home, &AuthorityParams::new("CA"), NOW).unwrap();
    said += &format!("{authority:?}");
    LocalDisk.replace(&home.join("ca.key"), disorders[2].as_bytes(), true).unwrap();
    said += &chain_of_texts(&CertificateAuthority::open(Arc::new(LocalDisk), &home).unwrap_err());

    assert!(said.len() > 2_000 && !shows(&said, private), "{said}");
    for line in lines {
        let found = line.as_bytes().windows(12).find(|w| said.contains(std::str::from_utf8(w).unwrap()));
        assert_eq!(found, None, "{said}");
    }
    assert!(
        shows(&format!("{private:?}"), private)
            && shows(&format!("{:02x?}", private).replace(", ", ""), private)
    );
}
