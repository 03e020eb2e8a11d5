//! The judgement of a peer's chain under one generation, remembered so that a handshake validates it once.

use crate::progress;
use dwcp_base::Clock;
use dwcp_crypto::digest::sha256_of;
use dwcp_pki::{Generation, PeerIdentity, Purpose, ValidationError};
use rustls::pki_types::CertificateDer;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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

    /// What a verdict depends on, all of it: the bytes that were presented, the use, and what was trusted then.
    fn key(&self, chain: &[CertificateDer<'_>], purpose: Purpose) -> [u8; 32] {
        let purpose = match purpose {
            Purpose::Server => b"server",
            Purpose::Client => b"client",
            Purpose::Any => b"either",
        };
        let generation = self.generation.number().to_be_bytes();
        // DER carries its own length, but what was presented need not be DER.
        let lengths: Vec<_> = chain.iter().map(|certificate| certificate.len().to_be_bytes()).collect();
        let mut parts: Vec<&[u8]> = vec![purpose, &generation];
        for (length, certificate) in lengths.iter().zip(chain) {
            parts.push(length);
            parts.push(certificate);
        }
        sha256_of(&parts)
    }
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

/// Good verdicts, by what they were about: at most [`MOST_VERDICTS`], the oldest goes first. Refusals are not kept.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    verdicts: HashMap<[u8; 32], PeerIdentity>,
    order: VecDeque<[u8; 32]>,
}

impl Verdicts {
    fn get(&self, key: &[u8; 32]) -> Option<PeerIdentity> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).verdicts.get(key).cloned()
    }

    fn keep(&self, key: [u8; 32], identity: PeerIdentity) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.verdicts.insert(key, identity).is_some() {
            return;
        }
        table.order.push_back(key);
        if table.order.len() > MOST_VERDICTS
            && let Some(oldest) = table.order.pop_front()
        {
            table.verdicts.remove(&oldest);
        }
    }
}

/// About 2 KiB each.
pub(crate) const MOST_VERDICTS: usize = 1024;
