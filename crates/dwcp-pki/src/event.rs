//! News of this crate that nobody is waiting for.

use crate::{CrlNumber, RevocationReason, Serial};
use dwcp_base::UnixTime;
use std::time::Duration;

/// What happened to certificates, CRLs and trust. Codes read `pki.subject.verb`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An authority of this process issued a certificate, and its index has it on disk.
    CertificateIssued {
        /// The certificate's serial.
        serial: Serial,
        /// The end of its validity.
        not_after: UnixTime,
    },
    /// An authority of this process revoked a certificate.
    CertificateRevoked {
        /// The certificate's serial.
        serial: Serial,
        /// Why.
        reason: RevocationReason,
    },
    /// An authority of this process signed a CRL, complete or a delta: both have numbers of one sequence.
    CrlPublished {
        /// Its number.
        number: CrlNumber,
        /// How many serials it lists.
        revoked: usize,
        /// When the next one must be there.
        next_update: UnixTime,
    },
    /// A slot's certificate was replaced by a newer one, which is served from now on.
    CertificateRenewed {
        /// The slot.
        slot: String,
        /// The generation that serves it.
        generation: u64,
        /// The new certificate's serial.
        serial: Serial,
        /// The end of its validity.
        not_after: UnixTime,
    },
    /// A renewal failed; the old certificate is still served.
    RenewalFailed {
        /// The slot.
        slot: String,
        /// The code of the error.
        code: &'static str,
        /// How many attempts have failed in a row.
        attempts: u32,
        /// How long until the next attempt.
        retry_in: Duration,
    },
    /// A renewed pair was checked, is kept beside the active one, and takes over at `activate_at`.
    RenewalPrepared {
        /// The slot.
        slot: String,
        /// The new certificate's serial.
        serial: Serial,
        /// When it takes over.
        activate_at: UnixTime,
    },
    /// Somebody ordered a renewal for a certain time.
    RenewalOrdered {
        /// The slot.
        slot: String,
        /// When.
        at: UnixTime,
    },
    /// What a renewal wrote is not safe on disk: a restart would begin from what was there before. The renewal itself goes on.
    RenewalUnsaved {
        /// The slot.
        slot: String,
        /// What was to be written.
        what: &'static str,
        /// The error's text with those of its causes.
        message: String,
    },
    /// The file of a slot's schedule, or a pair that was staged for it, was not taken up at the start. It is ignored.
    RenewalIgnored {
        /// The slot.
        slot: String,
        /// What was found.
        what: &'static str,
        /// The code of what is wrong with it.
        code: &'static str,
    },
    /// Nobody holds a certificate any more that was replaced; its private key is gone from memory.
    CredentialRetired {
        /// The slot.
        slot: String,
        /// The old certificate's serial.
        serial: Serial,
    },
    /// A certificate is used beyond the time at which it should have been renewed.
    RenewalOverdue {
        /// The slot.
        slot: String,
        /// How late it is.
        level: OverdueLevel,
        /// The end of its validity.
        not_after: UnixTime,
    },
    /// What is trusted changed: roots, CRLs or both.
    TrustChanged {
        /// The generation in which it holds.
        generation: u64,
        /// How many roots there are.
        anchors: usize,
        /// How many CRLs there are.
        crls: usize,
    },
    /// Trust that was in force is gone: anchors, or whole trust domains. [`TrustChanged`](Self::TrustChanged) came before.
    TrustContracted {
        /// The generation in which it is gone.
        generation: u64,
        /// How many anchors are gone, each counted once for every trust domain that it was for.
        anchors: usize,
        /// The trust domains that nobody vouches for any more; the first four, and how many more.
        trust_domains: String,
    },
}

/// How late a renewal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OverdueLevel {
    /// Its renewal was due and did not happen for a twentieth of the life.
    Due,
    /// 80 % of the lifetime have passed.
    Alarm,
    /// 90 % of the lifetime have passed.
    Critical,
    /// The certificate has expired.
    Expired,
}

impl Event {
    /// Every code, in the order of the variants.
    pub const CODES: &'static [&'static str] = &[
        "pki.certificate.issued",
        "pki.certificate.revoked",
        "pki.crl.published",
        "pki.certificate.renewed",
        "pki.renewal.failed",
        "pki.renewal.prepared",
        "pki.renewal.ordered",
        "pki.renewal.unsaved",
        "pki.renewal.ignored",
        "pki.credential.retired",
        "pki.renewal.overdue",
        "pki.trust.changed",
        "pki.trust.contracted",
    ];

    /// The stable name of the event.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CertificateIssued { .. } => "pki.certificate.issued",
            Self::CertificateRevoked { .. } => "pki.certificate.revoked",
            Self::CrlPublished { .. } => "pki.crl.published",
            Self::CertificateRenewed { .. } => "pki.certificate.renewed",
            Self::RenewalFailed { .. } => "pki.renewal.failed",
            Self::RenewalPrepared { .. } => "pki.renewal.prepared",
            Self::RenewalOrdered { .. } => "pki.renewal.ordered",
            Self::RenewalUnsaved { .. } => "pki.renewal.unsaved",
            Self::RenewalIgnored { .. } => "pki.renewal.ignored",
            Self::CredentialRetired { .. } => "pki.credential.retired",
            Self::RenewalOverdue { .. } => "pki.renewal.overdue",
            Self::TrustChanged { .. } => "pki.trust.changed",
            Self::TrustContracted { .. } => "pki.trust.contracted",
        }
    }
}
