//! `security.tls.tickets`: none, those of this process, or those of several processes with one set of keys.

use super::check::Checked;
use super::plan::UnsealPlan;
use super::problem::ConfigProblem;
use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// `true`, `false`, or `shared:` with where the keys come from.
#[derive(Debug)]
pub enum TicketsKey {
    /// Tickets of this process, or none.
    Switch(bool),
    /// Tickets of all processes with one set.
    Shared(SharedKeys),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    shared: SharedKeys,
}

/// Where the set comes from.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SharedKeys {
    /// An inherited pipe or socket.
    pub fd: Option<u32>,
    /// An envelope, as `dwcp tls tickets create` makes it.
    pub sealed_file: Option<PathBuf>,
    /// Opens it: a key file (mode 0600).
    pub key_file: Option<PathBuf>,
    /// Opens it: a file that holds its passphrase (mode 0600).
    pub passphrase_file: Option<PathBuf>,
}

/// Where a set of keys is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TicketSource {
    /// The descriptor of an inherited pipe or socket, once.
    Descriptor(u32),
    /// An envelope in a file, at the start and at each reload.
    Sealed {
        /// The envelope.
        file: PathBuf,
        /// What opens it.
        unseal: UnsealPlan,
    },
}

/// Whose keys seal the tickets of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketsPlan {
    /// There are none.
    Off,
    /// Keys of this process.
    Own,
    /// Those of the node's [`TicketSource`].
    Shared,
}

impl<'de> Deserialize<'de> for TicketsKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SwitchOrSection)
    }
}

/// Errors of an untagged enum would say nothing of what is wrong.
struct SwitchOrSection;

impl<'de> Visitor<'de> for SwitchOrSection {
    type Value = TicketsKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or a section `shared`")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<TicketsKey, E> {
        Ok(TicketsKey::Switch(on))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TicketsKey, A::Error> {
        let section = Section::deserialize(MapAccessDeserializer::new(map))?;
        Ok(TicketsKey::Shared(section.shared))
    }
}

/// What listeners do where they say nothing themselves.
pub(super) fn plan(written: Option<&TicketsKey>) -> TicketsPlan {
    match written {
        None | Some(TicketsKey::Switch(true)) => TicketsPlan::Own,
        Some(TicketsKey::Switch(false)) => TicketsPlan::Off,
        Some(TicketsKey::Shared(_)) => TicketsPlan::Shared,
    }
}

/// Where the keys come from, where several processes share them. Nothing is read.
pub(super) fn source(written: Option<&TicketsKey>, base: &Path) -> Checked<Option<TicketSource>> {
    let Some(TicketsKey::Shared(keys)) = written else { return Ok(None) };
    let refused = |key: &str, what: &str, fix: &str| {
        Err(ConfigProblem::new(format!("security.tls.tickets.shared.{key}"), what, fix))
    };
    let unseal = match (&keys.key_file, &keys.passphrase_file) {
        (Some(_), Some(_)) => {
            return refused(
                "key_file",
                "stands beside passphrase_file, and a set is sealed by one of them",
                "remove one",
            );
        }
        (Some(path), None) => Some(UnsealPlan::KeyFile(base.join(path))),
        (None, Some(path)) => Some(UnsealPlan::Passphrase(base.join(path))),
        (None, None) => None,
    };
    match (keys.fd, &keys.sealed_file, unseal) {
        (Some(fd @ (1 | 2)), ..) => refused(
            "fd",
            &format!("{fd} is for writing"),
            "name an inherited pipe, such as fd: 3 with 3< in the shell",
        ),
        (Some(fd), None, None) => Ok(Some(TicketSource::Descriptor(fd))),
        (Some(_), ..) => refused(
            "fd",
            "stands beside what opens a sealed file, and the set comes from one of them",
            "remove one",
        ),
        (None, Some(file), Some(unseal)) => Ok(Some(TicketSource::Sealed { file: base.join(file), unseal })),
        (None, Some(_), None) => refused(
            "sealed_file",
            "has nothing that opens it, and ticket keys are never read from a plain file",
            "seal a set with `dwcp tls tickets create FILE --key-file K` and name key_file or passphrase_file",
        ),
        (None, None, _) => refused(
            "sealed_file",
            "is missing, and so is fd",
            "write fd: N for an inherited pipe, or sealed_file: F and key_file: K",
        ),
    }
}
