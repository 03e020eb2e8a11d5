//! Where to ask further: CRL distribution points, and access to information (RFC 5280 §4.2.1.13, §4.2.2).

use super::tlv::{Cursor, Fault, Value, wrapped};
use super::usage::{self, Flags};
use super::{DistinguishedName, GeneralName, Oid};

/// Where a CRL is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DistributionPoint {
    /// Its name.
    pub name: Option<PointName>,
    /// For which reasons it lists; all where nothing is said.
    pub reasons: Option<Flags>,
    /// Who signs it, where that is not the issuer of the certificate.
    pub issuer: Vec<GeneralName>,
}

/// The name of a distribution point.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PointName {
    /// Any one of these.
    Full(Vec<GeneralName>),
    /// To be added to the issuer's name.
    Relative(DistinguishedName),
}

/// One way to information.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessDescription {
    /// What is there.
    pub method: Oid,
    /// Where it is.
    pub location: GeneralName,
}

pub(super) fn distribution(der: &[u8], at: usize) -> Result<Vec<DistributionPoint>, Fault> {
    let mut cursor = Cursor::single_sequence(der, at)?;
    if cursor.is_empty() {
        return Err(cursor.fault("a list of distribution points without one"));
    }
    let mut found = Vec::new();
    while !cursor.is_empty() {
        let mut fields = cursor.sequence()?.inside();
        let name = fields.optional(wrapped(0))?.map(|value| point_name(&value)).transpose()?;
        let reasons = fields.optional(super::tlv::context(1))?;
        let reasons = reasons.map(|value| usage::named_bits(&value, usage::REASONS)).transpose()?;
        let issuer =
            fields.optional(wrapped(2))?.map_or(Ok(Vec::new()), |value| GeneralName::list(&value))?;
        fields.finish()?;
        found.push(DistributionPoint { name, reasons, issuer });
    }
    Ok(found)
}

/// The CHOICE inside `[0]`, which is tagged explicitly.
pub(super) fn point_name(value: &Value<'_>) -> Result<PointName, Fault> {
    let mut inside = value.inside();
    let missing = inside.fault("the name of a distribution point that is empty");
    let choice = inside.next()?.ok_or(missing)?;
    inside.finish()?;
    match choice.tag {
        0xa0 => GeneralName::list(&choice).map(PointName::Full),
        0xa1 => DistinguishedName::of_part(&choice).map(PointName::Relative),
        _ => Err(choice.fault("the name of a distribution point that is neither full nor relative")),
    }
}

pub(super) fn access(der: &[u8], at: usize) -> Result<Vec<AccessDescription>, Fault> {
    let mut cursor = Cursor::single_sequence(der, at)?;
    if cursor.is_empty() {
        return Err(cursor.fault("a list of ways to information without one"));
    }
    let mut found = Vec::new();
    while !cursor.is_empty() {
        let mut fields = cursor.sequence()?.inside();
        let method = Oid::next(&mut fields)?;
        let missing = fields.fault("a way to information without a place");
        let location = GeneralName::read(&fields.next()?.ok_or(missing)?)?;
        fields.finish()?;
        found.push(AccessDescription { method, location });
    }
    Ok(found)
}
