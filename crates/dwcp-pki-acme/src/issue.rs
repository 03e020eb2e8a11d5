//! The provider as certificate managers know it.

use crate::{AcmeError, AcmeProvider};
use dwcp_https::HttpsError;
use dwcp_pki::{BoxFuture, CertProvider, CertificateRequest, Issued, ProviderError};
use std::fmt;
use std::time::Duration;

impl CertProvider for AcmeProvider {
    fn name(&self) -> &str {
        "acme"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move {
            match self.obtain(request, deadline).await {
                Ok(chain) => Ok(Issued { chain, roots: Vec::new() }),
                Err(error) => Err(error.into_provider_error(self.clock.unix())),
            }
        })
    }
}

impl fmt::Debug for AcmeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcmeProvider").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl From<HttpsError> for AcmeError {
    fn from(error: HttpsError) -> Self {
        Self::Https(error)
    }
}
