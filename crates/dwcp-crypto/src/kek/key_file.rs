//! The text of a key file: one key a line, the one that wraps first.

use crate::hkdf::{Hash, Prk};
use crate::stamp::Stamp;
use crate::{CryptoError, Secret, base64, random};
use dwcp_base::UnixTime;
use std::fmt;

/// What may be told of a key in a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KekFileEntry {
    /// Its name: 16 hexadecimal digits that are derived from it and its time. Wrapped keys say it.
    pub name: String,
    /// When it was made.
    pub created: UnixTime,
    /// Whether it wraps new keys; the others unwrap alone.
    pub primary: bool,
}

/// A key of a key file.
pub(super) struct FileKey {
    pub(super) name: String,
    pub(super) created: Stamp,
    pub(super) key: Secret,
}

impl FileKey {
    /// A fresh random key.
    pub(super) fn generate(now: UnixTime) -> Result<Self, CryptoError> {
        Self::new(Secret::build(KEY, random::fill)?, now.into())
    }

    fn new(key: Secret, created: Stamp) -> Result<Self, CryptoError> {
        let name =
            Prk::extract(Hash::Sha256, b"", &key).secret(b"kek name", created.text().as_bytes(), NAME)?;
        let name = name.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { name, created, key })
    }

    /// Reads a line; the name proves that the rest of it is whole.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (version, name, created, key) = (words.next()?, words.next()?, words.next()?, words.next()?);
        if version != VERSION || words.next().is_some() {
            return None;
        }
        let key = base64::decode_secret(key).filter(|key| key.len() == KEY)?;
        Self::new(key, Stamp::parse(created)?).ok().filter(|read| read.name == name)
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileKey({})", self.name)
    }
}

/// Reads the keys of a file. The error is the line, counted from one, that is no key or the key of another line.
pub(super) fn read(text: &Secret) -> Result<Vec<FileKey>, usize> {
    let text = str::from_utf8(text.expose()).map_err(|_| 1_usize)?;
    let mut keys: Vec<FileKey> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match FileKey::read(line) {
            Some(key) if keys.len() < MOST_KEYS && keys.iter().all(|other| other.name != key.name) => {
                keys.push(key)
            }
            _ => return Err(index + 1),
        }
    }
    Ok(keys)
}

/// Writes the keys in their order, in memory that is wiped.
pub(super) fn write(keys: &[FileKey]) -> Secret {
    let lines: Vec<Secret> = keys
        .iter()
        .map(|key| {
            let begin = format!("{VERSION} {} {} ", key.name, key.created.text());
            Secret::concat(&[begin.as_bytes(), base64::encode_secret(&key.key).expose(), b"\n"])
        })
        .collect();
    let mut parts = vec![HEADER.as_bytes()];
    parts.extend(lines.iter().map(Secret::expose));
    Secret::concat(&parts)
}

const HEADER: &str = "# Keys that protect keyrings and other secrets: whoever reads this file opens them.\n\
                      # The first key wraps; the others unwrap what is there. Take a line out to forget its key for good.\n";
/// The form of a line.
const VERSION: &str = "dwcp-kek-1";
/// Bytes of a key.
const KEY: usize = 32;
/// Bytes of a name.
const NAME: usize = 8;
/// Rotated every 90 days, sixteen years' worth.
pub(super) const MOST_KEYS: usize = 64;
/// Room for the keys and as much again for remarks.
pub(super) const MOST_BYTES: u64 = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: usize) -> Vec<FileKey> {
        (0..count).map(|n| FileKey::generate(UnixTime::from_millis(n as i64)).unwrap()).collect()
    }

    #[test]
    fn keys_make_the_round_trip_in_their_order() {
        let keys = keys(MOST_KEYS);
        let text = write(&keys);
        assert!(text.len() as u64 * 2 < MOST_BYTES + 8000);
        let again = read(&text).unwrap();
        for (key, again) in keys.iter().zip(&again) {
            assert_eq!((&key.name, key.created), (&again.name, again.created));
            assert_eq!(key.key.expose(), again.key.expose());
        }
        assert_eq!(again.len(), MOST_KEYS);
    }

    /// Every change of a line is seen, and the line told.
    #[test]
    fn damage_is_told_with_its_line() {
        let text = write(&keys(2)).expose().to_vec();
        let first = HEADER.len();
        let second = first + text[first..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for at in (first..second - 1).filter(|at| *at != first) {
            let mut damaged = text.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&Secret::from(damaged)).unwrap_err(), 3, "byte {at}");
        }
        let twice = [&text[..second], &text[first..second]].concat();
        assert_eq!(read(&Secret::from(twice)).unwrap_err(), 4);
        assert_eq!(read(&Secret::from(b"\xff".to_vec())).unwrap_err(), 1);
        assert!(read(&Secret::from(Vec::new())).unwrap().is_empty());
        let spaced = String::from_utf8(text).unwrap().replace('\n', " \r\n\r\n");
        assert_eq!(read(&Secret::from(spaced.into_bytes())).unwrap().len(), 2, "editors do this");
    }

    #[test]
    fn too_many_keys_are_refused() {
        let text = write(&keys(MOST_KEYS + 1));
        assert_eq!(read(&text).unwrap_err(), 2 + MOST_KEYS + 1);
    }
}
