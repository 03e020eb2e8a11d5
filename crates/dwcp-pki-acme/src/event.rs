//! News of this crate that nobody is waiting for.

use crate::state::told;
use crate::{AcmeError, CacheError};
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
    /// An authority did not take our contacts; what was asked of it goes on.
    ContactsRefused {
        /// The authority.
        issuer: String,
        /// The error's text with those of its causes.
        message: String,
    },
    /// A record could not be read and counts as none; nothing but a convenience is lost with it.
    RecordUnread {
        /// Which one, for example `last`.
        what: &'static str,
        /// The error's text with those of its causes.
        message: String,
    },
    /// A record could not be written, and nothing but a convenience is lost with it; what was asked for goes on.
    RecordUnsaved {
        /// Which one, for example `last`.
        what: &'static str,
        /// The error's text with those of its causes.
        message: String,
    },
}

impl Event {
    /// The news of a record that was not written, if it was not.
    pub(crate) fn unsaved(what: &'static str, written: Result<(), CacheError>) -> Option<Self> {
        let message = told(&AcmeError::Cache(written.err()?));
        Some(Self::RecordUnsaved { what, message })
    }

    /// The news of a record that can not be read.
    pub(crate) fn unread(what: &'static str, error: CacheError) -> Self {
        Self::RecordUnread { what, message: told(&AcmeError::Cache(error)) }
    }

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
        "acme.contacts.refused",
        "acme.record.unread",
        "acme.record.unsaved",
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
            Self::ContactsRefused { .. } => "acme.contacts.refused",
            Self::RecordUnread { .. } => "acme.record.unread",
            Self::RecordUnsaved { .. } => "acme.record.unsaved",
        }
    }
}
