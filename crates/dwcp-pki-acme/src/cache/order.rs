//! What is known of an order that was begun.

use super::lines::{BadLine, Reading, Writing, time, url, word};
use super::record::Record;
use dwcp_base::UnixTime;
use dwcp_pki::{KeyPin, SubjectName};

/// An order that was begun and did not end, so that a process that starts again goes on with it rather than begin another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRecord {
    /// The authority's directory.
    pub directory: String,
    /// The URL of the account that began it; another account can not go on with it.
    pub account: String,
    /// The order's own URL.
    pub url: String,
    /// What it is for: 1 to 100 names.
    pub names: Vec<SubjectName>,
    /// The profile it was begun with, if any: at most 320 printable characters.
    pub profile: Option<String>,
    /// When it was begun.
    pub made: UnixTime,
    /// Once it is being finalized, the key it is finalized for; with another key its certificate is of no use. Write it before the
    /// authority is asked to finalize.
    pub finalized_for: Option<KeyPin>,
}

impl Record for OrderRecord {
    const HEAD: &'static str = "dwcp-acme-order 1";

    fn read(reading: &mut Reading<'_>) -> Result<Self, BadLine> {
        Ok(Self {
            directory: reading.parsed("directory", url)?,
            account: reading.parsed("account", url)?,
            url: reading.parsed("order", url)?,
            names: reading.parsed("names", names)?,
            profile: reading.optional("profile")?.map(|text| word(text).ok_or(reading.bad())).transpose()?,
            made: reading.parsed("made", time)?,
            finalized_for: reading
                .optional("finalized-for")?
                .map(|text| text.parse().map_err(|_| reading.bad()))
                .transpose()?,
        })
    }

    fn write(&self, writing: &mut Writing) {
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        writing
            .line("directory", &self.directory)
            .line("account", &self.account)
            .line("order", &self.url)
            .line("names", names.join(" "))
            .optional("profile", self.profile.as_ref())
            .line("made", self.made)
            .optional("finalized-for", self.finalized_for);
    }
}

fn names(text: &str) -> Option<Vec<SubjectName>> {
    let names = text.split(' ').map(|name| name.parse().ok()).collect::<Option<Vec<SubjectName>>>()?;
    let checked = names.iter().all(|name| name.check().is_ok());
    (checked && names.len() <= MOST_NAMES).then_some(names)
}

const MOST_NAMES: usize = 100;
