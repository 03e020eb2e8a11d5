//! News of this crate that nobody is waiting for.

use dwcp_base::UnixTime;
use std::time::Duration;

/// What happened between us and authorities. Codes read `acme.subject.verb`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An authority has an account of ours that it did not have before.
    AccountMade {
        /// The authority.
        issuer: String,
        /// The account's URL.
        account: String,
    },
    /// An authority does not know our account any more; it is made anew, once.
    AccountLost {
        /// The authority.
        issuer: String,
        /// The account's URL as it was.
        account: String,
    },
    /// An order of before goes on.
    OrderResumed {
        /// The authority.
        issuer: String,
        /// The order's URL.
        order: String,
    },
    /// An authority did not take it that an order replaces a certificate; it was asked again without that.
    ReplacesRefused {
        /// The authority.
        issuer: String,
        /// The code of the error.
        code: &'static str,
    },
    /// An authority issued.
    CertificateIssued {
        /// The authority.
        issuer: String,
        /// The end of the certificate's validity.
        not_after: UnixTime,
    },
    /// An authority issued nothing; the next one, if there is one, is asked.
    IssuerFailed {
        /// The authority.
        issuer: String,
        /// The code of the error.
        code: &'static str,
        /// The error's text with those of its causes.
        message: String,
    },
    /// An authority is not asked again for a while, and that is on disk.
    IssuerPaused {
        /// The authority.
        issuer: String,
        /// For how long.
        pause: Duration,
        /// Why.
        message: String,
    },
    /// An authority said when a certificate should be renewed.
    AdviceChanged {
        /// The authority.
        issuer: String,
        /// The point that was drawn from its window.
        renew_at: UnixTime,
    },
}

impl Event {
    /// Every code, in the order of the variants.
    pub const CODES: &'static [&'static str] = &[
        "acme.account.made",
        "acme.account.lost",
        "acme.order.resumed",
        "acme.replaces.refused",
        "acme.certificate.issued",
        "acme.issuer.failed",
        "acme.issuer.paused",
        "acme.advice.changed",
    ];

    /// The stable name of the event.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AccountMade { .. } => "acme.account.made",
            Self::AccountLost { .. } => "acme.account.lost",
            Self::OrderResumed { .. } => "acme.order.resumed",
            Self::ReplacesRefused { .. } => "acme.replaces.refused",
            Self::CertificateIssued { .. } => "acme.certificate.issued",
            Self::IssuerFailed { .. } => "acme.issuer.failed",
            Self::IssuerPaused { .. } => "acme.issuer.paused",
            Self::AdviceChanged { .. } => "acme.advice.changed",
        }
    }
}
