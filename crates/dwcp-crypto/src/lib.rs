#![doc = include_str!("../README.md")]

mod aead;
pub mod agreement;
mod algorithm;
mod base64;
mod binding;
mod budget;
mod data_encryptor;
pub mod digest;
mod envelope;
mod error;
mod forgeries;
pub mod hkdf;
pub mod kdf;
pub mod kek;
mod keyring;
mod keyset;
mod lattice;
mod lock;
mod older_forms;
mod one_shot;
mod opening;
pub mod packet;
mod passphrase;
pub mod random;
#[cfg(test)]
mod rfc8448;
mod ring_key;
mod sealing;
mod secret;
mod signing;
mod stack;
mod stamp;
pub mod stream;
#[cfg(test)]
#[path = "../tests/support/table.rs"]
mod table;

pub use aead::{Aead, Side};
pub use agreement::{Group, KeyAgreement};
pub use algorithm::Algorithm;
pub use data_encryptor::{DataEncryptor, EncryptionConfig};
pub use envelope::{Envelope, EnvelopeError};
pub use error::CryptoError;
pub use kdf::{Kdf, KdfParams};
pub use kek::{KekError, KeyEncryptionKey};
pub use keyring::{KeyInfo, KeyStatus, Keyring, KeyringError, KeyringFile, KeyringFileError};
pub use keyset::{KeyProblem, KeyTemplate, KeysetError};
pub use one_shot::{DataAlgorithm, DataKey};
pub use opening::OpeningKey;
pub use passphrase::{NewPassphrase, Passphrase, PassphraseError, Weakness};
pub use sealing::{SealingKey, Sequence};
pub use secret::{Secret, constant_time_eq};
pub use signing::{KeyType, Signer, SigningKey};
pub use stream::{StreamDecryptor, StreamEncryptor, StreamFormat, StreamKey, StreamParameters};
