//! Why a response says nothing about a certificate.

use super::status::OcspRefusal;
use crate::ParseError;
use dwcp_base::{Blame, Coded, UnixTime};

/// Why a response says nothing about a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OcspError {
    /// The responder gave no answer. Nobody signed that, so anybody on the way can say it.
    #[error("the responder gave no answer: {refusal}")]
    Refused {
        /// What it said instead.
        refusal: OcspRefusal,
    },
    /// The certificate that is asked about was not issued by this issuer, so that no answer can be about it.
    #[error("the certificate is not one of this issuer")]
    WrongIssuer,
    /// A certificate that the check rests on can not be read.
    #[error("a certificate of the check is not usable")]
    Certificate(#[source] ParseError),
    /// Neither the issuer nor a responder that it appointed is named as the signer.
    #[error("it was signed by a stranger: {why}")]
    Stranger {
        /// What is missing for the nearest candidate.
        why: &'static str,
    },
    /// The signature does not verify, or is of a kind that does not count here.
    #[error("its signature does not verify")]
    Signature,
    /// It has no nonce, or that of another request: an older answer, or one for somebody else.
    #[error("it does not answer this request: its nonce is {}", if *missing { "missing" } else { "another" })]
    Nonce {
        /// Whether it has none at all.
        missing: bool,
    },
    /// Nothing in it, or more than one thing, is about the certificate.
    #[error("{count} answers in it are about the certificate, not one")]
    NotOne {
        /// How many are.
        count: usize,
    },
    /// It speaks of a time that has not come.
    #[error("it holds from {this_update} on, which is in the future")]
    Early {
        /// Its thisUpdate.
        this_update: UnixTime,
    },
    /// A newer answer had to be there before now.
    #[error("it held until {next_update}")]
    Stale {
        /// Its nextUpdate.
        next_update: UnixTime,
    },
    /// It has no nextUpdate and no nonce of ours, so that it could be of any age.
    #[error("it names no end and was not made for this request")]
    Undated,
}

impl Coded for OcspError {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "pki.ocsp.refused",
            Self::WrongIssuer => "pki.ocsp.issuer",
            Self::Certificate(source) => source.code(),
            Self::Stranger { .. } | Self::Signature => "pki.ocsp.untrusted",
            Self::Nonce { .. } => "pki.ocsp.nonce",
            Self::NotOne { .. } => "pki.ocsp.mismatched",
            Self::Early { .. } => "pki.ocsp.early",
            Self::Stale { .. } | Self::Undated => "pki.ocsp.stale",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::WrongIssuer | Self::Certificate(_) => Blame::Local,
            _ => Blame::Peer,
        }
    }
}
