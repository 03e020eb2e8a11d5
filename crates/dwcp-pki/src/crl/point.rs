//! Distribution points: the names by which a certificate and a list of its issuer find each other (RFC 5280 §4.2.1.13, §5.2.5).

use crate::tlv::{SEQUENCE, SET, Value, context, wrapped};

/// The names of one point, each a whole DER `GeneralName`: compared octet by octet, as names are everywhere here.
pub(crate) type PointNames = Vec<Box<[u8]>>;

/// Reads the content of a `distributionPoint` field. A name that is relative to the issuer, whose name's content is given, is made
/// whole.
pub(crate) fn names(content: &[u8], issuer: &[u8]) -> Option<PointNames> {
    let choice = Value::only(content)?;
    if choice.tag == wrapped(1) {
        let relative = encoded(SET, choice.content)?;
        return Some(vec![directory_name(&[issuer, &relative].concat())?]);
    }
    let mut found = Vec::new();
    let mut names = choice.values(wrapped(0))?;
    while let Some(name) = names.next().ok()? {
        if found.len() == MOST_NAMES {
            return None;
        }
        found.push(name.whole.into());
    }
    (!found.is_empty()).then_some(found)
}

/// A distinguished name, given as the content of its DER, as the name of a point.
pub(crate) fn directory_name(content: &[u8]) -> Option<Box<[u8]>> {
    Some(encoded(wrapped(4), &encoded(SEQUENCE, content)?)?.into())
}

fn encoded(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let length = der::Length::try_from(content.len()).and_then(|length| der::Encode::to_der(&length)).ok()?;
    Some([&[tag][..], &length, content].concat())
}

/// One point of a certificate: its names, and the reasons for which a list that bears one of them speaks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) names: PointNames,
    pub(crate) reasons: Reasons,
}

/// Reads cRLDistributionPoints. Points of other issuers and points without a name lead to no list here; `None` where the whole can
/// not be read.
pub(crate) fn points(der: &[u8], issuer: &[u8]) -> Option<Vec<Point>> {
    let mut list = Value::only(der)?.values(SEQUENCE)?;
    let mut points = Vec::new();
    while let Some(value) = list.next().ok()? {
        let mut fields = value.values(SEQUENCE)?;
        let (mut found, mut reasons, mut is_its_issuers) = (None, Reasons::ALL, true);
        while let Some(field) = fields.next().ok()? {
            match field.tag {
                tag if tag == wrapped(0) => found = Some(names(field.content, issuer)?),
                tag if tag == context(1) => reasons = Reasons::read(field.content)?,
                tag if tag == wrapped(2) => is_its_issuers = false,
                _ => return None,
            }
        }
        if let Some(names) = found.filter(|_| is_its_issuers) {
            points.push(Point { names, reasons });
        }
        if points.len() > MOST_NAMES {
            return None;
        }
    }
    Some(points)
}

/// Reasons of revocation (RFC 5280 §4.2.1.13, ReasonFlags).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reasons(u16);

impl Reasons {
    pub(crate) const NONE: Self = Self(0);
    /// Bits 1 to 8: bit 0 is not used.
    pub(crate) const ALL: Self = Self(0x7f80);

    /// The content of a BIT STRING; flags that no standard names say nothing. `None` for a string without a bit, and
    /// where bits that are not used are set (X.690 §11.2.1).
    pub(crate) fn read(content: &[u8]) -> Option<Self> {
        let (unused, bits) = content.split_first()?;
        let last = *bits.last()?;
        if *unused > 7 || last.trailing_zeros() < u32::from(*unused) {
            return None;
        }
        let octet = |at: usize| u16::from(bits.get(at).copied().unwrap_or(0));
        Some(Self((octet(0) << 8 | octet(1)) & Self::ALL.0))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What the list of an issuer is about, where it is not about all its certificates (RFC 5280 §5.2.5).
pub(crate) struct IssuingPoint {
    /// `None` where it names no point, and speaks for certificates of every one.
    pub(crate) names: Option<PointNames>,
    pub(crate) users_only: bool,
    pub(crate) authorities_only: bool,
    pub(crate) reasons: Reasons,
}

impl IssuingPoint {
    /// Reads the extension of a list whose issuer's name has this content.
    pub(super) fn read(der: &[u8], issuer: &[u8]) -> Result<Self, &'static str> {
        let malformed = "its issuing distribution point is malformed";
        let mut point =
            Self { names: None, users_only: false, authorities_only: false, reasons: Reasons::ALL };
        let fields = Value::only(der).and_then(|value| value.values(SEQUENCE));
        let mut fields = fields.ok_or(malformed)?;
        let mut last = None;
        while let Some(field) = fields.next().map_err(|_| malformed)? {
            let number = field.tag & 0x1f;
            if last.replace(number).is_some_and(|last| last >= number) {
                return Err(malformed);
            }
            let flag = || match field.content {
                [0xff] => Ok(true),
                // Not DER, since it is the default, and seen all the same.
                [0] => Ok(false),
                _ => Err(malformed),
            };
            match field.tag {
                tag if tag == wrapped(0) => {
                    point.names = Some(names(field.content, issuer).ok_or(malformed)?);
                }
                tag if tag == context(1) => point.users_only = flag()?,
                tag if tag == context(2) => point.authorities_only = flag()?,
                tag if tag == context(3) => {
                    point.reasons = Reasons::read(field.content).ok_or(NO_REASON)?;
                }
                tag if tag == context(4) => {
                    if flag()? {
                        return Err(super::INDIRECT);
                    }
                }
                tag if tag == context(5) => {
                    if flag()? {
                        return Err("it is about attribute certificates alone");
                    }
                }
                _ => return Err(malformed),
            }
        }
        // §5.2.5: never an empty SEQUENCE.
        if last.is_none() {
            return Err("its issuing distribution point says nothing");
        }
        if point.users_only && point.authorities_only {
            return Err("it is about users alone and about authorities alone at once");
        }
        if point.reasons == Reasons::NONE { Err(NO_REASON) } else { Ok(point) }
    }
}

const NO_REASON: &str = "its issuing distribution point names no reason";
const MOST_NAMES: usize = 64;
