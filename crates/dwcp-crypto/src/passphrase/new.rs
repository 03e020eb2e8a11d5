//! Passphrases that may protect new data.

use super::Passphrase;
#[cfg(feature = "strength")]
use super::{PassphraseError, strength};
use crate::{CryptoError, Secret, random};
use std::fmt;
use zeroize::Zeroizing;

/// A passphrase that may protect new data: proof that it was judged, or generated here.
pub struct NewPassphrase(Passphrase);

impl NewPassphrase {
    /// A passphrase of somebody's choice, if it is not easy to guess.
    ///
    /// It has to score 3 of 4 in zxcvbn, which reckons then that whoever knows how people choose needs more than 10^8 guesses.
    /// That is an estimate, and no secret for decades: a [generated](Self::generate) passphrase is out of reach. The first 100
    /// characters are judged, which takes about a millisecond and with every trick two seconds. There is no such function
    /// without the feature `strength`.
    ///
    /// # Errors
    /// [`PassphraseError::Guessable`] with what is wrong with it.
    ///
    /// # Security
    /// zxcvbn does not wipe what it works with: pieces of the passphrase stay behind in freed memory. Where that matters,
    /// generate.
    #[cfg(feature = "strength")]
    pub fn chosen(passphrase: Passphrase) -> Result<Self, PassphraseError> {
        match strength::weakness(passphrase.expose()) {
            None => Ok(Self(passphrase)),
            Some(weakness) => Err(PassphraseError::Guessable(weakness)),
        }
    }

    /// A random passphrase of 150 bits and its text, to be shown once and written down: six groups of five lower-case letters
    /// and digits, with hyphens between them and without the look-alikes 0, 1, l and o.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when there is none.
    pub fn generate() -> Result<(Self, Secret), CryptoError> {
        Self::generated_by(random::fill)
    }

    /// The passphrase itself, for whatever takes any.
    pub fn passphrase(&self) -> &Passphrase {
        &self.0
    }

    fn generated_by(
        fill: impl FnOnce(&mut [u8]) -> Result<(), CryptoError>,
    ) -> Result<(Self, Secret), CryptoError> {
        let mut random = Zeroizing::new([0; GROUPS * GROUP_LEN]);
        fill(&mut *random)?;
        let text = Secret::build(GROUPS * (GROUP_LEN + 1) - 1, |out| {
            for (place, random) in out.chunks_mut(GROUP_LEN + 1).zip(random.chunks(GROUP_LEN)) {
                place.fill(b'-');
                for (symbol, random) in place.iter_mut().zip(random) {
                    // 32 symbols divide 256: each is as likely as any other.
                    *symbol = SYMBOLS[usize::from(random % 32)];
                }
            }
            Ok::<(), CryptoError>(())
        })?;
        Ok((Self(Passphrase(Secret::from(text.expose().to_vec()))), text))
    }
}

impl fmt::Debug for NewPassphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassphrase(..)")
    }
}

const SYMBOLS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const GROUPS: usize = 6;
const GROUP_LEN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_e6_without_randomness_nothing_is_generated() {
        let failed = NewPassphrase::generated_by(|_| Err(CryptoError::Randomness)).map(|_| ());
        assert_eq!(failed, Err(CryptoError::Randomness));
    }

    #[test]
    fn every_symbol_stands_for_eight_bytes() {
        let mut symbols = SYMBOLS.to_vec();
        symbols.sort_unstable();
        symbols.dedup();
        assert_eq!(symbols.len(), 32);
        let (_, text) = NewPassphrase::generated_by(|out| {
            out.iter_mut().zip(0..).for_each(|(byte, value)| *byte = value);
            Ok(())
        })
        .unwrap();
        assert_eq!(text.expose(), b"abcde-fghij-kmnpq-rstuv-wxyz2-34567");
        let (_, text) = NewPassphrase::generated_by(|out| {
            out.fill(255);
            Ok(())
        })
        .unwrap();
        assert_eq!(text.expose(), b"99999-99999-99999-99999-99999-99999");
    }
}
