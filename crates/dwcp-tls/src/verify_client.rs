//! The verifier of client certificates on the server side: the chain first, then the rules.

use crate::judge::{Judge, presented};
use crate::refusal::{Refusal, RefusalSlot, claimed, told};
use crate::rules::{Candidate, PeerRules, public};
use crate::settings::ClientAuth;
use crate::signatures::Signatures;
use crate::transcript;
use dwcp_pki::{ChainFault, PeerIdentity, Purpose};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme};

/// Asks the trust of one generation; the signature over the transcript is checked by ring.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    pub(crate) judge: Judge,
    pub(crate) client_auth: ClientAuth,
    pub(crate) rules: PeerRules,
    pub(crate) signatures: Signatures,
}

/// The chain is good and every rule holds, or the reason why not.
///
/// Called by the verifier in a full handshake and again once any handshake is done, since a resumed one calls no verifier.
pub(crate) fn judge_client(
    judge: &Judge,
    rules: &PeerRules,
    chain: &[CertificateDer<'_>],
) -> Result<PeerIdentity, Refusal> {
    let of_leaf = || chain.first().map_or_else(String::new, claimed);
    let identity = judge.chain(chain, Purpose::Client).map_err(|error| {
        // A public certificate lacks the usage because nobody issues it any more, which says more than that it is missing.
        match public(chain).filter(|_| matches!(error.fault(), ChainFault::Purpose { .. })) {
            Some(rule) => Refusal::Rule { rule, peer: of_leaf() },
            None => Refusal::Chain { error, claimed: of_leaf() },
        }
    })?;
    let candidate =
        Candidate { identity: &identity, chain, purpose: Purpose::Client, now: judge.clock.unix() };
    rules.judge(&candidate).map_err(|rule| Refusal::Rule { rule, peer: identity.label() })?;
    Ok(identity)
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        transcript::wants_certificates()
    }

    fn client_auth_mandatory(&self) -> bool {
        match self.client_auth {
            ClientAuth::Required => true,
            ClientAuth::Optional => !self.rules.admit_anonymous(),
        }
    }

    /// None: a client shows what it has, and strangers learn nothing of whom we trust.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain = presented(end_entity, intermediates);
        match judge_client(&self.judge, &self.rules, &chain) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => {
                let told = told(&refusal);
                RefusalSlot::leave(refusal);
                Err(Error::InvalidCertificate(told))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOfferedOrEnabled))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.schemes()
    }
}
