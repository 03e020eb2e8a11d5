//! A Pebble that refuses half the nonces and reuses half the authorizations, behind a front where three of ten questions go wrong: every
//! attempt ends in a valid certificate or in a state that says what is wrong and when it is tried again, and attempts end in a certificate.

use crate::faults::{Fault, Front};
use crate::support::{Blind, Made, judge, request, told, trust};
use dwcp_base::{Clock, Coded, SystemClock, Tick, UnixTime};
use dwcp_https::Roots;
use dwcp_pki::{CertificateChain, Credential, ProviderError, Purpose};
use dwcp_pki_acme::{AcmeError, AcmeIssuer, AcmeSettings};
use dwcp_testkit::{Dice, Pebble, PebbleOptions};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Lanes that issue at the same time, each with an account and a front of its own.
const LANES: u64 = 5;
/// Certificates a lane gets.
const EACH: usize = 6;
/// More attempts than that for one certificate are no progress.
const MOST_ATTEMPTS: usize = 80;
/// Of a hundred questions.
const PERCENT: u8 = 30;
/// How long one attempt may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// The present, moved on by hand: nobody waits for the pauses that an authority asks for.
#[derive(Default)]
struct Moved {
    system: SystemClock,
    seconds: AtomicU64,
}

impl Clock for Moved {
    fn unix(&self) -> UnixTime {
        self.system.unix().plus(Duration::from_secs(self.seconds.load(Ordering::SeqCst)))
    }

    fn tick(&self) -> Tick {
        self.system.tick()
    }
}

/// What became of a lane.
#[derive(Debug, Default)]
struct Tally {
    certificates: usize,
    attempts: usize,
    errors: BTreeMap<&'static str, usize>,
    drawn: BTreeMap<Fault, usize>,
    asked: usize,
}

struct Lane {
    made: Made,
    responder: Arc<Blind>,
    clock: Arc<Moved>,
    front: Front,
    tally: Tally,
}

impl Lane {
    async fn new(pebble: &Pebble, dice: Dice, place: &Path) -> Self {
        let front = Front::start(pebble, dice, PERCENT).await;
        let issuer = AcmeIssuer::new(front.directory_url().parse().unwrap(), Roots::Only(pebble.roots()));
        let responder = Blind::new();
        let clock: Arc<Moved> = Arc::default();
        let made =
            Made::with_clock(AcmeSettings::new(issuer), place, Arc::clone(&responder), Arc::clone(&clock));
        Self { made, responder, clock, front, tally: Tally::default() }
    }

    /// Tries until there is a certificate that holds before whoever trusts the authority.
    async fn issue(&mut self, pebble: &Pebble, names: &[&str]) {
        let (key, request) = request(names);
        for _ in 0..MOST_ATTEMPTS {
            self.tally.attempts += 1;
            let halved = self.halved();
            let outcome = self.made.provider.obtain(&request, DEADLINE).await;
            assert_eq!(self.responder.shown(), 0, "an answer to a challenge stays: {outcome:?}");
            match outcome {
                // Half a chain can be a chain: it is for the manager, as here, to say that it leads nowhere.
                Ok(chain) if !holds(pebble, &chain) && self.halved() > halved => {
                    *self.tally.errors.entry("half a chain").or_default() += 1;
                }
                Ok(chain) => {
                    judge(pebble, &chain, names);
                    let _ = Credential::new(chain, key).expect("the chain is for our key");
                    self.tally.certificates += 1;
                    return;
                }
                Err(error) => self.is_clear(error),
            }
        }
        panic!("no certificate after {MOST_ATTEMPTS} attempts: {:?}", self.tally);
    }

    /// What failed says why, is tried again by itself, and says from when on.
    fn is_clear(&mut self, error: AcmeError) {
        *self.tally.errors.entry(error.code()).or_default() += 1;
        let (text, now) = (told(&error), self.clock.unix());
        assert!(!error.is_our_own() && !error.fix().is_empty(), "{text}");
        let state = self.made.provider.state().issuers.remove(0);
        let last = state.last_error.expect("an error is shown");
        assert!(!last.fix.is_empty() && !last.message.is_empty(), "{text}");
        match error.into_provider_error(now) {
            ProviderError::Refused(_) => panic!("refused for good: {text}"),
            ProviderError::Unavailable { retry_after: Some(wait), .. } => {
                assert!(wait <= Duration::from_secs(24 * 60 * 60), "{wait:?}: {text}");
                assert!(state.next_try.is_some(), "{text}");
                self.clock.seconds.fetch_add(wait.as_secs() + 1, Ordering::SeqCst);
            }
            // What failed says from when on it is tried again.
            _ => {
                let wait = now.until(state.next_try.expect("a next try"));
                assert!(wait <= Duration::from_secs(60 * 60), "{wait:?}: {text}");
                self.clock.seconds.fetch_add(wait.as_secs() + 1, Ordering::SeqCst);
            }
        }
    }

    fn halved(&self) -> usize {
        self.front.drawn().get(&Fault::Halved).copied().unwrap_or(0)
    }

    async fn run(mut self, pebble: Arc<Pebble>, lane: u64) -> Tally {
        let (one, two) = (format!("DNS:lane{lane}.example"), format!("DNS:www.lane{lane}.example"));
        for round in 0..EACH {
            // The same names in turns: authorizations of one order are there for the next.
            let names = if round % 2 == 0 { vec![one.as_str(), two.as_str()] } else { vec![one.as_str()] };
            self.issue(&pebble, &names).await;
        }
        // With the way clear again, the next attempt is the last: nothing of all that is left over.
        self.front.set_percent(0);
        self.clock.seconds.fetch_add(24 * 60 * 60, Ordering::SeqCst);
        let chain = self.made.provider.obtain(&request(&[&one]).1, DEADLINE).await.unwrap();
        judge(&pebble, &chain, &[&one]);
        self.tally.drawn = self.front.drawn();
        self.tally.asked = self.front.asked();
        self.tally
    }
}

fn holds(pebble: &Pebble, chain: &CertificateChain) -> bool {
    trust(pebble).validate_own(chain, Purpose::Server, SystemClock::new().unix()).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_p3_at_p4_every_issuance_through_a_bad_network_ends_in_a_certificate_and_every_failure_in_a_clear_state()
 {
    let options =
        PebbleOptions { nonce_reject: 50, authz_reuse: 50, always_valid: true, ..PebbleOptions::default() };
    let Some(pebble) = Pebble::start(&options) else { return };
    let pebble = Arc::new(pebble);
    let mut dice = Dice::of_run("pebble_faults");
    let place = tempfile::tempdir().unwrap();
    let begun = SystemClock::new();
    let mut lanes = Vec::new();
    for lane in 0..LANES {
        let directory = place.path().join(lane.to_string());
        std::fs::create_dir(&directory).unwrap();
        let made = Lane::new(&pebble, Dice::new(dice.any()), &directory).await;
        lanes.push(tokio::spawn(made.run(Arc::clone(&pebble), lane)));
    }
    let (mut certificates, mut drawn) = (0, BTreeMap::new());
    for lane in lanes {
        let tally = lane.await.unwrap();
        println!("{tally:?}");
        certificates += tally.certificates;
        for (fault, times) in tally.drawn {
            *drawn.entry(fault).or_insert(0) += times;
        }
    }
    println!("{certificates} certificates in {:?}: {drawn:?}", begun.tick());
    assert_eq!(certificates, usize::try_from(LANES).unwrap() * EACH);
    assert_eq!(drawn.len(), 8, "each fault was met: {drawn:?}");
    assert!(pebble.log().contains("nonce"), "no nonce was refused: no test");
}
