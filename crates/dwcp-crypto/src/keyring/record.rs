//! What a keyring remembers of its keys beside their bytes: times, and which ones were destroyed.

use super::{KeyInfo, KeyStatus, Keyring};
use crate::stamp::Stamp;
use dwcp_base::UnixTime;
use serde::{Deserialize, Serialize};

/// A key that was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tombstone {
    pub(super) id: u32,
    pub(super) created: Option<UnixTime>,
    /// Unknown when another program destroyed it.
    pub(super) destroyed: Option<UnixTime>,
}

impl Tombstone {
    pub(super) fn info(&self) -> KeyInfo {
        KeyInfo {
            id: self.id,
            status: KeyStatus::Destroyed,
            primary: false,
            template: None,
            created: self.created,
            changed: self.destroyed,
            sealed_messages: 0,
        }
    }
}

/// One entry of a keyring file's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) key_id: u32,
    pub(crate) destroyed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changed: Option<Stamp>,
    /// How many messages it had sealed by then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) sealed: u64,
}

impl Keyring {
    /// The history for a file: a record for each key, in the order of [`keys`](Self::keys).
    pub(crate) fn history(&self) -> Vec<Record> {
        let record = |info: KeyInfo| Record {
            key_id: info.id,
            destroyed: info.status == KeyStatus::Destroyed,
            created: info.created.map(Stamp::from),
            changed: info.changed.map(Stamp::from),
            sealed: info.sealed_messages,
        };
        self.keys().into_iter().map(record).collect()
    }

    /// Takes the times, the counts and the destroyed keys of `history`; `None` when it is not the history of these keys.
    pub(crate) fn with_history(mut self, history: &[Record]) -> Option<Self> {
        let alive = history.iter().take_while(|record| !record.destroyed).count();
        let (alive, destroyed) = history.split_at(alive);
        if alive.len() != self.keys.len() || destroyed.len() > MOST_DESTROYED {
            return None;
        }
        for (held, record) in self.keys.iter_mut().zip(alive) {
            if held.id != record.key_id {
                return None;
            }
            held.created = record.created.map(Stamp::time);
            held.changed = record.changed.map(Stamp::time);
            if record.sealed != 0 {
                held.key = held.key.counted(record.sealed)?;
            }
        }
        for record in destroyed {
            let id = record.key_id;
            let taken = self.keys.iter().any(|held| held.id == id) || self.is_destroyed(id);
            if !record.destroyed || taken || id == 0 || record.sealed != 0 {
                return None;
            }
            let (created, destroyed) = (record.created.map(Stamp::time), record.changed.map(Stamp::time));
            self.destroyed.push(Tombstone { id, created, destroyed });
        }
        Some(self)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How many destroyed keys are remembered: beyond it the oldest is forgotten.
pub(super) const MOST_DESTROYED: usize = 1024;
