//! Requests and answers as files: what is stale, torn, hostile or somebody else's is never taken for an answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod waiting;

use dwcp_base::{Clock, Coded, Disk, FaultyDisk, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey, digest};
use dwcp_pki::testing::Forge;
use dwcp_pki::testing::conformance::{Means, Rule, check};
use dwcp_pki::{
    CertProvider, CertificateRequest, FileProvider, FileStem, Issued, ProviderError, SubjectName, TrustStore,
};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use waiting::block_on;

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(20);

struct Desk {
    directory: tempfile::TempDir,
    clock: Arc<dyn Clock>,
    forge: Arc<Forge>,
}

impl Desk {
    fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let forge = Arc::new(Forge::new(Arc::clone(&clock)).unwrap());
        let desk = Self { directory: tempfile::tempdir().unwrap(), clock, forge };
        desk.put("roots.crt", desk.forge.root().to_pem().as_bytes());
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn put(&self, name: &str, content: &[u8]) {
        LocalDisk.replace(&self.path(name), content, false).unwrap();
    }

    fn provider(&self) -> FileProvider {
        self.provider_on(Arc::new(LocalDisk))
    }

    fn provider_on(&self, disk: Arc<dyn Disk>) -> FileProvider {
        let (stem, roots) = ("web".parse::<FileStem>().unwrap(), self.path("roots.crt"));
        FileProvider::new(disk, self.directory.path(), &stem, &roots, Arc::clone(&self.clock))
            .looking_every(Duration::from_millis(5))
    }

    /// An issuer that looks at the directory like a cron job, until it is dropped.
    fn issuer(&self) -> Issuer {
        let (stop, place, forge) =
            (Arc::new(AtomicBool::new(false)), self.directory.path().to_owned(), Arc::clone(&self.forge));
        let stopped = Arc::clone(&stop);
        let work = thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                serve(&place, &forge);
                thread::sleep(Duration::from_millis(3));
            }
        });
        Issuer { stop, work: Some(work) }
    }

    fn ask(&self, provider: &FileProvider, deadline: Duration) -> Result<Issued, ProviderError> {
        block_on(provider.issue(&request(&["DNS:web.example"]), deadline))
    }
}

struct Issuer {
    stop: Arc<AtomicBool>,
    work: Option<thread::JoinHandle<()>>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.work.take().unwrap().join().unwrap();
    }
}

/// Answers the request that lies there, if it was not answered before.
fn serve(place: &Path, forge: &Forge) {
    let Ok(text) = fs::read(place.join("web.csr")) else { return };
    let request = CertificateRequest::from_pem(&text).expect("requests appear whole");
    if request.names().iter().any(|name| name.to_string().contains("forbidden")) {
        let refusal = format!("{}  web.csr\nnot in this house\x1b[31m\n", hex(&text));
        return LocalDisk.replace(&place.join("web.refused"), refusal.as_bytes(), false).unwrap();
    }
    let answered = fs::read(place.join("web.crt")).ok();
    let chain = answered.and_then(|text| dwcp_pki::CertificateChain::from_pem(&text).ok());
    if chain.is_some_and(|chain| chain.leaf().key_pin() == request.key_pin()) {
        return;
    }
    let issued = forge.sign(&request).unwrap();
    LocalDisk.replace(&place.join("web.crt"), issued.chain.to_pem().as_bytes(), false).unwrap();
}

fn hex(bytes: &[u8]) -> String {
    digest::sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn request(names: &[&str]) -> CertificateRequest {
    let names: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
    CertificateRequest::generate(&SigningKey::generate(KeyType::EcdsaP256).unwrap(), &names).unwrap()
}

#[test]
fn the_file_provider_keeps_every_rule() {
    let (desk, quiet) = (Desk::new(), Desk::new());
    let _issuer = desk.issuer();
    let (provider, silent) = (desk.provider(), quiet.provider());
    let full = desk.provider_on(Arc::new(FaultyDisk::failing_from(0, io::ErrorKind::StorageFull)));
    let node = vec!["URI:spiffe://mesh.example/web".parse().unwrap(), "DNS:web.example".parse().unwrap()];
    let means = Means::new(vec![node, vec!["IP:192.0.2.7".parse().unwrap()]], Arc::clone(&desk.clock))
        .with_key_types(&[KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519])
        .refusing(vec!["DNS:forbidden.example".parse().unwrap()])
        .with_deadline(LONG, Duration::from_millis(500))
        .over_silence(&silent)
        .over_failure(&full);
    let report = block_on(check(&provider, &means)).verdict().unwrap();
    assert_eq!(report.held().len(), Rule::ALL.len());
}

#[test]
fn an_answer_to_an_earlier_request_is_passed_over() {
    let desk = Desk::new();
    let earlier = desk.forge.sign(&request(&["DNS:web.example"])).unwrap();
    desk.put("web.crt", earlier.chain.to_pem().as_bytes());
    let refusal = format!("{}\nan old no\n", hex(b"another request"));
    desk.put("web.refused", refusal.as_bytes());
    let error = desk.ask(&desk.provider(), SHORT).unwrap_err();
    assert!(matches!(error, ProviderError::TimedOut { .. }), "{error:?}");
    let _issuer = desk.issuer();
    let issued = desk.ask(&desk.provider(), LONG).unwrap();
    assert_ne!(issued.chain.leaf(), earlier.chain.leaf());
}

#[test]
fn a_torn_answer_is_read_again_until_it_is_whole() {
    let desk = Desk::new();
    let place = desk.directory.path().to_owned();
    let forge = Arc::clone(&desk.forge);
    // Written in place, byte by byte as it were, with the leaf whole long before its issuer is there.
    let writer = thread::spawn(move || {
        let text = loop {
            if let Ok(text) = fs::read(place.join("web.csr")) {
                break text;
            }
            thread::sleep(Duration::from_millis(1));
        };
        let chain = forge.sign(&CertificateRequest::from_pem(&text).unwrap()).unwrap().chain.to_pem();
        for end in (0..=chain.len()).step_by(40).chain([chain.len()]) {
            fs::write(place.join("web.crt"), &chain.as_bytes()[..end]).unwrap();
            thread::sleep(Duration::from_millis(4));
        }
    });
    let issued = desk.ask(&desk.provider(), LONG).unwrap();
    writer.join().unwrap();
    assert_eq!(issued.chain.len(), 2, "not the leaf alone");
}

#[test]
fn what_stays_broken_is_a_bad_answer_at_the_deadline_and_nothing_is_read_without_bound() {
    let desk = Desk::new();
    let tell = |make: &dyn Fn(&Path)| {
        let path = desk.path("web.crt");
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir(&path);
        make(&path);
        desk.ask(&desk.provider(), SHORT).unwrap_err().code()
    };
    let bad = "pki.provider.bad_answer";
    assert_eq!(tell(&|path| fs::write(path, b"-----BEGIN CERTIFICATE-----\nMIIB").unwrap()), bad);
    assert_eq!(tell(&|path| fs::write(path, b"").unwrap()), bad);
    assert_eq!(tell(&|path| fs::write(path, [0; 4_096]).unwrap()), bad);
    assert_eq!(tell(&|path| fs::create_dir(path).unwrap()), bad);
    // A gibibyte that takes no room: refused by its size.
    assert_eq!(tell(&|path| fs::File::create(path).unwrap().set_len(1 << 30).unwrap()), bad);
    let private = || SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let key = dwcp_pki::private_key_pem(&private()).unwrap();
    assert_eq!(tell(&|path| fs::write(path, key.expose()).unwrap()), bad);
    #[cfg(unix)]
    {
        assert_eq!(tell(&|path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()), bad);
        assert_eq!(
            tell(&|path| std::os::unix::fs::symlink("nowhere", path).unwrap()),
            "pki.provider.timed_out"
        );
    }
}

#[test]
fn a_chain_that_leads_to_none_of_the_roots_is_no_answer() {
    let desk = Desk::new();
    let _issuer = desk.issuer();
    let other = Forge::new(Arc::clone(&desk.clock)).unwrap();
    for (roots, why) in
        [(other.root().to_pem(), "another root"), (String::new(), "none"), ("x".to_owned(), "no roots")]
    {
        desk.put("roots.crt", roots.as_bytes());
        assert_eq!(desk.ask(&desk.provider(), SHORT).unwrap_err().code(), "pki.provider.bad_answer", "{why}");
    }
    desk.put("roots.crt", format!("{}{}", other.root().to_pem(), desk.forge.root().to_pem()).as_bytes());
    assert_eq!(desk.ask(&desk.provider(), LONG).unwrap().roots.len(), 2);
}

#[test]
fn roots_that_a_tool_appended_to_the_chain_are_left_out() {
    let desk = Desk::new();
    let provider = desk.provider();
    let asked = request(&["DNS:web.example"]);
    let issued = desk.forge.sign(&asked).unwrap();
    desk.put("web.crt", (issued.chain.to_pem() + &desk.forge.root().to_pem()).as_bytes());
    let answer = block_on(provider.issue(&asked, LONG)).unwrap();
    assert_eq!(answer.chain, issued.chain);
}

#[test]
fn a_refusal_is_told_in_the_issuers_words_made_safe() {
    let desk = Desk::new();
    let _issuer = desk.issuer();
    let error = block_on(desk.provider().issue(&request(&["DNS:forbidden.example"]), LONG)).unwrap_err();
    let ProviderError::Refused(words) = &error else { panic!("{error:?}") };
    assert_eq!(words.to_string(), "not in this house\\u{1b}[31m");
}

#[test]
fn at_p8_whoever_finds_another_request_in_its_place_gives_up_at_once() {
    let desk = Desk::new();
    let place = desk.directory.path().to_owned();
    let intruder = thread::spawn(move || {
        while !place.join("web.csr").exists() {
            thread::sleep(Duration::from_millis(1));
        }
        LocalDisk
            .replace(&place.join("web.csr"), request(&["DNS:b.example"]).to_pem().as_bytes(), false)
            .unwrap();
    });
    let error = desk.ask(&desk.provider(), LONG).unwrap_err();
    intruder.join().unwrap();
    assert_eq!(error.code(), "pki.provider.unavailable");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("another request took the place"), "{cause}");
}

#[test]
fn a_disk_that_does_not_take_the_request_is_unavailable_and_nothing_waits() {
    let desk = Desk::new();
    let disk = Arc::new(FaultyDisk::failing_once(0, io::ErrorKind::StorageFull));
    let provider = desk.provider_on(disk);
    assert_eq!(desk.ask(&provider, LONG).unwrap_err().code(), "pki.provider.unavailable");
    let _issuer = desk.issuer();
    assert!(desk.ask(&provider, LONG).is_ok(), "its turn was given back");
}

#[test]
fn more_than_64_requests_at_once_are_not_taken_and_those_dropped_give_their_places_back() {
    let desk = Desk::new();
    let provider = desk.provider();
    let requests: Vec<_> = (0..65).map(|_| request(&["DNS:web.example"])).collect();
    let mut waiting: Vec<_> = requests.iter().map(|request| provider.issue(request, LONG)).collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for (at, waits) in waiting.iter_mut().enumerate() {
        match waits.as_mut().poll(&mut context) {
            std::task::Poll::Pending => assert!(at < 64, "{at}"),
            std::task::Poll::Ready(Err(ProviderError::Unavailable { .. })) => assert_eq!(at, 64),
            other => panic!("{at}: {other:?}"),
        }
    }
    drop(waiting);
    let _issuer = desk.issuer();
    let issued = desk.ask(&provider, LONG).unwrap();
    let anchors = issued.roots.iter().map(|root| root.certificate_der().clone()).collect();
    let store = TrustStore::new(anchors, Vec::new(), dwcp_pki::RevocationMode::Off).unwrap();
    assert!(store.covers(&issued.chain).is_ok());
}
