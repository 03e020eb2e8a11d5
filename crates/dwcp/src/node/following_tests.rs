//! Two thousand bad rotations, in virtual time, by the code that a node runs: none is adopted, each is told once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![allow(clippy::await_holding_lock, reason = "a disk that does not answer is a lock that a test holds")]

use super::following;
use super::{Node, Parts};
use crate::config::{check, load};
use dwcp_base::{Clock, LocalDisk, ManualClock, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::watch::FileWatch;
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy, Serial, private_key_pem,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const BAD_ROTATIONS: usize = 2_000;

struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
    serial: Serial,
}

/// A node whose files are looked at when the test says so.
struct Stage {
    root: tempfile::TempDir,
    authority: CertificateAuthority,
    now: UnixTime,
    clock: Arc<ManualClock>,
    node: Node,
}

impl Stage {
    async fn set() -> Self {
        let root = tempfile::tempdir().unwrap();
        let now = SystemClock::new().unix();
        let begun = now.minus(Duration::from_secs(3 * 86_400));
        let authority = authority(&root.path().join("ca"), begun);
        let dir = root.path().join("tls");
        fs::create_dir(&dir).unwrap();
        let first = pair(&authority, "mesh.example/a", now);
        put(&dir.join("tls.key"), &first.key, 0o600);
        put(&dir.join("tls.crt"), &first.cert, 0o644);
        put(&dir.join("list.pem"), authority.crl(now).unwrap().to_pem().as_bytes(), 0o644);
        fs::copy(root.path().join("ca/ca.crt"), dir.join("roots.pem")).unwrap();
        let file = root.path().join("dwcp.yaml");
        let text = "node: {name: a, admin: {listen: '127.0.0.1:0'}}\n\
             security: {tls: {cert_file: tls/tls.crt, key_file: tls/tls.key, ca_file: tls/roots.pem, crl_file: tls/list.pem}}\n";
        fs::write(&file, text).unwrap();
        let node = Node::start(check(&load(&file, &[]).unwrap()).unwrap()).await.unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let stage = Self { root, authority, now, clock, node };
        let mut loading = stage.parts().loading.lock().await;
        let files: Vec<_> = following::names(&loading.configured).into_iter().map(|(file, _)| file).collect();
        assert_eq!(files.len(), 4);
        loading.watch = Some(FileWatch::polling(files, Arc::<ManualClock>::clone(&stage.clock)));
        drop(loading);
        stage
    }

    fn parts(&self) -> &Parts {
        &self.node.parts
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("tls").join(name)
    }

    fn serving(&self) -> Serial {
        self.parts().shared.store.current().credential().chain().leaf().serial()
    }

    fn pair(&self) -> Pair {
        pair(&self.authority, "mesh.example/a", self.now)
    }

    /// Looks until nothing more would come of it within a second and a half.
    async fn settle(&self) {
        for millis in [0, 20, 1_000, 300, 200] {
            self.clock.advance(Duration::from_millis(millis));
            following::step(self.parts()).await;
        }
    }

    fn alarms(&self) -> u64 {
        self.parts().shared.ledger.stats().unwrap().of_kind(dwcp_audit::EventKind::FilesNotLoaded)
    }

    fn restore(&self, pair: &Pair, roots: &[u8], list: &[u8]) {
        for name in ["tls.crt", "tls.key", "roots.pem", "list.pem"] {
            let _ = fs::remove_dir(self.path(name));
        }
        put(&self.path("tls.key"), &pair.key, 0o600);
        put(&self.path("tls.crt"), &pair.cert, 0o644);
        put(&self.path("roots.pem"), roots, 0o644);
        put(&self.path("list.pem"), list, 0o644);
    }

    /// One of twenty kinds, and no two of one kind alike.
    fn spoil(&self, round: usize, good: &Pair) {
        let (cert, key) = (self.path("tls.crt"), self.path("tls.key"));
        let (roots, list) = (self.path("roots.pem"), self.path("list.pem"));
        let part = |bytes: &[u8]| bytes[..1 + (round * 7) % (bytes.len() - 2)].to_vec();
        let both = |pair: &Pair| {
            put(&key, &pair.key, 0o600);
            put(&cert, &pair.cert, 0o644);
        };
        let noise: Vec<u8> =
            (0..200 + round).map(|at| u8::try_from((at * 31 + round) % 251).unwrap()).collect();
        let gone = |path: &Path| fs::remove_file(path).unwrap();
        match round % 20 {
            0 => put(&key, &self.pair().key, 0o600),
            1 => put(&cert, &self.pair().cert, 0o644),
            2 => put(&cert, &part(&good.cert), 0o644),
            3 => put(&key, &part(&good.key), 0o600),
            4 => both(&pair(
                &self.authority,
                "mesh.example/a",
                self.now.minus(Duration::from_secs(2 * 86_400)),
            )),
            5 => both(&pair(&self.authority, "mesh.example/b", self.now)),
            6 => both(&pair(&self.authority, "other.example/a", self.now)),
            7 => both(&self.foreign(round)),
            8 => {
                gone(&cert);
                symlink(format!("/proc/self/../{round}"), &cert).unwrap();
            }
            // Half-written: the new certificate over the front of the old one.
            9 => {
                let next = self.pair().cert;
                let middle = next.len() / 2;
                put(&cert, &[&next[..middle], &good.cert[middle.min(good.cert.len())..]].concat(), 0o644);
            }
            10 => put(&key, &[&good.key[..], noise_line(round).as_bytes()].concat(), 0o644),
            11 => {
                gone(&cert);
                fs::create_dir(&cert).unwrap();
            }
            12 => fs::File::create(&roots).unwrap().set_len((1 << 30) + round as u64).unwrap(),
            13 => {
                gone(&key);
                make_fifo(&key);
            }
            14 => put(&cert, b"", 0o644),
            15 => put(&roots, &noise, 0o644),
            16 => put(&cert, &vec![0; round + 1], 0o644),
            17 => gone(&list),
            18 => put(&list, &noise, 0o644),
            _ => put(&key, &noise, 0o600),
        }
    }

    /// A pair of an authority with the same name that nobody here trusts.
    fn foreign(&self, round: usize) -> Pair {
        let authority = authority(&self.root.path().join(format!("foreign-{round}")), self.now);
        pair(&authority, "mesh.example/a", self.now)
    }
}

fn noise_line(round: usize) -> String {
    format!("# {round}\n")
}

fn make_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn authority(dir: &Path, begun: UnixTime) -> CertificateAuthority {
    CertificateAuthority::create(Arc::new(LocalDisk), dir, &AuthorityParams::new("Root"), begun).unwrap()
}

fn pair(authority: &CertificateAuthority, id: &str, at: UnixTime) -> Pair {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request =
        CertificateRequest::generate(&key, &[format!("URI:spiffe://{id}").parse().unwrap()]).unwrap();
    let chain = authority.issue(&request, &IssuancePolicy::default(), at).unwrap();
    let text = private_key_pem(&key).unwrap();
    let (cert, serial) = (chain.to_pem().into_bytes(), chain.leaf().serial());
    Pair { cert, key: text.expose().to_vec(), serial }
}

fn put(path: &Path, bytes: &[u8], mode: u32) {
    let next = path.with_extension("next");
    fs::write(&next, bytes).unwrap();
    fs::set_permissions(&next, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(next, path).unwrap();
}

/// Resident bytes of this process; 0 where the system does not say.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4_096
}

#[tokio::test]
async fn linkerd2_15109_two_thousand_bad_rotations_are_two_thousand_alarms_and_no_change() {
    let stage = Stage::set().await;
    let (roots, list) =
        (fs::read(stage.path("roots.pem")).unwrap(), fs::read(stage.path("list.pem")).unwrap());
    let mut good = stage.pair();
    stage.restore(&good, &roots, &list);
    stage.settle().await;
    assert_eq!((stage.serving(), stage.alarms()), (good.serial, 0));
    let mut most = 0;
    for round in 0..BAD_ROTATIONS {
        stage.spoil(round, &good);
        let generation = stage.parts().shared.store.number();
        stage.settle().await;
        let what = || stage.parts().shared.troubles.of(following::TROUBLE);
        assert_eq!(stage.alarms(), round as u64 + 1, "kind {}: {:?}", round % 20, what());
        assert_eq!(stage.serving(), good.serial, "kind {} was adopted", round % 20);
        assert_eq!(stage.parts().shared.store.number(), generation, "kind {} made a generation", round % 20);
        assert!(what().is_some_and(|why| why.contains("tls/")), "{:?} names a file", what());
        // Every tenth is followed by a good one, the others by what there was before.
        if round % 10 == 9 {
            good = stage.pair();
        }
        stage.restore(&good, &roots, &list);
        stage.settle().await;
        assert_eq!((stage.serving(), what()), (good.serial, None), "kind {} is over", round % 20);
        if round == BAD_ROTATIONS / 10 {
            most = resident();
        }
    }
    let grown = resident().saturating_sub(most);
    assert!(grown < 32 << 20, "{grown} bytes more than after a tenth");
    println!(
        "{BAD_ROTATIONS} bad rotations, {} alarms, {grown} bytes more than after a tenth",
        stage.alarms()
    );
    stage.node.stop().await;
}

/// A clock that stands in for a disk: it does not answer while somebody holds it.
#[derive(Debug, Default)]
struct Hung(std::sync::Mutex<SystemClock>);

impl Clock for Hung {
    fn tick(&self) -> dwcp_base::Tick {
        self.0.lock().unwrap().tick()
    }

    fn unix(&self) -> UnixTime {
        self.0.lock().unwrap().unix()
    }
}

fn certs(stage: &Stage) -> String {
    format!("{:?}", stage.parts().shared.health_certs())
}

#[tokio::test]
async fn a_disk_that_does_not_answer_is_an_alarm_and_holds_up_no_reload_and_no_end() {
    let stage = Stage::set().await;
    let clock = Arc::new(Hung::default());
    let mut loading = stage.parts().loading.lock().await;
    let files: Vec<_> = following::names(&loading.configured).into_iter().map(|(file, _)| file).collect();
    loading.watch = Some(FileWatch::polling(files, Arc::<Hung>::clone(&clock)));
    loading.limit = Duration::from_millis(200);
    let configured = loading.configured.clone();
    drop(loading);
    let held = clock.0.lock().unwrap();
    following::step(stage.parts()).await;
    following::step(stage.parts()).await;
    assert!(certs(&stage).contains("the disk does not answer"), "{}", certs(&stage));
    assert_eq!(stage.alarms(), 1, "told once");
    drop(held);
    following::step(stage.parts()).await;
    assert!(!certs(&stage).contains("does not answer"), "the look that was under way has come back");
    // A read that does not come back: the load is given up, and another does not begin a second one.
    let busy = Arc::clone(&stage.parts().reading).acquire_owned().await.unwrap();
    let next = stage.pair();
    stage.restore(
        &next,
        &fs::read(stage.path("roots.pem")).unwrap(),
        &fs::read(stage.path("list.pem")).unwrap(),
    );
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while stage.parts().shared.troubles.of(following::TROUBLE).is_none() {
        assert!(std::time::Instant::now() < end);
        following::step(stage.parts()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(certs(&stage).contains("were not read within"), "{}", certs(&stage));
    stage.node.reload(configured).await.unwrap();
    assert_eq!(stage.serving(), next.serial, "an operator is not held up");
    let third = stage.pair();
    stage.restore(
        &third,
        &fs::read(stage.path("roots.pem")).unwrap(),
        &fs::read(stage.path("list.pem")).unwrap(),
    );
    stage.parts().loading.lock().await.limit = Duration::from_secs(600);
    let parts = Arc::clone(&stage.node.parts);
    let step = tokio::spawn(async move {
        loop {
            following::step(&parts).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(stage.parts().loading.try_lock().is_err(), "a load is under way");
    let began = std::time::Instant::now();
    stage.node.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    step.abort();
    drop(busy);
}

#[tokio::test]
async fn an_alarm_of_which_no_file_is_known_is_counted_for_each_that_it_may_be() {
    let stage = Stage::set().await;
    let plan = stage.parts().loading.lock().await.configured.clone();
    following::alarm(stage.parts(), &plan, &[], &super::NodeError::NotOurs);
    let metrics = stage.parts().shared.metrics(dwcp_telemetry::Format::PrometheusText);
    for line in ["dwcp_files_not_loaded{role=\"identity\"} 2", "dwcp_files_not_loaded{role=\"trust\"} 2"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    stage.node.stop().await;
}
