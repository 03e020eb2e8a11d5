//! Extensions of certificates, requests, CRLs and their entries (RFC 5280 §4.2, §5.2, §5.3), each read by itself.

use super::constraints::{self, NameConstraints, PolicyConstraints};
use super::general_name::{self, GeneralName};
use super::issuing_point::{self, IssuingPoint};
use super::points::{self, AccessDescription, DistributionPoint};
use super::policies::{self, Policy};
use super::sct::{self, Timestamps};
use super::simple::{self, AuthorityKey, Template, UsagePeriod};
use super::tlv::{self, Cursor, Fault, OCTET_STRING, SEQUENCE, Value};
use super::usage::{self, Flags};
use super::{Moment, Number, Oid};

/// One extension. A value that is not what its standard says is shown as that; the others are read all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension {
    /// Which extension.
    pub oid: Oid,
    /// Whether who does not know it has to refuse the document.
    pub critical: bool,
    /// Whether one of the same kind stands before it, which RFC 5280 §4.2 forbids.
    pub repeated: bool,
    /// What it says, or why that can not be read.
    pub value: Result<ExtensionValue, Fault>,
    /// The DER of its value; all of the extension's content where flag and value can not be told apart.
    pub der: Vec<u8>,
}

/// What an extension says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionValue {
    /// RFC 5280 §4.2.1.9.
    BasicConstraints {
        /// Whether the subject is an authority.
        ca: bool,
        /// How many authorities may stand below it.
        path_length: Option<Number>,
    },
    /// RFC 5280 §4.2.1.3.
    KeyUsage(Flags),
    /// RFC 5280 §4.2.1.12.
    ExtendedKeyUsage(Vec<Oid>),
    /// RFC 5280 §4.2.1.6.
    SubjectAltName(Vec<GeneralName>),
    /// RFC 5280 §4.2.1.7.
    IssuerAltName(Vec<GeneralName>),
    /// RFC 5280 §4.2.1.2.
    SubjectKeyId(Vec<u8>),
    /// RFC 5280 §4.2.1.1.
    AuthorityKeyId(AuthorityKey),
    /// RFC 5280 §4.2.1.10.
    NameConstraints(NameConstraints),
    /// RFC 5280 §4.2.1.4.
    CertificatePolicies(Vec<Policy>),
    /// RFC 5280 §4.2.1.5: pairs of the issuer's and the subject's policy.
    PolicyMappings(Vec<(Oid, Oid)>),
    /// RFC 5280 §4.2.1.11.
    PolicyConstraints(PolicyConstraints),
    /// RFC 5280 §4.2.1.14: how many certificates may follow before anyPolicy ends.
    InhibitAnyPolicy(Number),
    /// RFC 5280 §4.2.1.13.
    CrlDistributionPoints(Vec<DistributionPoint>),
    /// RFC 5280 §4.2.1.15.
    FreshestCrl(Vec<DistributionPoint>),
    /// RFC 5280 §4.2.2.1.
    AuthorityInfoAccess(Vec<AccessDescription>),
    /// RFC 5280 §4.2.2.2.
    SubjectInfoAccess(Vec<AccessDescription>),
    /// RFC 7633: numbers of TLS extensions; 5 is "must staple".
    TlsFeature(Vec<Number>),
    /// RFC 6962 §3.3.
    Timestamps(Timestamps),
    /// RFC 6962 §3.1: it is no certificate, only the promise of one.
    CtPoison,
    /// RFC 6960 §4.2.2.2.1.
    OcspNoCheck,
    /// RFC 5280 §5.2.3.
    CrlNumber(Number),
    /// RFC 5280 §5.2.4: the number of the list that this one only changes.
    DeltaCrl(Number),
    /// RFC 5280 §5.2.5.
    IssuingDistributionPoint(IssuingPoint),
    /// RFC 5280 §5.3.1, by number.
    Reason(Number),
    /// RFC 5280 §5.3.2.
    InvalidityDate(Moment),
    /// RFC 5280 §5.3.3.
    CertificateIssuer(Vec<GeneralName>),
    /// An object identifier and nothing else: a hold instruction.
    HoldInstruction(Oid),
    /// RFC 3280 §4.2.1.4, withdrawn since.
    PrivateKeyUsagePeriod(UsagePeriod),
    /// RFC 8737 §3: the challenge of tls-alpn-01.
    AcmeIdentifier(Vec<u8>),
    /// A text: Netscape's comment or URL, Microsoft's template name.
    Text(String),
    /// Netscape's type of certificate.
    NetscapeCertType(Flags),
    /// Microsoft's template.
    Template(Template),
    /// Not known here.
    Unknown,
}

impl Extension {
    /// The extensions of the SEQUENCE `value`, in order. One that is no SEQUENCE of identifier, flag and value fails the
    /// whole, since nothing says where the next begins.
    pub(super) fn list(value: &Value<'_>) -> Result<Vec<Self>, Fault> {
        if value.tag != SEQUENCE {
            return Err(value.fault("no SEQUENCE of extensions"));
        }
        let mut found: Vec<Self> = Vec::new();
        let mut cursor = value.inside();
        while !cursor.is_empty() {
            if found.len() == MOST {
                return Err(cursor.fault("more extensions than are read"));
            }
            let mut extension = Self::read(&cursor.sequence()?)?;
            extension.repeated = found.iter().any(|before| before.oid == extension.oid);
            found.push(extension);
        }
        Ok(found)
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        let mut fields = value.inside();
        let oid = Oid::next(&mut fields)?;
        // What follows may be broken: where the extension ends is known all the same.
        let (critical, value, der) = match flag_and_value(&mut fields) {
            Ok((critical, octets)) => {
                (critical, read_value(&oid, octets.content, octets.content_at()), octets.content)
            }
            Err(fault) => (false, Err(fault), value.content),
        };
        Ok(Self { oid, critical, repeated: false, value, der: der.to_vec() })
    }
}

fn flag_and_value<'a>(fields: &mut Cursor<'a>) -> Result<(bool, Value<'a>), Fault> {
    let critical = fields.optional(tlv::BOOLEAN)?.map_or(Ok(false), |flag| tlv::boolean(&flag))?;
    let octets = fields.expect(OCTET_STRING, "an extension whose value is no OCTET STRING")?;
    fields.finish()?;
    Ok((critical, octets))
}

/// The first extension that reads as the caller wants it.
pub(super) fn find<'a, T>(
    extensions: &'a [Extension],
    wanted: impl Fn(&'a ExtensionValue) -> Option<T>,
) -> Option<T> {
    extensions.iter().filter_map(|extension| extension.value.as_ref().ok()).find_map(wanted)
}

/// What the first good extension of one kind says.
macro_rules! first {
    ($extensions:expr, $kind:ident) => {
        $crate::inspect::extension::find($extensions, |value| match value {
            $crate::inspect::ExtensionValue::$kind(said) => Some(said),
            _ => None,
        })
    };
}
pub(super) use first;

fn read_value(oid: &Oid, der: &'_ [u8], at: usize) -> Result<ExtensionValue, Fault> {
    match oid.as_bytes() {
        // id-ce: 2.5.29.n
        [0x55, 0x1d, number] => standard(*number, der, at),
        // id-pe: 1.3.6.1.5.5.7.1.n
        [0x2b, 6, 1, 5, 5, 7, 1, number] => internet(*number, der, at),
        // id-pkix-ocsp-nocheck
        [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 5] => simple::null(der, at).map(|()| ExtensionValue::OcspNoCheck),
        // Google's arc: RFC 6962
        [0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2] => sct::read(der, at).map(ExtensionValue::Timestamps),
        [0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 3] => simple::null(der, at).map(|()| ExtensionValue::CtPoison),
        // Microsoft's: 1.3.6.1.4.1.311
        [0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x14, 2] => simple::text(der, at).map(ExtensionValue::Text),
        [0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x15, 7] => simple::template(der, at).map(ExtensionValue::Template),
        // Netscape's: 2.16.840.1.113730.1.n
        [0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 1, 1] => {
            usage::flags(der, at, usage::NETSCAPE_TYPES).map(ExtensionValue::NetscapeCertType)
        }
        [0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 1, 2..=4 | 7 | 8 | 12 | 13] => {
            simple::text(der, at).map(ExtensionValue::Text)
        }
        _ => Ok(ExtensionValue::Unknown),
    }
}

fn standard(number: u8, der: &[u8], at: usize) -> Result<ExtensionValue, Fault> {
    use ExtensionValue as V;
    match number {
        14 => simple::octets(der, at).map(V::SubjectKeyId),
        15 => usage::flags(der, at, usage::KEY_USAGES).map(V::KeyUsage),
        16 => simple::usage_period(der, at).map(V::PrivateKeyUsagePeriod),
        17 => general_name::names(der, at).map(V::SubjectAltName),
        18 => general_name::names(der, at).map(V::IssuerAltName),
        19 => constraints::basic(der, at),
        20 => simple::number(der, at).map(V::CrlNumber),
        21 => simple::enumerated(der, at).map(V::Reason),
        23 => Oid::read(&Cursor::single(der, at)?).map(V::HoldInstruction),
        24 => Moment::read(&Cursor::single(der, at)?).map(V::InvalidityDate),
        27 => simple::number(der, at).map(V::DeltaCrl),
        28 => issuing_point::read(der, at).map(V::IssuingDistributionPoint),
        29 => general_name::names(der, at).map(V::CertificateIssuer),
        30 => constraints::names(der, at).map(V::NameConstraints),
        31 => points::distribution(der, at).map(V::CrlDistributionPoints),
        32 => policies::list(der, at).map(V::CertificatePolicies),
        33 => policies::mappings(der, at).map(V::PolicyMappings),
        35 => simple::authority_key(der, at).map(V::AuthorityKeyId),
        36 => constraints::policy(der, at).map(V::PolicyConstraints),
        37 => usage::purposes(der, at).map(V::ExtendedKeyUsage),
        46 => points::distribution(der, at).map(V::FreshestCrl),
        54 => simple::number(der, at).map(V::InhibitAnyPolicy),
        _ => Ok(V::Unknown),
    }
}

fn internet(number: u8, der: &[u8], at: usize) -> Result<ExtensionValue, Fault> {
    use ExtensionValue as V;
    match number {
        1 => points::access(der, at).map(V::AuthorityInfoAccess),
        11 => points::access(der, at).map(V::SubjectInfoAccess),
        24 => usage::features(der, at).map(V::TlsFeature),
        31 => simple::octets(der, at).map(V::AcmeIdentifier),
        _ => Ok(V::Unknown),
    }
}

/// Far more than any standard names, far fewer than could make the look for doubles slow.
const MOST: usize = 256;
