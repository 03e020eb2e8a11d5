//! One certificate of a chain that somebody presented: the rows that tell it from others, shown and not believed.

use super::super::exit::inert;
use super::fields::{
    algorithm, away, ending, key_rows, name_rows, named, names, pin, signature_text, time, time_json,
};
use super::sheet::Sheet;
use dwcp_base::UnixTime;
use dwcp_pki::inspect::{InspectError, InspectedCertificate, hex};
use serde_json::{Value, json};

/// For people.
pub(in crate::cli) fn member_text(
    title: String,
    certificate: &Result<InspectedCertificate, InspectError>,
    now: UnixTime,
) -> String {
    let mut sheet = Sheet::default();
    sheet.title(title);
    match certificate {
        Ok(certificate) => {
            sheet.row("subject", inert(named(&certificate.subject)));
            name_rows(&mut sheet, certificate.names());
            sheet.row("issuer", inert(named(&certificate.issuer)));
            let (from, until) = (&certificate.not_before, &certificate.not_after);
            sheet.row("from", inert(format!("{}{}", time(from), away(now, from))));
            sheet.row("until", inert(format!("{}{}", time(until), ending(now, until))));
            key_rows(&mut sheet, &certificate.key);
            sheet.row("signature", inert(signature_text(&certificate.signature_algorithm)));
            sheet.row("serial", certificate.serial.to_string());
        }
        Err(error) => sheet.remark(inert(super::why(error))),
    }
    sheet.finish()
}

/// For scripts.
pub(in crate::cli) fn member_json(certificate: &Result<InspectedCertificate, InspectError>) -> Value {
    match certificate {
        Ok(certificate) => json!({
            "subject": inert(certificate.subject.to_string()),
            "issuer": inert(certificate.issuer.to_string()),
            "names": names(certificate.names()).iter().map(inert).collect::<Vec<_>>(),
            "not_before": time_json(&certificate.not_before),
            "not_after": time_json(&certificate.not_after),
            "key": certificate.key.name(),
            "key_bits": certificate.key.size(),
            "pin": pin(&certificate.key).to_string(),
            "serial": certificate.serial.to_string(),
            "signature_algorithm": algorithm(&certificate.signature_algorithm),
            "fingerprint": hex(&certificate.sha256()),
        }),
        Err(error) => json!({ "unreadable": inert(super::why(error)) }),
    }
}
