//! One key of the ticketer: each ticket is sealed under a key of its own that is derived from it.

use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Algorithm, CryptoError, OpeningKey, SealingKey, Secret, Sequence, random};

/// What tickets are sealed under for a while (RFC 9846 §4.6.1): random, in memory alone, wiped on drop.
///
/// A ticket is `name (16) | salt (16) | ciphertext and tag`. Its key is derived from the secret and its random salt and seals
/// this one ticket, so there is no counter in it: an observer could tell by one which tickets were issued together.
pub(crate) struct TicketKey {
    name: [u8; NAME],
    secret: Secret,
}

impl TicketKey {
    pub(crate) fn fresh() -> Result<Self, CryptoError> {
        Ok(Self { name: random::array()?, secret: Secret::build(SECRET, random::fill)? })
    }

    /// Whether `ticket` says that this key sealed it. The name travels in the clear and proves nothing.
    pub(crate) fn sealed(&self, ticket: &[u8]) -> bool {
        ticket.starts_with(&self.name)
    }

    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let salt: [u8; SALT] = random::array()?;
        let mut sealing = SealingKey::new(ALGORITHM, self.material(&salt)?)?;
        // At its final size: no copy of the plaintext stays behind where the buffer was before it grew.
        let mut sealed = Vec::with_capacity(plain.len() + ALGORITHM.tag_len());
        sealed.extend_from_slice(plain);
        sealing.seal_in_place(&self.name, &mut sealed)?;
        Ok([&self.name[..], &salt, &sealed].concat())
    }

    /// # Errors
    /// [`CryptoError::NotAuthentic`] for what this key did not seal.
    pub(crate) fn open(&self, ticket: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let rest = ticket.strip_prefix(&self.name).ok_or(CryptoError::NotAuthentic)?;
        let (salt, sealed) = rest.split_at_checked(SALT).ok_or(CryptoError::NotAuthentic)?;
        let opening = OpeningKey::new(ALGORITHM, self.material(salt)?)?;
        let mut plain = sealed.to_vec();
        // The only message a ticket's own key ever sealed.
        let length = opening.open_in_place(Sequence::new(0), &self.name, &mut plain)?.len();
        plain.truncate(length);
        Ok(plain)
    }

    fn material(&self, salt: &[u8]) -> Result<Secret, CryptoError> {
        Prk::extract(Hash::Sha256, salt, &self.secret).secret(b"ticket", &self.name, ALGORITHM.material_len())
    }
}

/// What sealing adds to a ticket.
pub(crate) const SEALING: usize = NAME + SALT + 16;

const ALGORITHM: Algorithm = Algorithm::Aes256Gcm;
const NAME: usize = 16;
const SALT: usize = 16;
const SECRET: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_t3_only_the_key_that_sealed_opens_and_only_what_it_sealed() {
        let (ours, theirs) = (TicketKey::fresh().unwrap(), TicketKey::fresh().unwrap());
        let ticket = ours.seal(b"session").unwrap();
        assert_eq!(ours.open(&ticket).unwrap(), b"session");
        assert_eq!(ticket.len(), b"session".len() + SEALING);
        assert!(ours.sealed(&ticket) && !theirs.sealed(&ticket));
        // The name alone decides nothing: under their name our ticket opens as little.
        let renamed = [&theirs.name[..], &ticket[NAME..]].concat();
        for forged in [&ticket, &renamed] {
            assert_eq!(theirs.open(forged), Err(CryptoError::NotAuthentic));
        }
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(ours.open(&changed), Err(CryptoError::NotAuthentic), "byte {at}");
            assert_eq!(ours.open(&ticket[..at]), Err(CryptoError::NotAuthentic), "{at} bytes");
        }
    }

    #[test]
    fn two_tickets_of_one_session_have_nothing_but_the_name_in_common() {
        let key = TicketKey::fresh().unwrap();
        let (one, other) = (key.seal(&[7; 64]).unwrap(), key.seal(&[7; 64]).unwrap());
        let alike = one.iter().zip(&other).skip(NAME).filter(|(a, b)| a == b).count();
        assert!(alike < 16, "{alike} bytes are alike");
    }
}
