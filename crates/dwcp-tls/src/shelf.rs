//! The certificates of one generation as the engine asks for them: chosen for each hello, with nothing allocated and no lock.

use crate::offer::{ACME_TLS, judge_protocols, speaks};
use crate::settings::{ServerSettings, UnknownName, WithoutAlpn};
use crate::signing::{certified, is_verifiable};
use dwcp_base::{Clock, UnixTime};
use dwcp_crypto::KeyType;
use dwcp_crypto::digest::sha256_of;
use dwcp_pki::{Credential, Generation, Purpose, ServedCertificates, ShownFor};
use rustls::compress::CompressionCache;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Everything that a server side shows under one generation.
pub(crate) struct Shelf {
    served: Arc<ServedCertificates>,
    /// In the order of `served`.
    shown: Vec<Shown>,
    /// Chains that were packed for a handshake before.
    pub(crate) packed: Arc<CompressionCache>,
    alpn: Vec<Vec<u8>>,
    without_alpn: WithoutAlpn,
    unknown_name: UnknownName,
    clock: Arc<dyn Clock>,
}

/// One certificate, with its staple for as long as that lasts.
struct Shown {
    bare: Arc<CertifiedKey>,
    stapled: Option<(Arc<CertifiedKey>, UnixTime)>,
}

impl Shelf {
    pub(crate) fn new(generation: &Generation, settings: &ServerSettings, clock: &Arc<dyn Clock>) -> Self {
        let served = Arc::clone(generation.served());
        let root_of = |of| settings.root_shown.then(|| root(generation, of, clock.unix())).flatten();
        let shown: Vec<_> = served
            .iter()
            .map(|of| Shown::new(generation, of.credential(), root_of(of.credential())))
            .collect();
        // With its staple and without, as clients ask for it.
        let packed = Arc::new(settings.compression.cache(2 * shown.len()));
        let (alpn, without_alpn) = (settings.alpn.clone(), settings.without_alpn);
        let unknown_name = settings.unknown_name;
        Self { served, shown, packed, alpn, without_alpn, unknown_name, clock: Arc::clone(clock) }
    }
}

impl Shown {
    fn new(
        generation: &Generation,
        credential: &Arc<Credential>,
        root: Option<CertificateDer<'static>>,
    ) -> Self {
        let mut bare = certified(credential);
        bare.cert.extend(root);
        let stapled = generation.staple_for(credential).map(|staple| {
            let with = CertifiedKey {
                ocsp: Some(staple.der().to_vec()),
                ..CertifiedKey::new(bare.cert.clone(), Arc::clone(&bare.key))
            };
            (Arc::new(with), staple.until())
        });
        Self { bare: Arc::new(bare), stapled }
    }

    fn at(&self, now: UnixTime) -> &Arc<CertifiedKey> {
        match &self.stapled {
            Some((with, until)) if now.secs() < until.secs() => with,
            _ => &self.bare,
        }
    }
}

/// The root that a chain leads to by the store's own trust, unless the chain has it already. One that leads nowhere now, as that of a
/// public authority or one out of its dates, has none.
fn root(generation: &Generation, credential: &Credential, now: UnixTime) -> Option<CertificateDer<'static>> {
    let (trust, chain) = (generation.trust(), credential.chain());
    let own = trust.validate_own(chain, Purpose::Any, now).ok()?;
    let root = trust.anchor_of(&own)?.certificate_der();
    chain.iter().all(|certificate| certificate.certificate_der() != root).then(|| root.clone())
}

/// The certificate for a hello; its place among those that are served.
pub(crate) fn shown_for(served: &ServedCertificates, alpn: &[Vec<u8>], hello: &ClientHello<'_>) -> ShownFor {
    let verifies = |key: KeyType| is_verifiable(key, hello.signature_schemes());
    match hello.server_name() {
        Some(name) => served.choose(name, |protocol| speaks(alpn, hello, protocol), verifies),
        None => ShownFor::Certificate(OWN),
    }
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // The first hello was judged before it came here; what a second one changes is refused all the same.
        judge_protocols(&self.alpn, self.without_alpn, hello.alpn().into_iter().flatten()).ok()?;
        let at = match (shown_for(&self.served, &self.alpn, &hello), self.unknown_name) {
            (ShownFor::Certificate(at), _) => at,
            (ShownFor::Nobody | ShownFor::OtherProtocols, UnknownName::Serve) => OWN,
            (ShownFor::Nobody | ShownFor::OtherProtocols, UnknownName::Refuse) => return None,
        };
        self.shown.get(at).map(|shown| Arc::clone(shown.at(self.clock.unix())))
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("certificates", &self.shown.len()).finish_non_exhaustive()
    }
}

/// The answers to challenges of one generation (RFC 8737 §3).
#[derive(Debug)]
pub(crate) struct ChallengeShelf(HashMap<Box<str>, Arc<CertifiedKey>>);

impl ChallengeShelf {
    pub(crate) fn new(generation: &Generation) -> Self {
        let answers = generation.challenges().iter();
        Self(answers.map(|(domain, answer)| (domain.into(), Arc::new(certified(answer)))).collect())
    }
}

impl ResolvesServerCert for ChallengeShelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut protocols = hello.alpn().into_iter().flatten();
        let (Some(ACME_TLS), None) = (protocols.next(), protocols.next()) else { return None };
        self.0.get(hello.server_name()?).cloned()
    }
}

/// What a caller's resolver answered one hello with.
#[derive(Debug)]
pub(crate) struct ResolvedShelf {
    shown: Arc<CertifiedKey>,
    protocols: [u8; 32],
}

impl ResolvedShelf {
    /// For a hello with these protocols, see [`protocols_of`].
    pub(crate) fn new(credential: &Arc<Credential>, protocols: [u8; 32]) -> Self {
        Self { shown: Arc::new(certified(credential)), protocols }
    }
}

impl ResolvesServerCert for ResolvedShelf {
    /// The resolver was asked about the first hello. A second one asks for the same name, which the engine sees to, and has to speak the same.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        (protocols_of(&hello) == self.protocols).then(|| Arc::clone(&self.shown))
    }
}

/// A digest of all protocols that a hello offers, in their order.
pub(crate) fn protocols_of(hello: &ClientHello<'_>) -> [u8; 32] {
    let offered: Vec<&[u8]> = hello.alpn().into_iter().flatten().collect();
    let lengths: Vec<_> = offered.iter().map(|protocol| protocol.len().to_be_bytes()).collect();
    let parts = lengths.iter().zip(&offered).flat_map(|(length, protocol)| [&length[..], protocol]);
    sha256_of(&parts.collect::<Vec<_>>())
}

/// The place of the own certificate.
const OWN: usize = 0;
