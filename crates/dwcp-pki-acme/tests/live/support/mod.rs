//! What the live suites share: a Pebble, a provider over it, and what judges its certificates.

pub mod alpn;
pub mod scripted;

use dwcp_base::{Clock, Disk, LocalDisk, Recorder, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_https::Roots;
use dwcp_pki::{
    BoxFuture, CertificateChain, CertificateRequest, Profile, Purpose, RevocationMode, SubjectName,
    TrustStore,
};
use dwcp_pki_acme::{
    AcmeError, AcmeIssuer, AcmeProvider, AcmeSettings, Cache, ChallengeAnswer, ChallengeKind, Event,
    Presented, Responder, ResponderError,
};
use dwcp_testkit::Pebble;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long one certificate may take.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Says that everything is shown, for authorities that do not look; and counts.
#[derive(Default)]
pub struct Blind {
    shown: Arc<AtomicUsize>,
    ever: AtomicUsize,
}

impl Blind {
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// How many answers are shown now.
    pub fn shown(&self) -> usize {
        self.shown.load(Ordering::SeqCst)
    }

    /// How many were ever shown.
    pub fn ever(&self) -> usize {
        self.ever.load(Ordering::SeqCst)
    }
}

impl Responder for Blind {
    fn kinds(&self) -> &[ChallengeKind] {
        &[ChallengeKind::Http01]
    }

    fn present<'a>(&'a self, _: ChallengeAnswer<'a>) -> BoxFuture<'a, Result<Presented, ResponderError>> {
        Box::pin(async move {
            self.shown.fetch_add(1, Ordering::SeqCst);
            self.ever.fetch_add(1, Ordering::SeqCst);
            let shown = Arc::clone(&self.shown);
            Ok(Presented::new(move || {
                shown.fetch_sub(1, Ordering::SeqCst);
            }))
        })
    }
}

/// An authority as a provider knows it.
pub fn issuer(pebble: &Pebble) -> AcmeIssuer {
    AcmeIssuer::new(pebble.directory_url().parse().unwrap(), Roots::Only(pebble.roots()))
}

/// A provider with records in `cache`, and what it tells.
pub struct Made {
    pub provider: AcmeProvider,
    pub events: Arc<Recorder<Event>>,
}

impl Made {
    pub fn new<R: Responder + 'static>(settings: AcmeSettings, cache: &Path, responder: Arc<R>) -> Self {
        Self::with_clock(settings, cache, responder, Arc::new(SystemClock::new()))
    }

    pub fn with_clock<R: Responder + 'static, C: Clock + 'static>(
        settings: AcmeSettings,
        cache: &Path,
        responder: Arc<R>,
        clock: Arc<C>,
    ) -> Self {
        Self::build(settings, cache, vec![responder], clock)
    }

    pub fn with_responders(
        settings: AcmeSettings,
        cache: &Path,
        responders: Vec<Arc<dyn Responder>>,
    ) -> Self {
        Self::build(settings, cache, responders, Arc::new(SystemClock::new()))
    }

    /// Over a disk of the test's choice.
    pub fn with_disk<R: Responder + 'static>(
        settings: AcmeSettings,
        cache: &Path,
        responder: Arc<R>,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, AcmeError> {
        let events = Arc::new(Recorder::with_capacity(1_000));
        let observer: Arc<Recorder<Event>> = Arc::clone(&events);
        let cache = Cache::open(&cache.join("acme"), disk).map_err(AcmeError::Cache)?;
        let clock = Arc::new(SystemClock::new());
        let provider = AcmeProvider::new(settings, cache, vec![responder], clock, observer)?;
        Ok(Self { provider, events })
    }

    fn build(
        settings: AcmeSettings,
        cache: &Path,
        responders: Vec<Arc<dyn Responder>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let events = Arc::new(Recorder::with_capacity(1_000));
        let observer: Arc<Recorder<Event>> = Arc::clone(&events);
        let cache = Cache::open(&cache.join("acme"), Arc::new(LocalDisk)).unwrap();
        let provider = AcmeProvider::new(settings, cache, responders, clock, observer).unwrap();
        Self { provider, events }
    }

    pub async fn issue(&self, names: &[&str]) -> Result<CertificateChain, AcmeError> {
        self.provider.obtain(&request(names).1, DEADLINE).await
    }

    /// The codes of what it told, in order.
    pub fn told(&self) -> Vec<&'static str> {
        self.events.events().iter().map(Event::code).collect()
    }
}

/// A new key and a request for it.
pub fn request(names: &[&str]) -> (SigningKey, CertificateRequest) {
    let names: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &names).unwrap();
    (key, request)
}

/// What trusts that which a Pebble issues, and no more.
pub fn trust(pebble: &Pebble) -> TrustStore {
    let anchors = pebble.issuing_roots().iter().map(|root| root.certificate_der().clone()).collect();
    // Its roots name usages, which those of the mesh profile do not.
    TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap().with_profile(Profile::Interop)
}

/// A chain is good for servers of exactly these names.
pub fn judge(pebble: &Pebble, chain: &CertificateChain, names: &[&str]) {
    trust(pebble).validate_own(chain, Purpose::Server, SystemClock::new().unix()).unwrap();
    let mut expected: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
    let mut found = chain.leaf().names().to_vec();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// The error's text with those of its causes.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
