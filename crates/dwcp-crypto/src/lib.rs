#![doc = include_str!("../README.md")]

mod aead;
pub mod agreement;
mod algorithm;
mod data_encryptor;
pub mod digest;
mod error;
pub mod hkdf;
pub mod kdf;
mod lattice;
mod one_shot;
mod opening;
mod passphrase;
pub mod random;
mod sealing;
mod secret;
mod signing;
mod stack;
#[cfg(test)]
#[path = "../tests/support/table.rs"]
mod table;

pub use aead::{Aead, Side};
pub use agreement::{Group, KeyAgreement};
pub use algorithm::Algorithm;
pub use data_encryptor::{DataEncryptor, EncryptionConfig};
pub use error::CryptoError;
pub use kdf::{Kdf, KdfParams};
pub use one_shot::{DataAlgorithm, DataKey};
pub use opening::OpeningKey;
pub use passphrase::{NewPassphrase, Passphrase, PassphraseError, Weakness};
pub use sealing::{SealingKey, Sequence};
pub use secret::{Secret, constant_time_eq};
pub use signing::{KeyType, SigningKey};
