//! PEM as files have it (RFC 7468): every section with its label, also those that nobody asked for.

use super::InspectError;
use base64ct::{Base64, Encoding};

/// One section: its label, and its content unless that is a private key's.
pub(super) struct Section<'a> {
    pub(super) label: &'a [u8],
    pub(super) content: Result<Content, InspectError>,
}

pub(super) enum Content {
    Der(Vec<u8>),
    /// Not even decoded.
    PrivateKey,
}

/// Whether there is a line that begins a section.
pub(super) fn is_pem(file: &[u8]) -> bool {
    lines(file).any(|line| label(line, BEGIN).is_some())
}

/// The sections of a file, in order; what stands around them is passed over.
///
/// # Errors
/// [`InspectError::TooMany`] beyond `most` sections.
pub(super) fn sections(file: &[u8], most: usize) -> Result<Vec<Section<'_>>, InspectError> {
    let mut found = Vec::new();
    let mut rest = lines(file);
    while let Some(line) = rest.next() {
        let Some(label) = label(line, BEGIN) else { continue };
        if found.len() == most {
            return Err(InspectError::TooMany { limit: most });
        }
        let content = content(&mut rest, label);
        found.push(Section { label, content });
    }
    Ok(found)
}

/// The lines up to the end of a section, decoded. A line that begins another section ends this one without an end, and is
/// left for whoever comes next.
fn content<'a>(
    rest: &mut (impl Iterator<Item = &'a [u8]> + Clone),
    begun: &[u8],
) -> Result<Content, InspectError> {
    let secret = is_secret(begun);
    let mut text = Vec::new();
    loop {
        let mut ahead = rest.clone();
        let line = ahead.next().ok_or(InspectError::NoEnd)?;
        if label(line, BEGIN).is_some() {
            return Err(InspectError::NoEnd);
        }
        *rest = ahead;
        match label(line, END) {
            Some(ended) if ended == begun => break,
            Some(_) => return Err(InspectError::NoEnd),
            // No copy of a key is made that somebody would have to wipe.
            None if secret => {}
            None => text.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace())),
        }
    }
    if secret {
        return Ok(Content::PrivateKey);
    }
    let text = std::str::from_utf8(&text).map_err(|_| InspectError::Base64)?;
    Base64::decode_vec(text).map(Content::Der).map_err(|_| InspectError::Base64)
}

/// Whether what stands under a label must not be shown.
fn is_secret(label: &[u8]) -> bool {
    label.windows(SECRET.len()).any(|part| part.eq_ignore_ascii_case(SECRET))
}

/// The label of a line that begins or ends a section.
fn label<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(start)?.strip_suffix(DASHES)
}

/// Lines without what ends them: LF, CRLF, white space.
fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    file.split(|byte| *byte == b'\n' || *byte == b'\r').map(<[u8]>::trim_ascii)
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const SECRET: &[u8] = b"PRIVATE KEY";
