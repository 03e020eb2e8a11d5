//! From a slot's specification to a checked credential: key and request are made here, the provider only signs.

use crate::{
    CertProvider, Certificate, CertificateRequest, Credential, ManagerError, RevocationMode, SlotSpec,
    TrustStore, check_issued,
};
use dwcp_base::{Clock, UnixTime};
use dwcp_crypto::SigningKey;
use rustls_pki_types::CertificateDer;
use std::time::Duration;

/// What the first certificate of a node is checked against.
#[derive(Clone, Copy, Debug)]
pub enum FirstTrust<'a> {
    /// Anchors that are known beforehand.
    Known(&'a TrustStore),
    /// The roots that the provider names.
    ///
    /// # Security
    /// This believes the provider as to who is to be trusted: for an authority in this process, or one whose answer came
    /// over a channel that was authenticated by other means.
    FromProvider,
}

/// Obtains a first certificate, before there is a store: makes a key, asks `provider`, and checks the answer as
/// [`CertificateManager::renew`](crate::CertificateManager::renew) does. Returns the credential and the roots that the
/// provider named.
///
/// # Errors
/// [`ManagerError`]: the same as for a renewal, and [`ManagerError::Roots`] when the provider's roots are to be trusted and
/// can not be.
pub async fn obtain(
    provider: &dyn CertProvider,
    spec: &SlotSpec,
    trust: FirstTrust<'_>,
    clock: &dyn Clock,
    deadline: Duration,
) -> Result<(Credential, Vec<Certificate>), ManagerError> {
    match trust {
        FirstTrust::Known(store) => request(provider, spec, |_| Ok(store.clone()), clock, deadline).await,
        FirstTrust::FromProvider => request(provider, spec, store_of, clock, deadline).await,
    }
}

/// One attempt. The private key is made here, is known to no one else, and is dropped with the attempt unless the
/// certificate for it arrives: key and certificate are never stored one without the other.
pub(crate) async fn request(
    provider: &dyn CertProvider,
    spec: &SlotSpec,
    trust: impl FnOnce(&[Certificate]) -> Result<TrustStore, ManagerError> + Send,
    clock: &dyn Clock,
    deadline: Duration,
) -> Result<(Credential, Vec<Certificate>), ManagerError> {
    let key = SigningKey::generate(spec.key_type).map_err(ManagerError::Key)?;
    let request = CertificateRequest::generate(&key, &spec.names).map_err(ManagerError::Request)?;
    let issued = provider.issue(&request, deadline).await.map_err(ManagerError::Provider)?;
    // Judged by the trust and at the time of the answer, not of the question.
    let trust = trust(&issued.roots)?;
    check_issued(&issued.chain, &request, spec.usage, &trust, clock.unix()).map_err(ManagerError::Issued)?;
    let credential = Credential::new(issued.chain, key).map_err(ManagerError::Credential)?;
    Ok((credential, issued.roots))
}

/// The same checks on a pair that was obtained before: by a process that ended since, or under trust and at a time that are past.
pub(crate) fn check_again(
    credential: &Credential,
    spec: &SlotSpec,
    trust: &TrustStore,
    now: UnixTime,
) -> Result<(), ManagerError> {
    // The request that it would be the answer to.
    let request =
        CertificateRequest::generate(credential.key(), &spec.names).map_err(ManagerError::Request)?;
    check_issued(credential.chain(), &request, spec.usage, trust, now).map_err(ManagerError::Issued)
}

fn store_of(roots: &[Certificate]) -> Result<TrustStore, ManagerError> {
    let anchors = roots.iter().map(|root| CertificateDer::from(root.der().to_vec())).collect();
    TrustStore::new(anchors, Vec::new(), RevocationMode::Off).map_err(ManagerError::Roots)
}
