//! One key of the ticketer: each ticket is sealed under a key of its own that is derived from it.

use crate::session_ticket::TicketKeyName;
use dwcp_base::UnixTime;
use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Algorithm, CryptoError, OpeningKey, SealingKey, Secret, Sequence, random};

/// What tickets are sealed under for a while (RFC 9846 §4.6.1): random or derived, in memory alone, wiped on drop.
///
/// A ticket is `name (16) | salt (16) | ciphertext and tag`; sealed are the session, zeros, its length in 2 bytes, and
/// in 8 bytes when it was issued. Its key is derived from the secret and its random salt and seals
/// this one ticket, so there is no counter in it: an observer could tell by one which tickets were issued together.
pub(crate) struct TicketKey {
    name: [u8; NAME],
    secret: Secret,
}

impl TicketKey {
    pub(crate) fn fresh() -> Result<Self, CryptoError> {
        Ok(Self { name: random::array()?, secret: Secret::build(SECRET, random::fill)? })
    }

    /// A key that others derive as well.
    pub(crate) fn derived(name: [u8; NAME], secret: Secret) -> Self {
        Self { name, secret }
    }

    /// What its tickets start with, cut to what tells keys apart.
    pub(crate) fn name(&self) -> TicketKeyName {
        let mut short = [0; 8];
        short.iter_mut().zip(self.name).for_each(|(short, byte)| *short = byte);
        TicketKeyName(short)
    }

    /// Whether `ticket` says that this key sealed it. The name travels in the clear and proves nothing.
    pub(crate) fn sealed(&self, ticket: &[u8]) -> bool {
        ticket.starts_with(&self.name)
    }

    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn seal(&self, plain: &[u8], issued: UnixTime) -> Result<Vec<u8>, CryptoError> {
        let salt: [u8; SALT] = random::array()?;
        let mut sealing = SealingKey::new(ALGORITHM, self.material(&salt)?)?;
        // At its final size: no copy of the plaintext stays behind where the buffer was before it grew.
        let length = u16::try_from(plain.len()).map_err(|_| CryptoError::DerivationTooLarge)?;
        let padded = plain.len() + padding(plain.len());
        let mut sealed = Vec::with_capacity(padded + TRAILER + ALGORITHM.tag_len());
        sealed.extend_from_slice(plain);
        sealed.resize(padded, 0);
        sealed.extend_from_slice(&length.to_be_bytes());
        sealed.extend_from_slice(&issued.secs().to_be_bytes());
        sealing.seal_in_place(&self.name, &mut sealed)?;
        Ok([&self.name[..], &salt, &sealed].concat())
    }

    /// The session, and when it was issued.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`] for what this key did not seal.
    pub(crate) fn open(&self, ticket: &[u8]) -> Result<(Vec<u8>, UnixTime), CryptoError> {
        let rest = ticket.strip_prefix(&self.name).ok_or(CryptoError::NotAuthentic)?;
        let (salt, sealed) = rest.split_at_checked(SALT).ok_or(CryptoError::NotAuthentic)?;
        let opening = OpeningKey::new(ALGORITHM, self.material(salt)?)?;
        let mut plain = sealed.to_vec();
        // The only message a ticket's own key ever sealed.
        let length = opening.open_in_place(Sequence::new(0), &self.name, &mut plain)?.len();
        plain.truncate(length);
        let (rest, date) = plain.split_last_chunk().ok_or(CryptoError::NotAuthentic)?;
        let (_, session) = rest.split_last_chunk().ok_or(CryptoError::NotAuthentic)?;
        let (session, issued) = (u16::from_be_bytes(*session), i64::from_be_bytes(*date));
        let issued = UnixTime::from_secs(issued);
        plain.truncate(usize::from(session));
        Ok((plain, issued))
    }

    fn material(&self, salt: &[u8]) -> Result<Secret, CryptoError> {
        Prk::extract(Hash::Sha256, salt, &self.secret).secret(b"ticket", &self.name, ALGORITHM.material_len())
    }
}

/// Zeros that make the message of a ticket a power of two, from 512 bytes to 4 KiB, so that whole ones fill a record: a client
/// that gets many puts a message together that was cut between records, and with it all that come before the next whole one,
/// within 64 KiB at most. It hides the length of the client's chain besides. Larger ones stay as they are.
fn padding(plain: usize) -> usize {
    let whole = plain + SEALING + MESSAGE;
    if whole <= LARGEST_PADDED { whole.next_power_of_two().max(SMALLEST_PADDED) - whole } else { 0 }
}

/// What a handshake with such a ticket adds to what waits for its client, and so to the count of what it may issue: the whole
/// message; one that is cut between records counts for six.
pub(crate) fn weight(plain: usize) -> usize {
    let whole = plain + padding(plain) + SEALING + MESSAGE;
    if whole <= LARGEST_PADDED { whole } else { 6 * whole }
}

/// What sealing adds to a ticket, besides what pads it.
pub(crate) const SEALING: usize = NAME + SALT + TRAILER + 16;

/// What the engine's NewSessionTicket has around the ticket (RFC 9846 §4.6.1): type and length, lifetime, age, a nonce of 32 bytes,
/// the ticket's length, no extensions.
const MESSAGE: usize = 4 + 4 + 4 + 1 + 32 + 2 + 2;
const LARGEST_PADDED: usize = 4096;
const SMALLEST_PADDED: usize = 512;

const ALGORITHM: Algorithm = Algorithm::Aes256Gcm;
pub(crate) const NAME: usize = 16;
pub(crate) const SECRET: usize = 32;
const TRAILER: usize = 2 + 8;
const SALT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_t3_only_the_key_that_sealed_opens_and_only_what_it_sealed() {
        let (ours, theirs) = (TicketKey::fresh().unwrap(), TicketKey::fresh().unwrap());
        let issued = UnixTime::from_secs(1_800_000_000);
        let ticket = ours.seal(b"session", issued).unwrap();
        assert_eq!(ours.open(&ticket).unwrap(), (b"session".to_vec(), issued));
        assert_eq!(ticket.len() + MESSAGE, SMALLEST_PADDED);
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
    fn whole_messages_fill_a_record() {
        let key = TicketKey::fresh().unwrap();
        for length in [0, 1, 400, 600, 900, 1500, 3000, 3900, 4096, 8192] {
            let plain = vec![7; length];
            let ticket = key.seal(&plain, UnixTime::from_secs(1_800_000_000)).unwrap();
            assert_eq!(key.open(&ticket).unwrap().0, plain);
            let message = ticket.len() + MESSAGE;
            let cut = 16 * 1024 % message != 0;
            assert_eq!(cut, message > LARGEST_PADDED, "{length}");
            assert_eq!(weight(length), if cut { 6 * message } else { message });
        }
    }

    #[test]
    fn two_tickets_of_one_session_have_nothing_but_the_name_in_common() {
        let key = TicketKey::fresh().unwrap();
        let seal = || key.seal(&[7; 64], UnixTime::from_secs(1_800_000_000)).unwrap();
        let (one, other) = (seal(), seal());
        let alike = one.iter().zip(&other).skip(NAME).filter(|(a, b)| a == b).count();
        assert!(alike < 16, "{alike} bytes are alike");
    }
}
