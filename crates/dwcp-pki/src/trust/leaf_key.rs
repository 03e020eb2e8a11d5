//! Which keys a certificate may have: webpki judges the keys of issuers, since they verify something there, but not the leaf's.

use crate::fields::Fields;
use der::oid::ObjectIdentifier;
use der::{Decode, Tag};

/// Whether a SubjectPublicKeyInfo holds a key of an accepted kind: ECDSA on P-256 or P-384 (named, not spelled out),
/// Ed25519, or RSA of 2048 to 8192 bits.
pub(super) fn is_accepted(key_info: &[u8]) -> bool {
    read(key_info).unwrap_or(false)
}

/// Whether it is an RSA key whose modulus is not a whole number of octets, which no sound generator makes
/// (CA/Browser Forum BR §6.1.5).
pub(super) fn is_odd_rsa(key_info: &[u8]) -> bool {
    let bits = || {
        let mut fields = Fields::of_sequence(key_info)?;
        let mut algorithm = Fields::of_content(fields.sequence()?.content)?;
        if ObjectIdentifier::from_der(algorithm.required()?.whole)? != RSA {
            return Ok(0);
        }
        modulus_bits(fields.required()?.content.get(1..).unwrap_or(&[]))
    };
    bits().is_ok_and(|bits: usize| !bits.is_multiple_of(8))
}

fn modulus_bits(key: &[u8]) -> der::Result<usize> {
    let modulus = Fields::of_sequence(key)?.required()?;
    modulus.expect(Tag::Integer)?;
    let significant = modulus.content.iter().position(|octet| *octet != 0);
    let octets = significant.and_then(|at| modulus.content.get(at..)).unwrap_or(&[]);
    let unused = octets.first().map_or(0, |octet| octet.leading_zeros() as usize);
    Ok(octets.len() * 8 - unused)
}

fn read(key_info: &[u8]) -> der::Result<bool> {
    let mut fields = Fields::of_sequence(key_info)?;
    let mut algorithm = Fields::of_content(fields.sequence()?.content)?;
    let kind = ObjectIdentifier::from_der(algorithm.required()?.whole)?;
    let parameters = algorithm.next()?;
    let key = fields.required()?;
    key.expect(Tag::BitString)?;
    // The first octet counts unused bits: a key has none.
    let Some((0, key)) = key.content.split_first() else { return Ok(false) };
    Ok(match (kind, parameters) {
        (ED25519, None) => key.len() == 32,
        (EC, Some(curve)) => match ObjectIdentifier::from_der(curve.whole) {
            Ok(P256) => key.len() == 65,
            Ok(P384) => key.len() == 97,
            _ => false,
        },
        (RSA, _) => (2_048..=8_192).contains(&modulus_bits(key)?),
        _ => false,
    })
}

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{KeyPair, PublicKeyData};

    /// An RSA key whose modulus has this many bits, all of them set.
    fn rsa(bits: usize) -> Vec<u8> {
        let sequence = |tag: u8, content: &[u8]| {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x82, length[0], length[1]], content].concat()
        };
        let mut modulus = vec![0xff_u8; bits.div_ceil(8)];
        modulus[0] = 0xff >> (8 * modulus.len() - bits);
        if modulus[0] >= 0x80 {
            modulus.insert(0, 0);
        }
        let key = sequence(0x30, &[sequence(2, &modulus), vec![2, 3, 1, 0, 1]].concat());
        let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
        sequence(0x30, &[&algorithm[..], &sequence(3, &[&[0], &key[..]].concat())].concat())
    }

    #[test]
    fn the_three_kinds_that_are_made_here_are_accepted() {
        for kind in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            assert!(is_accepted(&KeyPair::generate_for(kind).unwrap().subject_public_key_info()));
        }
    }

    #[test]
    fn at_x11_rsa_below_2048_bits_is_refused() {
        for (bits, accepted) in
            [(1_024, false), (2_047, false), (2_048, true), (3_072, true), (8_192, true), (8_193, false)]
        {
            assert_eq!(is_accepted(&rsa(bits)), accepted, "{bits}");
        }
    }

    #[test]
    fn at_x11_other_curves_explicit_curves_and_broken_keys_are_refused() {
        let p256 = KeyPair::generate().unwrap().subject_public_key_info();
        let at = p256.windows(8).position(|w| w == [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]).unwrap();
        let mut other_curve = p256.clone();
        other_curve[at + 7] = 1;
        let mut explicit = p256.clone();
        explicit[at - 2] = 0x30;
        for key in [&other_curve[..], &explicit, &p256[..p256.len() - 1], &[], &[0x30, 0]] {
            assert!(!is_accepted(key));
        }
    }
}
