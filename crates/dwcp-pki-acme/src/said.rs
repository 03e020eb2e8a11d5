//! The words of an authority, made fit for a log line.

use std::fmt;

/// Text of an authority: at most 300 characters, of which none can move a terminal's cursor, end a line or turn the direction of writing.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Said(String);

impl Said {
    /// Takes what is fit to be shown; each other character becomes U+FFFD, and what is too long ends in `…`.
    pub fn new(text: &str) -> Self {
        let mut kept: String = text.chars().take(LONGEST).map(shown).collect();
        if text.chars().nth(LONGEST).is_some() {
            kept.push('…');
        }
        Self(kept)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

fn shown(character: char) -> char {
    match character {
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
            '\u{fffd}'
        }
        character if character.is_control() => '\u{fffd}',
        character => character,
    }
}

const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_an_authority_says_stays_on_its_line_and_within_bounds(text in ".{0,600}") {
            let said = Said::new(&text);
            prop_assert!(said.as_str().chars().count() <= LONGEST + 1);
            prop_assert!(!said.as_str().chars().any(char::is_control));
        }
    }

    #[test]
    fn an_escape_sequence_and_a_turn_of_direction_are_not_shown() {
        assert_eq!(Said::new("no\x1b[2J\u{202e}\r\nx").as_str(), "no\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}x");
    }
}
