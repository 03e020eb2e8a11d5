//! Texts that become part of a request: what an operator may write as a mount, a role, a namespace or an issuer.

use crate::BadSetting;

/// A mount or a namespace: 1 to 128 characters in segments of letters, digits, `-`, `_`, `.` with `/` between them. Slashes at the ends are
/// taken off, as Vault's own tools do.
pub(crate) fn path(setting: &'static str, text: &str) -> Result<String, BadSetting> {
    let trimmed = text.trim_matches('/');
    bounded(setting, trimmed)?;
    for segment in trimmed.split('/') {
        name_like(setting, segment)?;
    }
    Ok(trimmed.to_owned())
}

/// A role, an issuer or a key: one segment.
pub(crate) fn segment(setting: &'static str, text: &str) -> Result<String, BadSetting> {
    bounded(setting, text)?;
    name_like(setting, text)?;
    Ok(text.to_owned())
}

fn bounded(setting: &'static str, text: &str) -> Result<(), BadSetting> {
    match text.len() {
        0 => Err(BadSetting::Empty { setting }),
        1..=LONGEST => Ok(()),
        _ => Err(BadSetting::TooLong { setting, limit: LONGEST }),
    }
}

/// What needs no escaping in a URL and means nothing there: a path that is put together stays the path that was meant.
fn name_like(setting: &'static str, segment: &str) -> Result<(), BadSetting> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if segment.is_empty() || segment.bytes().all(|byte| byte == b'.') || !segment.bytes().all(plain) {
        return Err(BadSetting::Character { setting });
    }
    Ok(())
}

/// What a server said, made safe for a log line and a terminal: at most 256 characters on one line.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == LONGEST_SAID {
            out.push('…');
            break;
        }
        match character {
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || is_reordering(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Characters that make text around them read in another order, or that nobody sees.
fn is_reordering(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const LONGEST: usize = 128;
const LONGEST_SAID: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_p9_a_path_can_not_leave_its_place() {
        for text in [
            "../sys",
            "a/../b",
            "a/./b",
            "..",
            "a//b",
            "a?x",
            "a#x",
            "a%2e",
            "a b",
            "a\r\nX: y",
            "ä",
            "",
            "/",
            "a\0",
        ] {
            assert!(path("mount", text).is_err(), "{text:?}");
        }
        for text in ["a/b?x", "a/b", "../a", "a\n", "", "."] {
            assert!(segment("role", text).is_err(), "{text:?}");
        }
        assert!(path("mount", &"a".repeat(129)).is_err());
        assert_eq!(path("mount", "/pki/int.1/").as_deref(), Ok("pki/int.1"));
        assert_eq!(segment("role", "dwcp-role_2").as_deref(), Ok("dwcp-role_2"));
    }

    #[test]
    fn what_a_server_said_stays_on_its_line() {
        assert_eq!(printable("a\nb\u{1b}[31m\u{202e}c"), "a b\\u{1b}[31m\\u{202e}c");
        assert_eq!(printable(&"x".repeat(1_000)).chars().count(), 257);
    }

    proptest! {
        #[test]
        fn what_passes_needs_no_escaping(text in "\\PC{0,40}") {
            if let Ok(path) = path("mount", &text) {
                prop_assert!(path.bytes().all(|b| b.is_ascii_graphic() && !b"?#%&=\\".contains(&b)));
                prop_assert!(!path.split('/').any(|s| s == "." || s == ".." || s.is_empty()));
            }
        }
    }
}
