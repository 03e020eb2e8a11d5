//! A keyring that is disturbed: its keys and what each of them opens are known from before.

use super::scene::Found;
use crate::binary::{Binary, text};
use crate::report::{Failed, failed};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// More keys than this only make judging slower.
const FULL: usize = 4;

/// Id, status, and whether it is the primary one, in the keyring's order.
pub(super) type Keys = Vec<(String, String, bool)>;

/// The keyring at `place/ring`.
pub(super) struct Ring {
    dwcp: Binary,
    home: PathBuf,
    place: PathBuf,
    /// What opens it now.
    kek: PathBuf,
    /// How many rewraps there were: no name of a key file comes twice.
    rewraps: u32,
    keys: Keys,
}

impl Ring {
    /// A keyring with one key, opened by a key file in a safe place.
    pub(super) fn create(dwcp: &Binary, home: &Path, place: &Path) -> Result<Self, Failed> {
        let (home, place) = (home.to_owned(), place.to_owned());
        let kek = home.join("ring.kek");
        let mut ring = Self { dwcp: dwcp.clone(), home, place, kek, rewraps: 0, keys: Vec::new() };
        dwcp.good(&ring.with(&["keyring", "create"], &ring.kek))?;
        fs::write(ring.home.join("word"), "witness").map_err(|e| failed(format!("a witness: {e}")))?;
        ring.keys = ring.list(&ring.kek)?;
        ring.witness()?;
        Ok(ring)
    }

    /// As it was when it was judged last.
    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn has_older(&self) -> bool {
        self.older().is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.keys.iter().filter(|key| !gone(key)).count() >= FULL
    }

    pub(super) fn rotate(&self) -> Vec<String> {
        self.with(&["keyring", "rotate"], &self.kek)
    }

    pub(super) fn destroy(&self) -> Result<Vec<String>, Failed> {
        let id = self.older().ok_or_else(|| failed("there is no older key"))?;
        let words = ["keyring", "destroy", &text(&self.file()), id, "--key-file", &text(&self.kek)];
        Ok(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// The command, and the key file that it makes.
    pub(super) fn rewrap(&mut self) -> (Vec<String>, PathBuf) {
        self.rewraps += 1;
        let new = self.place.join(format!("kek-{}", self.rewraps));
        let mut arguments = self.with(&["keyring", "rewrap"], &self.kek);
        arguments.extend(["--new-key-file".to_owned(), text(&new)]);
        (arguments, new)
    }

    /// The keys are those of before, or those with the one change that was asked for; and they open what they opened.
    pub(super) fn keys_after(&mut self, old: &Keys, rotated: bool) -> Result<Found, Failed> {
        let now = self.list(&self.kek)?;
        let found = if now == *old {
            Found::Old
        } else if rotated && is_rotated(old, &now) || !rotated && is_destroyed(old, &now) {
            Found::New
        } else {
            return Err(failed(format!("the keys were {old:?} and are {now:?}")));
        };
        self.keys = now;
        if rotated && found == Found::New {
            self.witness()?;
        }
        self.witnesses_agree()?;
        Ok(found)
    }

    /// Either the key file of before opens the keyring or the new one, never both and never none.
    pub(super) fn wrapping_after(&mut self, new: &Path) -> Result<Found, Failed> {
        let opens = |kek: &Path| self.dwcp.succeeds(&self.with(&["keyring", "list"], kek));
        let found = match (opens(&self.kek)?, opens(new)?) {
            (true, false) => Found::Old,
            (false, true) => Found::New,
            (both, _) => return Err(failed(format!("opened by the old key file and by the new: {both}"))),
        };
        let unused = if found == Found::New {
            std::mem::replace(&mut self.kek, new.to_owned())
        } else {
            new.to_owned()
        };
        if unused.starts_with(&self.place) {
            // One that was not made yet is not there.
            let _ = fs::remove_file(&unused);
        }
        if self.list(&self.kek)? != self.keys {
            return Err(failed("another wrapping, and other keys"));
        }
        self.witnesses_agree()?;
        Ok(found)
    }

    /// Seals a word under the primary key, in a safe place.
    fn witness(&self) -> Result<(), Failed> {
        let primary = self.keys.iter().find(|key| key.2).ok_or_else(|| failed("no key is primary"))?;
        let (word, sealed) = (text(&self.home.join("word")), text(&self.sealed(&primary.0)));
        self.dwcp.good(&self.on_ring(&["encrypt", "file", &word, &sealed])).map(|_| ())
    }

    /// What a key that is there has sealed opens, what a destroyed one has sealed does not.
    fn witnesses_agree(&self) -> Result<(), Failed> {
        for key in &self.keys {
            let sealed = self.sealed(&key.0);
            if gone(key) && !sealed.exists() {
                continue;
            }
            let check = text(&self.home.join("check-word"));
            let opened = self.dwcp.succeeds(&self.on_ring(&["decrypt", "file", &text(&sealed), &check]))?;
            if opened == gone(key) {
                return Err(failed(format!("key {} is {}; opened: {opened}", key.0, key.1)));
            }
            if gone(key) {
                // Once is enough: a list that brought the key back would be found by its status.
                fs::remove_file(&sealed).map_err(|e| failed(format!("a witness: {e}")))?;
            }
        }
        Ok(())
    }

    fn list(&self, kek: &Path) -> Result<Keys, Failed> {
        let mut arguments = self.with(&["keyring", "list"], kek);
        arguments.push("--json".to_owned());
        let printed = self.dwcp.good(&arguments)?;
        parse(&printed).ok_or_else(|| failed(format!("keyring list printed {printed}")))
    }

    fn older(&self) -> Option<&str> {
        self.keys.iter().find(|key| !key.2 && !gone(key)).map(|key| key.0.as_str())
    }

    fn file(&self) -> PathBuf {
        self.place.join("ring")
    }

    fn sealed(&self, id: &str) -> PathBuf {
        self.home.join(format!("witness-{id}"))
    }

    fn with(&self, verb: &[&str], kek: &Path) -> Vec<String> {
        let rest = [text(&self.file()), "--key-file".to_owned(), text(kek)];
        verb.iter().map(|word| (*word).to_owned()).chain(rest).collect()
    }

    fn on_ring(&self, verb: &[&str]) -> Vec<String> {
        let rest = ["--keyring".to_owned(), text(&self.file()), "--key-file".to_owned(), text(&self.kek)];
        verb.iter().map(|word| (*word).to_owned()).chain(rest).collect()
    }
}

fn gone(key: &(String, String, bool)) -> bool {
    key.1 == "destroyed"
}

/// One more key, and it is the primary; of the others nothing else changed.
fn is_rotated(old: &Keys, new: &Keys) -> bool {
    let others: Keys = new.iter().filter(|key| !key.2).cloned().collect();
    let before: Keys = old.iter().map(|(id, status, _)| (id.clone(), status.clone(), false)).collect();
    new.len() == old.len() + 1 && sorted(others) == sorted(before)
}

/// One key is destroyed that was not; of the others nothing changed.
fn is_destroyed(old: &Keys, new: &Keys) -> bool {
    let changed: Vec<_> = new.iter().filter(|key| !old.contains(key)).collect();
    new.len() == old.len()
        && matches!(changed.as_slice(), [key] if gone(key) && old.iter().any(|o| o.0 == key.0))
}

/// Destroyed keys are listed last, whenever they came.
fn sorted(mut keys: Keys) -> Keys {
    keys.sort();
    keys
}

fn parse(text: &str) -> Option<Keys> {
    let value: Value = serde_json::from_str(text).ok()?;
    let key = |key: &Value| {
        Some((key["id"].as_str()?.to_owned(), key["status"].as_str()?.to_owned(), key["primary"].as_bool()?))
    };
    value["keys"].as_array()?.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &[(&str, &str, bool)]) -> Keys {
        list.iter().map(|(id, status, primary)| ((*id).into(), (*status).into(), *primary)).collect()
    }

    #[test]
    fn a_rotation_is_one_more_key_and_nothing_else() {
        let old = keys(&[("1", "enabled", true), ("9", "destroyed", false)]);
        let new = keys(&[("1", "enabled", false), ("2", "enabled", true), ("9", "destroyed", false)]);
        assert!(is_rotated(&old, &new));
        assert!(!is_rotated(&old, &old));
        let lost = keys(&[("2", "enabled", true), ("3", "enabled", false), ("9", "destroyed", false)]);
        assert!(!is_rotated(&old, &lost));
    }

    #[test]
    fn a_destruction_changes_one_key_and_nothing_else() {
        let old = keys(&[("1", "enabled", false), ("2", "enabled", true)]);
        assert!(is_destroyed(&old, &keys(&[("2", "enabled", true), ("1", "destroyed", false)])));
        assert!(!is_destroyed(&old, &old));
        assert!(!is_destroyed(&old, &keys(&[("2", "enabled", true)])));
        assert!(!is_destroyed(&old, &keys(&[("1", "retired", false), ("2", "enabled", true)])));
    }

    #[test]
    fn the_list_of_the_program_is_read() {
        let text = r#"{"keys":[{"id":"7","status":"enabled","primary":true,"type":"x"}],"wrapping":{}}"#;
        assert_eq!(parse(text), Some(keys(&[("7", "enabled", true)])));
        assert_eq!(parse(r#"{"keys":[{"id":7}]}"#), None);
    }
}
