//! What must be in no line, and in which disguises it is looked for.

use base64ct::{Base64, Encoding};
use std::collections::HashMap;

/// Secrets by name, each as text, in hexadecimal digits, in Base64 and as a list of bytes; by how they begin, so that many lines are
/// searched for many of them in one pass.
#[derive(Default)]
pub struct Secrets(HashMap<Vec<u8>, Vec<(&'static str, String)>>);

impl Secrets {
    pub fn add(&mut self, name: &'static str, secret: &[u8]) {
        assert!(secret.len() >= 12, "{name} is too short to be looked for");
        let bytes = |one: &u8| one.to_string();
        let digits = |one: &u8| format!("{one:02x}");
        let mut forms = vec![
            secret.iter().map(digits).collect::<String>(),
            secret.iter().take(12).map(bytes).collect::<Vec<_>>().join(", "),
            // What lies in the middle of it is found at any distance from a multiple of three.
            Base64::encode_string(secret).trim_end_matches('=').to_owned(),
        ];
        forms.extend(std::str::from_utf8(secret).map(str::to_owned));
        forms.into_iter().for_each(|form| self.insert(name, form));
    }

    fn insert(&mut self, name: &'static str, form: String) {
        let begin = form.as_bytes()[..BEGIN].to_vec();
        let forms = self.0.entry(begin).or_default();
        if !forms.iter().any(|(_, known)| *known == form) {
            forms.push((name, form));
        }
    }

    /// A private key, in PEM or DER.
    pub fn add_key(&mut self, name: &'static str, key: &[u8]) {
        self.add(name, key);
        match std::str::from_utf8(key) {
            // A line of it is as good as all of it.
            Ok(text) => {
                let body = text.lines().filter(|line| !line.starts_with('-') && line.len() >= 32);
                body.for_each(|line| self.insert(name, line.to_owned()));
            }
            Err(_) => self.add(name, &key[key.len() / 2..]),
        }
    }

    /// What a line gives away, if it does.
    pub fn find(&self, line: &str) -> Option<String> {
        let bytes = line.as_bytes();
        let known = bytes.windows(BEGIN).enumerate().find_map(|(at, window)| {
            let forms = self.0.get(window)?;
            forms.iter().find(|(_, form)| bytes[at..].starts_with(form.as_bytes()))
        });
        known.map(|(name, _)| (*name).to_owned()).or_else(|| token_in(line))
    }
}

/// Bytes that every form has.
const BEGIN: usize = 8;

/// A token that nobody told us of: `s.`, `b.`, `hvs.` … and at least 20 letters or digits.
fn token_in(line: &str) -> Option<String> {
    for prefix in ["s.", "b.", "hvs.", "hvb."] {
        for (at, _) in line.match_indices(prefix) {
            let before = line[..at].bytes().next_back();
            let length = line[at + prefix.len()..].bytes().take_while(u8::is_ascii_alphanumeric).count();
            if length >= 20 && !before.is_some_and(|byte| byte.is_ascii_alphanumeric()) {
                return Some(format!("a token of {length} characters"));
            }
        }
    }
    None
}
