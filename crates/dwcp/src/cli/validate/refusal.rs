//! A verdict of no: the rule, the certificate, and what helps.

use super::Question;
use super::fix;
use super::material::{Material, called};
use super::row;
use crate::cli::exit::in_full;
use dwcp_base::Coded;
use dwcp_pki::{ChainFault, ChainMember, ParseError, RevocationChecked, TrustError, ValidationError};
use std::path::Path;

/// Why a chain is not accepted.
pub(super) struct Refusal {
    /// The stable code.
    pub(super) code: String,
    /// The rule for scripts: that of the profile, else what the code ends in.
    pub(super) rule: String,
    /// The verdict in a sentence.
    pub(super) why: String,
    pub(super) fix: String,
    pub(super) certificate: Option<Box<ChainMember>>,
    /// What is known of revocation all the same.
    pub(super) revocation: Option<&'static str>,
}

impl Refusal {
    /// A chain that the store refuses.
    pub(super) fn of_chain(
        error: &ValidationError,
        material: &Material,
        question: &Question<'_>,
        left_out: &[String],
    ) -> Self {
        let fault = error.fault();
        let mut why = match (fault, error.certificate()) {
            (ChainFault::Profile { rule }, Some(member)) => {
                format!("{member}: {rule} (rule {} of the profile {})", rule.name(), question.args.profile)
            }
            _ => error.to_string(),
        };
        if let (ChainFault::UnknownIssuer, Some(first)) = (fault, left_out.first()) {
            why = format!("{why}; {} of the roots can not be used: {first}", left_out.len());
        }
        let rule = match fault {
            ChainFault::Profile { rule } => rule.name(),
            _ => last(error.code()),
        };
        Self {
            code: error.code().to_owned(),
            rule: rule.to_owned(),
            why,
            fix: fix::of(error, material, question),
            certificate: error.certificate().cloned().map(Box::new),
            revocation: match fault {
                ChainFault::Revoked { .. } | ChainFault::KeyRevoked { .. } => Some("checked"),
                ChainFault::CrlMissing { .. } => Some("not covered"),
                _ => None,
            },
        }
    }

    /// No root can be used.
    pub(super) fn of_roots(error: &TrustError, count: usize) -> Self {
        let why = if count == 1 {
            in_full(error)
        } else {
            format!("none of the {count} roots can be used, the first since {}", in_full(error))
        };
        let fix = match error {
            TrustError::NotAnAuthority { .. } => {
                "give the certificate of the authority that the chain leads to: basic constraints that say so, keyCertSign"
            }
            _ => "have the root issued anew, or give another one; `dwcp cert show` tells what stands in it",
        };
        Self::of_ours(error.code(), why, fix.to_owned())
    }

    /// A list that can not be read: whatever it says may be about this chain.
    pub(super) fn of_list(path: &Path, error: &ParseError) -> Self {
        let why = format!("a CRL of {} can not be read: {}", called(path), in_full(error));
        Self::of_ours("pki.trust.crl_malformed", why, LIST.to_owned())
    }

    /// A list that can be read and not looked up in.
    pub(super) fn of_unusable_list(error: &TrustError) -> Self {
        Self::of_ours(error.code(), in_full(error), LIST.to_owned())
    }

    /// The same, of this certificate.
    pub(super) fn about(self, certificate: Option<ChainMember>) -> Self {
        Self { certificate: certificate.map(Box::new).or(self.certificate), ..self }
    }

    /// The same, of a path whose revocation was looked at before.
    pub(super) fn knowing(self, revocation: RevocationChecked) -> Self {
        Self { revocation: Some(row::checked(revocation)), ..self }
    }

    fn of_ours(code: &str, why: String, fix: String) -> Self {
        let (code, rule) = (code.to_owned(), last(code).to_owned());
        Self { code, rule, why, fix, certificate: None, revocation: None }
    }
}

/// The last part of a code.
fn last(code: &str) -> &str {
    code.rsplit('.').next().unwrap_or(code)
}

const LIST: &str =
    "fetch the list from its issuer anew; one that can not be read may list this very chain, so it denies";
