//! One entry of a list: a serial number, when it was revoked, and why (RFC 5280 §5.3).

use super::extension::{self, once};
use crate::Serial;
use crate::tlv::{ENUMERATED, INTEGER, SEQUENCE, Value};
use der::Decode;
use x509_cert::time::Time;

/// What an entry says of its certificate. In this order: of two entries about one serial the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It is revoked for good.
    Revoked,
    /// It is on hold (certificateHold).
    Held,
    /// It is on hold no more (removeFromCRL), which a delta alone may say.
    Removed,
}

pub(super) struct Entry {
    /// `None` for a number that no certificate may have (RFC 5280 §4.1.2.2).
    pub(super) serial: Option<Serial>,
    pub(super) standing: Standing,
}

impl Entry {
    /// Reads the entry at the start of `bytes`.
    pub(super) fn read(value: Value<'_>) -> Result<Self, &'static str> {
        let mut fields = value.values(SEQUENCE).ok_or(MALFORMED)?;
        let serial = serial(fields.take(INTEGER).ok_or("an entry has no serial number")?.content)?;
        let date = fields.next().map_err(|_| MALFORMED)?.ok_or(MALFORMED)?;
        Time::from_der(date.whole).map_err(|_| "an entry has no well-formed date")?;
        let mut standing = Standing::Revoked;
        if let Some(extensions) = fields.next().map_err(|_| MALFORMED)? {
            let (mut reason, mut invalid_since) = (None, None);
            // Some issuers write no extension as an empty list of them.
            let list = extensions.values(SEQUENCE).ok_or(MALFORMED)?;
            extension::each(list, MALFORMED, |extension| match extension.id {
                REASON => once(&mut reason, reason_code(extension.value)?),
                INVALIDITY_DATE => {
                    Time::from_der(extension.value).map_err(|_| "an invalidity date is no date")?;
                    once(&mut invalid_since, ())
                }
                CERTIFICATE_ISSUER => Err(super::INDIRECT),
                _ if extension.critical => Err("an entry has a critical extension that is not known"),
                _ => Ok(()),
            })?;
            standing = reason.unwrap_or(Standing::Revoked);
        }
        if !fields.is_empty() {
            return Err(MALFORMED);
        }
        Ok(Self { serial, standing })
    }
}

/// The serial number of an entry that was read before.
pub(super) fn serial_of(bytes: &[u8]) -> Option<Serial> {
    let number = Value::first(bytes)?.values(SEQUENCE)?.take(INTEGER)?;
    serial(number.content).ok().flatten()
}

/// A negative number is none of a certificate, and must not be read as another one (PKITS 4.4.14: -1 is not 255).
fn serial(content: &[u8]) -> Result<Option<Serial>, &'static str> {
    match content {
        [] => Err("an entry has a serial number without octets"),
        [0x80..=0xff, ..] => Ok(None),
        _ => Ok(Serial::from_be_bytes(content).ok()),
    }
}

fn reason_code(der: &[u8]) -> Result<Standing, &'static str> {
    let unknown = "an entry has an unknown reason";
    let value = Value::only(der).filter(|value| value.tag == ENUMERATED).ok_or(unknown)?;
    match value.content {
        [6] => Ok(Standing::Held),
        [8] => Ok(Standing::Removed),
        [0..=5 | 9 | 10] => Ok(Standing::Revoked),
        _ => Err(unknown),
    }
}

const MALFORMED: &str = "an entry is malformed";
/// id-ce-cRLReasons, id-ce-invalidityDate and id-ce-certificateIssuer.
const REASON: &[u8] = &[0x55, 0x1d, 21];
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 24];
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];
