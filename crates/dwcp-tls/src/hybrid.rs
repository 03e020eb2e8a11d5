//! X25519MLKEM768 as a key-exchange group of rustls, over the agreement of `dwcp-crypto`.

use dwcp_crypto::CryptoError;
use dwcp_crypto::agreement::{self, Group, KeyAgreement};
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};

/// The hybrid group (RFC 10024, 0x11EC): ML-KEM-768 first and X25519 second, in shares and in the secret.
pub(crate) static X25519_MLKEM768: &dyn SupportedKxGroup = &Hybrid;

#[derive(Debug)]
struct Hybrid;

impl SupportedKxGroup for Hybrid {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(Offered(KeyAgreement::start(Group::X25519MlKem768).map_err(refused)?)))
    }

    /// The server's side: its share is a ciphertext under the client's, so it can not be drawn beforehand.
    fn start_and_complete(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (pub_key, secret) = agreement::respond(Group::X25519MlKem768, peer_share).map_err(refused)?;
        Ok(CompletedKeyExchange { group: self.name(), pub_key, secret: SharedSecret::from(secret.expose()) })
    }

    fn ffdhe_group(&self) -> Option<rustls::ffdhe_groups::FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

struct Offered(KeyAgreement);

impl ActiveKeyExchange for Offered {
    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, Error> {
        let secret = self.0.complete(peer_share).map_err(refused)?;
        Ok(SharedSecret::from(secret.expose()))
    }

    /// The X25519 half is offered as a share of its own, so that a classic server needs no second round trip.
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        self.0.hybrid_component().map(|(_, share)| (NamedGroup::X25519, share))
    }

    fn complete_hybrid_component(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, Error> {
        let secret = self.0.complete_component(peer_share).map_err(refused)?;
        Ok(SharedSecret::from(secret.expose()))
    }

    fn pub_key(&self) -> &[u8] {
        self.0.share()
    }

    fn ffdhe_group(&self) -> Option<rustls::ffdhe_groups::FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

/// RFC 10024 and RFC 9846 §4.2.8: a share of the wrong form is answered with `illegal_parameter`.
fn refused(error: CryptoError) -> Error {
    match error {
        CryptoError::Randomness => Error::FailedToGetRandomBytes,
        _ => Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_roles_agree_and_the_classic_half_does_too() {
        let client = X25519_MLKEM768.start().unwrap();
        assert_eq!(client.pub_key().len(), 1184 + 32);
        let (named, half) = client.hybrid_component().unwrap();
        assert_eq!((named, half), (NamedGroup::X25519, &client.pub_key()[1184..]));
        let server = X25519_MLKEM768.start_and_complete(client.pub_key()).unwrap();
        assert_eq!(server.pub_key.len(), 1088 + 32);
        let secret = client.complete(&server.pub_key).unwrap();
        assert_eq!(secret.secret_bytes(), server.secret.secret_bytes());
        assert_eq!(secret.secret_bytes().len(), 64);

        let client = X25519_MLKEM768.start().unwrap();
        let half = client.hybrid_component().unwrap().1.to_vec();
        let server = rustls::crypto::ring::kx_group::X25519.start_and_complete(&half).unwrap();
        let secret = client.complete_hybrid_component(&server.pub_key).unwrap();
        assert_eq!(secret.secret_bytes(), server.secret.secret_bytes());
    }

    #[test]
    fn at_t16_a_share_of_the_wrong_form_is_an_invalid_share() {
        let good = X25519_MLKEM768.start().unwrap().pub_key().to_vec();
        let invalid = Some(Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare));
        let mut longer = good.clone();
        longer.push(0);
        let zero_point = [&good[..1184], &[0; 32]].concat();
        // Every 12-bit coefficient at its largest value: not reduced modulo q = 3329 (FIPS 203 §7.2).
        let unreduced = [&[0xff; 1152], &good[1152..]].concat();
        for share in [&good[..1215], &longer, &good[..32], &[], &zero_point, &unreduced] {
            assert_eq!(X25519_MLKEM768.start_and_complete(share).err(), invalid);
        }
        let answer = X25519_MLKEM768.start_and_complete(&good).unwrap().pub_key;
        let zero_point = [&answer[..1088], &[0; 32]].concat();
        for share in [&answer[..1119], &answer[..1088], &good, &[], &zero_point] {
            let client = X25519_MLKEM768.start().unwrap();
            assert_eq!(client.complete(share).err(), invalid);
        }
        let client = X25519_MLKEM768.start().unwrap();
        assert_eq!(client.complete_hybrid_component(&[0; 32]).err(), invalid);
    }
}
