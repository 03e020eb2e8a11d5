//! What the files of a request may be called.

use dwcp_base::{Blame, Coded};
use std::fmt;
use std::str::FromStr;

/// The stem of a request's files: 1 to 64 lower-case letters, digits, `-`, `_` and single `.` between them.
///
/// It is one name on every file system and in every shell: no path, no upper case that another file system would fold, no name that Windows
/// keeps for a device, no character that a terminal or a shell reads as something else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileStem(String);

/// A name that no file of a request may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadFileStem(&'static str);

impl FileStem {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileStem {
    type Err = BadFileStem;

    fn from_str(text: &str) -> Result<Self, BadFileStem> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(BadFileStem("the name of a request's files has 1 to 64 characters"));
        }
        let fits = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
        };
        if !text.bytes().all(fits) {
            return Err(BadFileStem(
                "the name of a request's files has lower-case letters, digits, `-`, `_` and `.` alone",
            ));
        }
        // A leading dash is an option to a tool, a leading dot hides the file, `..` leads elsewhere.
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        if !edge(text.as_bytes().first()) || !edge(text.as_bytes().last()) || text.contains("..") {
            return Err(BadFileStem(
                "the name of a request's files begins and ends with a letter or digit, without `..` between them",
            ));
        }
        // Windows takes these for devices, whatever follows the first dot.
        let device = text.split('.').next().unwrap_or_default();
        let numbered = ["com", "lpt"].iter().any(|kind| {
            device
                .strip_prefix(kind)
                .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
        });
        if numbered || DEVICES.contains(&device) {
            return Err(BadFileStem("the name of a request's files is that of a device on Windows"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FileStem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Coded for BadFileStem {
    fn code(&self) -> &'static str {
        "pki.file_name.invalid"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

const LONGEST: usize = 64;
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_p9_a_name_that_is_a_path_a_device_or_two_names_at_once_is_refused() {
        let long = "a".repeat(65);
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "../../etc/x",
            "/etc/x",
            "a/b",
            "a\\b",
            "C:x",
            "a:b",
            "a\0b",
            "a\nb",
            " a",
            "a ",
            "a b",
            ".hidden",
            "-rf",
            "a.",
            "a-",
            "_a",
            "a..b",
            "*.example.org",
            "*",
            "?",
            "a*",
            "Web",
            "WEB",
            "web\u{e9}",
            "ｗeb",
            "ſ",
            "a\u{202e}b",
            "con",
            "con.web",
            "nul",
            "aux.x.y",
            "prn",
            "com1",
            "com9.web",
            "lpt0",
            "lpt1",
            &long,
        ] {
            assert!(bad.parse::<FileStem>().is_err(), "{bad:?}");
        }
        for good in
            ["a", "0", "web", "web-1", "web_1.example.org", "company", "com10", "console", "lpt", &long[..64]]
        {
            assert_eq!(good.parse::<FileStem>().unwrap().as_str(), good);
        }
    }

    proptest! {
        #[test]
        fn at_p9_what_is_taken_is_one_component_and_its_own_lower_case(text in "[\\PC\\x00-\\x1f]{0,70}") {
            if let Ok(stem) = text.parse::<FileStem>() {
                let path = std::path::Path::new(stem.as_str());
                prop_assert_eq!(path.components().count(), 1);
                prop_assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(stem.as_str()));
                prop_assert_eq!(stem.as_str().to_lowercase(), stem.as_str());
                prop_assert!(stem.as_str().len() <= 64);
            }
        }
    }
}
