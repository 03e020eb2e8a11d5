//! What is known of the newest certificate for a set of names.

use super::lines::{BadLine, Reading, Writing, time, url, word};
use super::record::Record;
use crate::NamesDigest;
use dwcp_base::UnixTime;

/// The newest certificate that was issued for a set of names: what the next order says it replaces, and when the authority would like that to
/// happen (RFC 9773).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// The digest of the names.
    pub names: NamesDigest,
    /// The directory of the authority that issued it.
    pub directory: String,
    /// The URL of the account it was issued to; an order of another account must not say that it replaces it.
    pub account: String,
    /// Its identifier: authority key identifier and serial, in base64url with a full stop between (RFC 9773 §4.1).
    pub certificate: String,
    /// The end of its validity.
    pub not_after: UnixTime,
    /// What the authority last said about its renewal.
    pub advice: Option<KeptAdvice>,
}

/// An authority's word on when to renew, with the point of time that was drawn from its window. It is kept so that a process that starts over
/// and over neither asks each time nor draws again until the earliest point comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAdvice {
    /// The begin of the window.
    pub start: UnixTime,
    /// Its end, which is not before its begin.
    pub end: UnixTime,
    /// The point that was drawn.
    pub renew_at: UnixTime,
    /// The authority is not asked again before.
    pub ask_again: UnixTime,
    /// A page that explains the window, if the authority named one.
    pub explanation: Option<String>,
}

impl Record for LastRecord {
    const HEAD: &'static str = "dwcp-acme-last 1";

    fn read(reading: &mut Reading<'_>) -> Result<Self, BadLine> {
        Ok(Self {
            names: reading.parsed("names", NamesDigest::parse)?,
            directory: reading.parsed("directory", url)?,
            account: reading.parsed("account", url)?,
            certificate: reading.parsed("certificate", identifier)?,
            not_after: reading.parsed("not-after", time)?,
            advice: advice(reading)?,
        })
    }

    fn write(&self, writing: &mut Writing) {
        let advice = self.advice.as_ref().map(|advice| {
            let KeptAdvice { start, end, renew_at, ask_again, .. } = advice;
            format!("{start} {end} {renew_at} {ask_again}")
        });
        writing
            .line("names", self.names)
            .line("directory", &self.directory)
            .line("account", &self.account)
            .line("certificate", &self.certificate)
            .line("not-after", self.not_after)
            .optional("advice", advice)
            .optional("explanation", self.advice.as_ref().and_then(|advice| advice.explanation.as_ref()));
    }
}

/// Two lines.
fn advice(reading: &mut Reading<'_>) -> Result<Option<KeptAdvice>, BadLine> {
    let times = match reading.optional("advice")? {
        None => None,
        Some(text) => {
            let times = text.split(' ').map(time).collect::<Option<Vec<_>>>().ok_or(reading.bad())?;
            let [start, end, renew_at, ask_again] = times[..] else { return Err(reading.bad()) };
            if end < start {
                return Err(reading.bad());
            }
            Some((start, end, renew_at, ask_again))
        }
    };
    let explanation = reading.optional("explanation")?;
    let Some((start, end, renew_at, ask_again)) = times else {
        return if explanation.is_none() { Ok(None) } else { Err(reading.bad()) };
    };
    let explanation = explanation.map(|text| url(text).ok_or(reading.bad())).transpose()?;
    Ok(Some(KeptAdvice { start, end, renew_at, ask_again, explanation }))
}

fn identifier(text: &str) -> Option<String> {
    let letters = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.split_once('.').filter(|(key, serial)| letters(key) && letters(serial)).and_then(|_| word(text))
}
