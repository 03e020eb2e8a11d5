//! Reads the tables of known answers: one case a line, fields as `name=value`.

use std::collections::HashMap;

/// One case.
pub(crate) struct Case(HashMap<String, String>);

impl Case {
    /// A field as text; a missing one fails the test.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("the case has no field {name}"))
    }

    /// A field of hexadecimal digits as bytes.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        unhex(self.text(name))
    }
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte: {text}");
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The cases of a table; an empty table fails the test.
pub(crate) fn cases(table: &str) -> Vec<Case> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let case = |line: &str| {
        let fields = line.split(' ').map(|field| field.split_once('=').expect("name=value"));
        Case(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    };
    let cases: Vec<Case> = lines.map(case).collect();
    assert!(!cases.is_empty(), "the table is empty");
    cases
}
