//! What an authority is limited to: basic, name and policy constraints.

use super::extension::ExtensionValue;
use super::tlv::{self, Cursor, Fault, Value, context, wrapped};
use super::{GeneralName, Number};

/// RFC 5280 §4.2.1.10.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameConstraints {
    /// Names must lie in one of these.
    pub permitted: Vec<Subtree>,
    /// Names must lie in none of these.
    pub excluded: Vec<Subtree>,
}

/// The names under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subtree {
    /// The name.
    pub base: GeneralName,
    /// From how many levels below it; always 0 in RFC 5280.
    pub minimum: Option<Number>,
    /// To how many levels below it; never there in RFC 5280.
    pub maximum: Option<Number>,
}

/// RFC 5280 §4.2.1.11.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyConstraints {
    /// After how many certificates a policy must be named.
    pub require_explicit: Option<Number>,
    /// After how many certificates mappings end.
    pub inhibit_mapping: Option<Number>,
}

pub(super) fn basic(der: &[u8], at: usize) -> Result<ExtensionValue, Fault> {
    let mut fields = Cursor::single_sequence(der, at)?;
    let ca = fields.optional(tlv::BOOLEAN)?.map_or(Ok(false), |flag| tlv::boolean(&flag))?;
    let path_length = fields.optional(tlv::INTEGER)?.map(|value| Number::read(&value)).transpose()?;
    fields.finish()?;
    Ok(ExtensionValue::BasicConstraints { ca, path_length })
}

pub(super) fn names(der: &[u8], at: usize) -> Result<NameConstraints, Fault> {
    let mut fields = Cursor::single_sequence(der, at)?;
    let permitted = fields.optional(wrapped(0))?.map_or(Ok(Vec::new()), |list| subtrees(&list))?;
    let excluded = fields.optional(wrapped(1))?.map_or(Ok(Vec::new()), |list| subtrees(&list))?;
    fields.finish()?;
    if permitted.is_empty() && excluded.is_empty() {
        return Err(fields.fault("name constraints that constrain nothing"));
    }
    Ok(NameConstraints { permitted, excluded })
}

fn subtrees(list: &Value<'_>) -> Result<Vec<Subtree>, Fault> {
    let mut cursor = list.inside();
    let mut found = Vec::new();
    while !cursor.is_empty() {
        let mut fields = cursor.sequence()?.inside();
        let missing = fields.fault("a subtree without a name");
        let base = GeneralName::read(&fields.next()?.ok_or(missing)?)?;
        let minimum = implicit(&mut fields, 0)?;
        let maximum = implicit(&mut fields, 1)?;
        fields.finish()?;
        found.push(Subtree { base, minimum, maximum });
    }
    if found.is_empty() {
        return Err(list.fault("a list of subtrees without a subtree"));
    }
    Ok(found)
}

pub(super) fn policy(der: &[u8], at: usize) -> Result<PolicyConstraints, Fault> {
    let mut fields = Cursor::single_sequence(der, at)?;
    let found = PolicyConstraints {
        require_explicit: implicit(&mut fields, 0)?,
        inhibit_mapping: implicit(&mut fields, 1)?,
    };
    fields.finish()?;
    if found == PolicyConstraints::default() {
        return Err(fields.fault("policy constraints that constrain nothing"));
    }
    Ok(found)
}

fn implicit(fields: &mut Cursor<'_>, number: u8) -> Result<Option<Number>, Fault> {
    fields.optional(context(number))?.map(|value| Number::of_content(&value)).transpose()
}
