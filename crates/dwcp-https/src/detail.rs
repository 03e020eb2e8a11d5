//! What lay under an error, in words that are safe to keep.

use std::error::Error;
use std::fmt;

/// What the layers below said about a failure, in one line: 400 characters at most, none that controls a terminal. It names no URL and
/// no header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail(String);

impl Detail {
    pub(crate) fn new(words: &str) -> Self {
        Self(bounded(words, LONGEST))
    }

    /// What is said of a server whose certificate is that of an authority.
    pub(crate) fn authority() -> Self {
        Self::new("the server's certificate is a CA (CA:TRUE), which can not be a server's as well")
    }

    /// The words of an error and of all that lies under it, each once.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut words = String::new();
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Some print what lies under them as well.
            if !words.contains(&text) && words.len() < LONGEST {
                if !words.is_empty() {
                    words.push_str(": ");
                }
                words.push_str(&text);
            }
            next = error.source();
        }
        Self::new(&words)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "" => f.write_str("nothing more is known"),
            words => f.write_str(words),
        }
    }
}

impl Error for Detail {}

/// Text of a stranger, fit for a log line: 200 characters at most.
pub(crate) fn shown(text: &str) -> String {
    bounded(text, 200)
}

fn bounded(text: &str, characters: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(characters).collect()
}

const LONGEST: usize = 400;
