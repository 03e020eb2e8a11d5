//! A certificate that nobody issued, as an exit code and three lines: the provider's own word on what to do.

use super::exit::{Exit, Failure};
use crate::node::{Fault, Word, cause};
use dwcp_pki::{ManagerError, ProviderError};
use std::error::Error;

/// The failure that `error` is to a user.
pub(super) fn failure(error: &ManagerError) -> Failure {
    let (exit, fix) = match error {
        ManagerError::Provider(error) => return provider(error),
        ManagerError::Issued(_) => (
            Exit::Verification,
            "see that the clocks agree, and that the issuer leads to a root that this node trusts",
        ),
        _ => (Exit::Failure, "mend what the cause names and start again"),
    };
    Failure::new(exit, WHAT, error, fix).coded(error)
}

fn provider(error: &ProviderError) -> Failure {
    let Word { fault, code, fix } = Word::of(error);
    let exit = exit(fault);
    let fix = fix.unwrap_or_else(|| general(error).to_owned());
    // The provider has no part in what is wrong on this machine.
    let local = matches!(fault, Fault::Unfit | Fault::Machine);
    let why: &dyn Error = match cause(error) {
        Some(cause) if local => &**cause,
        _ => error,
    };
    Failure::new(exit, WHAT, why, fix).called(code)
}

fn exit(fault: Fault) -> Exit {
    match fault {
        Fault::Unfit => Exit::Configuration,
        Fault::Machine => Exit::Failure,
        Fault::Refused => Exit::Denied,
        Fault::Unavailable => Exit::Unavailable,
        Fault::Untrusted => Exit::Verification,
    }
}

/// What to do where the provider has no advice.
fn general(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Refused(_) => "see what the provider's policy allows",
        ProviderError::Unavailable { .. } => "start again when the provider can be reached",
        ProviderError::TimedOut { .. } => "see that the provider is up and can be reached, then start again",
        ProviderError::BadAnswer(_) => "see that the address is that of the provider",
        _ => "mend what the cause names and start again",
    }
}

const WHAT: &str = "no certificate was issued to this node";

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_pki_acme::{AcmeError, CacheError};
    use std::path::PathBuf;

    #[test]
    fn a_record_that_is_open_to_others_is_told_as_such_and_nothing_twice() {
        let error = CacheError::Exposed { path: PathBuf::from("/c/account-1"), mode: 0o644 };
        let source = AcmeError::Cache(error).into();
        let failed =
            failure(&ManagerError::Provider(ProviderError::Unavailable { retry_after: None, source }));
        assert_eq!((failed.exit, failed.code.as_str()), (Exit::Configuration, "acme.cache.exposed"));
        let text = failed.to_string();
        assert!(!text.contains("unavailable") && text.contains("chmod 600 /c/account-1"), "{text}");
        assert_eq!(text.matches("no certificate was issued").count(), 1, "{text}");
    }

    #[test]
    fn what_a_provider_says_is_told_once() {
        let error = ProviderError::Unavailable { retry_after: None, source: "down".into() };
        let text = failure(&ManagerError::Provider(error)).to_string();
        assert_eq!(text.matches("no certificate was issued").count(), 1, "{text}");
        assert!(text.contains("  why: the provider is unavailable: down\n"), "{text}");
    }
}
