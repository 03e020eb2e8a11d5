//! A signed list of revoked certificates, complete or delta, read in one pass (RFC 5280 §5.1).

use super::LARGEST;
use super::entries::Entries;
use super::entry::Standing;
use super::extension::{self, once};
use super::number::CrlNumber;
use super::point::IssuingPoint;
use crate::certificate::{self, printable, unix};
use crate::tlv::{BIT_STRING, Cursor, INTEGER, SEQUENCE, Value, wrapped};
use crate::{Document, ParseError, Serial};
use der::Decode;
use dwcp_base::UnixTime;
use rustls_pki_types::CertificateRevocationListDer;
use x509_cert::name::Name;
use x509_cert::time::Time;

/// What complete CRLs and deltas have in common.
pub(crate) struct List {
    der: CertificateRevocationListDer<'static>,
    header: Header,
    entries: Entries,
}

/// All but the entries.
pub(crate) struct Header {
    pub(crate) number: Option<CrlNumber>,
    /// The oldest complete CRL that a delta can be put on top of.
    pub(crate) base: Option<CrlNumber>,
    /// Whether it is critical that it is a delta.
    pub(crate) insists: bool,
    pub(crate) this_update: UnixTime,
    pub(crate) next_update: UnixTime,
    /// The issuer's name as text for display.
    pub(crate) issuer: String,
    /// The DER of the issuer's name.
    pub(crate) raw_issuer: Box<[u8]>,
    /// The DER of the issuing distribution point.
    pub(crate) raw_scope: Option<Box<[u8]>>,
    pub(crate) scope: Option<IssuingPoint>,
}

/// The extensions of a list.
#[derive(Default)]
struct Marks<'a> {
    number: Option<CrlNumber>,
    base: Option<CrlNumber>,
    insists: bool,
    scope: Option<&'a [u8]>,
}

impl List {
    pub(super) fn read(der: CertificateRevocationListDer<'static>) -> Result<Self, ParseError> {
        ParseError::check_size(Document::Crl, &der, LARGEST)?;
        let (header, entries) = parse(&der).map_err(|rule| ParseError::malformed(Document::Crl, rule))?;
        Ok(Self { der, header, entries })
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// What it says of a serial number; `None` when it does not name it.
    pub(crate) fn find(&self, serial: &Serial) -> Option<Standing> {
        self.entries.find(&self.der, serial)
    }

    /// Whether it names a serial number, whatever it says of it.
    pub(crate) fn names(&self, serial: &Serial) -> bool {
        self.entries.names(&self.der, serial)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Serial, Standing)> + '_ {
        self.entries.iter(&self.der)
    }
}

fn parse(der: &[u8]) -> Result<(Header, Entries), &'static str> {
    let no_list = "it is no signed list in DER";
    let mut outer = Value::only(der).and_then(|value| value.values(SEQUENCE)).ok_or(no_list)?;
    let fields = outer.take(SEQUENCE).ok_or(no_list)?;
    let algorithm = outer.take(SEQUENCE).ok_or(no_list)?;
    let signature = outer.take(BIT_STRING).ok_or(no_list)?;
    if !outer.is_empty() || !matches!(signature.content, [0, _, ..]) {
        return Err(no_list);
    }
    let offset_in = |rest: &[u8]| {
        // The signature and its algorithm stand between the end of the fields and the end of the document.
        der.len() - rest.len() - algorithm.whole.len() - signature.whole.len()
    };
    let mut fields = Cursor::new(fields.content, 0);
    // §5.1.2.1: absent it would be version 1.
    if fields.take(INTEGER).is_none_or(|version| version.content != [1]) {
        return Err("it is not version 2");
    }
    let inner = fields.take(SEQUENCE).ok_or("it names no signature algorithm")?;
    if inner.whole != algorithm.whole {
        return Err("it names two different signature algorithms");
    }
    let issuer = fields.take(SEQUENCE).ok_or("it names no issuer")?;
    // No certificate that is read has a longer one, nor a longer point; decoded they take several times their room.
    if issuer.whole.len() > certificate::LARGEST {
        return Err("the name of its issuer is longer than a certificate may be");
    }
    let name = Name::from_der(issuer.whole).map_err(|_| "the name of its issuer is malformed")?;
    let this_update = date(&mut fields, "its thisUpdate is no well-formed time")?;
    let next_update = date(&mut fields, "it has no well-formed nextUpdate")?;
    let revoked = if fields.peek() == Some(SEQUENCE) { fields.take(SEQUENCE) } else { None };
    let entries_end = offset_in(fields.rest());
    let marks = match fields.next().map_err(|_| MALFORMED)? {
        Some(tagged) => Marks::read(tagged)?,
        None => Marks::default(),
    };
    if !fields.is_empty() {
        return Err("it has a field that is not known");
    }
    if marks.scope.is_some_and(|scope| scope.len() > certificate::LARGEST) {
        return Err("its issuing distribution point is longer than a certificate may be");
    }
    let scope = marks.scope.map(|scope| IssuingPoint::read(scope, issuer.content)).transpose()?;
    let content = revoked.map_or(&[][..], |revoked| revoked.content);
    let entries = Entries::read(der, entries_end - content.len(), content)?;
    let header = Header {
        number: marks.number,
        base: marks.base,
        insists: marks.insists,
        this_update,
        next_update,
        issuer: printable(&name.to_string()),
        raw_issuer: issuer.whole.into(),
        raw_scope: marks.scope.map(Into::into),
        scope,
    };
    Ok((header, entries))
}

fn date(fields: &mut Cursor<'_>, rule: &'static str) -> Result<UnixTime, &'static str> {
    let value = fields.next().ok().flatten().ok_or(rule)?;
    Time::from_der(value.whole).map(unix).map_err(|_| rule)
}

impl<'a> Marks<'a> {
    fn read(tagged: Value<'a>) -> Result<Self, &'static str> {
        let list = tagged.values(wrapped(0)).and_then(|mut inner| {
            let list = inner.take(SEQUENCE)?;
            inner.is_empty().then_some(Cursor::new(list.content, 0))
        });
        let mut marks = Self::default();
        extension::each(list.ok_or(MALFORMED)?, MALFORMED, |extension| match extension.id {
            // §5.2.3: never critical; a list that makes it so asks for something else than it says.
            NUMBER if extension.critical => Err("its number is critical, which it must not be"),
            NUMBER => once(&mut marks.number, number(extension.value)?),
            BASE => {
                marks.insists = extension.critical;
                once(&mut marks.base, number(extension.value)?)
            }
            SCOPE => once(&mut marks.scope, extension.value),
            AUTHORITY_KEY_ID => Ok(()),
            _ if extension.critical => Err("it has a critical extension that is not known"),
            _ => Ok(()),
        })?;
        Ok(marks)
    }
}

fn number(der: &[u8]) -> Result<CrlNumber, &'static str> {
    CrlNumber::from_der(der).ok_or("its number is not a number of at most 20 octets")
}

const MALFORMED: &str = "its extensions are malformed";
/// id-ce-cRLNumber, id-ce-deltaCRLIndicator, id-ce-issuingDistributionPoint and id-ce-authorityKeyIdentifier.
const NUMBER: &[u8] = &[0x55, 0x1d, 20];
const BASE: &[u8] = &[0x55, 0x1d, 27];
const SCOPE: &[u8] = &[0x55, 0x1d, 28];
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
