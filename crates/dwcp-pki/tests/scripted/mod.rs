//! A provider that answers what a test tells it to, and a slot that asks it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses some of it")]

use crate::lab::*;
use dwcp_base::{Clock, ManualClock, Recorder};
use dwcp_pki::{
    Activation, BoxFuture, CertProvider, CertificateChain, CertificateManager, CertificateRequest,
    CertificateStore, Event, FirstTrust, Issued, ManagedSlot, ManagerError, NextStep, OverdueLevel,
    ProviderError, Renewal, Renewed, RevocationMode, SlotSpec, SlotState, obtain,
};
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, ExtendedKeyUsagePurpose, Issuer, KeyUsagePurpose,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) const WEB: &str = "URI:spiffe://mesh.example/web";
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Runs a future that never waits for anything outside itself.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

pub(crate) fn spec() -> SlotSpec {
    SlotSpec::new("node", vec![WEB.parse().unwrap(), "DNS:Web.Example".parse().unwrap()])
}

pub(crate) type Answer = Box<dyn Fn(&CertificateRequest) -> Result<Issued, ProviderError> + Send + Sync>;

/// Answers what a test tells it to.
pub(crate) struct Scripted {
    answer: Mutex<Answer>,
    pub(crate) calls: AtomicU32,
}

impl Scripted {
    pub(crate) fn new(
        answer: impl Fn(&CertificateRequest) -> Result<Issued, ProviderError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { answer: Mutex::new(Box::new(answer)), calls: AtomicU32::new(0) })
    }

    pub(crate) fn now_answers(
        &self,
        answer: impl Fn(&CertificateRequest) -> Result<Issued, ProviderError> + Send + Sync + 'static,
    ) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }
}

impl CertProvider for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        _deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            (self.answer.lock().unwrap())(request)
        })
    }
}

/// Signs a request as an authority would that follows no policy but the test's.
pub(crate) fn sign(
    issuer: &Party,
    request: &CertificateRequest,
    edit: impl FnOnce(&mut CertificateParams),
) -> Issued {
    let der = CertificateSigningRequestDer::from(request.der().to_vec());
    let mut csr = CertificateSigningRequestParams::from_der(&der).unwrap();
    csr.params.not_before = date(NOW.minus(MINUTE));
    csr.params.not_after = date(NOW.plus(DAY));
    csr.params.serial_number = Some(vec![0x44].into());
    csr.params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    csr.params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    csr.params.use_authority_key_identifier_extension = true;
    edit(&mut csr.params);
    let certificate = csr.signed_by(&Issuer::from_params(&issuer.params, &issuer.key)).unwrap();
    issued(&[certificate.der().clone()])
}

pub(crate) fn issued(ders: &[CertificateDer<'_>]) -> Issued {
    Issued { chain: CertificateChain::from_der_list(ders).unwrap(), roots: Vec::new() }
}

pub(crate) struct Slot {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<CertificateStore>,
    pub(crate) events: Arc<Recorder<Event>>,
    pub(crate) manager: CertificateManager,
}

impl Slot {
    /// A renewal without its grace.
    pub(crate) fn renew(&self) -> Result<Renewed, ManagerError> {
        renew(&self.manager)
    }

    pub(crate) fn state(&self) -> SlotState {
        self.manager.state("node").unwrap()
    }
}

/// A renewal of the slot of these tests without its grace.
pub(crate) fn renew(manager: &CertificateManager) -> Result<Renewed, ManagerError> {
    match run(manager.renew("node", Activation::Now, DEADLINE))? {
        Renewal::Active(renewed) => Ok(renewed),
        other => panic!("{other:?}"),
    }
}

/// What a manager says when the slot of these tests is due.
pub(crate) fn due(overdue: Option<OverdueLevel>) -> NextStep {
    NextStep::Renew { slot: "node".into(), overdue }
}

/// A slot whose first certificate was issued now by `root` through `provider`.
pub(crate) fn slot(root: &Party, provider: Arc<dyn CertProvider>) -> Slot {
    slot_with(root, provider, RevocationMode::Off)
}

pub(crate) fn slot_with(root: &Party, provider: Arc<dyn CertProvider>, mode: RevocationMode) -> Slot {
    let honest = sign_all(root);
    let clock = Arc::new(ManualClock::at(NOW));
    let known = trust(&[root], Vec::new(), mode);
    let (credential, _) =
        run(obtain(&*Scripted::new(honest), &spec(), FirstTrust::Known(&known), &*clock, DEADLINE)).unwrap();
    let store = Arc::new(CertificateStore::new(credential, known).unwrap());
    let events = Arc::new(Recorder::with_capacity(100));
    let manager = CertificateManager::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&events) as _);
    manager.manage(ManagedSlot::new(spec(), Arc::clone(&store)).with_provider(provider)).unwrap();
    Slot { clock, store, events, manager }
}

pub(crate) fn sign_all(
    root: &Party,
) -> impl Fn(&CertificateRequest) -> Result<Issued, ProviderError> + Send + Sync + 'static {
    let root = root.reissued(|_| {});
    move |request: &CertificateRequest| Ok(sign(&root, request, |_| {}))
}
