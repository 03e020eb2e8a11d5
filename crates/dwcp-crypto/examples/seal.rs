//! Two sides agree on keys, and one message travels between them: `cargo run -p dwcp-crypto --example seal`.

use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Aead, Algorithm, CryptoError, Group, KeyAgreement, Side, agreement};

fn main() -> Result<(), CryptoError> {
    // Each side sends its share; both end up with the same secret.
    let initiator = KeyAgreement::start(Group::X25519MlKem768)?;
    let (answer, responder_secret) = agreement::respond(Group::X25519MlKem768, initiator.share())?;
    println!("shares: {} bytes there, {} bytes back", initiator.share().len(), answer.len());
    let initiator_secret = initiator.complete(&answer)?;

    // Who talks to whom goes into the derivation. Without signatures over the shares this is not yet authenticated.
    let context = b"spiffe://example.org/a and spiffe://example.org/b";
    let aead = Aead::new(Algorithm::Aes256Gcm);
    let prk = Prk::extract(Hash::Sha384, b"", &initiator_secret);
    let (mut sealing, _) = aead.duplex(&prk, Side::Initiator, context)?;
    let prk = Prk::extract(Hash::Sha384, b"", &responder_secret);
    let (_, opening) = aead.duplex(&prk, Side::Responder, context)?;

    let mut buffer = b"the bridge is open".to_vec();
    let sequence = sealing.seal_in_place(b"header", &mut buffer)?;
    println!("message {sequence}: {} bytes sealed, {} more may follow", buffer.len(), sealing.remaining());

    let mut forged = buffer.clone();
    forged[0] ^= 1;
    println!("one bit flipped: {:?}", opening.open_in_place(sequence, b"header", &mut forged));

    let message = opening.open_in_place(sequence, b"header", &mut buffer)?;
    println!("opened: {}", String::from_utf8_lossy(message));
    Ok(())
}
