//! The verifier of server certificates on the client side: the chain first, then whether it is the expected server, then the rules.

use crate::expected::ExpectedServer;
use crate::judge::{Judge, presented};
use crate::refusal::{Refusal, RefusalSlot, claimed, told};
use crate::rules::{Candidate, PeerRules};
use crate::signatures::Signatures;
use dwcp_pki::{PeerIdentity, Purpose};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme};

/// Asks the trust of one generation and one expectation; the signature over the transcript is checked by ring.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    pub(crate) judge: Judge,
    pub(crate) expected: ExpectedServer,
    pub(crate) rules: PeerRules,
    pub(crate) signatures: Signatures,
}

/// What is known of the standing of a server's certificate from the server itself.
#[derive(Clone, Copy)]
pub(crate) enum Staple<'a> {
    /// It was shown now; empty where there was none.
    Shown(&'a [u8]),
    /// It was shown with the certificate, at the latest in the handshake that is being resumed.
    Remembered,
}

/// The chain is good, it is the expected server's and every rule holds, or the reason why not.
///
/// Called by the verifier in a full handshake and again once any handshake is done, since a resumed one calls no verifier.
pub(crate) fn judge_server(
    judge: &Judge,
    expected: &ExpectedServer,
    rules: &PeerRules,
    chain: &[CertificateDer<'_>],
    staple: Staple<'_>,
) -> Result<PeerIdentity, Refusal> {
    let of_leaf = || chain.first().map_or_else(String::new, claimed);
    let judged = match staple {
        Staple::Shown(staple) => judge.stapled(chain, Purpose::Server, staple),
        Staple::Remembered => judge.again(chain, Purpose::Server),
    };
    let identity = judged.map_err(|error| Refusal::Chain { error, claimed: of_leaf() })?;
    expected.judge(chain, &identity)?;
    let candidate =
        Candidate { identity: &identity, chain, purpose: Purpose::Server, now: judge.clock.unix() };
    rules.judge(&candidate).map_err(|rule| Refusal::Rule { rule, peer: identity.label() })?;
    Ok(identity)
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = presented(end_entity, intermediates);
        let staple = Staple::Shown(ocsp_response);
        match judge_server(&self.judge, &self.expected, &self.rules, &chain, staple) {
            Ok(_) => Ok(ServerCertVerified::assertion()),
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
