//! Extensions for people: one line where it fits, several where it does not.

use super::fields::{MOST_NAMES, called, time};
use super::sheet::{Sheet, cut};
use dwcp_pki::inspect::{
    AccessDescription, DistributionPoint, Extension, ExtensionValue, Flags, GeneralName, IssuingPoint,
    Number, Oid, PointName, Policy, Qualifier, Subtree, Timestamp, hex, reason_name,
};

/// The extensions of a document under their heading.
pub(super) fn all(sheet: &mut Sheet, extensions: &[Extension]) {
    if !extensions.is_empty() {
        sheet.section("extensions", extensions.iter().flat_map(one));
    }
}

/// An extension's name with what it says; further lines are indented.
pub(super) fn one(extension: &Extension) -> Vec<String> {
    let critical = if extension.critical { " (critical)" } else { "" };
    let again = if extension.repeated { " (again)" } else { "" };
    let head = format!("{}{critical}{again}", called(&extension.oid));
    let lines = match &extension.value {
        Ok(ExtensionValue::Unknown) => vec![cut(&extension.der)],
        Ok(said) => lines(said),
        Err(fault) => vec![format!("malformed: {fault}; {}", cut(&extension.der))],
    };
    match lines.as_slice() {
        [] => vec![head],
        [line] if line.len() <= LONGEST_LINE => vec![format!("{head}: {line}")],
        _ => std::iter::once(format!("{head}:"))
            .chain(lines.into_iter().map(|line| format!("  {line}")))
            .collect(),
    }
}

fn lines(said: &ExtensionValue) -> Vec<String> {
    use ExtensionValue as V;
    match said {
        V::BasicConstraints { ca: false, path_length: None } => vec!["no authority".to_owned()],
        V::BasicConstraints { ca, path_length } => {
            let length = path_length
                .as_ref()
                .map_or_else(String::new, |length| format!(", path length {}", number(length)));
            vec![format!("{}{length}", if *ca { "an authority" } else { "no authority" })]
        }
        V::KeyUsage(these) | V::NetscapeCertType(these) => vec![flags(these)],
        V::ExtendedKeyUsage(purposes) => vec![purposes.iter().map(full).collect::<Vec<_>>().join(", ")],
        V::SubjectAltName(list) if list.len() <= MOST_NAMES => vec!["the names above".to_owned()],
        V::SubjectAltName(list) | V::IssuerAltName(list) | V::CertificateIssuer(list) => {
            list.iter().map(ToString::to_string).collect()
        }
        V::SubjectKeyId(octets) | V::AcmeIdentifier(octets) => vec![hex(octets)],
        V::AuthorityKeyId(key) => {
            let id = key.key_id.as_deref().map(hex);
            let issuer = (!key.issuer.is_empty()).then(|| format!("issuer {}", joined(&key.issuer)));
            let serial = key.serial.as_ref().map(|serial| format!("serial {serial}"));
            id.into_iter().chain(issuer).chain(serial).collect()
        }
        V::NameConstraints(both) => {
            let permitted = both.permitted.iter().map(|tree| format!("permitted {}", subtree(tree)));
            permitted.chain(both.excluded.iter().map(|tree| format!("excluded {}", subtree(tree)))).collect()
        }
        V::CertificatePolicies(policies) => policies.iter().flat_map(policy).collect(),
        V::PolicyMappings(pairs) => {
            pairs.iter().map(|(from, to)| format!("{} is {}", full(from), full(to))).collect()
        }
        V::PolicyConstraints(both) => {
            let explicit =
                both.require_explicit.as_ref().map(|skip| format!("explicit policy after {}", number(skip)));
            let mapping =
                both.inhibit_mapping.as_ref().map(|skip| format!("no mapping after {}", number(skip)));
            explicit.into_iter().chain(mapping).collect()
        }
        V::InhibitAnyPolicy(skip) => vec![format!("after {} certificates", number(skip))],
        V::CrlDistributionPoints(points) | V::FreshestCrl(points) => points.iter().map(point).collect(),
        V::AuthorityInfoAccess(ways) | V::SubjectInfoAccess(ways) => ways.iter().map(way).collect(),
        V::TlsFeature(features) => vec![features.iter().map(feature).collect::<Vec<_>>().join(", ")],
        V::Timestamps(timestamps) => timestamps.list.iter().map(timestamp).collect(),
        V::CtPoison => vec!["not a certificate, but the promise of one".to_owned()],
        V::OcspNoCheck => vec!["the revocation of this certificate need not be checked".to_owned()],
        V::CrlNumber(number) | V::DeltaCrl(number) => vec![number.to_string()],
        V::IssuingDistributionPoint(point) => issuing_point(point),
        V::Reason(reason) => vec![format!("{} ({})", reason_name(reason), number(reason))],
        V::InvalidityDate(at) => vec![time(at)],
        V::HoldInstruction(instruction) => vec![full(instruction)],
        V::PrivateKeyUsagePeriod(period) => {
            let from = period.not_before.as_ref().map(|at| format!("from {}", time(at)));
            from.into_iter()
                .chain(period.not_after.as_ref().map(|at| format!("until {}", time(at))))
                .collect()
        }
        V::Text(text) => vec![text.clone()],
        V::Template(template) => {
            let version: Vec<String> = template.version.iter().map(number).collect();
            vec![format!("{} version {}", full(&template.oid), version.join("."))]
        }
        _ => Vec::new(),
    }
}

fn number(number: &Number) -> String {
    number.as_u64().map_or_else(|| format!("0x{number}"), |number| number.to_string())
}

/// A name with its number, or the number alone.
fn full(oid: &Oid) -> String {
    oid.name().map_or_else(|| oid.to_string(), str::to_owned)
}

fn joined(names: &[GeneralName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn flags(flags: &Flags) -> String {
    let named = flags.names.iter().map(|name| (*name).to_owned());
    named.chain(flags.unknown.iter().map(|bit| format!("bit {bit}"))).collect::<Vec<_>>().join(", ")
}

fn subtree(subtree: &Subtree) -> String {
    let depth = |label: &str, depth: &Option<Number>| {
        depth.as_ref().map_or_else(String::new, |depth| format!(" {label} {}", number(depth)))
    };
    format!(
        "{}{}{}",
        subtree.base,
        depth("from level", &subtree.minimum),
        depth("to level", &subtree.maximum)
    )
}

fn policy(policy: &Policy) -> Vec<String> {
    let mut lines = vec![full(&policy.oid)];
    lines.extend(policy.qualifiers.iter().map(|qualifier| match qualifier {
        Qualifier::Statement(uri) => format!("  statement {uri}"),
        Qualifier::Notice { organization, numbers, text } => {
            let mut line = "  notice".to_owned();
            if let Some(organization) = organization {
                let numbers: Vec<String> = numbers.iter().map(number).collect();
                line.push_str(&format!(" {} of {organization}", numbers.join(", ")));
            }
            if let Some(text) = text {
                line.push_str(&format!(" \"{text}\""));
            }
            line
        }
        Qualifier::Other { oid, der } => format!("  {} {}", full(oid), cut(der)),
        _ => String::new(),
    }));
    lines
}

fn point_name(name: &PointName) -> String {
    match name {
        PointName::Full(names) => joined(names),
        PointName::Relative(part) => format!("under its issuer: {part}"),
        _ => String::new(),
    }
}

fn point(point: &DistributionPoint) -> String {
    let name = point.name.as_ref().map(point_name);
    let reasons = point.reasons.as_ref().map(|reasons| format!("for {}", flags(reasons)));
    let issuer = (!point.issuer.is_empty()).then(|| format!("signed by {}", joined(&point.issuer)));
    name.into_iter().chain(reasons).chain(issuer).collect::<Vec<_>>().join("; ")
}

fn issuing_point(point: &IssuingPoint) -> Vec<String> {
    let mut lines: Vec<String> = point.name.as_ref().map(point_name).into_iter().collect();
    for (set, text) in [
        (point.only_users, "only certificates of users"),
        (point.only_authorities, "only certificates of authorities"),
        (point.only_attributes, "only attribute certificates"),
        (point.indirect, "also for other issuers"),
    ] {
        if set {
            lines.push(text.to_owned());
        }
    }
    lines.extend(point.only_reasons.as_ref().map(|reasons| format!("only for {}", flags(reasons))));
    lines
}

fn way(way: &AccessDescription) -> String {
    format!("{} {}", full(&way.method), way.location)
}

/// RFC 7633: a server with this certificate promises an answer about its revocation in every handshake.
fn feature(feature: &Number) -> String {
    match feature.as_u64() {
        Some(5) => "status_request (must staple)".to_owned(),
        Some(17) => "status_request_v2".to_owned(),
        _ => number(feature),
    }
}

fn timestamp(timestamp: &Timestamp) -> String {
    match timestamp {
        Timestamp::V1 { log_id, at, extensions, hash, signature_algorithm, signature } => {
            let extensions = if extensions.is_empty() {
                String::new()
            } else {
                format!("; extensions {}", cut(extensions))
            };
            format!(
                "{at} log {}; {} with {}, {} bytes, not checked{extensions}",
                hex(log_id),
                Timestamp::signature_name(*signature_algorithm),
                Timestamp::hash_name(*hash),
                signature.len(),
            )
        }
        Timestamp::Other { version, bytes } => {
            let version =
                version.map_or_else(|| "none".to_owned(), |version| (u16::from(version) + 1).to_string());
            format!("version {version}: {}", cut(bytes))
        }
        _ => String::new(),
    }
}

/// What goes behind the name still.
const LONGEST_LINE: usize = 90;
