//! Signed certificate timestamps (RFC 6962 §3.3), which stand in TLS presentation inside two OCTET STRINGs.

use super::tlv::{Cursor, Fault, OCTET_STRING};
use dwcp_base::UnixTime;

/// The timestamps of an extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timestamps {
    /// Those that were read, in order.
    pub list: Vec<Timestamp>,
}

/// One log's promise to have the certificate in its tree. Its signature is shown, not checked: the log's key is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timestamp {
    /// Version 1.
    V1 {
        /// SHA-256 of the log's key.
        log_id: [u8; 32],
        /// When the log promised.
        at: UnixTime,
        /// Extensions, of which none are defined.
        extensions: Vec<u8>,
        /// Hash algorithm by its number in TLS (RFC 5246 §7.4.1.4.1).
        hash: u8,
        /// Signature algorithm by its number in TLS.
        signature_algorithm: u8,
        /// The signature.
        signature: Vec<u8>,
    },
    /// Another version, or not what version 1 is.
    Other {
        /// The number of the version where there is one; version 1 is 0.
        version: Option<u8>,
        /// All of it.
        bytes: Vec<u8>,
    },
}

impl Timestamp {
    /// What the number of a hash algorithm stands for.
    pub fn hash_name(hash: u8) -> &'static str {
        HASHES.get(usize::from(hash)).copied().unwrap_or("unknown")
    }

    /// What the number of a signature algorithm stands for.
    pub fn signature_name(algorithm: u8) -> &'static str {
        SIGNATURES.get(usize::from(algorithm)).copied().unwrap_or("unknown")
    }
}

pub(super) fn read(der: &[u8], at: usize) -> Result<Timestamps, Fault> {
    let value = Cursor::single(der, at)?;
    if value.tag != OCTET_STRING {
        return Err(value.fault("no OCTET STRING where one belongs"));
    }
    let broken = value.fault("a list of timestamps whose lengths do not add up");
    let (mut list, rest) = prefixed(value.content).ok_or(broken)?;
    if !rest.is_empty() {
        return Err(broken);
    }
    let mut found = Vec::new();
    while !list.is_empty() {
        let (one, rest) = prefixed(list).ok_or(broken)?;
        found.push(
            version_1(one)
                .unwrap_or_else(|| Timestamp::Other { version: one.first().copied(), bytes: one.to_vec() }),
        );
        list = rest;
    }
    Ok(Timestamps { list: found })
}

fn version_1(bytes: &[u8]) -> Option<Timestamp> {
    let ([0], rest) = bytes.split_first_chunk::<1>()? else { return None };
    let (log_id, rest) = rest.split_first_chunk::<32>()?;
    let (millis, rest) = rest.split_first_chunk::<8>()?;
    let (extensions, rest) = prefixed(rest)?;
    let ([hash, signature_algorithm], rest) = rest.split_first_chunk::<2>()?;
    let (signature, rest) = prefixed(rest)?;
    // A time beyond the calendar is not one of version 1 either.
    let millis = i64::try_from(u64::from_be_bytes(*millis)).ok().filter(|millis| *millis < YEAR_10000)?;
    rest.is_empty().then(|| Timestamp::V1 {
        log_id: *log_id,
        at: UnixTime::from_millis(millis),
        extensions: extensions.to_vec(),
        hash: *hash,
        signature_algorithm: *signature_algorithm,
        signature: signature.to_vec(),
    })
}

/// A vector with a length of two octets, and what follows it.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

const YEAR_10000: i64 = 253_402_300_800_000;
static HASHES: &[&str] = &["none", "MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"];
static SIGNATURES: &[&str] = &["anonymous", "RSA", "DSA", "ECDSA"];

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(scts: &[Vec<u8>]) -> Vec<u8> {
        let with_length = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        let list = with_length(&scts.iter().flat_map(|sct| with_length(sct)).collect::<Vec<u8>>());
        [&[OCTET_STRING, u8::try_from(list.len()).unwrap()], &list[..]].concat()
    }

    #[test]
    fn a_timestamp_is_taken_apart_and_a_strange_one_is_kept_whole() {
        let good =
            [&[0][..], &[7; 32], &1_700_000_000_123_u64.to_be_bytes(), &[0, 0, 4, 3, 0, 2, 0xaa, 0xbb]]
                .concat();
        let read = read(&extension(&[good.clone(), vec![9, 9], vec![]]), 0).unwrap().list;
        let Timestamp::V1 { log_id, at, hash, signature_algorithm, signature, extensions } = &read[0] else {
            panic!("{read:?}")
        };
        assert_eq!((log_id, at.to_string().as_str()), (&[7; 32], "2023-11-14T22:13:20.123Z"));
        assert_eq!(
            (Timestamp::hash_name(*hash), Timestamp::signature_name(*signature_algorithm)),
            ("SHA-256", "ECDSA")
        );
        assert!(signature == &[0xaa, 0xbb] && extensions.is_empty());
        assert_eq!(read[1], Timestamp::Other { version: Some(9), bytes: vec![9, 9] });
        assert_eq!(read[2], Timestamp::Other { version: None, bytes: vec![] });
        for cut in 1..good.len() {
            let cut = super::read(&extension(&[good[..cut].to_vec()]), 0).unwrap().list;
            assert!(matches!(cut[..], [Timestamp::Other { .. }]));
        }
    }

    #[test]
    fn lengths_that_lie_are_named() {
        for der in [
            &[OCTET_STRING, 2, 0, 1][..],
            &[OCTET_STRING, 1, 0],
            &[OCTET_STRING, 3, 0, 0, 0],
            &[OCTET_STRING, 4, 0, 2, 0, 1],
        ] {
            assert!(read(der, 0).unwrap_err().what.contains("lengths"), "{der:x?}");
        }
    }
}
