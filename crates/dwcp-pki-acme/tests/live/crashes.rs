//! A process that ends at any moment of an order, by `SIGKILL`: the next one goes on where it can, and nothing is in its way.

use crate::support::{Blind, DEADLINE, Made, issuer, judge, request};
use dwcp_base::LocalDisk;
use dwcp_https::Roots;
use dwcp_pki::{BoxFuture, Certificate, CertificateRequest};
use dwcp_pki_acme::{
    AcmeIssuer, AcmeSettings, Cache, ChallengeAnswer, ChallengeKind, NamesDigest, Presented, Responder,
    ResponderError,
};
use dwcp_testkit::{Pebble, PebbleOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NAMES: [&str; 2] = ["DNS:a.example", "DNS:b.example"];
const PLACE: &str = "DWCP_TEST_ACME_PLACE";
const DIRECTORY: &str = "DWCP_TEST_ACME_DIRECTORY";
const STOPS: &str = "DWCP_TEST_ACME_STOPS";

/// Says that it has come to the challenge, and goes no further.
struct Stuck(PathBuf);

impl Responder for Stuck {
    fn kinds(&self) -> &[ChallengeKind] {
        &[ChallengeKind::Http01]
    }

    fn present<'a>(&'a self, _: ChallengeAnswer<'a>) -> BoxFuture<'a, Result<Presented, ResponderError>> {
        Box::pin(async move {
            std::fs::write(&self.0, "").unwrap();
            std::future::pending().await
        })
    }
}

/// Not a test but the process that is killed: it orders for as long as it is let.
#[test]
fn the_process_that_orders() {
    let Some(place) = std::env::var_os(PLACE).map(PathBuf::from) else { return };
    let directory = std::env::var(DIRECTORY).unwrap();
    let roots = Certificate::bundle_from_pem(&std::fs::read(place.join("ca")).unwrap()).unwrap();
    let issuer = AcmeIssuer::new(directory.parse().unwrap(), Roots::Only(roots));
    let responder: Arc<dyn Responder> = match std::env::var_os(STOPS) {
        Some(_) => Arc::new(Stuck(place.join("reached"))),
        None => Blind::new(),
    };
    let made = Made::with_responders(AcmeSettings::new(issuer), &place, vec![responder]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        loop {
            std::fs::write(place.join("begun"), "").unwrap();
            let _ = made.provider.obtain(&request(&NAMES).1, DEADLINE).await;
        }
    });
}

fn start(place: &Path, pebble: &Pebble, stops: bool) -> Child {
    std::fs::copy(pebble.ca_file(), place.join("ca")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crashes::the_process_that_orders", "--nocapture"]);
    command.env(PLACE, place).env(DIRECTORY, pebble.directory_url());
    if stops {
        command.env(STOPS, "1");
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn wait_for(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < Duration::from_secs(20), "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = std::fs::remove_file(path);
}

fn pebble() -> Option<Pebble> {
    Pebble::start(&PebbleOptions { always_valid: true, ..PebbleOptions::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_a_killed_process_began_is_gone_on_with() {
    let Some(pebble) = pebble() else { return };
    let place = tempfile::tempdir().unwrap();
    let child = start(place.path(), &pebble, true);
    wait_for(&place.path().join("reached"));
    kill(child);
    let orders = || pebble.log().matches("POST /order-plz").count();
    assert_eq!(orders(), 1, "{}", pebble.said());
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    let chain = made.issue(&NAMES).await.unwrap();
    judge(&pebble, &chain, &NAMES);
    assert_eq!(
        made.told(),
        ["acme.order.resumed", "acme.certificate.issued"],
        "the same account, the same order"
    );
    assert_eq!(orders(), 1, "{}", pebble.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_finalized_for_the_key_of_a_process_that_is_gone_is_given_up() {
    let Some(pebble) = pebble() else { return };
    let place = tempfile::tempdir().unwrap();
    let child = start(place.path(), &pebble, true);
    wait_for(&place.path().join("reached"));
    kill(child);
    // What a process leaves behind that was killed once its order was finalized: by hand, since no authority is slow enough to be caught.
    let cache = Cache::open(&place.path().join("acme"), Arc::new(LocalDisk)).unwrap();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    let directory = pebble.directory_url();
    let digest = NamesDigest::of(request(&NAMES).1.names());
    let begun = cache.order(&directory, &digest).unwrap().unwrap();
    let (_, lost): (_, CertificateRequest) = request(&NAMES);
    made.provider.obtain(&lost, DEADLINE).await.unwrap();
    let locked = cache.lock(DEADLINE).await.unwrap();
    locked
        .put_order(&dwcp_pki_acme::OrderRecord { finalized_for: Some(lost.key_pin()), ..begun.clone() })
        .unwrap();
    drop(locked);
    // With the same key its certificate is fetched once more, with another one it is nobody's.
    let again = made.provider.obtain(&lost, DEADLINE).await.unwrap();
    assert_eq!(again.leaf().key_pin(), lost.key_pin());
    let orders = || pebble.log().matches("POST /order-plz").count();
    assert_eq!(orders(), 1);
    let locked = cache.lock(DEADLINE).await.unwrap();
    locked.put_order(&dwcp_pki_acme::OrderRecord { finalized_for: Some(lost.key_pin()), ..begun }).unwrap();
    drop(locked);
    let (_, other) = request(&NAMES);
    let chain = made.provider.obtain(&other, DEADLINE).await.unwrap();
    assert_eq!((chain.leaf().key_pin(), orders()), (other.key_pin(), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_is_in_nobodys_way() {
    let Some(pebble) = pebble() else { return };
    let place = tempfile::tempdir().unwrap();
    // How long an order takes here, with an account and without.
    let began = Instant::now();
    let made = Made::new(AcmeSettings::new(issuer(&pebble)), place.path(), Blind::new());
    made.issue(&NAMES).await.unwrap();
    let longest = began.elapsed() * 3 / 2;
    let (mut interrupted, mut resumed) = (0, 0);
    for cycle in 0..CYCLES {
        // Every other time from the very beginning, account and all.
        let fresh = tempfile::tempdir().unwrap();
        let place = if cycle % 2 == 0 { fresh.path() } else { place.path() };
        let child = start(place, &pebble, false);
        wait_for(&place.join("begun"));
        tokio::time::sleep(longest * (cycle + 1) / CYCLES).await;
        kill(child);
        let cache = Cache::open(&place.join("acme"), Arc::new(LocalDisk)).unwrap();
        let digest = NamesDigest::of(request(&NAMES).1.names());
        interrupted += usize::from(cache.order(&pebble.directory_url(), &digest).unwrap().is_some());
        let made = Made::new(AcmeSettings::new(issuer(&pebble)), place, Blind::new());
        let chain = made.issue(&NAMES).await.unwrap_or_else(|error| panic!("cycle {cycle}: {error:?}"));
        judge(&pebble, &chain, &NAMES);
        resumed += made.told().iter().filter(|code| **code == "acme.order.resumed").count();
    }
    println!("{interrupted} orders were interrupted, {resumed} of them gone on with");
    assert!(interrupted > 0, "no kill hit an order");
}

const CYCLES: u32 = 6;
