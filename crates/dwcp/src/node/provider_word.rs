//! What a provider's error is to whoever asked for a certificate: whose fault, under which code, and what to do.

use dwcp_base::{Coded, SecretFileError};
use dwcp_https::HttpsError;
use dwcp_pki::{Cause, ProviderError};
use dwcp_pki_acme::{AcmeError, CacheError};
use dwcp_pki_vault::{LoginError, VaultError};

/// A provider's own word on why it issued nothing.
pub(crate) struct Word {
    /// Whose fault it is.
    pub(crate) fault: Fault,
    /// The most exact code there is.
    pub(crate) code: &'static str,
    /// What to do about it, where the provider says so.
    pub(crate) fix: Option<String>,
}

/// Whose fault it is that nothing was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A file of this machine is open to others, or does not hold what it should.
    Unfit,
    /// A file of this machine is missing, or can not be written.
    Machine,
    /// The provider said no.
    Refused,
    /// It is not reached, or does not issue at the moment.
    Unavailable,
    /// It is not who it should be, or its answer is not believed.
    Untrusted,
}

impl Word {
    /// The word behind `error`.
    pub(crate) fn of(error: &ProviderError) -> Self {
        let general = match error {
            ProviderError::Refused(_) => Fault::Refused,
            ProviderError::BadAnswer(_) => Fault::Untrusted,
            _ => Fault::Unavailable,
        };
        let plain = Self { fault: general, code: error.code(), fix: None };
        let Some(cause) = cause(error) else { return plain };
        if let Some(vault) = cause.downcast_ref::<VaultError>() {
            return Self {
                fault: of_vault(vault).unwrap_or(general),
                code: vault.code(),
                fix: Some(vault.fix()),
            };
        }
        match cause.downcast_ref::<AcmeError>() {
            Some(acme) => {
                Self { fault: of_acme(acme).unwrap_or(general), code: acme.code(), fix: Some(acme.fix()) }
            }
            None => plain,
        }
    }
}

/// What is behind `error`, where it carries something.
pub(crate) fn cause(error: &ProviderError) -> Option<&Cause> {
    match error {
        ProviderError::Refused(cause)
        | ProviderError::BadAnswer(cause)
        | ProviderError::Unavailable { source: cause, .. } => Some(cause),
        _ => None,
    }
}

fn of_vault(error: &VaultError) -> Option<Fault> {
    match error {
        VaultError::Https(HttpsError::Tls { .. }) => Some(Fault::Untrusted),
        VaultError::Login { source: LoginError::File(source), .. } => Some(of_file(source)),
        VaultError::Login { source: LoginError::Text { .. } | LoginError::Credential(_), .. } => {
            Some(Fault::Unfit)
        }
        // A second call says what the first did: the login that failed is the same.
        VaultError::Paused { code: "vault.login.refused" | "vault.permission.denied", .. } => {
            Some(Fault::Refused)
        }
        VaultError::Paused { code: "base.secret.exposed" | "vault.secret.malformed", .. } => {
            Some(Fault::Unfit)
        }
        VaultError::Paused { code, .. } if code.starts_with("base.file.") => Some(Fault::Machine),
        _ => None,
    }
}

fn of_acme(error: &AcmeError) -> Option<Fault> {
    match error {
        AcmeError::Https(HttpsError::Tls { .. }) => Some(Fault::Untrusted),
        AcmeError::ExternalAccountFile(source) => Some(of_file(source)),
        AcmeError::ExternalAccountKey => Some(Fault::Unfit),
        AcmeError::Cache(error) => Some(of_cache(error)),
        AcmeError::Key => Some(Fault::Machine),
        _ => None,
    }
}

fn of_file(error: &SecretFileError) -> Fault {
    match error {
        SecretFileError::Exposed { .. } => Fault::Unfit,
        _ => Fault::Machine,
    }
}

fn of_cache(error: &CacheError) -> Fault {
    match error {
        CacheError::Exposed { .. }
        | CacheError::Irregular { .. }
        | CacheError::Foreign { .. }
        | CacheError::TooLarge { .. }
        | CacheError::Malformed { .. }
        | CacheError::Misplaced { .. }
        | CacheError::Sealed { .. } => Fault::Unfit,
        CacheError::Envelope { .. } => Fault::Untrusted,
        _ => Fault::Machine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::UnixTime;
    use std::io;
    use std::path::PathBuf;
    use std::time::Duration;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    #[test]
    fn a_file_of_this_machine_is_not_the_provider_s_fault_and_brings_its_own_advice() {
        let path = || PathBuf::from("/c/account-1");
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let cache = AcmeError::Cache;
        let cases = [
            (cache(CacheError::Exposed { path: path(), mode: 0o644 }), Fault::Unfit, "chmod 600"),
            (cache(CacheError::Malformed { path: path(), line: 1 }), Fault::Unfit, "move it away"),
            (
                cache(CacheError::Irregular { path: path(), what: "a symbolic link" }),
                Fault::Unfit,
                "account-1",
            ),
            (
                cache(CacheError::Storage { action: "write", path: path(), source: gone() }),
                Fault::Machine,
                "writable",
            ),
            (
                AcmeError::ExternalAccountFile(SecretFileError::Io { path: path(), source: gone() }),
                Fault::Machine,
                "create",
            ),
            (
                AcmeError::ExternalAccountFile(SecretFileError::Exposed { path: path(), mode: 0o644 }),
                Fault::Unfit,
                "chmod 600",
            ),
            (AcmeError::ExternalAccountKey, Fault::Unfit, "eab"),
        ];
        for (error, fault, advice) in cases {
            let (code, text) = (error.code(), error.to_string());
            let word = Word::of(&error.into_provider_error(NOW));
            assert_eq!((word.fault, word.code), (fault, code), "{text}");
            assert!(word.fix.unwrap().contains(advice), "{text}");
        }
    }

    #[test]
    fn a_login_that_is_paused_is_refused_as_the_one_that_failed_was() {
        let of = |code| {
            let source = VaultError::Paused { code, wait: Duration::from_secs(2) }.into();
            Word::of(&ProviderError::Unavailable { retry_after: None, source }).fault
        };
        assert_eq!(of("vault.login.refused"), Fault::Refused);
        assert_eq!(of("base.secret.exposed"), Fault::Unfit);
        assert_eq!(of("base.file.unreadable"), Fault::Machine);
        assert_eq!(of("vault.server.sealed"), Fault::Unavailable);
    }

    #[test]
    fn what_a_sealed_server_needs_is_told_under_its_code() {
        let word =
            Word::of(&ProviderError::Unavailable { retry_after: None, source: VaultError::Sealed.into() });
        assert_eq!((word.fault, word.code), (Fault::Unavailable, "vault.server.sealed"));
        assert!(word.fix.unwrap().contains("bao operator unseal"));
    }
}
