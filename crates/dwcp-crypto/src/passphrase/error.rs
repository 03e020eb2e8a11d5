//! Why a passphrase is refused, in words that help to find a better one.

use dwcp_base::{Blame, Coded};
use std::fmt;

/// Why a passphrase was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// There is no passphrase.
    #[error("the passphrase is empty")]
    Empty,
    /// It is longer than [`Passphrase::MAX_LEN`](crate::Passphrase::MAX_LEN).
    #[error("the passphrase is longer than 64 KiB")]
    TooLong,
    /// It may open old data and must not protect new data.
    #[error(
        "the passphrase is easy to guess: {0}; take several words that have nothing to do with each other"
    )]
    Guessable(Weakness),
}

/// What makes a passphrase easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Weakness {
    /// Nothing in particular: there is too little of it.
    Short,
    /// One of the passwords that are tried first.
    Common,
    /// Such a password with some characters replaced, added or turned round.
    NearlyCommon,
    /// One word of a dictionary.
    Word,
    /// First names or surnames.
    Name,
    /// Neighbouring keys.
    Keyboard,
    /// The same again and again.
    Repeats,
    /// A sequence of letters or digits.
    Sequence,
    /// A date or a year.
    Date,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "it is too short or too ordinary",
            Self::Common => "it is one of the passwords that are tried first",
            Self::NearlyCommon => "it is a much used password in a thin disguise",
            Self::Word => "it is a single word",
            Self::Name => "it is made of names",
            Self::Keyboard => "its keys lie side by side",
            Self::Repeats => "it repeats itself",
            Self::Sequence => "it is a sequence like abc or 6543",
            Self::Date => "it is a date or a year",
        })
    }
}

impl Coded for PassphraseError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "crypto.passphrase.empty",
            Self::TooLong => "crypto.passphrase.oversized",
            Self::Guessable(_) => "crypto.passphrase.guessable",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
