//! Why a certificate was not obtained or renewed.

use crate::{
    CredentialError, InstallError, IssuedFault, ProviderError, RequestError, TrialFault, TrustError,
};
use dwcp_base::{Blame, Coded};
use dwcp_crypto::CryptoError;
use thiserror::Error;

/// Why a certificate was not obtained or renewed. What was there before stays.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManagerError {
    /// Another renewal of the slot is under way; there is one at a time.
    #[error("a renewal is under way")]
    Busy,
    /// There is no slot of that name.
    #[error("there is no such slot")]
    UnknownSlot,
    /// Nobody here can renew the slot: its files are somebody else's.
    #[error("the certificate is renewed elsewhere")]
    Elsewhere,
    /// As many renewals are under way as may be at a time.
    #[error("as many renewals are under way as may be at a time")]
    Crowded,
    /// Nothing is prepared that could be activated.
    #[error("no certificate is prepared")]
    NotPrepared,
    /// While the renewal was under way somebody put another certificate in force, and the one that was issued is not newer.
    #[error("another certificate was put in force meanwhile")]
    Superseded,
    /// No key could be made.
    #[error("no key could be made")]
    Key(#[source] CryptoError),
    /// No request could be made, for instance for a name that is not allowed.
    #[error("no certificate request could be made")]
    Request(#[source] RequestError),
    /// The provider issued nothing.
    #[error("no certificate was issued")]
    Provider(#[source] ProviderError),
    /// The provider issued something that is not what was asked for.
    #[error("what was issued is not what was asked for")]
    Issued(#[source] IssuedFault),
    /// The provider named no roots that could be trusted.
    #[error("the roots that the provider named are not usable")]
    Roots(#[source] TrustError),
    /// Certificate and key do not make a pair.
    #[error("what was issued does not go with its key")]
    Credential(#[source] CredentialError),
    /// It passed every check and did not work when it was tried out.
    #[error("what was issued did not pass its trial")]
    Trial(#[source] TrialFault),
    /// The disk did not take it.
    #[error("the certificate is not safe on disk")]
    Unsaved(#[source] CredentialError),
    /// The store did not take it.
    #[error("the certificate was not activated")]
    Install(#[source] InstallError),
}

impl Coded for ManagerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Busy => "pki.renewal.busy",
            Self::UnknownSlot => "pki.slot.unknown",
            Self::Elsewhere => "pki.renewal.elsewhere",
            Self::Crowded => "pki.renewal.crowded",
            Self::NotPrepared => "pki.renewal.not_prepared",
            Self::Superseded => "pki.renewal.superseded",
            Self::Trial(_) => "pki.trial.failed",
            Self::Key(_) => "pki.renewal.no_key",
            Self::Request(error) => error.code(),
            Self::Provider(error) => error.code(),
            Self::Issued(error) => error.code(),
            Self::Roots(error) => error.code(),
            Self::Credential(error) | Self::Unsaved(error) => error.code(),
            Self::Install(error) => error.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Busy
            | Self::Key(_)
            | Self::UnknownSlot
            | Self::Elsewhere
            | Self::Crowded
            | Self::NotPrepared
            | Self::Superseded => Blame::Local,
            Self::Trial(_) => Blame::Peer,
            Self::Request(error) => error.blame(),
            Self::Provider(error) => error.blame(),
            Self::Issued(error) => error.blame(),
            Self::Roots(_) => Blame::Peer,
            Self::Credential(error) | Self::Unsaved(error) => error.blame(),
            Self::Install(error) => error.blame(),
        }
    }
}

/// Why a slot is not managed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SlotError {
    /// A slot of that name is managed already.
    #[error("there is a slot of that name already")]
    Taken,
    /// There are as many slots as there may be: 65 536.
    #[error("there are as many slots as there may be")]
    Full,
    /// A name has 1 to 253 characters, none of which controls a terminal.
    #[error("a slot's name has 1 to 253 characters and no control characters")]
    BadName,
    /// The store's own certificate is a public one, and the slot is to have one for clients too.
    #[error("a public certificate is for servers alone: public authorities no longer issue for clients")]
    PublicClient,
}

impl Coded for SlotError {
    fn code(&self) -> &'static str {
        match self {
            Self::Taken => "pki.slot.taken",
            Self::Full => "pki.slot.full",
            Self::BadName => "pki.slot.bad_name",
            Self::PublicClient => "pki.slot.public_client",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
