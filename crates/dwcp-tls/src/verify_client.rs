//! The verifier of client certificates on the server side.

use crate::judge::{Judge, presented};
use crate::refusal::{Refusal, RefusalSlot, claimed, told};
use crate::settings::ClientAuth;
use crate::signatures::Signatures;
use crate::transcript;
use dwcp_pki::Purpose;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme};

/// Asks the trust of one generation; the signature over the transcript is checked by ring.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    pub(crate) judge: Judge,
    pub(crate) client_auth: ClientAuth,
    pub(crate) signatures: Signatures,
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        transcript::wants_certificates()
    }

    fn client_auth_mandatory(&self) -> bool {
        match self.client_auth {
            ClientAuth::Required => true,
            ClientAuth::Optional => false,
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
        match self.judge.chain(&chain, Purpose::Client) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(error) => {
                let told = told(&error);
                RefusalSlot::leave(Refusal::Chain { error, claimed: claimed(end_entity) });
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
