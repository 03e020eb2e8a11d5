//! A wrapped key as it is stored: by what it was wrapped, how, and the wrapped bytes.

use super::KekError;
use crate::binding::Binding;
use crate::{CryptoError, base64};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A wrapped key: nothing in it is secret. It serialises to an object with the members `kind`, `parameters` and `wrapped` (base64).
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    kind: String,
    parameters: BTreeMap<String, String>,
    wrapped: Vec<u8>,
}

impl WrappedKey {
    /// A key wrapped by what is called `kind`, with all that unwrapping needs to know and may be told to everybody.
    ///
    /// `kind` and the parameters' names have 1 to 32 characters of `a`–`z`, `0`–`9` and `-`. There are at most 16 parameters of at
    /// most 1024 bytes without control characters and backslashes, and 1 to 4096 wrapped bytes.
    ///
    /// # Errors
    /// [`KekError::Parameters`] beyond these bounds.
    pub fn new<'a>(
        kind: &str,
        parameters: impl IntoIterator<Item = (&'a str, String)>,
        wrapped: Vec<u8>,
    ) -> Result<Self, KekError> {
        let mut made = Self { kind: kind.to_owned(), parameters: BTreeMap::new(), wrapped };
        let fits = is_name(kind) && (1..=MOST_WRAPPED).contains(&made.wrapped.len());
        for (name, value) in parameters {
            made.insert(name, value).map_err(|TooMuch| refused())?;
        }
        if fits { Ok(made) } else { Err(refused()) }
    }

    /// What wrapped it, for example `passphrase`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// A parameter, if there is one of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The wrapped key.
    pub fn wrapped(&self) -> &[u8] {
        &self.wrapped
    }

    /// Refuses what something other than `expected` wrapped.
    pub(super) fn require_kind(&self, expected: &'static str) -> Result<(), KekError> {
        if self.kind == expected {
            return Ok(());
        }
        Err(KekError::OtherKind { expected, found: self.kind.clone() })
    }

    /// Binds every part of it.
    pub(super) fn bind(&self, binding: &mut Binding) {
        binding.field(self.kind.as_bytes()).count(self.parameters.len());
        for (name, value) in &self.parameters {
            binding.field(name.as_bytes()).field(value.as_bytes());
        }
        binding.field(&self.wrapped);
    }

    fn insert(&mut self, name: &str, value: String) -> Result<(), TooMuch> {
        let plain = value.len() <= MOST_VALUE && !value.chars().any(|c| c.is_control() || c == '\\');
        if !is_name(name) || !plain || self.parameters.len() == MOST_PARAMETERS {
            return Err(TooMuch);
        }
        match self.parameters.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(TooMuch),
        }
    }
}

/// Whether `text` can name a kind, a parameter or a purpose.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=MOST_NAME).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKey({}, {:?}, {} bytes)", self.kind, self.parameters, self.wrapped.len())
    }
}

impl Serialize for WrappedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Text<'a> {
            kind: &'a str,
            parameters: &'a BTreeMap<String, String>,
            wrapped: String,
        }
        let wrapped = base64::encode(&self.wrapped);
        Text { kind: &self.kind, parameters: &self.parameters, wrapped }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WrappedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Text {
            kind: String,
            parameters: Pairs,
            wrapped: String,
        }
        let text = Text::deserialize(deserializer)?;
        let wrapped = base64::decode(&text.wrapped).ok_or_else(|| D::Error::custom("no base64"))?;
        let pairs = text.parameters.0.iter().map(|(name, value)| (name.as_str(), value.clone()));
        Self::new(&text.kind, pairs, wrapped).map_err(D::Error::custom)
    }
}

/// Members of an object in their order, so that one that stands twice is seen.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    if pairs.len() == MOST_PARAMETERS {
                        return Err(A::Error::custom("too many parameters"));
                    }
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

struct TooMuch;

fn refused() -> KekError {
    KekError::Parameters { source: CryptoError::InvalidParameters }
}

const MOST_NAME: usize = 32;
const MOST_PARAMETERS: usize = 16;
const MOST_VALUE: usize = 1024;
const MOST_WRAPPED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_makes_the_round_trip_through_json() {
        let wrapped =
            WrappedKey::new("vault", [("key", "k/1".to_owned()), ("a", String::new())], vec![1, 2]).unwrap();
        let text = serde_json::to_string(&wrapped).unwrap();
        assert_eq!(text, r#"{"kind":"vault","parameters":{"a":"","key":"k/1"},"wrapped":"AQI="}"#);
        assert_eq!(serde_json::from_str::<WrappedKey>(&text).unwrap(), wrapped);
        assert_eq!((wrapped.parameter("key"), wrapped.parameter("other")), (Some("k/1"), None));
    }

    #[test]
    fn what_is_out_of_bounds_is_neither_made_nor_read() {
        let new = |kind: &str, name: &str, value: &str, length: usize| {
            WrappedKey::new(kind, [(name, value.to_owned())], vec![0; length]).is_ok()
        };
        let long = "a".repeat(33);
        assert!(new("a", "b", &"c".repeat(1024), 4096));
        assert!(!new("", "b", "", 1) && !new("A", "b", "", 1) && !new(&long, "b", "", 1));
        assert!(!new("a", "", "", 1) && !new("a", "b b", "", 1) && !new("a", &long, "", 1));
        assert!(
            !new("a", "b", &"c".repeat(1025), 1) && !new("a", "b", "\u{1b}[2J", 1) && !new("a", "b", "\\", 1)
        );
        assert!(!new("a", "b", "", 0) && !new("a", "b", "", 4097));
        let names: Vec<String> = (0..17).map(|n| format!("n{n}")).collect();
        let many = |count: usize| {
            WrappedKey::new("a", names.iter().take(count).map(|n| (n.as_str(), String::new())), vec![0])
        };
        assert!(many(16).is_ok() && many(17).is_err());
        for text in [
            r#"{"kind":"a","parameters":{"b":"1","b":"1"},"wrapped":"AQI="}"#,
            r#"{"kind":"a","parameters":{"b":1},"wrapped":"AQI="}"#,
            r#"{"kind":"a","parameters":{},"wrapped":"AQI"}"#,
            r#"{"kind":"a","parameters":{},"wrapped":""}"#,
            r#"{"kind":"a","parameters":{},"wrapped":"AQI=","more":1}"#,
            r#"{"kind":"a","wrapped":"AQI="}"#,
        ] {
            assert!(serde_json::from_str::<WrappedKey>(text).is_err(), "{text}");
        }
    }
}
