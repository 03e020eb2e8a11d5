//! A certificate request with everything that stands in it (RFC 2986).

use super::certificate::{Outer, OwnSignature, counted};
use super::extension::{self, Extension};
use super::tlv::{Cursor, Fault, SET, Value, wrapped};
use super::{Algorithm, DistinguishedName, GeneralName, InspectError, Number, Oid, PublicKey, text};
use crate::{Document, certificate};
use dwcp_crypto::digest;

/// A request to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectedRequest {
    /// The version as people count: 1, or whatever the encoded number makes.
    pub version: u64,
    /// Who asks.
    pub subject: DistinguishedName,
    /// For which key.
    pub key: PublicKey,
    /// What is asked for besides, in order.
    pub attributes: Vec<Attribute>,
    /// The algorithm of the signature.
    pub signature_algorithm: Algorithm,
    /// The octets of the signature.
    pub signature: Vec<u8>,
    /// Whether its own key signed it: the proof that whoever asks has the private half (RFC 2986 §3).
    pub possession: OwnSignature,
    /// All of it.
    pub der: Vec<u8>,
}

/// An attribute of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribute {
    /// Which attribute.
    pub oid: Oid,
    /// Its values, or why they can not be read.
    pub values: Result<Vec<AttributeValue>, Fault>,
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// The extensions that the certificate should have (RFC 2985 §5.4.2).
    Extensions(Vec<Extension>),
    /// A text, escaped.
    Text(String),
    /// A challenge password (RFC 2985 §5.4.1) is there; a secret of whoever asks, so it is not kept.
    Withheld,
    /// Something else, by its DER.
    Other(Vec<u8>),
}

impl InspectedRequest {
    /// Reads DER of at most 64 KiB.
    ///
    /// # Errors
    /// [`InspectError::Field`] with the name of the field that stops the reading. A signature that is wrong is none.
    pub fn from_der(der: &[u8]) -> Result<Self, InspectError> {
        if der.len() > certificate::LARGEST {
            return Err(InspectError::TooLarge { limit: certificate::LARGEST });
        }
        let wrong = |field| InspectError::field(Document::Request, field);
        let outer = Outer::read(Document::Request, der)?;
        let mut fields = outer.signed.inside();
        let version = Number::next(&mut fields).map_err(wrong("version"))?;
        let version = counted(&version)
            .ok_or(outer.signed.fault("a version that is no number"))
            .map_err(wrong("version"))?;
        let subject = DistinguishedName::next(&mut fields).map_err(wrong("subject"))?;
        let key = PublicKey::next(&mut fields).map_err(wrong("subjectPKInfo"))?;
        let attributes = attributes(&mut fields).map_err(wrong("attributes"))?;
        fields.finish().map_err(wrong("certificationRequestInfo"))?;
        Ok(Self {
            version,
            subject,
            possession: OwnSignature::of(der, &key),
            key,
            attributes,
            signature_algorithm: outer.algorithm,
            signature: outer.signature,
            der: der.to_vec(),
        })
    }

    /// SHA-256 of its DER.
    pub fn sha256(&self) -> [u8; 32] {
        digest::sha256(&self.der)
    }

    /// The extensions asked for, in order, wherever they stand.
    pub fn extensions(&self) -> impl Iterator<Item = &Extension> {
        let values = self.attributes.iter().filter_map(|attribute| attribute.values.as_ref().ok()).flatten();
        values
            .filter_map(|value| if let AttributeValue::Extensions(list) = value { Some(list) } else { None })
            .flatten()
    }

    /// The subject alternative names asked for, in order.
    pub fn names(&self) -> &[GeneralName] {
        let values = self.attributes.iter().filter_map(|attribute| attribute.values.as_ref().ok()).flatten();
        values
            .filter_map(|value| match value {
                AttributeValue::Extensions(list) => extension::first!(list, SubjectAltName),
                _ => None,
            })
            .next()
            .map_or(&[], Vec::as_slice)
    }
}

/// `[0] IMPLICIT SET OF`; some tools leave it out where it is empty.
fn attributes(fields: &mut Cursor<'_>) -> Result<Vec<Attribute>, Fault> {
    let Some(set) = fields.optional(wrapped(0))? else { return Ok(Vec::new()) };
    let mut cursor = set.inside();
    let mut found = Vec::new();
    while !cursor.is_empty() {
        if found.len() == MOST_ATTRIBUTES {
            return Err(cursor.fault("more attributes than are read"));
        }
        let mut fields = cursor.sequence()?.inside();
        let oid = Oid::next(&mut fields)?;
        let set = fields.expect(SET, "an attribute whose values are no SET")?;
        fields.finish()?;
        let values = values(&oid, &set);
        found.push(Attribute { oid, values });
    }
    Ok(found)
}

fn values(oid: &Oid, set: &Value<'_>) -> Result<Vec<AttributeValue>, Fault> {
    let mut cursor = set.inside();
    let mut found = Vec::new();
    while let Some(value) = cursor.next()? {
        found.push(match oid.name() {
            Some("extensionRequest" | "msExtensionRequest") => {
                AttributeValue::Extensions(Extension::list(&value)?)
            }
            Some("challengePassword") => AttributeValue::Withheld,
            _ => match text::shown(value.tag, value.content) {
                Some(text) => AttributeValue::Text(text),
                None => AttributeValue::Other(value.whole.to_vec()),
            },
        });
    }
    Ok(found)
}

const MOST_ATTRIBUTES: usize = 256;
