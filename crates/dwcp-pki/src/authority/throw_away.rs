//! The provider that is never a fallback: a root that lives in memory for days, and leaves of a day under it.

use super::issuance::{Grant, check_signed_by, new_serial};
use super::list::List;
use super::{AllowedNames, AuthorityError, AuthorityParams, IssuancePolicy, Line, making};
use crate::{BoxFuture, CertProvider, Certificate, CertificateRequest, Crl, Issued, ProviderError};
use dwcp_base::{Clock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Issues under a root that it makes for itself, keeps in memory, and that is gone with this value.
///
/// For a first try and for a bench, never for what matters: nobody can know the root beforehand, nothing can be revoked under it, and
/// it ends seven days after it was made, whatever its leaves say. A root is made when, and only when, this type is constructed; no other provider
/// falls back to it.
///
/// It signs while it is polled, within a millisecond, and waits for nobody: the deadline does not interrupt that.
///
/// # Security
/// Whoever is to trust it has to be given [`root`](Self::root) by other means, and again after each restart. That is the point: one that
/// lasted would be an authority whose key nobody keeps.
pub struct SelfSignedProvider {
    line: Line,
    key: SigningKey,
    policy: IssuancePolicy,
    clock: Arc<dyn Clock>,
}

impl SelfSignedProvider {
    /// How long the root lives, from a minute before it is made: seven days.
    pub const ROOT_LIFE: Duration = Duration::from_secs(7 * 86_400);
    /// The longest life of a certificate: 24 hours, and the end of the root.
    pub const LONGEST: Duration = Duration::from_secs(86_400);
    /// What the common name of every such root begins with, so that what it issued is known by its issuer.
    pub const ROOT_NAME: &str = "throw-away root ";

    /// Makes the root, dated by `clock`. Issues P-256 certificates of 24 hours for both usages and for any DNS name, IP address or URI.
    ///
    /// # Errors
    /// [`AuthorityError::Crypto`] without randomness, [`AuthorityError::BadParameter`] where the clock shows a time that can not be written down.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, AuthorityError> {
        let key =
            SigningKey::generate(KeyType::EcdsaP256).map_err(|source| AuthorityError::Crypto { source })?;
        // A number in its name keeps two of them apart: relying parties look for issuers by name.
        let params = AuthorityParams {
            lifetime: Self::ROOT_LIFE,
            ..AuthorityParams::new(format!("{}{}", Self::ROOT_NAME, new_serial()?))
        };
        let root = making::root(&key, &params, clock.unix())?;
        let line = Line::new(root, Vec::new(), params.urls)?;
        Ok(Self { line, key, policy: IssuancePolicy::default(), clock })
    }

    /// Certificates that live for `ttl`, from one second to 24 hours.
    ///
    /// # Errors
    /// [`AuthorityError::BadParameter`] outside of these.
    pub fn with_ttl(mut self, ttl: Duration) -> Result<Self, AuthorityError> {
        let what = "a certificate under a throw-away root lives from one second to 24 hours";
        let refused = AuthorityError::BadParameter { what };
        if ttl > Self::LONGEST {
            return Err(refused);
        }
        self.policy = self.policy.with_ttl(ttl).map_err(|_| refused)?;
        Ok(self)
    }

    /// Certificates for these names alone.
    #[must_use]
    pub fn with_names(mut self, names: AllowedNames) -> Self {
        self.policy = self.policy.with_names(names);
        self
    }

    /// What others have to trust for as long as this lives.
    pub fn root(&self) -> &Certificate {
        self.line.own()
    }

    /// The root's list of revoked certificates, which is empty and good for as long as the root is: for stores that ask for one.
    ///
    /// # Errors
    /// [`AuthorityError::Encoding`] when the encoder fails.
    pub fn empty_list(&self) -> Result<Crl, AuthorityError> {
        let root = self.line.own();
        let list = List {
            number: 1,
            this_update: root.not_before(),
            next_update: root.not_after(),
            entries: Vec::new(),
            marks: Vec::new(),
        };
        let der = list.sign(root, &self.key)?;
        check_signed_by(&der, root)?;
        Crl::from_der(&der).map_err(|_| AuthorityError::Defective { rule: "the list does not read back" })
    }

    /// What [`issue`](CertProvider::issue) does, for a caller that has no executor.
    ///
    /// # Errors
    /// [`ProviderError::Refused`] for what is not granted, and once the root has ended; [`ProviderError::Unavailable`] without randomness, or
    /// where the clock was set back to before the root.
    pub fn sign(&self, request: &CertificateRequest) -> Result<Issued, ProviderError> {
        self.issue_at(request, self.clock.unix())
    }

    fn issue_at(&self, request: &CertificateRequest, now: UnixTime) -> Result<Issued, ProviderError> {
        let signed = Grant::judge(request, &self.policy, &self.line, now)
            .and_then(|grant| grant.sign(&new_serial()?, request, &self.line, &self.key))
            .and_then(|leaf| self.line.chain(leaf));
        let chain = signed.map_err(|error| match error {
            AuthorityError::Refused { .. } | AuthorityError::Expired { .. } => {
                ProviderError::Refused(error.into())
            }
            other => ProviderError::Unavailable { retry_after: None, source: other.into() },
        })?;
        Ok(Issued { chain, roots: vec![self.root().clone()] })
    }
}

impl CertProvider for SelfSignedProvider {
    fn name(&self) -> &str {
        "self-signed"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        _deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move { self.sign(request) })
    }
}

impl fmt::Debug for SelfSignedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfSignedProvider")
            .field("root", self.root())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
