//! Text that others may have written: capped, and inert wherever it is shown.

use std::fmt::{self, Write};

/// At most [`Text::LIMIT`] bytes of text that an attacker may have chosen.
///
/// Longer input is cut at a character boundary and ends in `…`, which counts towards the limit.
///
/// # Security
/// [`Text::as_str`] is the text as it came. `Display` is what a terminal or a log may be given: what could move a
/// cursor, start a line, reorder or hide text is written as a JSON escape (`\u001b`), as it is in the log itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(Box<str>);

impl Text {
    /// The largest text that is kept, in bytes of UTF-8.
    pub const LIMIT: usize = 256;

    /// The text, cut to the limit.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(capped(text.as_ref()).into())
    }

    /// Bytes that claim to be text: what is no UTF-8 becomes U+FFFD.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // One byte more than the limit shows that there was more, without decoding all of a large input.
        let head = bytes.get(..=Self::LIMIT).unwrap_or(bytes);
        Self::new(String::from_utf8_lossy(head))
    }

    /// What `value` displays, cut to the limit; what comes after it is not even formatted into memory.
    pub fn of(value: impl fmt::Display) -> Self {
        let mut bounded = Bounded(String::new());
        // The writer refuses to go on once it is over the limit; that is the cut, not a failure.
        let _ = write!(bounded, "{value}");
        Self::new(bounded.0)
    }

    /// The text as it came, control characters included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `None` when the text is longer than any this type holds.
    pub(crate) fn exact(text: String) -> Option<Self> {
        (text.len() <= Self::LIMIT).then(|| Self(text.into()))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(&self.0, f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        escape(&self.0, f)?;
        f.write_char('"')
    }
}

/// Writes `text` as the inside of a JSON string in which nothing is left that acts on a terminal, a line reader or the
/// direction of text. The form is canonical: each character has one spelling.
pub(crate) fn escape(text: &str, out: &mut (impl Write + ?Sized)) -> fmt::Result {
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            _ if acts(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            _ => out.write_char(c)?,
        }
    }
    Ok(())
}

/// C0, DEL, C1, line and paragraph separators, bidi controls, zero-width and tag characters, non-characters.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e0fff}')
}

fn capped(text: &str) -> String {
    if text.len() <= Text::LIMIT {
        return text.to_owned();
    }
    let cut = text.floor_char_boundary(Text::LIMIT - CUT.len());
    let mut kept = text[..cut].to_owned();
    kept.push_str(CUT);
    kept
}

struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = (Text::LIMIT + 4).saturating_sub(self.0.len());
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        if self.0.len() > Text::LIMIT { Err(fmt::Error) } else { Ok(()) }
    }
}

const CUT: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_a1_what_acts_on_a_terminal_or_a_line_is_inert() {
        let hostile = "a\r\nb\0\u{1b}[2J\u{9b}31m\u{2028}\u{202e}\u{2066}|\\=\"\u{7f}\u{feff}";
        let shown = Text::new(hostile).to_string();
        assert_eq!(shown, r#"a\u000d\u000ab\u0000\u001b[2J\u009b31m\u2028\u202e\u2066|\\=\"\u007f\ufeff"#);
        let read: String = serde_json::from_str(&format!("\"{shown}\"")).unwrap();
        assert_eq!(read, hostile);
    }

    #[test]
    fn at_a1_a_field_of_64_kb_and_invalid_utf8_are_cut_to_256_bytes() {
        let long = "ä".repeat(32 * 1024);
        for text in [Text::new(&long), Text::from_bytes(long.as_bytes()), Text::of(&long)] {
            assert!(text.as_str().len() <= Text::LIMIT);
            assert!(text.as_str().ends_with('…'), "{text}");
        }
        assert_eq!(Text::from_bytes(b"a\xff\xfeb").as_str(), "a\u{fffd}\u{fffd}b");
        assert!(Text::from_bytes(&[0xff; 70_000]).as_str().len() <= Text::LIMIT);
        assert_eq!(Text::new("x".repeat(256)).as_str().len(), 256);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_and_holds_no_acting_character(text in any::<String>()) {
            let text = Text::new(text);
            let shown = text.to_string();
            prop_assert!(!shown.chars().any(acts));
            let read: String = serde_json::from_str(&format!("\"{shown}\"")).unwrap();
            prop_assert_eq!(read.as_str(), text.as_str());
        }
    }
}
