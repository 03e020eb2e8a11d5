//! Public keys: which algorithm, how strong, and the hash that pins them.

use super::tlv::{self, Cursor, Fault, SEQUENCE};
use super::{Algorithm, Number, Oid, Parameters};
use der::oid::ObjectIdentifier;
use dwcp_crypto::digest;

/// A SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublicKey {
    /// The algorithm with its parameters.
    pub algorithm: Algorithm,
    /// What the algorithm's standard says is in the key.
    pub detail: KeyDetail,
    /// The bits of the key as they stand in the document.
    pub bits: Vec<u8>,
    /// The DER of the whole SubjectPublicKeyInfo.
    pub der: Vec<u8>,
}

/// What is in a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyDetail {
    /// RSA (RFC 3279 §2.3.1).
    Rsa {
        /// The modulus.
        modulus: Number,
        /// How many bits the modulus has.
        modulus_bits: usize,
        /// The public exponent.
        exponent: Number,
    },
    /// A point on a curve (RFC 5480).
    Curve {
        /// The curve; `None` where it is spelled out in full or left out, which RFC 5480 §2.1.1 does not allow.
        name: Option<Oid>,
        /// The size of the curve's field, where the curve is known.
        field_bits: Option<u16>,
        /// Whether only one coordinate is written.
        compressed: bool,
    },
    /// A kind of key that its algorithm alone describes: Ed25519, Ed448, X25519, X448, ML-DSA, SLH-DSA, ML-KEM.
    Fixed,
    /// The key is not what its algorithm's standard says.
    Malformed(Fault),
    /// A kind of key that is not known here.
    Unknown,
}

impl PublicKey {
    pub(super) fn next(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let info = cursor.expect(SEQUENCE, "no SubjectPublicKeyInfo where one belongs")?;
        let mut fields = info.inside();
        let algorithm = Algorithm::next(&mut fields)?;
        let bits = fields.expect(tlv::BIT_STRING, "a public key that is no BIT STRING")?;
        fields.finish()?;
        let (octets, unused) = tlv::bit_string(&bits)?;
        let detail = if unused == 0 {
            detail(&algorithm, octets, bits.content_at() + 1).unwrap_or_else(KeyDetail::Malformed)
        } else {
            KeyDetail::Malformed(bits.fault("a public key that is no whole number of octets"))
        };
        Ok(Self { algorithm, detail, bits: octets.to_vec(), der: info.whole.to_vec() })
    }

    /// SHA-256 of the whole SubjectPublicKeyInfo: what pins the key.
    pub fn sha256(&self) -> [u8; 32] {
        digest::sha256(&self.der)
    }

    /// How many bits it is said to have: of the modulus or the field; `None` where that says nothing.
    pub fn size(&self) -> Option<usize> {
        match &self.detail {
            KeyDetail::Rsa { modulus_bits, .. } => Some(*modulus_bits),
            KeyDetail::Curve { field_bits, .. } => field_bits.map(usize::from),
            KeyDetail::Fixed if self.algorithm.is(&ED25519) || self.algorithm.is(&X25519) => Some(256),
            KeyDetail::Fixed if self.algorithm.is(&ED448) => Some(456),
            KeyDetail::Fixed if self.algorithm.is(&X448) => Some(448),
            _ => None,
        }
    }

    /// Whether a signature by this key can be told good from bad here: RSA within the bounds of ring, whole points, and the
    /// fixed kinds, whose algorithm decides.
    pub(super) fn is_checkable(&self) -> bool {
        match &self.detail {
            KeyDetail::Rsa { modulus_bits, exponent, .. } => {
                let exponent =
                    exponent.as_u64().is_some_and(|e| (3..1 << 33).contains(&e) && !e.is_multiple_of(2));
                exponent && (2_048..=8_192).contains(modulus_bits)
            }
            KeyDetail::Curve { compressed, .. } => !compressed,
            KeyDetail::Fixed => true,
            _ => false,
        }
    }

    /// What it is called: `RSA`, the name of the curve, or the algorithm.
    pub fn name(&self) -> String {
        match &self.detail {
            KeyDetail::Curve { name: Some(curve), .. } => {
                curve.name().map_or_else(|| curve.to_string(), str::to_owned)
            }
            _ => self.algorithm.name(),
        }
    }
}

fn detail(algorithm: &Algorithm, octets: &[u8], at: usize) -> Result<KeyDetail, Fault> {
    if algorithm.is(&RSA) || algorithm.is(&RSASSA_PSS) {
        return rsa(octets, at);
    }
    if algorithm.is(&EC) {
        return curve(algorithm, octets, at);
    }
    let fixed = FIXED.iter().find(|(known, _)| algorithm.is(known));
    match fixed {
        Some((_, length)) if *length != octets.len() => {
            Err(Fault { at, what: "a key of a length that its algorithm has not" })
        }
        Some(_) => Ok(KeyDetail::Fixed),
        None => Ok(KeyDetail::Unknown),
    }
}

fn rsa(octets: &[u8], at: usize) -> Result<KeyDetail, Fault> {
    let mut fields = Cursor::single_sequence(octets, at)?;
    let modulus = Number::next(&mut fields)?;
    let exponent = Number::next(&mut fields)?;
    fields.finish()?;
    if modulus.is_negative() || exponent.is_negative() {
        return Err(Fault { at, what: "an RSA key with a negative number" });
    }
    Ok(KeyDetail::Rsa { modulus_bits: modulus.bits(), modulus, exponent })
}

fn curve(algorithm: &Algorithm, octets: &[u8], at: usize) -> Result<KeyDetail, Fault> {
    let name = match &algorithm.parameters {
        Parameters::Named(curve) => Some(curve.clone()),
        _ => None,
    };
    let field_bits = name
        .as_ref()
        .and_then(|curve| CURVES.iter().find(|(known, _)| curve.is(known)).map(|(_, bits)| *bits));
    // RFC 5480 §2.2: the first octet says how many coordinates follow.
    let compressed = match octets.first() {
        Some(2 | 3) => true,
        Some(4) => false,
        _ => return Err(Fault { at, what: "a point that begins with none of 02, 03 and 04" }),
    };
    let width = field_bits.map(|bits| usize::from(bits).div_ceil(8));
    let length = if compressed { 1 } else { 2 };
    if width.is_some_and(|width| octets.len() != 1 + width * length) {
        return Err(Fault { at, what: "a point of a length that its curve has not" });
    }
    Ok(KeyDetail::Curve { name, field_bits, compressed })
}

/// Keys of one length, in octets.
static FIXED: &[(ObjectIdentifier, usize)] = &[
    (ED25519, 32),
    (ED448, 57),
    (X25519, 32),
    (X448, 56),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"), 1_312),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"), 1_952),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"), 2_592),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.20"), 32),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.21"), 32),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.22"), 48),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.23"), 48),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.24"), 64),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.25"), 64),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.26"), 32),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.27"), 32),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.28"), 48),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.29"), 48),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.30"), 64),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.31"), 64),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.1"), 800),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.2"), 1_184),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.3"), 1_568),
];

/// Bits of the field.
static CURVES: &[(ObjectIdentifier, u16)] = &[
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.1"), 192),
    (ObjectIdentifier::new_unwrap("1.3.132.0.33"), 224),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), 256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), 256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), 384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), 521),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7"), 256),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.11"), 384),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.13"), 512),
];

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const X448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.111");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
