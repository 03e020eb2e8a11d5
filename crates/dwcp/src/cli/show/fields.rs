//! What several kinds of document have: names, times, keys, algorithms, remarks.

use super::extension_json;
use super::sheet::{Sheet, cut, distance};
use dwcp_base::UnixTime;
use dwcp_pki::KeyPin;
use dwcp_pki::inspect::{
    Algorithm, DistinguishedName, Extension, GeneralName, KeyDetail, Moment, Oid, Parameters, PublicKey,
    Remark, hex,
};
use serde_json::{Value, json};

pub(super) fn oid(oid: &Oid) -> Value {
    json!({ "oid": oid.to_string(), "name": oid.name() })
}

/// A name for people: what it is called, with the number where nothing else says which it is.
pub(super) fn called(oid: &Oid) -> String {
    oid.name().map_or_else(|| oid.to_string(), str::to_owned)
}

pub(super) fn attributes(name: &DistinguishedName) -> Value {
    let one = |attribute: &dwcp_pki::inspect::NameAttribute| {
        json!({
            "part": attribute.part,
            "oid": attribute.oid.to_string(),
            "name": attribute.oid.name(),
            "type": attribute.kind,
            "value": attribute.value,
        })
    };
    name.attributes.iter().map(one).collect()
}

/// A name on one line.
pub(super) fn named(name: &DistinguishedName) -> String {
    if name.is_empty() { "(nobody)".to_owned() } else { name.to_string() }
}

pub(super) fn names(names: &[GeneralName]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// The first names, one under the other; the extension has the rest.
pub(super) fn name_rows(sheet: &mut Sheet, list: &[GeneralName]) {
    let more = list.len().saturating_sub(MOST_NAMES);
    let more = (more > 0).then(|| format!("and {more} more, below"));
    let lines: Vec<String> = list.iter().take(MOST_NAMES).map(ToString::to_string).chain(more).collect();
    if !lines.is_empty() {
        sheet.row("names", lines.join("\n"));
    }
}

/// The time in RFC 3339, or what stands in its place.
pub(super) fn time(moment: &Moment) -> String {
    match moment.at {
        Some(_) if moment.is_no_end() => "no end".to_owned(),
        Some(at) => at.to_string(),
        None => format!("`{}`, which is no time", moment.text),
    }
}

pub(super) fn time_json(moment: &Moment) -> Value {
    moment.at.map_or(Value::Null, |at| at.to_string().into())
}

/// Everything about a time.
pub(super) fn moment(moment: &Moment) -> Value {
    json!({ "at": time_json(moment), "text": moment.text, "oddity": moment.oddity })
}

pub(super) fn away(now: UnixTime, moment: &Moment) -> String {
    match moment.at {
        Some(at) if !moment.is_no_end() => format!(" ({})", distance(now, at)),
        _ => String::new(),
    }
}

/// The same of an end.
pub(super) fn ending(now: UnixTime, moment: &Moment) -> String {
    match moment.at {
        Some(at) if !moment.is_no_end() && at < now => format!(" (expired {})", distance(now, at)),
        Some(at) if !moment.is_no_end() => format!(" (expires {})", distance(now, at)),
        _ => String::new(),
    }
}

pub(super) fn algorithm(algorithm: &Algorithm) -> Value {
    let parameters = match &algorithm.parameters {
        Parameters::Absent => Value::Null,
        Parameters::Null => "NULL".into(),
        Parameters::Named(name) => oid(name),
        Parameters::Pss { hash, mask_hash, salt } => {
            json!({ "hash": oid(hash), "mask_hash": oid(mask_hash), "salt": salt })
        }
        Parameters::Other(der) => json!({ "der": hex(der) }),
        _ => Value::Null,
    };
    json!({ "oid": algorithm.oid.to_string(), "name": algorithm.oid.name(), "parameters": parameters })
}

pub(super) fn signature_text(algorithm: &Algorithm) -> String {
    match &algorithm.parameters {
        Parameters::Pss { hash, mask_hash, salt } => {
            let salt = salt.map_or_else(|| "of an odd length".to_owned(), |salt| format!("{salt} bytes"));
            let mask =
                if hash == mask_hash { String::new() } else { format!(", mask {}", called(mask_hash)) };
            format!("{} ({}{mask}, salt {salt})", algorithm.name(), called(hash))
        }
        Parameters::Other(der) => format!("{} (parameters {})", algorithm.name(), cut(der)),
        _ => algorithm.name(),
    }
}

pub(super) fn key(key: &PublicKey) -> Value {
    let mut value = json!({
        "name": key.name(),
        "algorithm": algorithm(&key.algorithm),
        "bits": key.size(),
        "public_key": hex(&key.bits),
        "sha256": hex(&key.sha256()),
    });
    match &key.detail {
        KeyDetail::Rsa { modulus, exponent, .. } => {
            value["modulus"] = modulus.to_string().into();
            value["exponent"] = exponent.to_string().into();
        }
        KeyDetail::Curve { name, compressed, .. } => {
            value["curve"] = name.as_ref().map_or(Value::Null, oid);
            value["compressed"] = (*compressed).into();
        }
        KeyDetail::Malformed(fault) => value["malformed"] = fault.to_string().into(),
        _ => {}
    }
    value
}

pub(super) fn pin(key: &PublicKey) -> KeyPin {
    KeyPin::from(key.sha256())
}

/// The rows of a key.
pub(super) fn key_rows(sheet: &mut Sheet, key: &PublicKey) {
    let detail = match &key.detail {
        KeyDetail::Rsa { modulus_bits, exponent, .. } => {
            let exponent =
                exponent.as_u64().map_or_else(|| format!("0x{exponent}"), |number| number.to_string());
            format!("RSA, {modulus_bits} bits, exponent {exponent}")
        }
        KeyDetail::Curve { name: None, .. } => format!("{}, curve not named", key.algorithm.name()),
        KeyDetail::Curve { compressed, .. } => {
            let bits = key.size().map_or_else(String::new, |bits| format!(", {bits} bits"));
            format!("{}{bits}{}", key.name(), if *compressed { ", compressed point" } else { "" })
        }
        KeyDetail::Malformed(_) => format!("{}, malformed", key.name()),
        KeyDetail::Unknown => format!("{}, {} bytes", key.name(), key.bits.len()),
        _ => key.name(),
    };
    sheet.row("key", detail);
    sheet.row("key pin", format!("pin:{}", pin(key)));
}

pub(super) fn remarks(remarks: &[Remark]) -> Value {
    remarks.iter().map(|remark| json!({ "code": remark.code, "text": remark.text })).collect()
}

pub(super) fn remark_rows(sheet: &mut Sheet, remarks: &[Remark]) {
    remarks.iter().for_each(|remark| sheet.remark(&remark.text));
}

pub(super) fn extensions<'a>(extensions: impl IntoIterator<Item = &'a Extension>) -> Value {
    extensions.into_iter().map(extension_json::extension).collect()
}

/// A page should not begin with a hundred names.
pub(super) const MOST_NAMES: usize = 8;
