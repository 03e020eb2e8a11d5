//! Ephemeral key agreement over X25519, P-256, P-384 and the hybrid X25519MLKEM768.

use crate::lattice::{self, Decapsulator};
use crate::{CryptoError, Secret};
use ring::agreement::{self, ECDH_P256, ECDH_P384, EphemeralPrivateKey, UnparsedPublicKey, X25519};
use ring::rand::SystemRandom;
use std::fmt;

/// The groups, as TLS names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// ML-KEM-768 and X25519 together (RFC 10024, 0x11EC): as strong as the stronger of the two.
    X25519MlKem768,
    /// X25519 (RFC 7748, 0x001D).
    X25519,
    /// ECDH on P-256 (SP 800-56A, 0x0017).
    P256,
    /// ECDH on P-384 (SP 800-56A, 0x0018).
    P384,
}

impl Group {
    /// The classical group inside a hybrid, and any other group itself.
    #[must_use]
    pub fn classical(self) -> Self {
        match self {
            Self::X25519MlKem768 => Self::X25519,
            other => other,
        }
    }

    fn ring(self) -> &'static agreement::Algorithm {
        match self {
            Self::X25519MlKem768 | Self::X25519 => &X25519,
            Self::P256 => &ECDH_P256,
            Self::P384 => &ECDH_P384,
        }
    }

    fn classical_secret_len(self) -> usize {
        match self {
            Self::X25519MlKem768 | Self::X25519 | Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

/// The initiator's side of one agreement. It completes once and is gone: a private key is never used twice.
///
/// # Security
/// The secret is no key yet: run it through [`hkdf`](crate::hkdf) together with what both sides said. ring keeps the private
/// scalar in memory that it does not wipe; the ML-KEM half is wiped.
#[must_use]
pub struct KeyAgreement {
    group: Group,
    share: Vec<u8>,
    classical: EphemeralPrivateKey,
    lattice: Lattice,
}

/// Whether there is a second half.
enum Lattice {
    Absent,
    Present(Box<Decapsulator>),
}

impl KeyAgreement {
    /// Draws a fresh private key in `group`.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when the operating system gives none.
    pub fn start(group: Group) -> Result<Self, CryptoError> {
        let classical = generate(group)?;
        let point = public(&classical)?;
        let (share, lattice) = match group {
            Group::X25519MlKem768 => {
                let decapsulator = Box::new(Decapsulator::generate()?);
                // RFC 10024: the ML-KEM part comes first in this group, in shares and in the secret alike.
                let share = [decapsulator.encapsulation_key().as_slice(), point.as_ref()].concat();
                (share, Lattice::Present(decapsulator))
            }
            Group::X25519 | Group::P256 | Group::P384 => (point.as_ref().to_vec(), Lattice::Absent),
        };
        Ok(Self { group, share, classical, lattice })
    }

    /// The group of the agreement.
    pub fn group(&self) -> Group {
        self.group
    }

    /// The key share for the responder: 32 bytes for X25519, the uncompressed point for P-256 (65) and P-384 (97), and
    /// ML-KEM-768 encapsulation key || X25519 (1184 + 32) for the hybrid.
    pub fn share(&self) -> &[u8] {
        &self.share
    }

    /// The classical group and share inside a hybrid, so that one key offers both; `None` for a group that has no halves.
    pub fn hybrid_component(&self) -> Option<(Group, &[u8])> {
        match self.lattice {
            Lattice::Present(_) => {
                self.share.get(lattice::ENCAPSULATION_KEY..).map(|half| (Group::X25519, half))
            }
            Lattice::Absent => None,
        }
    }

    /// Completes the agreement with the responder's share: the same layouts, and ML-KEM-768 ciphertext || X25519
    /// (1088 + 32 bytes) for the hybrid. The secret has 32 bytes (P-384: 48, hybrid: ML-KEM || X25519, 64).
    ///
    /// # Errors
    /// [`CryptoError::InvalidShare`] for a wrong length, a point that is not on the curve or not in the uncompressed
    /// form, and an X25519 share that leads to the all-zero secret (RFC 7748 §6.1).
    pub fn complete(self, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        match self.lattice {
            Lattice::Absent => agree_alone(self.group, self.classical, peer_share),
            Lattice::Present(decapsulator) => {
                let (ciphertext, point) = halves(peer_share, lattice::CIPHERTEXT)?;
                Secret::build(HYBRID_SECRET, |out| {
                    let (first, second) = out.split_at_mut(lattice::SHARED);
                    agree(self.group, self.classical, point, second)?;
                    decapsulator.decapsulate(ciphertext, first)
                })
            }
        }
    }

    /// Completes the classical half alone, when the responder picked [`hybrid_component`](Self::hybrid_component)'s group.
    ///
    /// # Errors
    /// [`CryptoError::NotHybrid`] for a group that has no halves, else as [`complete`](Self::complete).
    pub fn complete_component(self, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        match self.lattice {
            Lattice::Present(_) => agree_alone(self.group, self.classical, peer_share),
            Lattice::Absent => Err(CryptoError::NotHybrid),
        }
    }
}

impl fmt::Debug for KeyAgreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyAgreement({:?})", self.group)
    }
}

/// The responder's side in one step: returns the share to send back, and the secret.
///
/// # Errors
/// [`CryptoError::InvalidShare`] as for [`KeyAgreement::complete`], and for an ML-KEM encapsulation key whose coefficients
/// are not reduced (FIPS 203 §7.2); [`CryptoError::Randomness`] when the operating system gives none.
pub fn respond(group: Group, peer_share: &[u8]) -> Result<(Vec<u8>, Secret), CryptoError> {
    let classical = generate(group)?;
    let point = public(&classical)?;
    match group {
        Group::X25519 | Group::P256 | Group::P384 => {
            let secret = agree_alone(group, classical, peer_share)?;
            Ok((point.as_ref().to_vec(), secret))
        }
        Group::X25519MlKem768 => {
            let (encapsulation_key, peer_point) = halves(peer_share, lattice::ENCAPSULATION_KEY)?;
            let mut share = Vec::with_capacity(lattice::CIPHERTEXT + X25519_SHARE);
            let secret = Secret::build(HYBRID_SECRET, |out| {
                let (first, second) = out.split_at_mut(lattice::SHARED);
                // The cheap half first: a worthless share costs no lattice arithmetic.
                agree(group, classical, peer_point, second)?;
                share.extend_from_slice(&lattice::encapsulate(encapsulation_key, first)?);
                Ok(())
            })?;
            share.extend_from_slice(point.as_ref());
            Ok((share, secret))
        }
    }
}

fn generate(group: Group) -> Result<EphemeralPrivateKey, CryptoError> {
    EphemeralPrivateKey::generate(group.ring(), &SystemRandom::new()).map_err(|_| CryptoError::Randomness)
}

fn public(key: &EphemeralPrivateKey) -> Result<agreement::PublicKey, CryptoError> {
    key.compute_public_key().map_err(|_| CryptoError::Randomness)
}

fn agree_alone(group: Group, key: EphemeralPrivateKey, peer: &[u8]) -> Result<Secret, CryptoError> {
    Secret::build(group.classical_secret_len(), |out| agree(group, key, peer, out))
}

fn agree(group: Group, key: EphemeralPrivateKey, peer: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
    let peer = UnparsedPublicKey::new(group.ring(), peer);
    agreement::agree_ephemeral(key, &peer, |shared| out.copy_from_slice(shared))
        .map_err(|_| CryptoError::InvalidShare)
}

/// Splits a hybrid share of exactly the right length.
fn halves(share: &[u8], first: usize) -> Result<(&[u8], &[u8]), CryptoError> {
    if share.len() != first + X25519_SHARE {
        return Err(CryptoError::InvalidShare);
    }
    Ok(share.split_at(first))
}

const X25519_SHARE: usize = 32;
const HYBRID_SECRET: usize = lattice::SHARED + 32;
