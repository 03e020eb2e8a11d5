//! Extensions of one value or a handful.

use super::tlv::{self, Cursor, Fault, OCTET_STRING, context, wrapped};
use super::{GeneralName, Moment, Number, Oid, text as texts};

/// RFC 5280 §4.2.1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorityKey {
    /// The issuer's subject key identifier.
    pub key_id: Option<Vec<u8>>,
    /// The name of the issuer's issuer.
    pub issuer: Vec<GeneralName>,
    /// The issuer's serial number.
    pub serial: Option<Number>,
}

/// When a private key may sign (RFC 3280 §4.2.1.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsagePeriod {
    /// From then on.
    pub not_before: Option<Moment>,
    /// Until then.
    pub not_after: Option<Moment>,
}

/// Microsoft's certificate template.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Template {
    /// Which template.
    pub oid: Oid,
    /// Its major and minor version, as far as they are given.
    pub version: Vec<Number>,
}

pub(super) fn octets(der: &[u8], at: usize) -> Result<Vec<u8>, Fault> {
    let value = Cursor::single(der, at)?;
    if value.tag != OCTET_STRING {
        return Err(value.fault("no OCTET STRING where one belongs"));
    }
    Ok(value.content.to_vec())
}

pub(super) fn null(der: &[u8], at: usize) -> Result<(), Fault> {
    let value = Cursor::single(der, at)?;
    if value.tag != tlv::NULL || !value.content.is_empty() {
        return Err(value.fault("no NULL where one belongs"));
    }
    Ok(())
}

pub(super) fn number(der: &[u8], at: usize) -> Result<Number, Fault> {
    Number::read(&Cursor::single(der, at)?)
}

pub(super) fn enumerated(der: &[u8], at: usize) -> Result<Number, Fault> {
    let value = Cursor::single(der, at)?;
    if value.tag != tlv::ENUMERATED {
        return Err(value.fault("no ENUMERATED where one belongs"));
    }
    Number::of_content(&value)
}

pub(super) fn text(der: &[u8], at: usize) -> Result<String, Fault> {
    let value = Cursor::single(der, at)?;
    texts::shown(value.tag, value.content).ok_or(value.fault("no text where one belongs"))
}

pub(super) fn authority_key(der: &[u8], at: usize) -> Result<AuthorityKey, Fault> {
    let mut fields = Cursor::single_sequence(der, at)?;
    let key_id = fields.optional(context(0))?.map(|value| value.content.to_vec());
    let issuer = fields.optional(wrapped(1))?.map_or(Ok(Vec::new()), |value| GeneralName::list(&value))?;
    let serial = fields.optional(context(2))?.map(|value| Number::of_content(&value)).transpose()?;
    fields.finish()?;
    Ok(AuthorityKey { key_id, issuer, serial })
}

pub(super) fn usage_period(der: &[u8], at: usize) -> Result<UsagePeriod, Fault> {
    let mut fields = Cursor::single_sequence(der, at)?;
    let not_before = fields.optional(context(0))?.map(|value| Moment::generalized(&value));
    let not_after = fields.optional(context(1))?.map(|value| Moment::generalized(&value));
    fields.finish()?;
    Ok(UsagePeriod { not_before, not_after })
}

pub(super) fn template(der: &[u8], at: usize) -> Result<Template, Fault> {
    let mut fields = Cursor::single_sequence(der, at)?;
    let oid = Oid::next(&mut fields)?;
    let mut version = Vec::new();
    while !fields.is_empty() {
        version.push(Number::next(&mut fields)?);
    }
    Ok(Template { oid, version })
}
