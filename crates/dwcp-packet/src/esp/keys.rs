//! From the secret of two peers to the key of one epoch and direction.

use super::{Announcement, PacketSettings, SetupError, Spi};
use dwcp_crypto::hkdf::Prk;
use dwcp_crypto::{CryptoError, Secret, Side, random};
use std::fmt;
use std::sync::Arc;

/// What the keys of one link are derived from: a secret of two peers, which of the two one is, and what binds it to both.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct LinkKeys {
    inner: Arc<Inner>,
    side: Side,
}

struct Inner {
    root: Prk,
    binding: Box<[u8]>,
}

impl LinkKeys {
    /// Keys under `root`, as seen from `side`.
    ///
    /// `binding` names both identities and the conversation that `root` comes from (a transcript, an exporter's context), in the same bytes at
    /// both ends; at most 4 096.
    ///
    /// # Errors
    /// [`SetupError::Crypto`] with [`CryptoError::DerivationTooLarge`] when `binding` is too long.
    ///
    /// # Security
    /// One peer has to be the initiator and the other the responder: that is what keeps a packet that is sent back to its sender
    /// from opening. Where `binding` leaves the identities out, whoever knows `root` can stand in for either.
    pub fn new(root: Prk, side: Side, binding: &[u8]) -> Result<Self, SetupError> {
        if binding.len() > MOST_BINDING {
            return Err(CryptoError::DerivationTooLarge.into());
        }
        Ok(Self { inner: Arc::new(Inner { root, binding: binding.into() }), side })
    }

    /// Which end this is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// An announcement that nobody made before.
    pub(super) fn announce(
        &self,
        settings: &PacketSettings,
        spi: Spi,
        epoch: u32,
    ) -> Result<Announcement, SetupError> {
        if epoch == 0 {
            return Err(SetupError::StaleEpoch);
        }
        Ok(Announcement::new(settings, spi, epoch, random::array()?))
    }

    /// The key material of `announced`, for the packets that `sealing` sends.
    pub(super) fn material(&self, sealing: Side, announced: &Announcement) -> Result<Secret, SetupError> {
        let side = match sealing {
            Side::Initiator => 1,
            Side::Responder => 2,
        };
        // All but the last part are of fixed length, so no two lists of parts give the same bytes.
        let mut context = Vec::with_capacity(1 + Announcement::LENGTH + self.inner.binding.len());
        context.push(side);
        context.extend_from_slice(&announced.to_bytes());
        context.extend_from_slice(&self.inner.binding);
        Ok(self.inner.root.secret(LABEL, &context, announced.mode().material_len())?)
    }
}

impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkKeys({:?})", self.side)
    }
}

const LABEL: &[u8] = b"esp packets";

/// Names of two peers and a digest take a few hundred.
const MOST_BINDING: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_crypto::hkdf::Hash;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn key_material_is_that_of_the_page() {
        let page = include_str!("../../../../docs/formats/esp-announcement.md");
        let secret = || Secret::from((0..32).collect::<Vec<u8>>());
        let keys =
            |side| LinkKeys::new(Prk::extract(Hash::Sha256, b"", &secret()), side, b"alice and bob").unwrap();
        let random: Vec<u8> = (0x40..0x60).collect();
        let vectors = [
            ([1, 1, 1, 0, 0, 0, 0x10, 1, 0, 0, 0, 7], Side::Initiator),
            ([1, 1, 1, 0, 0, 0, 0x10, 1, 0, 0, 0, 7], Side::Responder),
            ([1, 7, 2, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1], Side::Initiator),
        ];
        for (head, sealing) in vectors {
            let bytes = [&head[..], &random].concat();
            let announced = Announcement::from_bytes(&bytes).unwrap();
            let material = keys(Side::Initiator).material(sealing, &announced).unwrap();
            assert!(page.contains(&hex(&bytes)), "{}", hex(&bytes));
            assert!(page.contains(&hex(material.expose())), "{}", hex(material.expose()));
            let other = keys(Side::Responder).material(sealing, &announced).unwrap();
            assert_eq!(material.expose(), other.expose(), "both ends derive the same");
        }
    }
}
