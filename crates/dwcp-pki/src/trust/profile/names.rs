//! The rules about names: where they stand, how they are written, and which of them agree.

use super::form::Form;
use super::rule::ProfileRule as Rule;
use crate::inspect::{DistinguishedName, ExtensionValue as V, GeneralName};
use crate::{Certificate, SubjectName};
use std::net::IpAddr;

/// Checks the names of a leaf.
pub(super) fn check(form: &Form, leaf: &Certificate) -> Result<(), Rule> {
    let names = form.find(|value| match value {
        V::SubjectAltName(names) => Some(names),
        _ => None,
    });
    match names {
        Some((critical, _)) if critical != form.subject_is_empty => {
            return Err(Rule::AlternativeNamesCriticality);
        }
        None if form.subject_is_empty => return Err(Rule::Nameless),
        _ => {}
    }
    for name in leaf.names() {
        if let SubjectName::Dns(dns) = name
            && !is_host(dns)
        {
            return Err(Rule::HostName);
        }
    }
    let is_host_name = |name: &SubjectName| matches!(name, SubjectName::Dns(_) | SubjectName::Ip(_));
    // Where no host is named, nobody compares one with the common name.
    if leaf.names().iter().any(is_host_name) { check_common_names(leaf) } else { Ok(()) }
}

/// A host name of letters, digits and hyphens, perhaps with `*` as its first label (RFC 5280 §4.2.1.6, RFC 9525 §6.3).
/// Underscores are let through: no host has them, yet names of services do.
fn is_host(dns: &str) -> bool {
    let dns = dns.strip_prefix("*.").unwrap_or(dns);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    dns.len() <= 253 && dns.split('.').all(label)
}

/// A common name that looks like a host is read as one by older software, so it must be one of the names that constraints
/// and validation were about, letter by letter (AT-X6).
fn check_common_names(leaf: &Certificate) -> Result<(), Rule> {
    let raw = leaf.raw().map_err(|_| Rule::CommonName)?;
    if raw.subject.len() == 2 {
        return Ok(());
    }
    let subject = DistinguishedName::from_der(raw.subject).map_err(|_| Rule::CommonName)?;
    for attribute in subject.attributes.iter().filter(|attribute| attribute.oid.name() == Some("CN")) {
        let text = attribute.value.as_str();
        let listed = leaf.names().iter().any(|name| match name {
            SubjectName::Dns(dns) => dns == text,
            SubjectName::Ip(address) => address.to_string() == text,
            _ => false,
        });
        if looks_like_host(text) && !listed {
            return Err(Rule::CommonName);
        }
    }
    Ok(())
}

/// Whether software that takes the common name for a host could connect to it.
fn looks_like_host(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    // inet_aton(3) reads a number as an address.
    if text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x")) {
        return true;
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    // A name of one label names no host on any network but one's own, and is what people call their nodes.
    name.contains('.') && !text.contains([' ', ',', '=']) && !name.split('.').any(str::is_empty)
}

/// Whether a name may stand in a constraint (RFC 5280 §4.2.1.10).
pub(super) fn is_constraint_base(base: &GeneralName) -> bool {
    match base {
        // Empty: every name.
        GeneralName::Dns(name) => name.is_empty() || is_host(name) && !name.starts_with('*'),
        GeneralName::Email(mailbox) => {
            let host = mailbox.rsplit_once('@').map_or(mailbox.as_str(), |(_, host)| host);
            host.is_empty() || is_host(host.strip_prefix('.').unwrap_or(host))
        }
        // A host or a domain with a leading dot, never a whole URI.
        GeneralName::Uri(host) => host.is_empty() || is_host(host.strip_prefix('.').unwrap_or(host)),
        GeneralName::Network { mask, .. } => is_prefix(*mask),
        GeneralName::Ip(_) | GeneralName::BadIp(_) => false,
        _ => true,
    }
}

/// RFC 4632 §3.1: ones, then zeros.
fn is_prefix(mask: IpAddr) -> bool {
    match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones() + mask.to_bits().trailing_zeros() >= 32,
        IpAddr::V6(mask) => mask.to_bits().leading_ones() + mask.to_bits().trailing_zeros() >= 128,
    }
}
