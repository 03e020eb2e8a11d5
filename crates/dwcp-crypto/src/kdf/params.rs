//! What a derivation costs: floors for new data, ceilings for everything.

use crate::CryptoError;
use std::fmt;

/// The cost of a derivation, strong enough for new data by construction.
///
/// The default is the second choice of RFC 9106 §4: Argon2id with 64 MiB, 3 passes and 4 lanes. To fit the cost to a
/// machine see [`calibrate`](crate::kdf::calibrate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KdfParams(Cost);

impl KdfParams {
    /// Argon2id (RFC 9106) with `memory_kib` KiB, 19 456 (19 MiB) to 2 097 152 (2 GiB), `passes`, 2 to 10, and `lanes`, 1 to 16.
    ///
    /// # Errors
    /// [`CryptoError::WeakParameters`] below one of the floors, [`CryptoError::ExcessiveParameters`] above one of the
    /// ceilings, [`CryptoError::InvalidParameters`] without any lane.
    pub fn argon2id(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CryptoError> {
        Self::new(Cost::Argon2id { memory_kib, passes, lanes })
    }

    /// PBKDF2-HMAC-SHA-256 (RFC 8018 §5.2) with `iterations`, 600 000 to 10 000 000; 1 000 000 is a good choice.
    ///
    /// It costs an attacker with special hardware far less than Argon2id: it is for where Argon2id may not be used.
    ///
    /// # Errors
    /// As [`argon2id`](Self::argon2id).
    pub fn pbkdf2(iterations: u32) -> Result<Self, CryptoError> {
        Self::new(Cost::Pbkdf2Sha256 { iterations })
    }

    pub(super) fn cost(self) -> Cost {
        self.0
    }

    pub(super) fn strong(cost: Cost) -> Option<Self> {
        Self::new(cost).ok()
    }

    fn new(cost: Cost) -> Result<Self, CryptoError> {
        cost.check()?;
        if !cost.is_strong() {
            return Err(CryptoError::WeakParameters);
        }
        Ok(Self(cost))
    }
}

impl KdfParams {
    /// As costly as both: with memory and passes of Argon2id the larger of the two, with PBKDF2 the iterations. Where the two
    /// are different functions this one stays.
    #[must_use]
    pub fn at_least(self, other: Self) -> Self {
        Self(match (self.0, other.0) {
            (
                Cost::Argon2id { memory_kib, passes, lanes },
                Cost::Argon2id { memory_kib: other_memory, passes: other_passes, .. },
            ) => Cost::Argon2id {
                memory_kib: memory_kib.max(other_memory),
                passes: passes.max(other_passes),
                lanes,
            },
            (Cost::Pbkdf2Sha256 { iterations }, Cost::Pbkdf2Sha256 { iterations: other }) => {
                Cost::Pbkdf2Sha256 { iterations: iterations.max(other) }
            }
            (own, _) => own,
        })
    }
}

impl Default for KdfParams {
    fn default() -> Self {
        Self(Cost::Argon2id { memory_kib: 64 * 1024, passes: 3, lanes: 4 })
    }
}

/// As in a parameter string: `argon2id m=65536,t=3,p=4`.
impl KdfParams {
    /// Memory in KiB, passes and lanes of Argon2id; `None` for PBKDF2.
    pub fn argon2id_cost(&self) -> Option<(u32, u32, u32)> {
        match self.0 {
            Cost::Argon2id { memory_kib, passes, lanes } => Some((memory_kib, passes, lanes)),
            Cost::Pbkdf2Sha256 { .. } => None,
        }
    }
}

impl fmt::Display for KdfParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cost::Argon2id { .. } => write!(f, "argon2id {}", self.0),
            Cost::Pbkdf2Sha256 { .. } => write!(f, "pbkdf2-sha256 {}", self.0),
        }
    }
}

/// The cost of any derivation that is run at all, those of old data included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cost {
    Argon2id { memory_kib: u32, passes: u32, lanes: u32 },
    Pbkdf2Sha256 { iterations: u32 },
}

impl Cost {
    /// Whether the standards allow the cost and this crate ever spends it.
    pub(super) fn check(self) -> Result<(), CryptoError> {
        let (excessive, valid) = match self {
            Self::Argon2id { memory_kib, passes, lanes } => (
                memory_kib > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES,
                // RFC 9106 §3.1: at least one pass and lane, and 8 KiB for each lane.
                passes >= 1 && lanes >= 1 && memory_kib / 8 >= lanes,
            ),
            Self::Pbkdf2Sha256 { iterations } => (iterations > MAX_ITERATIONS, iterations >= 1),
        };
        match (excessive, valid) {
            (true, _) => Err(CryptoError::ExcessiveParameters),
            (false, false) => Err(CryptoError::InvalidParameters),
            (false, true) => Ok(()),
        }
    }

    /// Whether the cost protects new data.
    pub(super) fn is_strong(self) -> bool {
        match self {
            Self::Argon2id { memory_kib, passes, .. } => memory_kib >= MIN_MEMORY_KIB && passes >= MIN_PASSES,
            Self::Pbkdf2Sha256 { iterations } => iterations >= MIN_ITERATIONS,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2id { memory_kib, passes, lanes } => write!(f, "m={memory_kib},t={passes},p={lanes}"),
            Self::Pbkdf2Sha256 { iterations } => write!(f, "i={iterations}"),
        }
    }
}

/// Floors for new data: the least that current practice (OWASP) holds to be enough.
pub(super) const MIN_MEMORY_KIB: u32 = 19 * 1024;
pub(super) const MIN_PASSES: u32 = 2;
const MIN_ITERATIONS: u32 = 600_000;

/// Ceilings for everything: what a file may make this process spend.
pub(super) const MAX_MEMORY_KIB: u32 = 2 * 1024 * 1024;
pub(super) const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 16;
const MAX_ITERATIONS: u32 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_and_ceilings_are_where_the_documents_put_them() {
        let argon2id = |memory, passes, lanes| KdfParams::argon2id(memory, passes, lanes).map(|_| ());
        assert_eq!(argon2id(19_456, 2, 1), Ok(()));
        assert_eq!(argon2id(2_097_152, 10, 16), Ok(()));
        assert_eq!(argon2id(19_455, 2, 1), Err(CryptoError::WeakParameters));
        assert_eq!(argon2id(65_536, 1, 4), Err(CryptoError::WeakParameters), "the original's");
        assert_eq!(argon2id(65_536, 3, 0), Err(CryptoError::InvalidParameters));
        assert_eq!(argon2id(65_536, 0, 4), Err(CryptoError::InvalidParameters));
        assert_eq!(argon2id(2_097_153, 3, 4), Err(CryptoError::ExcessiveParameters));
        assert_eq!(argon2id(65_536, 11, 4), Err(CryptoError::ExcessiveParameters));
        assert_eq!(argon2id(65_536, 3, 17), Err(CryptoError::ExcessiveParameters));
        let pbkdf2 = |iterations| KdfParams::pbkdf2(iterations).map(|_| ());
        assert_eq!((pbkdf2(600_000), pbkdf2(10_000_000)), (Ok(()), Ok(())));
        assert_eq!(pbkdf2(599_999), Err(CryptoError::WeakParameters));
        assert_eq!(pbkdf2(100_000), Err(CryptoError::WeakParameters), "the original's");
        assert_eq!(pbkdf2(0), Err(CryptoError::InvalidParameters));
        assert_eq!(pbkdf2(10_000_001), Err(CryptoError::ExcessiveParameters));
    }

    #[test]
    fn a_cost_is_raised_and_never_lowered() {
        let argon2id = |memory, passes, lanes| KdfParams::argon2id(memory, passes, lanes).unwrap();
        let (one, other) = (argon2id(65_536, 3, 4), argon2id(262_144, 2, 1));
        assert_eq!(one.at_least(other), argon2id(262_144, 3, 4));
        assert_eq!(other.at_least(one), argon2id(262_144, 3, 1));
        let pbkdf2 = |iterations| KdfParams::pbkdf2(iterations).unwrap();
        assert_eq!(pbkdf2(600_000).at_least(pbkdf2(2_000_000)), pbkdf2(2_000_000));
        assert_eq!(pbkdf2(2_000_000).at_least(pbkdf2(600_000)), pbkdf2(2_000_000));
        assert_eq!((one.at_least(pbkdf2(600_000)), pbkdf2(600_000).at_least(one)), (one, pbkdf2(600_000)));
    }

    #[test]
    fn the_default_is_the_second_choice_of_rfc_9106() {
        assert_eq!(KdfParams::default(), KdfParams::argon2id(65_536, 3, 4).unwrap());
        assert_eq!(KdfParams::default().to_string(), "argon2id m=65536,t=3,p=4");
        assert_eq!(KdfParams::pbkdf2(1_000_000).unwrap().to_string(), "pbkdf2-sha256 i=1000000");
    }
}
