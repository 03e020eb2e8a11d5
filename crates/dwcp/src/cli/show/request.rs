//! A certificate request, for people and for scripts.

use super::certificate::own;
use super::extension_text;
use super::fields::{
    algorithm, attributes, called, extensions, key, key_rows, name_rows, named, names, pin, remark_rows,
    remarks, signature_text,
};
use super::sheet::{Sheet, cut};
use dwcp_pki::inspect::{AttributeValue, Extension, InspectedRequest, OwnSignature, hex};
use serde_json::{Value, json};

pub(super) fn text(sheet: &mut Sheet, number: &str, request: &InspectedRequest) {
    sheet.title(format!("{number}certificate request"));
    name_rows(sheet, request.names());
    sheet.row("subject", named(&request.subject));
    sheet.row(
        "possession",
        match request.possession {
            OwnSignature::Good => "proven: its own key signed it",
            OwnSignature::Bad => "NOT proven: its own key did not sign it",
            _ => "not checked: a kind of signature that is not known here",
        },
    );
    key_rows(sheet, &request.key);
    sheet.row("fingerprint", format!("sha256 {}", hex(&request.sha256())));
    sheet.row("version", request.version.to_string());
    sheet.row("signature", signature_text(&request.signature_algorithm));
    for attribute in &request.attributes {
        let name = called(&attribute.oid);
        match &attribute.values {
            Err(fault) => sheet.row("attribute", format!("{name}: malformed: {fault}")),
            Ok(values) => {
                for value in values {
                    match value {
                        AttributeValue::Extensions(_) => {}
                        AttributeValue::Text(text) => sheet.row("attribute", format!("{name}: {text}")),
                        AttributeValue::Withheld => {
                            sheet.row("attribute", format!("{name}: there, and not shown"))
                        }
                        AttributeValue::Other(der) => sheet.row("attribute", format!("{name}: {}", cut(der))),
                        _ => {}
                    }
                }
            }
        }
    }
    remark_rows(sheet, &request.remarks());
    let asked: Vec<Extension> = request.extensions().cloned().collect();
    extension_text::all(sheet, &asked);
}

pub(super) fn json(request: &InspectedRequest) -> Value {
    let attribute = |attribute: &dwcp_pki::inspect::Attribute| {
        let mut value = json!({ "oid": attribute.oid.to_string(), "name": attribute.oid.name() });
        match &attribute.values {
            Ok(values) => value["values"] = values.iter().map(one).collect(),
            Err(fault) => value["malformed"] = fault.to_string().into(),
        }
        value
    };
    json!({
        "kind": "request",
        "version": request.version,
        "subject": request.subject.to_string(),
        "subject_attributes": attributes(&request.subject),
        "names": names(request.names()),
        "possession": own(request.possession),
        "key": key(&request.key),
        "pin": pin(&request.key).to_string(),
        "fingerprints": { "sha256": hex(&request.sha256()) },
        "signature_algorithm": algorithm(&request.signature_algorithm),
        "signature": hex(&request.signature),
        "attributes": request.attributes.iter().map(attribute).collect::<Value>(),
        "remarks": remarks(&request.remarks()),
        "extensions": extensions(request.extensions()),
    })
}

/// Extensions are listed by themselves.
fn one(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Extensions(list) => json!({ "extensions": list.len() }),
        AttributeValue::Text(text) => json!({ "text": text }),
        AttributeValue::Withheld => json!({ "withheld": true }),
        AttributeValue::Other(der) => json!({ "der": hex(der) }),
        _ => Value::Null,
    }
}
