//! A file cut into its documents, none of which is read: what is malformed is for whoever judges it to refuse.

use super::armor::{self, Content};
use super::file::{BYTE_ORDER_MARK, Kind, MOST_SECTIONS};
use super::tlv::{Cursor, SEQUENCE};
use crate::{Document, ParseError};

/// The DER of each certificate or CRL of a file of at most `limit` bytes, in order: PEM with any number of sections, of which
/// those of other kinds are passed over like the text around them, or DER, one document after the other.
///
/// That the bytes are such a document is not checked. Of DER that is followed by something else the whole file is one document.
///
/// # Errors
/// [`ParseError::TooLarge`] before anything is looked at; [`ParseError::Malformed`] for more than 4096 sections or documents;
/// [`ParseError::Pem`] for a section of the kind that has no end or is not base64; [`ParseError::Missing`] where the file is
/// neither PEM nor DER, has no section of the kind, or `wanted` is another kind of document.
pub fn documents(file: &[u8], wanted: Document, limit: usize) -> Result<Vec<Vec<u8>>, ParseError> {
    ParseError::check_size(wanted, file, limit)?;
    let missing = || ParseError::Missing { document: wanted };
    let too_many = || ParseError::malformed(wanted, "the file has more sections than are read");
    let kind = match wanted {
        Document::Certificate => Kind::Certificate,
        Document::Crl => Kind::Crl,
        _ => return Err(missing()),
    };
    let file = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file);
    match values(file) {
        Values::All(found) => return Ok(found),
        // A comment above PEM may begin like DER.
        Values::Some if !armor::is_pem(file) => return Ok(vec![file.to_vec()]),
        Values::TooMany => return Err(too_many()),
        _ => {}
    }
    let sections = armor::sections(file, MOST_SECTIONS).map_err(|_| too_many())?;
    let mut found = Vec::new();
    for section in sections.into_iter().filter(|section| Kind::of(section.label) == Some(kind)) {
        match section.content {
            Ok(Content::Der(der)) => found.push(der),
            Ok(Content::PrivateKey) => {}
            Err(_) => return Err(ParseError::Pem { document: wanted }),
        }
    }
    if found.is_empty() { Err(missing()) } else { Ok(found) }
}

/// How far a file is DER.
enum Values {
    /// SEQUENCEs and nothing else.
    All(Vec<Vec<u8>>),
    /// At least the first value is a SEQUENCE, and what follows is no document, so that the first is none either.
    Some,
    None,
    TooMany,
}

fn values(file: &[u8]) -> Values {
    let mut cursor = Cursor::new(file, 0);
    let mut found = Vec::new();
    loop {
        match cursor.next() {
            Ok(Some(_)) if found.len() == MOST_SECTIONS => return Values::TooMany,
            Ok(Some(value)) if value.tag == SEQUENCE => found.push(value.whole.to_vec()),
            _ if found.is_empty() => return Values::None,
            Ok(None) => return Values::All(found),
            _ => return Values::Some,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";
    const DER: &[u8] = &[0x30, 3, 2, 1, 5];

    fn certificates(file: &[u8]) -> Result<Vec<Vec<u8>>, ParseError> {
        documents(file, Document::Certificate, 1_000)
    }

    #[test]
    fn pem_and_der_give_the_same_bytes_whatever_stands_around_them() {
        let noisy = format!("0123456789 {} a comment\r\n\t{PEM} \n\n{PEM}trailing\n", "x".repeat(60));
        let labels = "-----BEGIN X509 CERTIFICATE-----\r\n MAMC \r\nAQU=\r\n-----END X509 CERTIFICATE-----";
        for (file, count) in [
            (PEM.as_bytes(), 1),
            (noisy.as_bytes(), 2),
            (labels.as_bytes(), 1),
            (&[BYTE_ORDER_MARK, PEM.as_bytes()].concat(), 1),
            (DER, 1),
            (&[DER, DER, DER].concat(), 3),
        ] {
            assert_eq!(certificates(file), Ok(vec![DER.to_vec(); count]), "{file:x?}");
        }
    }

    #[test]
    fn sections_of_other_kinds_are_passed_over_even_when_they_are_damaged() {
        let crl = PEM.replace("CERTIFICATE", "X509 CRL");
        let key = "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n-----BEGIN X-----\n";
        let all = format!("{key}{crl}{PEM}");
        assert_eq!(certificates(all.as_bytes()), Ok(vec![DER.to_vec()]));
        assert_eq!(documents(all.as_bytes(), Document::Crl, 1_000), Ok(vec![DER.to_vec()]));
        assert_eq!(
            certificates(crl.as_bytes()),
            Err(ParseError::Missing { document: Document::Certificate })
        );
    }

    #[test]
    fn what_is_no_document_is_told_from_what_is_a_malformed_one() {
        let (missing, damaged) = (
            Err(ParseError::Missing { document: Document::Certificate }),
            Err(ParseError::Pem { document: Document::Certificate }),
        );
        for file in [&b""[..], b" \n", b"hello", b"0hello", &DER[..4], &[0x31, 0], &[0xff; 40]] {
            assert_eq!(certificates(file), missing, "{file:x?}");
        }
        for text in
            [PEM.replace("-----END", "----END"), PEM.replace("MAMC", "MA!C"), PEM.replace("=\n", "\n")]
        {
            assert_eq!(certificates(text.as_bytes()), damaged, "{text}");
        }
        let followed = [DER, b"\n"].concat();
        assert_eq!(certificates(&followed), Ok(vec![followed.clone()]));
        assert_eq!(certificates(PEM.replace("MAMCAQU=", "AAAA").as_bytes()), Ok(vec![vec![0; 3]]));
    }

    #[test]
    fn bounds_come_before_the_reading() {
        let large = ParseError::TooLarge { document: Document::Certificate, limit: 1_000 };
        assert_eq!(certificates(&[b'\n'; 1_001]), Err(large));
        let many = "-----BEGIN X-----\n-----END X-----\n".repeat(MOST_SECTIONS + 1);
        let result = documents(many.as_bytes(), Document::Certificate, 1 << 20);
        assert!(matches!(result, Err(ParseError::Malformed { .. })), "{result:?}");
        let result = documents(&DER.repeat(MOST_SECTIONS + 1), Document::Certificate, 1 << 20);
        assert!(matches!(result, Err(ParseError::Malformed { .. })), "{result:?}");
        assert!(documents(DER, Document::Request, 1_000).is_err());
    }

    proptest! {
        #[test]
        fn what_is_cut_out_is_no_longer_than_the_file(
            parts in proptest::collection::vec(prop_oneof![
                Just(PEM.as_bytes().to_vec()),
                Just(DER.to_vec()),
                proptest::collection::vec(any::<u8>(), 0..40),
            ], 0..6),
        ) {
            let file = parts.concat();
            if let Ok(found) = certificates(&file) {
                prop_assert!(!found.is_empty());
                prop_assert!(found.iter().map(Vec::len).sum::<usize>() <= file.len());
            }
        }
    }
}
