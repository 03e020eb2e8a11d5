//! PEM (RFC 7468) of public documents, bounded before it is decoded.

use crate::{Document, ParseError};
use rustls_pki_types::pem::{Error, PemObject};

/// Every section of one kind in `text`, at most `most` of them; sections of other kinds are passed over, and so is what
/// stands around them, trailing white space included.
pub(crate) fn sections<T: PemObject>(
    document: Document,
    text: &[u8],
    limit: usize,
    most: usize,
) -> Result<Vec<T>, ParseError> {
    ParseError::check_size(document, text, limit)?;
    let mut found = Vec::new();
    for section in T::pem_slice_iter(text) {
        match section {
            Ok(_) if found.len() == most => {
                return Err(ParseError::malformed(document, "the file has more sections than are read"));
            }
            Ok(section) => found.push(section),
            Err(Error::NoItemsFound) => break,
            Err(_) => return Err(ParseError::Pem { document }),
        }
    }
    if found.is_empty() {
        return Err(ParseError::Missing { document });
    }
    Ok(found)
}

/// The single section of one kind in `text`.
pub(crate) fn section<T: PemObject>(document: Document, text: &[u8], limit: usize) -> Result<T, ParseError> {
    let mut found = sections(document, text, limit, 1)?;
    found.pop().ok_or(ParseError::Missing { document })
}

/// `der` between BEGIN and END lines, 64 characters a line, ending in a line feed.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    // It fails only for labels with control characters, and ours are constants.
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).unwrap_or_default()
}

/// A file of certificates or a request.
pub(crate) const LARGEST_FILE: usize = 1 << 20;
