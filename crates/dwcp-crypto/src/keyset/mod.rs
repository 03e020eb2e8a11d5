//! Tink's keysets: several keys of one purpose with their ids, and the one that new data is sealed under.
//!
//! The codec is our own because key bytes must lie in wiped memory, and because what it does not know it must refuse instead
//! of dropping it: a dropped field of a key is a different key.

mod binary;
mod error;
mod info;
mod json;
mod key_value;
mod template;
mod wire;

pub(crate) use binary::{decode, encode};
pub use error::{KeyProblem, KeysetError};
pub(crate) use info::KeysetInfo;
pub(crate) use json::{from_json, to_json};
pub use template::KeyTemplate;

use crate::Secret;

/// A keyset whose key bytes are of type `M`: owned when it was read, borrowed when it is written.
///
/// One that was read keeps the rules: ids are unique and not zero, the primary is there and enabled, all keys are for the
/// same purpose, and each has a length that its type allows.
#[derive(Debug)]
pub(crate) struct Keyset<M> {
    /// The id of the key that new data is sealed under.
    pub(crate) primary: u32,
    /// The keys that have key bytes, at most [`MOST_KEYS`].
    pub(crate) keys: Vec<Key<M>>,
    /// Ids of keys that were destroyed. They are read and never written: see [`encode`].
    pub(crate) destroyed: Vec<u32>,
}

/// One key of a keyset.
#[derive(Debug)]
pub(crate) struct Key<M> {
    pub(crate) id: u32,
    /// Tink's ENABLED; else DISABLED.
    pub(crate) enabled: bool,
    pub(crate) prefix: Prefix,
    pub(crate) template: KeyTemplate,
    pub(crate) material: M,
}

/// What stands before a ciphertext to tell which key opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// `01` and the id: what is written here.
    Tink,
    /// `00` and the id.
    Legacy,
    /// Nothing.
    Raw,
    /// `00` and the id.
    Crunchy,
}

impl Prefix {
    /// The bytes before a ciphertext of key `id`; `None` when there are none.
    pub(crate) fn bytes(self, id: u32) -> Option<[u8; PREFIX]> {
        let [a, b, c, d] = id.to_be_bytes();
        match self {
            Self::Tink => Some([1, a, b, c, d]),
            Self::Legacy | Self::Crunchy => Some([0, a, b, c, d]),
            Self::Raw => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Enabled,
    Disabled,
    Destroyed,
}

/// An enum that both forms of a keyset spell out.
trait Spelled: Copy + PartialEq + 'static {
    /// Values, with the numbers and names that they have in the proto files.
    const ALL: &'static [(Self, u32, &'static str)];

    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().find(|(_, n, _)| *n == number).map(|(value, _, _)| *value)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, _, n)| *n == name).map(|(value, _, _)| *value)
    }

    fn number(self) -> u64 {
        Self::ALL.iter().find(|(value, _, _)| *value == self).map_or(0, |(_, n, _)| u64::from(*n))
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(value, _, _)| *value == self).map_or("", |(_, _, name)| *name)
    }
}

impl Spelled for Status {
    const ALL: &'static [(Self, u32, &'static str)] =
        &[(Self::Enabled, 1, "ENABLED"), (Self::Disabled, 2, "DISABLED"), (Self::Destroyed, 3, "DESTROYED")];
}

impl Spelled for Prefix {
    const ALL: &'static [(Self, u32, &'static str)] = &[
        (Self::Tink, 1, "TINK"),
        (Self::Legacy, 2, "LEGACY"),
        (Self::Raw, 3, "RAW"),
        (Self::Crunchy, 4, "CRUNCHY"),
    ];
}

impl<M> Key<M> {
    fn status(&self) -> Status {
        if self.enabled { Status::Enabled } else { Status::Disabled }
    }
}

/// A key as either form gave it, not yet judged. `None` stands for what is missing or unknown.
struct Draft<'a> {
    id: u32,
    status: Option<Status>,
    prefix: Option<Prefix>,
    data: DraftData<'a>,
}

/// The key data of a [`Draft`].
struct DraftData<'a> {
    type_url: &'a str,
    symmetric: bool,
    /// The serialized key; `None` when it could not be read.
    value: Option<Secret>,
}

/// Judges what was read, key by key and then as a whole.
fn assemble(primary: u32, drafts: Vec<Draft<'_>>) -> Result<Keyset<Secret>, KeysetError> {
    let mut keyset = Keyset { primary, keys: Vec::with_capacity(drafts.len()), destroyed: Vec::new() };
    for draft in drafts {
        let id = draft.id;
        let refused = |problem| KeysetError::Key { id, problem };
        if id == 0 {
            return Err(refused(KeyProblem::ZeroId));
        }
        if keyset.keys.iter().any(|key| key.id == id) || keyset.destroyed.contains(&id) {
            return Err(refused(KeyProblem::DoubleId));
        }
        match draft.judge().map_err(refused)? {
            Some(key) if keyset.keys.first().is_some_and(|first| !first.template.goes_with(key.template)) => {
                return Err(refused(KeyProblem::Mixed));
            }
            Some(key) => keyset.keys.push(key),
            None => keyset.destroyed.push(id),
        }
    }
    match keyset.keys.iter().find(|key| key.id == primary) {
        Some(key) if key.enabled => Ok(keyset),
        Some(_) => Err(KeysetError::PrimaryNotEnabled { id: primary }),
        None if keyset.destroyed.contains(&primary) => Err(KeysetError::PrimaryNotEnabled { id: primary }),
        None => Err(KeysetError::PrimaryMissing { id: primary }),
    }
}

impl Draft<'_> {
    /// The key; `None` when it is a destroyed one.
    fn judge(self) -> Result<Option<Key<Secret>>, KeyProblem> {
        let status = self.status.ok_or(KeyProblem::Status)?;
        let prefix = self.prefix.ok_or(KeyProblem::Prefix)?;
        let value = self.data.value.ok_or(KeyProblem::Malformed)?;
        if status == Status::Destroyed {
            return if value.is_empty() { Ok(None) } else { Err(KeyProblem::NotDestroyed) };
        }
        if value.is_empty() {
            return Err(KeyProblem::Empty);
        }
        if !self.data.symmetric {
            return Err(KeyProblem::Asymmetric);
        }
        let (template, material) = key_value::read(self.data.type_url, &value)?;
        if matches!(template, KeyTemplate::Stream(_)) && prefix != Prefix::Raw {
            return Err(KeyProblem::Prefix);
        }
        Ok(Some(Key { id: self.id, enabled: status == Status::Enabled, prefix, template, material }))
    }
}

/// The most bytes of a keyset that are read.
pub(crate) const MOST_BYTES: usize = 64 * 1024;
/// The most keys of a keyset.
pub(crate) const MOST_KEYS: usize = 128;
/// Bytes of a prefix that names a key.
pub(crate) const PREFIX: usize = 5;
