//! Why a cryptographic operation was refused: whose fault, and no more detail than an attacker may have.

use dwcp_base::{Blame, Coded};

/// The refusals of this crate.
///
/// # Security
/// What depends on secret bytes is opaque on purpose: [`NotAuthentic`](Self::NotAuthentic) and
/// [`InvalidShare`](Self::InvalidShare) do not say which check failed, so that a peer learns nothing from trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
    /// Key bytes are of the wrong length, of an unsupported kind, or do not belong together.
    #[error("the key is malformed or of an unsupported kind")]
    InvalidKey,
    /// A key has sealed all it may: records, or bytes. It seals nothing more; derive a new one.
    #[error("the key has reached its use limit")]
    KeyExhausted,
    /// A message did not authenticate: forged, damaged, truncated, or sealed under other data.
    #[error("the message is not authentic")]
    NotAuthentic,
    /// A key has refused as many forgeries as it may (RFC 9147 §4.5.3). It opens nothing more.
    #[error("too many forged messages were tried on the key")]
    TooManyForgeries,
    /// The peer's key share has the wrong length, is no valid point or key, or leads to an all-zero secret.
    #[error("the peer's key share is invalid")]
    InvalidShare,
    /// The half of a hybrid key was asked for where the group has no halves.
    #[error("the group is not a hybrid")]
    NotHybrid,
    /// A derivation was asked for more bytes than its hash can give, or for a label or context that is too long.
    #[error("the derivation is larger than its bounds")]
    DerivationTooLarge,
    /// A stream ends where no whole stream can end: its tail is missing.
    #[error("the stream is cut short")]
    Truncated,
    /// A caller's buffer is not laid out as the format asks: no whole slots of a stream or a stream that has ended, or parts of a packet
    /// of other lengths than its cipher's.
    #[error("the buffer is not laid out as the format asks")]
    InvalidLayout,
    /// A packet was to be sealed with the turn of another key.
    #[error("the turn was given by another key")]
    ForeignTurn,
    /// One message is longer than its algorithm bears under one nonce.
    #[error("the message is longer than its algorithm bears")]
    MessageTooLarge,
    /// A text of derivation parameters is malformed, or of a kind that is not read (Argon2i, Argon2d, other versions).
    #[error("the parameters are malformed or of an unsupported kind")]
    InvalidParameters,
    /// Derivation parameters ask for more memory or work than this crate ever spends.
    #[error("the parameters ask for more memory or work than is ever spent")]
    ExcessiveParameters,
    /// Derivation parameters are too cheap to protect new data; what was made with them can still be opened.
    #[error("the parameters are too weak for new data")]
    WeakParameters,
    /// A passphrase leads to another key than the one that was stored with these parameters, or the parameters were altered.
    #[error("the passphrase is wrong, or the stored parameters were altered")]
    WrongPassphrase,
    /// A key of old data was to seal: its derivation is below the floor of today, or its format is that of the original.
    #[error("the key opens old data only: its derivation or its format is too weak for new data; rotate it")]
    LegacyKey,
    /// There are as many older keys as may be kept.
    #[error("there are as many older keys as may be kept")]
    TooManyKeys,
    /// The memory that a derivation needs is not there.
    #[error("there is not enough memory for the derivation")]
    OutOfMemory,
    /// Whoever holds a signing key did not sign: it can not be reached, is locked, or refuses.
    #[error("the holder of the signing key did not sign")]
    SignerUnavailable,
    /// A name of a key type is none that this crate knows.
    #[error("the name is none of p256, p384 and ed25519")]
    UnknownName,
}

impl Coded for CryptoError {
    fn code(&self) -> &'static str {
        match self {
            Self::Randomness => "crypto.randomness.unavailable",
            Self::InvalidKey => "crypto.key.invalid",
            Self::KeyExhausted => "crypto.key.exhausted",
            Self::NotAuthentic => "crypto.message.forged",
            Self::TooManyForgeries => "crypto.forgeries.exceeded",
            Self::InvalidShare => "crypto.share.invalid",
            Self::NotHybrid => "crypto.group.mismatched",
            Self::DerivationTooLarge => "crypto.derivation.oversized",
            Self::Truncated => "crypto.stream.truncated",
            Self::InvalidLayout => "crypto.layout.invalid",
            Self::ForeignTurn => "crypto.turn.foreign",
            Self::MessageTooLarge => "crypto.message.oversized",
            Self::InvalidParameters => "crypto.parameters.invalid",
            Self::ExcessiveParameters => "crypto.parameters.excessive",
            Self::WeakParameters => "crypto.parameters.weak",
            Self::WrongPassphrase => "crypto.passphrase.wrong",
            Self::LegacyKey => "crypto.key.legacy",
            Self::TooManyKeys => "crypto.keys.exceeded",
            Self::OutOfMemory => "crypto.memory.unavailable",
            Self::SignerUnavailable => "crypto.signer.unavailable",
            Self::UnknownName => "crypto.name.unknown",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::NotAuthentic | Self::TooManyForgeries | Self::InvalidShare | Self::Truncated => Blame::Peer,
            Self::Randomness
            | Self::InvalidKey
            | Self::KeyExhausted
            | Self::NotHybrid
            | Self::DerivationTooLarge
            | Self::InvalidLayout
            | Self::ForeignTurn
            | Self::MessageTooLarge
            | Self::InvalidParameters
            | Self::ExcessiveParameters
            | Self::WeakParameters
            | Self::WrongPassphrase
            | Self::LegacyKey
            | Self::TooManyKeys
            | Self::OutOfMemory
            | Self::SignerUnavailable
            | Self::UnknownName => Blame::Local,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_peer_can_cause_is_blamed_on_the_peer() {
        for error in [CryptoError::NotAuthentic, CryptoError::TooManyForgeries, CryptoError::InvalidShare] {
            assert_eq!(error.blame(), Blame::Peer, "{error}");
        }
        assert_eq!(CryptoError::KeyExhausted.blame(), Blame::Local);
    }
}
