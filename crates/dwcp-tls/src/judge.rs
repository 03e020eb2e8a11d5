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
    /// Such a verdict is kept apart, for [`again`](Self::again) alone. What comes along is judged each time it does: a response that does
    /// not count any more refuses, also where a list covers the certificate.
    pub(crate) fn stapled(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
        staple: &[u8],
    ) -> Result<PeerIdentity, ValidationError> {
        if staple.is_empty() {
            return self.chain(chain, purpose);
        }
        let responses = [staple];
        let evidence = Evidence::of_responses(&responses);
        let verdict = self.generation.trust().validate_with(chain, purpose, self.clock.unix(), &evidence);
        self.verdicts.note_stapled(stapled_key(chain, purpose), &verdict);
        verdict
    }

    /// Judges a chain that was shown before, now without the response that came with it: the last good verdict for which one vouched
    /// counts as long as the response does. It may be of an earlier generation, so it is held against this one.
    pub(crate) fn again(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
    ) -> Result<PeerIdentity, ValidationError> {
        if let Some(identity) = self.verdicts.stapled(chain, purpose)
            && self.generation.trust().recheck(&identity, self.clock.unix()).is_ok()
        {
            return Ok(identity);
        }
        self.chain(chain, purpose)
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

/// Good verdicts, by what they were about: at most [`MOST_VERDICTS`] of each kind, the oldest goes first. Refusals are not kept.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    all: Mutex<Table>,
    /// Those for which a status response vouches, by chain and use alone.
    stapled: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    verdicts: HashMap<[u8; 32], PeerIdentity>,
    order: VecDeque<[u8; 32]>,
}

impl Verdicts {
    fn get(&self, key: &[u8; 32]) -> Option<PeerIdentity> {
        locked(&self.all).verdicts.get(key).cloned()
    }

    fn keep(&self, key: [u8; 32], identity: PeerIdentity) {
        locked(&self.all).keep(key, identity);
    }

    fn stapled(&self, chain: &[CertificateDer<'_>], purpose: Purpose) -> Option<PeerIdentity> {
        let table = locked(&self.stapled);
        // Most servers staple nothing: then nothing is hashed.
        if table.verdicts.is_empty() {
            return None;
        }
        table.verdicts.get(&stapled_key(chain, purpose)).cloned()
    }

    /// Keeps the verdict that is vouched for longest, until the chain turns out to be revoked.
    fn note_stapled(&self, key: [u8; 32], verdict: &Result<PeerIdentity, ValidationError>) {
        let mut table = locked(&self.stapled);
        match verdict {
            Ok(identity) => {
                let lasts_longer = |known: &PeerIdentity| known.vouched_until() < identity.vouched_until();
                if table.verdicts.get(&key).is_none_or(lasts_longer) {
                    table.keep(key, identity.clone());
                }
            }
            Err(error) if error.is_revocation() => {
                table.forget(&key);
            }
            Err(_) => {}
        }
    }
}

impl Table {
    fn keep(&mut self, key: [u8; 32], identity: PeerIdentity) {
        if self.verdicts.insert(key, identity).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MOST_VERDICTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.verdicts.remove(&oldest);
        }
    }

    fn forget(&mut self, key: &[u8; 32]) {
        if self.verdicts.remove(key).is_some() {
            self.order.retain(|known| known != key);
        }
    }
}

fn locked(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// About 2 KiB each.
pub(crate) const MOST_VERDICTS: usize = 1024;
