//! Why a keyset was refused, and which of its keys is to blame.

use dwcp_base::{Blame, Coded};

/// Why a Tink keyset was not taken. None of it shows a byte of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysetError {
    /// There is more of it than a keyset can need.
    #[error("the keyset has more than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
    /// There are more keys than are taken.
    #[error("the keyset has more than {limit} keys")]
    TooManyKeys {
        /// The most that are taken.
        limit: usize,
    },
    /// The bytes are no keyset in protobuf's binary form, or hold fields that keysets do not have.
    #[error("the bytes are no binary keyset")]
    MalformedBinary,
    /// The text is no keyset in JSON: bad syntax, or a member that is unknown, missing, doubled or of a wrong type.
    #[error("the text is no JSON keyset from line {line}, column {column} on")]
    MalformedText {
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one.
        column: usize,
    },
    /// The text holds a backslash. No keyset needs one, and a key that is unescaped leaves a copy in memory.
    #[error("the text of a keyset holds no backslash")]
    Escaped,
    /// One key is not usable.
    #[error("key {id} is refused: {problem}")]
    Key {
        /// Its id; zero is itself a reason to refuse it.
        id: u32,
        /// What is wrong with it.
        problem: KeyProblem,
    },
    /// The primary key is not among the keys.
    #[error("the primary key {id} is not in the keyset")]
    PrimaryMissing {
        /// The id that the keyset names.
        id: u32,
    },
    /// The primary key is retired or destroyed.
    #[error("the primary key {id} is not enabled")]
    PrimaryNotEnabled {
        /// Its id.
        id: u32,
    },
}

/// What is wrong with one key of a keyset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// Its id is zero.
    #[error("no key has the id zero")]
    ZeroId,
    /// Another key has the same id.
    #[error("another key has the same id")]
    DoubleId,
    /// Its status is missing or unknown.
    #[error("its status is unknown")]
    Status,
    /// Its output prefix is missing or unknown, or one that its type can not have.
    #[error("its output prefix is unknown or does not go with its type")]
    Prefix,
    /// It is marked as destroyed and still holds key bytes.
    #[error("it is destroyed and still holds key bytes")]
    NotDestroyed,
    /// It has no key data.
    #[error("it has no key data")]
    Empty,
    /// It is not symmetric.
    #[error("it is no symmetric key")]
    Asymmetric,
    /// Its type is none of AES-GCM, ChaCha20-Poly1305, XChaCha20-Poly1305 and AES-GCM-HKDF streaming.
    #[error("its type is not supported")]
    Type,
    /// Its type is for another purpose than that of the keys before it.
    #[error("keys for streams and keys for messages do not mix")]
    Mixed,
    /// Its key data is no message of its type, or not in base64.
    #[error("its key data is malformed")]
    Malformed,
    /// Its version is not zero.
    #[error("its version is unknown")]
    Version,
    /// It is too short or too long for its type.
    #[error("its length is wrong for its type")]
    Length,
    /// Its segment size, derived key size or hash is missing, unknown or too weak.
    #[error("its parameters are unknown or too weak")]
    Parameters,
}

impl Coded for KeysetError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::TooManyKeys { .. } => "crypto.keyset.oversized",
            Self::MalformedBinary | Self::MalformedText { .. } | Self::Escaped => "crypto.keyset.malformed",
            Self::Key { .. } => "crypto.keyset.unsupported",
            Self::PrimaryMissing { .. } | Self::PrimaryNotEnabled { .. } => "crypto.keyset.headless",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
