//! Tests of the layout, of the vectors of its page, and of where a set may come from.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use dwcp_base::LocalDisk;
use dwcp_crypto::kek::FileKek;

/// The vectors of `docs/formats/ticket-keys.md`: the page and its decoder have the same.
const SECRETS: [[u8; 32]; 2] = [[0x11; 32], [0x22; 32]];

fn vector() -> TicketKeySet {
    TicketKeySet::of(SECRETS.iter().map(|secret| Secret::from(secret.to_vec())).collect()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn page() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/ticket-keys.md");
    std::fs::read_to_string(page).unwrap().split_whitespace().collect()
}

#[test]
fn the_vectors_of_the_page_are_what_is_written_and_derived() {
    let page = page();
    let set = vector();
    assert!(page.contains(&hex(set.to_bytes().expose())), "{}", hex(set.to_bytes().expose()));
    for (at, key) in set.keys_of(&[0x42; 32], 83_000).unwrap().iter().enumerate() {
        assert!(page.contains(&hex(&key.name().0)), "{at}: {}", key.name());
        let sealed = key.seal(b"session", UnixTime::from_secs(1_792_800_000)).unwrap();
        assert_eq!(key.open(&sealed).unwrap().0, b"session");
    }
}

#[test]
fn a_set_is_read_as_it_was_written_and_in_no_other_form() {
    let set = TicketKeySet::generate().unwrap();
    for set in [set.clone(), set.rotated().unwrap().rotated().unwrap().rotated().unwrap().rotated().unwrap()]
    {
        let bytes = set.to_bytes();
        assert!(bytes.len() <= LARGEST);
        assert_eq!(TicketKeySet::from_bytes(&bytes).unwrap(), set);
        for at in 0..bytes.len() {
            let mut altered = bytes.expose().to_vec();
            altered[at] ^= 1;
            assert!(TicketKeySet::from_bytes(&Secret::from(altered)).is_err(), "byte {at}");
            let cut = Secret::from(bytes.expose()[..at].to_vec());
            assert!(TicketKeySet::from_bytes(&cut).is_err(), "{at} bytes");
        }
        let longer = [bytes.expose(), &[0]].concat();
        assert!(TicketKeySet::from_bytes(&Secret::from(longer)).is_err());
        assert!(!format!("{set:?}").contains(&hex(set.secrets[0].expose()[..8].as_ref())));
    }
    assert_ne!(set, set.rotated().unwrap());
}

#[test]
fn a_set_comes_out_of_its_envelope_and_of_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let now = UnixTime::from_secs(1_790_000_000);
    let kek = FileKek::create(&dir.path().join("kek"), &LocalDisk, now).unwrap();
    let set = TicketKeySet::generate().unwrap();
    let wait = Duration::from_secs(10);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let envelope = set.sealed(&kek, now, wait).await.unwrap();
        assert_eq!(TicketKeySet::from_envelope(&envelope, &kek, wait).await.unwrap(), set);
        let other = Envelope::seal(Envelope::CA_KEY, &set.to_bytes(), &kek, now, wait).await.unwrap();
        let refused = TicketKeySet::from_envelope(&other, &kek, wait).await;
        assert!(matches!(refused, Err(TicketKeysError::Envelope(EnvelopeError::Purpose))));
    });
}

#[cfg(unix)]
#[test]
fn a_set_comes_through_a_pipe_or_a_socket_and_never_from_a_file() {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    let set = TicketKeySet::generate().unwrap();
    let (read, mut write) = io::pipe().unwrap();
    write.write_all(set.to_bytes().expose()).unwrap();
    // The writing end stays open: nothing waits for its end.
    assert_eq!(TicketKeySet::from_descriptor(read.into()).unwrap(), set);
    assert!(write.write_all(b"more").is_err(), "the reading end was closed");

    let (read, mut write) = UnixStream::pair().unwrap();
    write.write_all(set.to_bytes().expose()).unwrap();
    assert_eq!(TicketKeySet::from_descriptor(read.into()).unwrap(), set);

    let (read, mut write) = io::pipe().unwrap();
    write.write_all(&set.to_bytes().expose()[..40]).unwrap();
    drop(write);
    assert!(matches!(TicketKeySet::from_descriptor(read.into()), Err(TicketKeysError::Io(_))));
    let (read, mut write) = io::pipe().unwrap();
    write.write_all(b"DWTK\x01\xff\0\0").unwrap();
    assert!(matches!(TicketKeySet::from_descriptor(read.into()), Err(TicketKeysError::Malformed)));

    let mut file = tempfile::tempfile().unwrap();
    file.write_all(set.to_bytes().expose()).unwrap();
    assert!(matches!(TicketKeySet::from_descriptor(file.into()), Err(TicketKeysError::NotAPipe)));
    let device = std::fs::File::open("/dev/zero").unwrap();
    assert!(matches!(TicketKeySet::from_descriptor(device.into()), Err(TicketKeysError::NotAPipe)));
}

#[test]
fn a_listener_has_a_name() {
    let set = TicketKeySet::generate().unwrap();
    assert!(matches!(set.for_listener(""), Err(TicketKeysError::Listener)));
    assert!(matches!(set.for_listener(&"x".repeat(65)), Err(TicketKeysError::Listener)));
    assert_eq!(set.for_listener("front").unwrap().listener(), "front");
}
