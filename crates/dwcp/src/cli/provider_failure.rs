//! A certificate that nobody issued, as an exit code and three lines: the provider's own word on what to do.

use super::exit::{Exit, Failure};
use dwcp_base::SecretFileError;
use dwcp_https::HttpsError;
use dwcp_pki::{Cause, ManagerError, ProviderError};
use dwcp_pki_acme::AcmeError;
use dwcp_pki_vault::{LoginError, VaultError};

/// The failure that `error` is to a user.
pub(super) fn failure(error: &ManagerError) -> Failure {
    let (exit, fix) = match error {
        ManagerError::Provider(error) => provider(error),
        ManagerError::Issued(_) => (
            Exit::Verification,
            "see that the clocks agree, and that the issuer leads to a root that this node trusts".to_owned(),
        ),
        _ => (Exit::Failure, "mend what the cause names and start again".to_owned()),
    };
    Failure::new(exit, "no certificate was issued to this node", error, fix).coded(error)
}

fn provider(error: &ProviderError) -> (Exit, String) {
    let said = |cause: &Cause| {
        let vault = cause.downcast_ref::<VaultError>().map(VaultError::fix);
        vault.or_else(|| cause.downcast_ref::<AcmeError>().map(AcmeError::fix))
    };
    match error {
        ProviderError::Refused(cause) => {
            let fix = said(cause).unwrap_or_else(|| "see what the provider's policy allows".to_owned());
            (refused(cause), fix)
        }
        ProviderError::Unavailable { source, .. } => {
            let fix =
                said(source).unwrap_or_else(|| "start again when the provider can be reached".to_owned());
            let impostor = matches!(source.downcast_ref(), Some(VaultError::Https(HttpsError::Tls { .. })))
                || matches!(source.downcast_ref(), Some(AcmeError::Https(HttpsError::Tls { .. })));
            (if impostor { Exit::Verification } else { Exit::Unavailable }, fix)
        }
        ProviderError::TimedOut { .. } => {
            (Exit::Unavailable, "see that the provider is up and can be reached, then start again".to_owned())
        }
        ProviderError::BadAnswer(cause) => {
            let fix =
                said(cause).unwrap_or_else(|| "see that the address is that of the provider".to_owned());
            (Exit::Verification, fix)
        }
        _ => (Exit::Failure, "mend what the cause names and start again".to_owned()),
    }
}

/// Whose word a refusal is: a file's of this machine, or the provider's.
fn refused(cause: &Cause) -> Exit {
    match cause.downcast_ref() {
        Some(VaultError::Login { source: LoginError::File(SecretFileError::Exposed { .. }), .. })
        | Some(VaultError::Login { source: LoginError::Text { .. } | LoginError::Credential(_), .. }) => {
            Exit::Configuration
        }
        Some(VaultError::Login { source: LoginError::File(_), .. }) => Exit::Failure,
        _ => Exit::Denied,
    }
}
