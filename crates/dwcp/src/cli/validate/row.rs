//! One certificate on one line and as one object, and the words for what is known of its revocation.

use crate::cli::exit::inert;
use dwcp_pki::inspect::hex;
use dwcp_pki::{Certificate, ParseError, RevocationChecked};
use serde_json::{Value, json};

/// What it is called: its subject, else its first name, else nothing.
pub(super) fn title(certificate: &Certificate) -> String {
    match (certificate.subject(), certificate.names().first()) {
        ("", Some(name)) => inert(name.to_string()),
        ("", None) => "(nobody)".to_owned(),
        (subject, _) => inert(subject),
    }
}

/// For people.
pub(super) fn text(certificate: &Certificate) -> String {
    format!(
        "{}  serial {}  {} to {}",
        title(certificate),
        certificate.serial(),
        certificate.not_before(),
        certificate.not_after()
    )
}

/// For scripts.
pub(super) fn json(certificate: &Certificate) -> Value {
    json!({
        "subject": inert(certificate.subject()),
        "serial": certificate.serial().to_string(),
        "not_before": certificate.not_before().to_string(),
        "not_after": certificate.not_after().to_string(),
        "pin": certificate.key_pin().to_string(),
        "fingerprint": hex(&certificate.fingerprint()),
    })
}

/// A certificate that can not be read, in place of [`text`].
pub(super) fn unreadable(error: &ParseError) -> String {
    format!("unreadable: {}", crate::cli::exit::in_full(error))
}

/// What is known of the revocation of one certificate.
pub(super) fn covered(revocation: RevocationChecked) -> &'static str {
    match revocation {
        RevocationChecked::Covered => "covered",
        RevocationChecked::NotCovered => "not covered",
        _ => "not checked",
    }
}

/// The same of a whole path.
pub(super) fn checked(revocation: RevocationChecked) -> &'static str {
    match revocation {
        RevocationChecked::Covered => "checked",
        other => covered(other),
    }
}

/// A label and what belongs to it, line by line.
pub(super) fn labelled(lines: &mut Vec<String>, label: &str, values: impl IntoIterator<Item = String>) {
    let mut label = label;
    for value in values {
        lines.push(format!("  {label:<15} {value}"));
        label = "";
    }
}
