//! What a CRL covers (RFC 5280 §5.2.5).

use super::points::{PointName, point_name};
use super::tlv::{self, Cursor, Fault, context, wrapped};
use super::usage::{self, Flags};

/// The issuing distribution point of a CRL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuingPoint {
    /// The name of the part that this list is.
    pub name: Option<PointName>,
    /// Only certificates of users.
    pub only_users: bool,
    /// Only certificates of authorities.
    pub only_authorities: bool,
    /// Only for these reasons.
    pub only_reasons: Option<Flags>,
    /// Entries may be of other issuers.
    pub indirect: bool,
    /// Only attribute certificates.
    pub only_attributes: bool,
}

pub(super) fn read(der: &[u8], at: usize) -> Result<IssuingPoint, Fault> {
    let mut fields = Cursor::single_sequence(der, at)?;
    let name = fields.optional(wrapped(0))?.map(|value| point_name(&value)).transpose()?;
    let only_users = flag(&mut fields, 1)?;
    let only_authorities = flag(&mut fields, 2)?;
    let only_reasons = fields.optional(context(3))?;
    let only_reasons = only_reasons.map(|value| usage::named_bits(&value, usage::REASONS)).transpose()?;
    let indirect = flag(&mut fields, 4)?;
    let only_attributes = flag(&mut fields, 5)?;
    fields.finish()?;
    Ok(IssuingPoint { name, only_users, only_authorities, only_reasons, indirect, only_attributes })
}

fn flag(fields: &mut Cursor<'_>, number: u8) -> Result<bool, Fault> {
    fields.optional(context(number))?.map_or(Ok(false), |value| tlv::boolean(&value))
}
