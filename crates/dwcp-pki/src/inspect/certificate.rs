//! A certificate with everything that stands in it (RFC 5280 §4.1).

use super::extension::{self, Extension, ExtensionValue};
use super::tlv::{self, Cursor, Fault, SEQUENCE, context, wrapped};
use super::usage::Flags;
use super::{Algorithm, DistinguishedName, GeneralName, InspectError, Moment, Number, Oid, PublicKey};
use crate::{Document, certificate, signature};
use dwcp_crypto::digest;

/// A certificate to look at, not one to rely on: nothing in it was checked against anything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectedCertificate {
    /// The version as people count: 1 to 3, or whatever the encoded number makes.
    pub version: u64,
    /// The serial number, odd ones included.
    pub serial: Number,
    /// The algorithm of the signature.
    pub signature_algorithm: Algorithm,
    /// Whether the signed part names another algorithm, which RFC 5280 §4.1.1.2 forbids.
    pub inner_algorithm: Option<Algorithm>,
    /// Who signed it.
    pub issuer: DistinguishedName,
    /// From when on it is valid.
    pub not_before: Moment,
    /// Until when it is valid, that second included.
    pub not_after: Moment,
    /// Whose it is.
    pub subject: DistinguishedName,
    /// Its public key.
    pub key: PublicKey,
    /// An identifier of the issuer, which nobody uses (RFC 5280 §4.1.2.8); octets.
    pub issuer_unique_id: Option<Vec<u8>>,
    /// The same of the subject.
    pub subject_unique_id: Option<Vec<u8>>,
    /// The extensions, in order.
    pub extensions: Vec<Extension>,
    /// The octets of the signature.
    pub signature: Vec<u8>,
    /// All of it.
    pub der: Vec<u8>,
}

impl InspectedCertificate {
    /// Reads DER of at most 64 KiB.
    ///
    /// # Errors
    /// [`InspectError::Field`] with the name of the field that stops the reading: one whose DER is broken, so that nothing
    /// says where the next begins, or whose type is wrong. An extension that is malformed inside is no error.
    pub fn from_der(der: &[u8]) -> Result<Self, InspectError> {
        if der.len() > certificate::LARGEST {
            return Err(InspectError::TooLarge { limit: certificate::LARGEST });
        }
        let wrong = |field| InspectError::field(Document::Certificate, field);
        let outer = Outer::read(Document::Certificate, der)?;
        let mut fields = outer.signed.inside();
        let version = version(&mut fields, wrapped(0)).map_err(wrong("version"))?;
        let serial = Number::next(&mut fields).map_err(wrong("serialNumber"))?;
        let inner = Algorithm::next(&mut fields).map_err(wrong("signature"))?;
        let issuer = DistinguishedName::next(&mut fields).map_err(wrong("issuer"))?;
        let (not_before, not_after) = validity(&mut fields).map_err(wrong("validity"))?;
        let subject = DistinguishedName::next(&mut fields).map_err(wrong("subject"))?;
        let key = PublicKey::next(&mut fields).map_err(wrong("subjectPublicKeyInfo"))?;
        let issuer_unique_id = unique_id(&mut fields, 1).map_err(wrong("issuerUniqueID"))?;
        let subject_unique_id = unique_id(&mut fields, 2).map_err(wrong("subjectUniqueID"))?;
        let extensions = extensions(&mut fields, wrapped(3)).map_err(wrong("extensions"))?;
        fields.finish().map_err(wrong("tbsCertificate"))?;
        let inner_algorithm = (inner != outer.algorithm).then_some(inner);
        Ok(Self {
            version,
            serial,
            signature_algorithm: outer.algorithm,
            inner_algorithm,
            issuer,
            not_before,
            not_after,
            subject,
            key,
            issuer_unique_id,
            subject_unique_id,
            extensions,
            signature: outer.signature,
            der: der.to_vec(),
        })
    }

    /// SHA-256 of its DER.
    pub fn sha256(&self) -> [u8; 32] {
        digest::sha256(&self.der)
    }

    /// SHA-1 of its DER, for comparison with what older tools print.
    pub fn sha1(&self) -> [u8; 20] {
        digest::sha1_for_lookup(&self.der)
    }

    /// The subject alternative names, in order.
    pub fn names(&self) -> &[GeneralName] {
        extension::first!(&self.extensions, SubjectAltName).map_or(&[], Vec::as_slice)
    }

    /// Whether basic constraints say that it is an authority, and how many may stand below it.
    pub fn authority(&self) -> Option<(bool, Option<&Number>)> {
        extension::find(&self.extensions, |value| match value {
            ExtensionValue::BasicConstraints { ca, path_length } => Some((*ca, path_length.as_ref())),
            _ => None,
        })
    }

    /// Its key usage, where there is one.
    pub fn key_usage(&self) -> Option<&Flags> {
        extension::first!(&self.extensions, KeyUsage)
    }

    /// Its extended key usages, where there are any.
    pub fn purposes(&self) -> Option<&[Oid]> {
        extension::first!(&self.extensions, ExtendedKeyUsage).map(Vec::as_slice)
    }

    /// Whether its own key made its signature.
    pub fn own_signature(&self) -> OwnSignature {
        OwnSignature::of(&self.der, &self.key)
    }

    /// Whether subject and issuer are written alike (RFC 5280 §3.2: self-issued).
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

/// What the rules about a certificate's form look at, without the rest.
pub(crate) struct Parts {
    pub(crate) version: u64,
    pub(crate) extensions: Vec<Extension>,
}

impl Parts {
    /// Reads the DER of a certificate that was read before.
    pub(crate) fn read(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Cursor::single_sequence(der, 0)?.sequence()?.inside();
        let version = version(&mut fields, wrapped(0))?;
        let missing = fields.fault("a certificate that ends before its time");
        // Serial number, algorithm, issuer, validity, subject, key.
        for _ in 0..6 {
            fields.next()?.ok_or(missing)?;
        }
        let unique = [unique_id(&mut fields, 1)?, unique_id(&mut fields, 2)?];
        let extensions = extensions(&mut fields, wrapped(3))?;
        fields.finish()?;
        // RFC 5280 §4.1.2.8: nobody has used them since version 2.
        let version = if unique.iter().any(Option::is_some) { 2 } else { version };
        Ok(Self { version, extensions })
    }
}

/// Whether a document was signed with the key that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnSignature {
    /// It was.
    Good,
    /// It was not.
    Bad,
    /// The key or the algorithm is none that is checked here: ECDSA on P-256 and P-384, Ed25519, RSA of 2048 to 8192 bits,
    /// all with SHA-2.
    Unchecked,
}

impl OwnSignature {
    pub(super) fn of(der: &[u8], key: &PublicKey) -> Self {
        // A key that the check does not take is no proof of a forgery.
        if !key.is_checkable() {
            return Self::Unchecked;
        }
        match signature::verify(der, &key.der) {
            Ok(()) => Self::Good,
            Err(signature::SignatureFault::Wrong) => Self::Bad,
            Err(signature::SignatureFault::Unsupported) => Self::Unchecked,
        }
    }
}

/// What certificate, request and CRL share: the signed part, an algorithm, a signature (RFC 5280 §4.1.1).
pub(super) struct Outer<'a> {
    pub(super) signed: tlv::Value<'a>,
    pub(super) algorithm: Algorithm,
    pub(super) signature: Vec<u8>,
}

impl<'a> Outer<'a> {
    pub(super) fn read(document: Document, der: &'a [u8]) -> Result<Self, InspectError> {
        let wrong = |field| InspectError::field(document, field);
        let mut fields = Cursor::single_sequence(der, 0).map_err(wrong("outer SEQUENCE"))?;
        let signed = fields.sequence().map_err(wrong("signed part"))?;
        let algorithm = Algorithm::next(&mut fields).map_err(wrong("signatureAlgorithm"))?;
        let signature = signature_value(&mut fields).map_err(wrong("signatureValue"))?;
        fields.finish().map_err(wrong("outer SEQUENCE"))?;
        Ok(Self { signed, algorithm, signature })
    }
}

fn signature_value(fields: &mut Cursor<'_>) -> Result<Vec<u8>, Fault> {
    let bits = fields.expect(tlv::BIT_STRING, "a signature that is no BIT STRING")?;
    Ok(tlv::bit_string(&bits)?.0.to_vec())
}

/// The version in `[0]`, counted from 1, or 1 where none is written.
fn version(fields: &mut Cursor<'_>, tag: u8) -> Result<u64, Fault> {
    let Some(explicit) = fields.optional(tag)? else { return Ok(1) };
    let mut inside = explicit.inside();
    let number = Number::next(&mut inside)?;
    inside.finish()?;
    counted(&number).ok_or(explicit.fault("a version that is no number"))
}

/// The version as people count it.
pub(super) fn counted(number: &Number) -> Option<u64> {
    number.as_u64()?.checked_add(1)
}

fn validity(fields: &mut Cursor<'_>) -> Result<(Moment, Moment), Fault> {
    let mut inside = fields.expect(SEQUENCE, "no Validity where one belongs")?.inside();
    let mut moment = || {
        let missing = inside.fault("no time where one belongs");
        Moment::read(&inside.next()?.ok_or(missing)?)
    };
    let both = (moment()?, moment()?);
    inside.finish()?;
    Ok(both)
}

fn unique_id(fields: &mut Cursor<'_>, number: u8) -> Result<Option<Vec<u8>>, Fault> {
    let Some(value) = fields.optional(context(number))? else { return Ok(None) };
    Ok(Some(tlv::bit_string(&value)?.0.to_vec()))
}

/// The extensions inside an explicit tag, or none.
pub(super) fn extensions(fields: &mut Cursor<'_>, tag: u8) -> Result<Vec<Extension>, Fault> {
    let Some(explicit) = fields.optional(tag)? else { return Ok(Vec::new()) };
    let mut inside = explicit.inside();
    let found = Extension::list(&inside.sequence()?)?;
    inside.finish()?;
    Ok(found)
}
