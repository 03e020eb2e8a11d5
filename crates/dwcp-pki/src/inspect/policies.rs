//! Certificate policies with what stands beside them (RFC 5280 §4.2.1.4, §4.2.1.5).

use super::tlv::{Cursor, Fault, SEQUENCE};
use super::{Number, Oid, text};

/// A policy under which a certificate was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Which policy.
    pub oid: Oid,
    /// What stands beside it.
    pub qualifiers: Vec<Qualifier>,
}

/// What stands beside a policy. Texts are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Qualifier {
    /// Where the practice statement is.
    Statement(String),
    /// A notice for whoever relies on the certificate.
    Notice {
        /// Whose notices are meant.
        organization: Option<String>,
        /// Which of them.
        numbers: Vec<Number>,
        /// The notice itself.
        text: Option<String>,
    },
    /// Something else.
    Other {
        /// Which kind.
        oid: Oid,
        /// Its DER.
        der: Vec<u8>,
    },
}

pub(super) fn list(der: &[u8], at: usize) -> Result<Vec<Policy>, Fault> {
    let mut cursor = Cursor::single_sequence(der, at)?;
    if cursor.is_empty() {
        return Err(cursor.fault("a list of policies without a policy"));
    }
    let mut found = Vec::new();
    while !cursor.is_empty() {
        let mut fields = cursor.sequence()?.inside();
        let oid = Oid::next(&mut fields)?;
        let qualifiers = match fields.optional(SEQUENCE)? {
            Some(list) if list.content.is_empty() => {
                return Err(list.fault("a list of qualifiers without a qualifier"));
            }
            Some(list) => qualifiers(list.inside())?,
            None => Vec::new(),
        };
        fields.finish()?;
        found.push(Policy { oid, qualifiers });
    }
    Ok(found)
}

pub(super) fn mappings(der: &[u8], at: usize) -> Result<Vec<(Oid, Oid)>, Fault> {
    let mut cursor = Cursor::single_sequence(der, at)?;
    let mut found = Vec::new();
    while !cursor.is_empty() {
        let mut fields = cursor.sequence()?.inside();
        let pair = (Oid::next(&mut fields)?, Oid::next(&mut fields)?);
        fields.finish()?;
        found.push(pair);
    }
    Ok(found)
}

fn qualifiers(mut cursor: Cursor<'_>) -> Result<Vec<Qualifier>, Fault> {
    let mut found = Vec::new();
    while !cursor.is_empty() {
        let mut fields = cursor.sequence()?.inside();
        let oid = Oid::next(&mut fields)?;
        let missing = fields.fault("a qualifier without a value");
        let value = fields.next()?.ok_or(missing)?;
        fields.finish()?;
        let known = match (oid.name(), text::shown(value.tag, value.content)) {
            (Some("cps"), Some(uri)) => Some(Qualifier::Statement(uri)),
            (Some("userNotice"), None) if value.tag == SEQUENCE => Some(notice(value.inside())?),
            _ => None,
        };
        found.push(known.unwrap_or_else(|| Qualifier::Other { oid, der: value.whole.to_vec() }));
    }
    Ok(found)
}

fn notice(mut fields: Cursor<'_>) -> Result<Qualifier, Fault> {
    let (mut organization, mut numbers) = (None, Vec::new());
    if let Some(reference) = fields.optional(SEQUENCE)? {
        let mut inside = reference.inside();
        let missing = inside.fault("a notice of nobody");
        let name = inside.next()?.ok_or(missing)?;
        organization = Some(text::shown(name.tag, name.content).ok_or(name.fault("a name that is no text"))?);
        let mut list = inside.sequence()?.inside();
        while !list.is_empty() {
            numbers.push(Number::next(&mut list)?);
        }
        inside.finish()?;
    }
    let text = fields
        .next()?
        .map(|value| text::shown(value.tag, value.content).ok_or(value.fault("a notice that is no text")))
        .transpose()?;
    fields.finish()?;
    Ok(Qualifier::Notice { organization, numbers, text })
}
