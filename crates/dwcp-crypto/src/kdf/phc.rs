//! Parameter strings in the PHC form: one spelling for each derivation, and nothing read in another.

use super::params::Cost;
use crate::CryptoError;
use base64ct::{Base64Unpadded, Encoding};

/// Cost and salt as text.
pub(super) fn write(cost: Cost, salt: &[u8]) -> String {
    let salt = Base64Unpadded::encode_string(salt);
    match cost {
        Cost::Argon2id { .. } => format!("${ARGON2ID}${ARGON2_VERSION}${cost}${salt}"),
        Cost::Pbkdf2Sha256 { .. } => format!("${PBKDF2}${cost}${salt}"),
    }
}

/// Cost and salt from text: bounded, and of the one spelling that [`write`] has.
pub(super) fn read(text: &str) -> Result<(Cost, Vec<u8>), CryptoError> {
    if text.len() > MAX_TEXT {
        return Err(CryptoError::InvalidParameters);
    }
    let mut fields = text.split('$');
    take(&mut fields, "")?;
    let cost = match next(&mut fields)? {
        ARGON2ID => {
            take(&mut fields, ARGON2_VERSION)?;
            let mut values = next(&mut fields)?.split(',');
            let memory_kib = number(&mut values, "m=")?;
            let passes = number(&mut values, "t=")?;
            let lanes = number(&mut values, "p=")?;
            end(values)?;
            Cost::Argon2id { memory_kib, passes, lanes }
        }
        PBKDF2 => {
            let mut values = next(&mut fields)?.split(',');
            let iterations = number(&mut values, "i=")?;
            end(values)?;
            Cost::Pbkdf2Sha256 { iterations }
        }
        _ => return Err(CryptoError::InvalidParameters),
    };
    let salt = next(&mut fields)?;
    // A hash behind the salt would be a password verifier, which is another thing than a derivation of keys.
    end(fields)?;
    cost.check()?;
    let mut bytes = [0; MAX_SALT];
    let salt = Base64Unpadded::decode(salt, &mut bytes).map_err(|_| CryptoError::InvalidParameters)?;
    if salt.len() < MIN_SALT {
        return Err(CryptoError::InvalidParameters);
    }
    Ok((cost, salt.to_vec()))
}

/// A decimal number behind `name` in its one spelling: no sign, no leading zero. What does not fit is excessive.
fn number<'t>(values: &mut impl Iterator<Item = &'t str>, name: &str) -> Result<u32, CryptoError> {
    let digits = next(values)?.strip_prefix(name).ok_or(CryptoError::InvalidParameters)?;
    let canonical = digits == "0" || !digits.starts_with('0');
    if digits.is_empty() || !canonical || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CryptoError::InvalidParameters);
    }
    digits.parse().map_err(|_| CryptoError::ExcessiveParameters)
}

fn take<'t>(parts: &mut impl Iterator<Item = &'t str>, expected: &str) -> Result<(), CryptoError> {
    if next(parts)? == expected { Ok(()) } else { Err(CryptoError::InvalidParameters) }
}

fn next<'t>(parts: &mut impl Iterator<Item = &'t str>) -> Result<&'t str, CryptoError> {
    parts.next().ok_or(CryptoError::InvalidParameters)
}

fn end<'t>(mut parts: impl Iterator<Item = &'t str>) -> Result<(), CryptoError> {
    parts.next().map_or(Ok(()), |_| Err(CryptoError::InvalidParameters))
}

const ARGON2ID: &str = "argon2id";
const ARGON2_VERSION: &str = "v=19";
const PBKDF2: &str = "pbkdf2-sha256";
const MAX_TEXT: usize = 256;
const MIN_SALT: usize = 8;
const MAX_SALT: usize = 64;
