//! What an authority lists, and how that may change while operations on it are disturbed.

use serde_json::Value;
use std::collections::BTreeSet;

/// One certificate of `cert list --json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) serial: String,
    /// The first of its names; an authority has none.
    pub(super) name: Option<String>,
    /// Why it is revoked, if it is.
    pub(super) revoked: Option<String>,
}

/// What was tried since the list before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tried {
    /// Names of leaves: each may have come.
    pub(super) leaves: Vec<String>,
    /// How many authorities may have come; one whose files could not be written is revoked again.
    pub(super) authorities: usize,
    /// Serials that may have been revoked.
    pub(super) revoked: Vec<String>,
}

/// Reads a list, oldest first.
pub(super) fn parse(text: &str) -> Option<Vec<Listed>> {
    let value: Value = serde_json::from_str(text).ok()?;
    let one = |one: &Value| {
        let reason = &one["revoked"]["reason"];
        Some(Listed {
            serial: one["serial"].as_str()?.to_owned(),
            name: one["names"].as_array()?.first().and_then(Value::as_str).map(str::to_owned),
            revoked: reason.as_str().map(str::to_owned),
        })
    };
    value["certificates"].as_array()?.iter().map(one).collect()
}

/// Nothing of `old` is gone or otherwise, and what came was tried, each once.
pub(super) fn follows(old: &[Listed], new: &[Listed], tried: &Tried) -> Result<(), String> {
    let Some((kept, come)) = new.split_at_checked(old.len()) else {
        return Err(format!("{} certificates were there, {} are", old.len(), new.len()));
    };
    for (old, new) in old.iter().zip(kept) {
        if (&old.serial, &old.name) != (&new.serial, &new.name) {
            return Err(format!("where {} was there is {}", old.serial, new.serial));
        }
        let fine = match (&old.revoked, &new.revoked) {
            (Some(before), Some(now)) => {
                before == now || now == GRAVEST && tried.revoked.contains(&new.serial)
            }
            (Some(_), None) => false,
            (None, Some(_)) => tried.revoked.contains(&new.serial),
            (None, None) => true,
        };
        if !fine {
            return Err(format!("{} was revoked: {:?}, and is: {:?}", old.serial, old.revoked, new.revoked));
        }
    }
    let mut names: BTreeSet<&String> = tried.leaves.iter().collect();
    let mut authorities = 0;
    for one in come {
        match &one.name {
            Some(name) if !names.remove(name) => return Err(format!("{name} came, and nobody asked for it")),
            Some(name) if one.revoked.is_some() => return Err(format!("{name} came revoked")),
            Some(_) => {}
            None => authorities += 1,
        }
    }
    if authorities > tried.authorities {
        return Err(format!("{authorities} authorities came, {} were asked for", tried.authorities));
    }
    Ok(())
}

/// The only reason that takes the place of another.
const GRAVEST: &str = "keyCompromise";

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(serial: &str, revoked: Option<&str>) -> Listed {
        let name = Some(format!("DNS:{serial}.example"));
        Listed { serial: serial.to_owned(), name, revoked: revoked.map(str::to_owned) }
    }

    fn tried(leaves: &[&str], revoked: &[&str]) -> Tried {
        Tried {
            leaves: leaves.iter().map(|serial| format!("DNS:{serial}.example")).collect(),
            authorities: 0,
            revoked: revoked.iter().map(|serial| (*serial).to_owned()).collect(),
        }
    }

    #[test]
    fn what_was_tried_may_have_come_or_not() {
        let old = [leaf("1", None), leaf("2", Some("superseded"))];
        let new = [leaf("1", Some("superseded")), leaf("2", Some("keyCompromise")), leaf("3", None)];
        let all = tried(&["3"], &["1", "2"]);
        assert_eq!(follows(&old, &new, &all), Ok(()));
        assert_eq!(follows(&old, &old, &all), Ok(()));
        let below = Listed { serial: "4".to_owned(), name: None, revoked: None };
        let new = [&old[..], std::slice::from_ref(&below)].concat();
        assert!(follows(&old, &new, &all).is_err());
        assert_eq!(follows(&old, &new, &Tried { authorities: 1, ..all }), Ok(()));
    }

    #[test]
    fn nothing_goes_comes_or_changes_by_itself() {
        let old = [leaf("1", None), leaf("2", Some("superseded"))];
        let none = Tried::default();
        for new in [
            &old[..1],
            &[leaf("2", Some("superseded")), leaf("1", None)],
            &[leaf("1", None), leaf("2", None)],
            &[leaf("1", Some("superseded")), leaf("2", Some("superseded"))],
            &[leaf("1", None), leaf("2", Some("keyCompromise"))],
            &[leaf("1", None), leaf("2", Some("superseded")), leaf("3", None)],
        ] {
            assert!(follows(&old, new, &none).is_err(), "{new:?}");
        }
        let twice = [leaf("1", None), leaf("2", Some("superseded")), leaf("3", None), leaf("3", None)];
        assert!(follows(&old, &twice, &tried(&["3"], &[])).is_err());
        let revoked = [leaf("1", None), leaf("2", Some("superseded")), leaf("3", Some("superseded"))];
        assert!(follows(&old, &revoked, &tried(&["3"], &[])).is_err());
    }

    #[test]
    fn the_list_of_the_program_is_read() {
        let text = r#"{"certificates":[{"serial":"ab","names":["DNS:ab.example"],"revoked":null},
            {"serial":"cd","names":[],"revoked":{"at":"2026-01-01T00:00:00Z","reason":"superseded"}}]}"#;
        let below = Listed { serial: "cd".to_owned(), name: None, revoked: Some("superseded".to_owned()) };
        assert_eq!(parse(text), Some(vec![leaf("ab", None), below]));
        assert_eq!(parse(r#"{"certificates":[{"serial":7}]}"#), None);
    }
}
