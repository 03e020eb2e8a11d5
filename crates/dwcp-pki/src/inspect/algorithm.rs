//! Algorithm identifiers with their parameters (RFC 5280 §4.1.1.2, RFC 4055, RFC 5480).

use super::tlv::{self, Cursor, Fault, SEQUENCE, Value, wrapped};
use super::{Number, Oid};
use der::oid::ObjectIdentifier;

/// An algorithm and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Algorithm {
    /// Which algorithm.
    pub oid: Oid,
    /// Its parameters.
    pub parameters: Parameters,
}

/// The parameters of an algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parameters {
    /// There are none.
    Absent,
    /// NULL, as RSA has it.
    Null,
    /// An object identifier: a named curve.
    Named(Oid),
    /// RSASSA-PSS (RFC 4055 §3.1), defaults filled in.
    Pss {
        /// The hash function.
        hash: Oid,
        /// The hash function of the mask generation.
        mask_hash: Oid,
        /// Octets of salt; `None` where the number makes no sense.
        salt: Option<u64>,
    },
    /// Something else, by its DER.
    Other(Vec<u8>),
}

impl Algorithm {
    /// What it is called; dotted decimal where it is not known.
    pub fn name(&self) -> String {
        self.oid.name().map_or_else(|| self.oid.to_string(), str::to_owned)
    }

    pub(super) fn next(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        Self::read(&cursor.expect(SEQUENCE, "no AlgorithmIdentifier where one belongs")?)
    }

    pub(super) fn read(value: &Value<'_>) -> Result<Self, Fault> {
        let mut fields = value.inside();
        let oid = Oid::next(&mut fields)?;
        let parameters = match fields.next()? {
            None => Parameters::Absent,
            Some(value) => Parameters::read(&oid, &value),
        };
        fields.finish()?;
        Ok(Self { oid, parameters })
    }

    /// Whether collisions of its hash function have been made: MD2, MD4, MD5 and SHA-1.
    pub fn is_broken(&self) -> bool {
        let broken = |oid: &Oid| BROKEN.iter().any(|known| oid.is(known));
        broken(&self.oid) || matches!(&self.parameters, Parameters::Pss { hash, .. } if broken(hash))
    }

    pub(super) fn is(&self, known: &ObjectIdentifier) -> bool {
        self.oid.is(known)
    }
}

impl Parameters {
    fn read(algorithm: &Oid, value: &Value<'_>) -> Self {
        let typed = match value.tag {
            tlv::NULL if value.content.is_empty() => Some(Self::Null),
            tlv::OID => Oid::read(value).ok().map(Self::Named),
            SEQUENCE if algorithm.is(&RSASSA_PSS) => pss(value).ok(),
            _ => None,
        };
        typed.unwrap_or_else(|| Self::Other(value.whole.to_vec()))
    }
}

/// RFC 4055 §3.1: every field has a default, and those are SHA-1 and 20 octets.
fn pss(value: &Value<'_>) -> Result<Parameters, Fault> {
    let mut fields = value.inside();
    let (mut hash, mut mask_hash) = (None, None);
    let mut salt = Some(20);
    if let Some(field) = fields.optional(wrapped(0))? {
        hash = Some(Algorithm::next(&mut field.inside())?.oid);
    }
    if let Some(field) = fields.optional(wrapped(1))? {
        let mut generator = field.inside().sequence()?.inside();
        Oid::next(&mut generator)?;
        mask_hash = Some(Algorithm::next(&mut generator)?.oid);
    }
    if let Some(field) = fields.optional(wrapped(2))? {
        salt = Number::next(&mut field.inside())?.as_u64();
    }
    fields.optional(wrapped(3))?;
    fields.finish()?;
    let default = || Oid::of_content(SHA1.as_bytes()).ok_or(value.fault("no hash function"));
    let hash = hash.map_or_else(default, Ok)?;
    let mask_hash = mask_hash.map_or_else(default, Ok)?;
    Ok(Parameters::Pss { hash, mask_hash, salt })
}

const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
static BROKEN: &[ObjectIdentifier] = &[
    SHA1,
    ObjectIdentifier::new_unwrap("1.2.840.113549.2.5"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.3"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
    ObjectIdentifier::new_unwrap("1.3.14.3.2.29"),
    ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"),
];
