//! The peer in a trial: judges as a peer of ours does, by the trust and the time that it was given.

use crate::judge::presented;
use crate::signatures::Signatures;
use crate::trial_error::TrialError;
use dwcp_base::UnixTime;
use dwcp_pki::{CertificateChain, PeerIdentity, Purpose, SubjectName, TrustStore, ValidationError};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{self, CertificateDer, ServerName};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme,
};
use std::sync::{Arc, Mutex, PoisonError};

/// Both peers of a trial.
#[derive(Clone, Debug)]
pub(crate) struct TrialVerifier {
    trust: Arc<TrustStore>,
    judges_server: bool,
    judges_client: bool,
    now: UnixTime,
    /// None until a suite is chosen: then nothing verifies.
    signatures: Option<Arc<Signatures>>,
    /// Why it said no. The engine passes on an alert's worth of it.
    refusal: Arc<Mutex<Option<(&'static str, ValidationError)>>>,
}

impl TrialVerifier {
    pub(crate) fn new(trust: TrustStore, judges_server: bool, judges_client: bool, now: UnixTime) -> Self {
        let (trust, refusal) = (Arc::new(trust), Arc::default());
        Self { trust, judges_server, judges_client, now, signatures: None, refusal }
    }

    /// The same with the primitives of a provider.
    pub(crate) fn with(&self, provider: &Arc<CryptoProvider>) -> Self {
        Self { signatures: Some(Arc::new(Signatures(Arc::clone(provider)))), ..self.clone() }
    }

    /// Why it said no, once.
    pub(crate) fn refusal(&self) -> Option<TrialError> {
        let refused = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        refused.map(|(side, error)| TrialError::Refused { side, error })
    }

    fn judge(
        &self,
        side: &'static str,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        purpose: Purpose,
    ) -> Result<PeerIdentity, Error> {
        let bad = Error::InvalidCertificate(CertificateError::BadEncoding);
        let chain = CertificateChain::from_der_list(&presented(leaf, rest)).map_err(|_| bad)?;
        // As own certificates are judged: what is known of revocation counts, what is not known holds up nothing.
        let judged = self.trust.validate_own(&chain, purpose, self.now).and_then(|identity| match purpose {
            Purpose::Server => could_be_expected(&identity).map(|()| identity),
            _ => Ok(identity),
        });
        judged.map_err(|error| {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some((side, error));
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
        })
    }

    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let signatures = self.signatures.as_ref().ok_or(Error::HandshakeNotComplete)?;
        signatures.verify(message, certificate, signature)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.as_ref().map(|signatures| signatures.schemes()).unwrap_or_default()
    }
}

/// Whether one of its names holds where a client asks for it.
fn could_be_expected(identity: &PeerIdentity) -> Result<(), ValidationError> {
    let asked = |name: &SubjectName| match name {
        SubjectName::Dns(dns) => match dns.strip_prefix('*') {
            Some(rest) => SubjectName::Dns(format!("trial{rest}")),
            None => name.clone(),
        },
        other => other.clone(),
    };
    let mut verdicts = identity.names().iter().map(|name| identity.check_name(&asked(name)));
    let first = verdicts.next().unwrap_or(Ok(()));
    if first.is_ok() || verdicts.any(|verdict| verdict.is_ok()) { Ok(()) } else { first }
}

impl ServerCertVerifier for TrialVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: pki_types::UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.judges_server {
            self.judge("server", end_entity, intermediates, Purpose::Server)?;
        }
        Ok(ServerCertVerified::assertion())
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
        self.verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for TrialVerifier {
    fn offer_client_auth(&self) -> bool {
        self.judges_client
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: pki_types::UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge("client", end_entity, intermediates, Purpose::Client)?;
        Ok(ClientCertVerified::assertion())
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
        self.verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
