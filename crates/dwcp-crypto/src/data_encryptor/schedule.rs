//! From a passphrase to the keys of one version, each under a label of its own.

use super::Version;
use crate::hkdf::{Hash, Prk};
use crate::stack::leaving_no_trace;
use crate::{CryptoError, DataAlgorithm, DataKey, Kdf, Passphrase, Secret};
use std::fmt;

/// What a version is derived from, apart from the passphrase. Its text is the context of everything that is derived.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) form: Form,
    pub(super) algorithm: DataAlgorithm,
    pub(super) kdf: Kdf,
}

/// `dwcp-data-1 tink aes-256-gcm $argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA`
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MAGIC} {} {} {}", self.form.name(), self.algorithm.name(), self.kdf.phc())
    }
}

/// How messages of a key look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Behind Tink's prefix.
    Tink,
    /// As the original wrote them: without a prefix or associated data, under the derived bytes themselves.
    Original,
}

impl Form {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tink => "tink",
            Self::Original => "original",
        }
    }

    pub(super) const ALL: [Self; 2] = [Self::Tink, Self::Original];
}

/// What the passphrase led to.
pub(super) struct Schedule {
    derived: Secret,
    prk: Prk,
    header: String,
}

impl Schedule {
    pub(super) fn derive(passphrase: &Passphrase, header: &Header) -> Result<Self, CryptoError> {
        let length = match header.form {
            Form::Tink => DERIVED_LEN,
            Form::Original => header.algorithm.key_len(),
        };
        let derived = header.kdf.derive(passphrase, length)?;
        let prk = Prk::extract(Hash::Sha256, b"", &derived);
        Ok(Self { derived, prk, header: header.to_string() })
    }

    /// The key and its id; consumes what they were derived from.
    pub(super) fn version(self, header: Header) -> Result<Version, CryptoError> {
        let mut id = [0; 4];
        self.prk.expand_label(b"data key id", self.header.as_bytes(), &mut id)?;
        let material = match header.form {
            Form::Tink => self.secret(b"data key", header.algorithm.key_len())?,
            Form::Original => self.derived,
        };
        let may_seal = header.form == Form::Tink && header.kdf.is_current();
        Ok(Version { form: header.form, id, key: DataKey::new(header.algorithm, material)?, may_seal })
    }

    /// What tells this key from any other and is stored: it commits to the passphrase, the header and all that is stored with it.
    pub(super) fn commitment(&self, older: &str) -> Result<[u8; COMMITMENT_LEN], CryptoError> {
        let context = format!("{} {older}", self.header);
        let mut commitment = [0; COMMITMENT_LEN];
        self.prk.expand_label(b"data commitment", context.as_bytes(), &mut commitment)?;
        Ok(commitment)
    }

    /// The key that older keys are stored under. It seals once.
    pub(super) fn older_keys(&self) -> Result<DataKey, CryptoError> {
        let key = self.secret(b"data older keys", DERIVED_LEN)?;
        DataKey::new(DataAlgorithm::Aes256Gcm, key)
    }

    fn secret(&self, label: &[u8], length: usize) -> Result<Secret, CryptoError> {
        leaving_no_trace(|| self.prk.secret(label, self.header.as_bytes(), length))
    }

    /// What older keys are bound to.
    pub(super) fn header(&self) -> &str {
        &self.header
    }
}

pub(super) const MAGIC: &str = "dwcp-data-1";
pub(super) const COMMITMENT_LEN: usize = 32;
const DERIVED_LEN: usize = 32;
