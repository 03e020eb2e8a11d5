//! A set of names as one digest, which files can be called by.

use dwcp_crypto::digest;
use dwcp_pki::SubjectName;
use std::fmt;

/// The SHA-256 of a set of names, whatever their order and however often each stands in it.
///
/// Files of the [`Cache`](crate::Cache) are called by it, never by a name: a name can hold a path, be too long for a file system, or differ from
/// another one in case alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NamesDigest([u8; 32]);

impl NamesDigest {
    /// The digest of `names`: each in its text form, sorted by bytes, without repetitions, written as `LENGTH:TEXT,` one after the other.
    pub fn of(names: &[SubjectName]) -> Self {
        let mut texts: Vec<String> = names.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        texts.dedup();
        let whole: String = texts.iter().map(|text| format!("{}:{text},", text.len())).collect();
        Self(digest::sha256(whole.as_bytes()))
    }

    /// Reads 64 digits of lowercase hexadecimal.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        bytes?.try_into().map(Self).ok()
    }

    /// The SHA-256 itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 digits of lowercase hexadecimal.
impl fmt::Display for NamesDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NamesDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamesDigest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<SubjectName> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn order_and_repetition_do_not_count_and_every_name_does() {
        let digest = |texts: &[&str]| NamesDigest::of(&names(texts));
        assert_eq!(digest(&["DNS:a.b", "DNS:c.d"]), digest(&["DNS:c.d", "DNS:A.B", "DNS:a.b"]));
        assert_ne!(digest(&["DNS:a.b"]), digest(&["DNS:a.b", "DNS:c.d"]));
        assert_ne!(digest(&["IP:::1"]), digest(&["IP:127.0.0.1"]));
    }

    #[test]
    fn at_p9_no_name_can_pass_for_several() {
        let one = [SubjectName::Dns("a.b,7:DNS:c.d".to_owned())];
        assert_ne!(NamesDigest::of(&one), NamesDigest::of(&names(&["DNS:a.b", "DNS:c.d"])));
        let text = NamesDigest::of(&one).to_string();
        assert!(text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    }
}
