//! The judgement of a peer's chain under one generation, remembered so that a handshake validates it once.

use crate::progress;
use dwcp_base::Clock;
use dwcp_crypto::digest::sha256_of;
use dwcp_pki::{Evidence, Generation, PeerIdentity, Purpose, ValidationError};
use rustls::pki_types::CertificateDer;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Judges chains against the trust of one generation.
#[derive(Clone)]
pub(crate) struct Judge {
    pub(crate) generation: Arc<Generation>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) verdicts: Arc<Verdicts>,
}

impl Judge {
    /// Validates `chain`, or takes an earlier verdict on the very same chain and re-checks what time and revocation can
    /// change about it.
    pub(crate) fn chain(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
    ) -> Result<PeerIdentity, ValidationError> {
        progress::judging(&*self.clock, || self.verdict(chain, purpose))
    }

    fn verdict(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
    ) -> Result<PeerIdentity, ValidationError> {
        let now = self.clock.unix();
        let trust = self.generation.trust();
        let key = self.key(chain, purpose);
        if let Some(identity) = self.verdicts.get(&key) {
            trust.recheck(&identity, now)?;
            return Ok(identity);
        }
        let identity = trust.validate(chain, purpose, now)?;
        self.verdicts.keep(key, identity.clone());
        Ok(identity)
    }

    /// Validates `chain` with the status response that came along; empty: none did.
    ///
    /// Such a verdict is kept apart, for [`again`](Self::again) and for who shows no response after one that told of a revocation. What comes along is judged each time it does: a response that does
    /// not count any more refuses, also where a list covers the certificate.
    pub(crate) fn stapled(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
        staple: &[u8],
    ) -> Result<PeerIdentity, ValidationError> {
        if staple.is_empty() {
            let known = self.verdicts.stapled(chain, purpose);
            return known
                .and_then(|known| self.revoked(known))
                .map_or_else(|| self.chain(chain, purpose), Err);
        }
        let responses = [staple];
        let evidence = Evidence::of_responses(&responses);
        let verdict = self.generation.trust().validate_with(chain, purpose, self.clock.unix(), &evidence);
        self.verdicts.note_stapled(stapled_key(chain, purpose), &verdict, self.generation.number());
        verdict
    }

    /// Judges a chain that was shown before, now without the response that came with it: the last good verdict for which one vouched
    /// counts as long as the response does. It may be of an earlier generation, so it is held against this one. Whose revocation was shown
    /// under this generation is refused, although a list covers it that does not know yet.
    pub(crate) fn again(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
    ) -> Result<PeerIdentity, ValidationError> {
        match self.verdicts.stapled(chain, purpose) {
            Some(Noted::Good(identity))
                if self.generation.trust().recheck(&identity, self.clock.unix()).is_ok() =>
            {
                Ok(identity)
            }
            known => {
                let revoked = known.and_then(|known| self.revoked(known));
                revoked.map_or_else(|| self.chain(chain, purpose), Err)
            }
        }
    }

    /// The refusal of a chain whose revocation was shown under this generation.
    fn revoked(&self, known: Noted) -> Option<ValidationError> {
        match known {
            Noted::Revoked { error, generation } if generation == self.generation.number() => Some(error),
            _ => None,
        }
    }

    /// What a verdict depends on, all of it: the bytes that were presented, the use, and what was trusted then.
    fn key(&self, chain: &[CertificateDer<'_>], purpose: Purpose) -> [u8; 32] {
        let generation = self.generation.number().to_be_bytes();
        digest_of(chain, &[use_of(purpose), &generation])
    }
}

/// The chain and its use, whatever was trusted and whatever came along.
fn stapled_key(chain: &[CertificateDer<'_>], purpose: Purpose) -> [u8; 32] {
    digest_of(chain, &[b"stapled", use_of(purpose)])
}

/// Words of one length, since what follows them has none before it.
fn use_of(purpose: Purpose) -> &'static [u8] {
    match purpose {
        Purpose::Server => b"server",
        Purpose::Client => b"client",
        Purpose::Any => b"either",
    }
}

/// All of `before` has a length that is known.
fn digest_of(chain: &[CertificateDer<'_>], before: &[&[u8]]) -> [u8; 32] {
    // DER carries its own length, but what was presented need not be DER.
    let lengths: Vec<_> = chain.iter().map(|certificate| certificate.len().to_be_bytes()).collect();
    let mut parts: Vec<&[u8]> = before.to_vec();
    for (length, certificate) in lengths.iter().zip(chain) {
        parts.push(length);
        parts.push(certificate);
    }
    sha256_of(&parts)
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").field("generation", &self.generation.number()).finish_non_exhaustive()
    }
}

/// The chain in one piece, leaf first, without a copy of the certificates.
pub(crate) fn presented<'a>(
    leaf: &'a CertificateDer<'_>,
    intermediates: &'a [CertificateDer<'_>],
) -> Vec<CertificateDer<'a>> {
    std::iter::once(leaf)
        .chain(intermediates)
        .map(|certificate| CertificateDer::from(certificate.as_ref()))
        .collect()
}

/// Verdicts, by what they were about: at most [`MOST_VERDICTS`] of each kind, the oldest goes first. Refusals are not kept, but for
/// revocations that a response told of.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    all: Mutex<Table<PeerIdentity>>,
    /// Those that a status response was weighed in, by chain and use alone.
    stapled: Mutex<Table<Noted>>,
}

/// What the last response that counted said.
#[derive(Clone, Debug)]
enum Noted {
    /// It vouches for the chain.
    Good(PeerIdentity),
    /// The chain is revoked. It counts as long as the tickets that may be left over do, which go with the generation.
    Revoked { error: ValidationError, generation: u64 },
}

#[derive(Debug)]
struct Table<V> {
    verdicts: HashMap<[u8; 32], V>,
    order: VecDeque<[u8; 32]>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { verdicts: HashMap::new(), order: VecDeque::new() }
    }
}

impl Verdicts {
    fn get(&self, key: &[u8; 32]) -> Option<PeerIdentity> {
        locked(&self.all).verdicts.get(key).cloned()
    }

    fn keep(&self, key: [u8; 32], identity: PeerIdentity) {
        locked(&self.all).keep(key, identity);
    }

    fn stapled(&self, chain: &[CertificateDer<'_>], purpose: Purpose) -> Option<Noted> {
        let table = locked(&self.stapled);
        // Most servers staple nothing: then nothing is hashed.
        if table.verdicts.is_empty() {
            return None;
        }
        table.verdicts.get(&stapled_key(chain, purpose)).cloned()
    }

    /// Keeps the verdict that is vouched for longest, until the chain turns out to be revoked.
    fn note_stapled(&self, key: [u8; 32], verdict: &Result<PeerIdentity, ValidationError>, generation: u64) {
        let mut table = locked(&self.stapled);
        match verdict {
            Ok(identity) => {
                let yields = |known: &Noted| match known {
                    Noted::Good(known) => known.vouched_until() < identity.vouched_until(),
                    Noted::Revoked { .. } => true,
                };
                if table.verdicts.get(&key).is_none_or(yields) {
                    table.keep(key, Noted::Good(identity.clone()));
                }
            }
            Err(error) if error.is_revocation() => {
                table.keep(key, Noted::Revoked { error: error.clone(), generation });
            }
            Err(_) => {}
        }
    }
}

impl<V> Table<V> {
    fn keep(&mut self, key: [u8; 32], verdict: V) {
        if self.verdicts.insert(key, verdict).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MOST_VERDICTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.verdicts.remove(&oldest);
        }
    }
}

fn locked<V>(table: &Mutex<Table<V>>) -> MutexGuard<'_, Table<V>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// About 2 KiB each.
pub(crate) const MOST_VERDICTS: usize = 1024;
