//! A revocation list, for people and for scripts.

use super::extension_text;
use super::fields::{
    algorithm, attributes, away, extensions, moment, named, remark_rows, remarks, signature_text, time,
    time_json,
};
use super::sheet::Sheet;
use dwcp_base::UnixTime;
use dwcp_pki::inspect::{CrlEntry, Fault, InspectedCrl, hex, reason_name};
use serde_json::{Value, json};

pub(super) fn text(sheet: &mut Sheet, number: &str, crl: &InspectedCrl, now: UnixTime) {
    let kind = if crl.base_number().is_some() { "delta of a revocation list" } else { "revocation list" };
    sheet.title(format!("{number}{kind}"));
    sheet.row("issuer", named(&crl.issuer));
    if let Some(number) = crl.number() {
        sheet.row("number", number.to_string());
    }
    if let Some(base) = crl.base_number() {
        sheet.row("changes", format!("number {base}"));
    }
    sheet.row("made", format!("{}{}", time(&crl.this_update), away(now, &crl.this_update)));
    if let Some(next) = &crl.next_update {
        sheet.row("next", format!("{}{}", time(next), away(now, next)));
    }
    sheet.row("revoked", crl.len().to_string());
    sheet.row("fingerprint", format!("sha256 {}", hex(&crl.sha256())));
    sheet.row("version", crl.version.to_string());
    sheet.row("signature", signature_text(&crl.signature_algorithm));
    remark_rows(sheet, &crl.remarks(now));
    extension_text::all(sheet, &crl.extensions);
    if !crl.is_empty() {
        let more = crl.len().saturating_sub(MOST_SHOWN);
        let more = (more > 0).then(|| format!("and {more} more; --json lists them all"));
        sheet.section("entries", crl.entries().take(MOST_SHOWN).map(line).chain(more));
    }
}

fn line(entry: Result<CrlEntry, Fault>) -> String {
    let entry = match entry {
        Ok(entry) => entry,
        Err(fault) => return format!("malformed: {fault}"),
    };
    let mut line = format!("{}  {}", time(&entry.revoked_at), entry.serial);
    if let Some(reason) = entry.reason() {
        line.push_str("  ");
        line.push_str(reason_name(reason));
    }
    if let Some(since) = entry.invalid_since() {
        line.push_str(&format!("  invalid since {}", time(since)));
    }
    let others = entry
        .extensions
        .iter()
        .filter(|one| !matches!(one.oid.name(), Some("reasonCode" | "invalidityDate")));
    for one in others {
        line.push_str("  ");
        line.push_str(&extension_text::one(one).join(" "));
    }
    line
}

/// All but the entries, which are written one by one.
pub(super) fn json(crl: &InspectedCrl, now: UnixTime) -> Value {
    json!({
        "kind": "crl",
        "version": crl.version,
        "issuer": crl.issuer.to_string(),
        "issuer_attributes": attributes(&crl.issuer),
        "number": crl.number().map(ToString::to_string),
        "delta": crl.base_number().is_some(),
        "base_number": crl.base_number().map(ToString::to_string),
        "this_update": time_json(&crl.this_update),
        "next_update": crl.next_update.as_ref().map(time_json),
        "validity": { "this_update": moment(&crl.this_update), "next_update": crl.next_update.as_ref().map(moment) },
        "revoked": crl.len(),
        "fingerprints": { "sha256": hex(&crl.sha256()) },
        "signature_algorithm": algorithm(&crl.signature_algorithm),
        "inner_signature_algorithm": crl.inner_algorithm.as_ref().map(algorithm),
        "signature": hex(&crl.signature),
        "remarks": remarks(&crl.remarks(now)),
        "extensions": extensions(&crl.extensions),
    })
}

/// One entry.
pub(super) fn entry(entry: Result<CrlEntry, Fault>) -> Value {
    match entry {
        Ok(entry) => json!({
            "serial": entry.serial.to_string(),
            "revoked_at": time_json(&entry.revoked_at),
            "time": moment(&entry.revoked_at),
            "reason": entry.reason().map(reason_name),
            "invalid_since": entry.invalid_since().map(time_json),
            "extensions": extensions(&entry.extensions),
        }),
        Err(fault) => json!({ "malformed": fault.to_string() }),
    }
}

/// More is for scripts.
const MOST_SHOWN: usize = 20;
