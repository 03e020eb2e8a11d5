//! The verifier of server certificates on the client side: the chain first, then whether it is the expected server.

use crate::expected::ExpectedServer;
use crate::judge::{Judge, presented};
use crate::refusal::{Refusal, RefusalSlot, claimed, told};
use crate::signatures::Signatures;
use dwcp_pki::{PeerIdentity, Purpose};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme};

/// Asks the trust of one generation and one expectation; the signature over the transcript is checked by ring.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    pub(crate) judge: Judge,
    pub(crate) expected: ExpectedServer,
    pub(crate) signatures: Signatures,
}

/// The chain is good and it is the expected server's, or the reason why not.
///
/// Called by the verifier in a full handshake and again once any handshake is done, since a resumed one calls no verifier.
pub(crate) fn judge_server(
    judge: &Judge,
    expected: &ExpectedServer,
    chain: &[CertificateDer<'_>],
) -> Result<PeerIdentity, Refusal> {
    let of_leaf = || chain.first().map_or_else(String::new, claimed);
    let identity =
        judge.chain(chain, Purpose::Server).map_err(|error| Refusal::Chain { error, claimed: of_leaf() })?;
    expected.judge(chain, &identity).map(|()| identity)
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = presented(end_entity, intermediates);
        match judge_server(&self.judge, &self.expected, &chain) {
            Ok(_) => Ok(ServerCertVerified::assertion()),
            Err(refusal) => {
                let told = match &refusal {
                    Refusal::Chain { error, .. } => told(error),
                    Refusal::Unexpected { .. } => CertificateError::ApplicationVerificationFailure,
                };
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
        Err(Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig))
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
