//! A revocation list with everything that stands in it (RFC 5280 §5.1).

use super::certificate::{Outer, counted, extensions};
use super::extension::{self, Extension};
use super::tlv::{self, Cursor, Fault, SEQUENCE, Value, wrapped};
use super::{Algorithm, DistinguishedName, InspectError, Moment, Number};
use crate::Document;
use dwcp_crypto::digest;
use std::ops::Range;

/// A revocation list to look at: whole or delta, of its own issuer or indirect, version 1 or 2.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectedCrl {
    /// The version as people count: 1 or 2, or whatever the encoded number makes.
    pub version: u64,
    /// The algorithm of the signature.
    pub signature_algorithm: Algorithm,
    /// Whether the signed part names another algorithm, which RFC 5280 §5.1.1.2 forbids.
    pub inner_algorithm: Option<Algorithm>,
    /// Who signed it.
    pub issuer: DistinguishedName,
    /// When it was made.
    pub this_update: Moment,
    /// When the next one comes at the latest.
    pub next_update: Option<Moment>,
    /// The extensions, in order.
    pub extensions: Vec<Extension>,
    /// The octets of the signature.
    pub signature: Vec<u8>,
    /// All of it.
    pub der: Vec<u8>,
    entries: Range<usize>,
    count: usize,
}

/// A certificate that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrlEntry {
    /// Its serial number.
    pub serial: Number,
    /// When it was taken back.
    pub revoked_at: Moment,
    /// The extensions of the entry, in order.
    pub extensions: Vec<Extension>,
}

impl InspectedCrl {
    /// Reads DER of at most 64 MiB. Entries are counted, and read one by one when they are asked for.
    ///
    /// # Errors
    /// [`InspectError::Field`] with the name of the field that stops the reading. An entry that is malformed inside is none.
    pub fn from_der(der: &[u8]) -> Result<Self, InspectError> {
        if der.len() > LARGEST {
            return Err(InspectError::TooLarge { limit: LARGEST });
        }
        let wrong = |field| InspectError::field(Document::Crl, field);
        let outer = Outer::read(Document::Crl, der)?;
        let mut fields = outer.signed.inside();
        let version = version(&mut fields).map_err(wrong("version"))?;
        let inner = Algorithm::next(&mut fields).map_err(wrong("signature"))?;
        let issuer = DistinguishedName::next(&mut fields).map_err(wrong("issuer"))?;
        let this_update = moment(&mut fields).map_err(wrong("thisUpdate"))?;
        let next_update = Moment::is_time(fields.peek()).then(|| moment(&mut fields)).transpose();
        let next_update = next_update.map_err(wrong("nextUpdate"))?;
        let list = fields.optional(SEQUENCE).map_err(wrong("revokedCertificates"))?;
        let (entries, count) =
            list.map_or(Ok((0..0, 0)), |list| extent(&list)).map_err(wrong("revokedCertificates"))?;
        let extensions = extensions(&mut fields, wrapped(0)).map_err(wrong("crlExtensions"))?;
        fields.finish().map_err(wrong("tbsCertList"))?;
        let inner_algorithm = (inner != outer.algorithm).then_some(inner);
        Ok(Self {
            version,
            signature_algorithm: outer.algorithm,
            inner_algorithm,
            issuer,
            this_update,
            next_update,
            extensions,
            signature: outer.signature,
            der: der.to_vec(),
            entries,
            count,
        })
    }

    /// SHA-256 of its DER.
    pub fn sha256(&self) -> [u8; 32] {
        digest::sha256(&self.der)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entries in order, each read when its turn comes; one that is malformed says why.
    pub fn entries(&self) -> impl Iterator<Item = Result<CrlEntry, Fault>> {
        let bytes = self.der.get(self.entries.clone()).unwrap_or(&[]);
        let mut cursor = Cursor::new(bytes, self.entries.start);
        std::iter::from_fn(move || match cursor.next() {
            Ok(value) => value.map(|value| CrlEntry::read(&value)),
            // It was walked once, so that this can not come again and again.
            Err(fault) => {
                cursor = Cursor::new(&[], 0);
                Some(Err(fault))
            }
        })
    }

    /// Its number, where it has one.
    pub fn number(&self) -> Option<&Number> {
        extension::first!(&self.extensions, CrlNumber)
    }

    /// The number of the list that this one only changes, where it is a delta.
    pub fn base_number(&self) -> Option<&Number> {
        extension::first!(&self.extensions, DeltaCrl)
    }
}

impl CrlEntry {
    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        if value.tag != SEQUENCE {
            return Err(value.fault("an entry that is no SEQUENCE"));
        }
        let mut fields = value.inside();
        let serial = Number::next(&mut fields)?;
        let revoked_at = moment(&mut fields)?;
        let extensions = fields.optional(SEQUENCE)?.map_or(Ok(Vec::new()), |list| Extension::list(&list))?;
        fields.finish()?;
        Ok(Self { serial, revoked_at, extensions })
    }

    /// The number of the reason (RFC 5280 §5.3.1), where one is given.
    pub fn reason(&self) -> Option<&Number> {
        extension::first!(&self.extensions, Reason)
    }

    /// When the certificate is said to have become bad, where that is said.
    pub fn invalid_since(&self) -> Option<&Moment> {
        extension::first!(&self.extensions, InvalidityDate)
    }
}

/// What the number of a reason stands for (RFC 5280 §5.3.1).
pub fn reason_name(number: &Number) -> &'static str {
    let index = number.as_u64().and_then(|number| usize::try_from(number).ok());
    index.and_then(|index| REASONS.get(index)).copied().unwrap_or("unknown")
}

fn version(fields: &mut Cursor<'_>) -> Result<u64, Fault> {
    let Some(value) = fields.optional(tlv::INTEGER)? else { return Ok(1) };
    counted(&Number::read(&value)?).ok_or(value.fault("a version that is no number"))
}

fn moment(fields: &mut Cursor<'_>) -> Result<Moment, Fault> {
    let missing = fields.fault("no time where one belongs");
    Moment::read(&fields.next()?.ok_or(missing)?)
}

/// Where the entries stand, and how many they are.
fn extent(list: &Value<'_>) -> Result<(Range<usize>, usize), Fault> {
    let mut cursor = list.inside();
    let mut count = 0;
    while cursor.next()?.is_some() {
        count += 1;
    }
    let start = list.content_at();
    Ok((start..start + list.content.len(), count))
}

const LARGEST: usize = 64 << 20;
/// There is no 7.
static REASONS: &[&str] = &[
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "unknown",
    "removeFromCRL",
    "privilegeWithdrawn",
    "aACompromise",
];
