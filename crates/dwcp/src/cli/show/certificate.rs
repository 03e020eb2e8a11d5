//! A certificate, for people and for scripts.

use super::extension_text;
use super::fields::{
    algorithm, attributes, away, called, ending, extensions, key, key_rows, moment, name_rows, named, names,
    pin, remark_rows, remarks, signature_text, time, time_json,
};
use super::sheet::{Sheet, cut};
use dwcp_base::UnixTime;
use dwcp_pki::inspect::{InspectedCertificate, OwnSignature, hex};
use serde_json::{Value, json};

pub(super) fn text(sheet: &mut Sheet, number: &str, certificate: &InspectedCertificate, now: UnixTime) {
    let kind = if certificate.authority().is_some_and(|(authority, _)| authority) {
        "certificate of an authority"
    } else {
        "certificate"
    };
    sheet.title(format!("{number}{kind}"));
    name_rows(sheet, certificate.names());
    sheet.row("subject", named(&certificate.subject));
    sheet.row("issuer", format!("{}{}", named(&certificate.issuer), itself(certificate)));
    sheet.row("from", format!("{}{}", time(&certificate.not_before), away(now, &certificate.not_before)));
    sheet.row("until", format!("{}{}", time(&certificate.not_after), ending(now, &certificate.not_after)));
    sheet.row("for", uses(certificate));
    key_rows(sheet, &certificate.key);
    sheet.row(
        "fingerprint",
        format!("sha256 {}\nsha1   {} (legacy)", hex(&certificate.sha256()), hex(&certificate.sha1())),
    );
    sheet.row("serial", certificate.serial.to_string());
    sheet.row("version", certificate.version.to_string());
    sheet.row("signature", signature_text(&certificate.signature_algorithm));
    for (label, id) in
        [("issuer id", &certificate.issuer_unique_id), ("subject id", &certificate.subject_unique_id)]
    {
        if let Some(id) = id {
            sheet.row(label, cut(id));
        }
    }
    remark_rows(sheet, &certificate.remarks(now));
    extension_text::all(sheet, &certificate.extensions);
}

/// Whether the issuer is the subject, and what its signature says about that.
fn itself(certificate: &InspectedCertificate) -> &'static str {
    if !certificate.is_self_issued() {
        return "";
    }
    match certificate.own_signature() {
        OwnSignature::Good => " (itself: signed with its own key)",
        OwnSignature::Bad => " (itself by name, and another key by signature)",
        _ => " (itself by name; the signature was not checked)",
    }
}

/// What it may be used for, in the words of its extensions.
fn uses(certificate: &InspectedCertificate) -> String {
    let mut parts = Vec::new();
    if let Some((true, length)) = certificate.authority() {
        parts.push(match length.and_then(|length| length.as_u64()) {
            Some(0) => "signing certificates, none of them an authority's".to_owned(),
            Some(length) => format!("signing certificates, with at most {length} authorities below"),
            None => "signing certificates".to_owned(),
        });
    }
    match certificate.purposes() {
        Some(purposes) => parts.push(purposes.iter().map(called).collect::<Vec<_>>().join(", ")),
        None => parts.push("any purpose: it names none".to_owned()),
    }
    parts.push(match certificate.key_usage() {
        Some(usage) => usage.names.join(", "),
        None => "any use of the key".to_owned(),
    });
    parts.join("\n")
}

pub(super) fn json(certificate: &InspectedCertificate, now: UnixTime) -> Value {
    let length = certificate.authority().and_then(|(_, length)| length);
    let left = certificate.not_after.at.map(|end| end.secs().saturating_sub(now.secs()));
    json!({
        "kind": "certificate",
        "version": certificate.version,
        "serial": certificate.serial.to_string(),
        "subject": certificate.subject.to_string(),
        "subject_attributes": attributes(&certificate.subject),
        "issuer": certificate.issuer.to_string(),
        "issuer_attributes": attributes(&certificate.issuer),
        "names": names(certificate.names()),
        "not_before": time_json(&certificate.not_before),
        "not_after": time_json(&certificate.not_after),
        "validity": {
            "not_before": moment(&certificate.not_before),
            "not_after": moment(&certificate.not_after),
            "seconds_left": left,
        },
        "authority": certificate.authority().is_some_and(|(authority, _)| authority),
        "path_length": length.and_then(|length| length.as_u64()),
        "key_usage": certificate.key_usage().map(|usage| usage.names.clone()),
        "purposes": certificate.purposes().map(|all| all.iter().map(called).collect::<Vec<_>>()),
        "key": key(&certificate.key),
        "pin": pin(&certificate.key).to_string(),
        "fingerprints": { "sha256": hex(&certificate.sha256()), "sha1_legacy": hex(&certificate.sha1()) },
        "signature_algorithm": algorithm(&certificate.signature_algorithm),
        "inner_signature_algorithm": certificate.inner_algorithm.as_ref().map(algorithm),
        "signature": hex(&certificate.signature),
        "self_issued": certificate.is_self_issued(),
        "self_signed": certificate.is_self_issued().then(|| own(certificate.own_signature())),
        "issuer_unique_id": certificate.issuer_unique_id.as_deref().map(hex),
        "subject_unique_id": certificate.subject_unique_id.as_deref().map(hex),
        "verified": false,
        "remarks": remarks(&certificate.remarks(now)),
        "extensions": extensions(&certificate.extensions),
    })
}

/// Whether a document was signed with its own key.
pub(super) fn own(signature: OwnSignature) -> &'static str {
    match signature {
        OwnSignature::Good => "good",
        OwnSignature::Bad => "bad",
        _ => "unchecked",
    }
}
