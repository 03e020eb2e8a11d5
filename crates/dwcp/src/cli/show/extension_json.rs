//! Extensions for scripts: every kind with all of its fields.

use super::fields::{attributes, moment, oid};
use dwcp_pki::inspect::{
    AccessDescription, DistributionPoint, Extension, ExtensionValue, Flags, GeneralName, IssuingPoint,
    Number, PointName, Policy, Qualifier, Subtree, Timestamp, hex, reason_name,
};
use serde_json::{Value, json};

pub(super) fn extension(extension: &Extension) -> Value {
    let mut value = json!({
        "oid": extension.oid.to_string(),
        "name": extension.oid.name(),
        "critical": extension.critical,
    });
    if extension.repeated {
        value["repeated"] = true.into();
    }
    match &extension.value {
        Ok(ExtensionValue::Unknown) => value["der"] = hex(&extension.der).into(),
        Ok(said) => value["value"] = said_json(said),
        Err(fault) => {
            value["malformed"] = fault.to_string().into();
            value["der"] = hex(&extension.der).into();
        }
    }
    value
}

fn said_json(said: &ExtensionValue) -> Value {
    use ExtensionValue as V;
    match said {
        V::BasicConstraints { ca, path_length } => {
            json!({ "ca": ca, "path_length": path_length.as_ref().map(number) })
        }
        V::KeyUsage(these) | V::NetscapeCertType(these) => flags(these),
        V::ExtendedKeyUsage(purposes) => purposes.iter().map(oid).collect(),
        V::SubjectAltName(list) | V::IssuerAltName(list) | V::CertificateIssuer(list) => names(list),
        V::SubjectKeyId(octets) | V::AcmeIdentifier(octets) => hex(octets).into(),
        V::AuthorityKeyId(key) => json!({
            "key_id": key.key_id.as_deref().map(hex),
            "issuer": names(&key.issuer),
            "serial": key.serial.as_ref().map(ToString::to_string),
        }),
        V::NameConstraints(both) => json!({
            "permitted": both.permitted.iter().map(subtree).collect::<Value>(),
            "excluded": both.excluded.iter().map(subtree).collect::<Value>(),
        }),
        V::CertificatePolicies(policies) => policies.iter().map(policy).collect(),
        V::PolicyMappings(pairs) => {
            pairs.iter().map(|(from, to)| json!({ "issuer": oid(from), "subject": oid(to) })).collect()
        }
        V::PolicyConstraints(both) => json!({
            "require_explicit": both.require_explicit.as_ref().map(number),
            "inhibit_mapping": both.inhibit_mapping.as_ref().map(number),
        }),
        V::InhibitAnyPolicy(count) => number(count),
        V::CrlDistributionPoints(points) | V::FreshestCrl(points) => points.iter().map(point).collect(),
        V::AuthorityInfoAccess(ways) | V::SubjectInfoAccess(ways) => ways.iter().map(way).collect(),
        V::TlsFeature(features) => json!({
            "features": features.iter().map(number).collect::<Value>(),
            "must_staple": features.iter().any(|feature| feature.as_u64() == Some(5)),
        }),
        V::Timestamps(timestamps) => timestamps.list.iter().map(timestamp).collect(),
        V::CtPoison | V::OcspNoCheck => true.into(),
        V::CrlNumber(number) | V::DeltaCrl(number) => number.to_string().into(),
        V::IssuingDistributionPoint(point) => issuing_point(point),
        V::Reason(reason) => json!({ "number": number(reason), "name": reason_name(reason) }),
        V::InvalidityDate(at) => moment(at),
        V::HoldInstruction(instruction) => oid(instruction),
        V::PrivateKeyUsagePeriod(period) => json!({
            "not_before": period.not_before.as_ref().map(moment),
            "not_after": period.not_after.as_ref().map(moment),
        }),
        V::Text(text) => text.clone().into(),
        V::Template(template) => json!({
            "template": oid(&template.oid),
            "version": template.version.iter().map(number).collect::<Value>(),
        }),
        _ => Value::Null,
    }
}

/// As a number where it is a small one, else as hexadecimal text.
fn number(number: &Number) -> Value {
    number.as_u64().map_or_else(|| number.to_string().into(), Value::from)
}

fn flags(flags: &Flags) -> Value {
    json!({ "names": flags.names, "unknown_bits": flags.unknown })
}

fn names(list: &[GeneralName]) -> Value {
    list.iter().map(name).collect()
}

fn name(name: &GeneralName) -> Value {
    let mut value = json!({ "kind": name.kind(), "text": name.to_string() });
    match name {
        GeneralName::Directory(name) => value["attributes"] = attributes(name),
        GeneralName::Other { kind, text, der } => {
            value["type"] = oid(kind);
            value["value"] = text.clone().into();
            value["der"] = hex(der).into();
        }
        GeneralName::X400(content) | GeneralName::EdiParty(content) | GeneralName::BadIp(content) => {
            value["der"] = hex(content).into();
        }
        GeneralName::Network { address, mask } => {
            value["address"] = address.to_string().into();
            value["mask"] = mask.to_string().into();
        }
        GeneralName::RegisteredId(id) => value["type"] = oid(id),
        _ => {}
    }
    value
}

fn subtree(subtree: &Subtree) -> Value {
    json!({
        "base": name(&subtree.base),
        "minimum": subtree.minimum.as_ref().map(number),
        "maximum": subtree.maximum.as_ref().map(number),
    })
}

fn policy(policy: &Policy) -> Value {
    let qualifier = |qualifier: &Qualifier| match qualifier {
        Qualifier::Statement(uri) => json!({ "cps": uri }),
        Qualifier::Notice { organization, numbers, text } => json!({
            "organization": organization,
            "numbers": numbers.iter().map(number).collect::<Value>(),
            "notice": text,
        }),
        Qualifier::Other { oid: kind, der } => json!({ "type": oid(kind), "der": hex(der) }),
        _ => Value::Null,
    };
    json!({
        "policy": oid(&policy.oid),
        "qualifiers": policy.qualifiers.iter().map(qualifier).collect::<Value>(),
    })
}

fn point_name(name: &PointName) -> Value {
    match name {
        PointName::Full(list) => json!({ "full": names(list) }),
        PointName::Relative(part) => json!({ "relative": attributes(part) }),
        _ => Value::Null,
    }
}

fn point(point: &DistributionPoint) -> Value {
    json!({
        "name": point.name.as_ref().map(point_name),
        "reasons": point.reasons.as_ref().map(flags),
        "issuer": names(&point.issuer),
    })
}

fn issuing_point(point: &IssuingPoint) -> Value {
    json!({
        "name": point.name.as_ref().map(point_name),
        "only_users": point.only_users,
        "only_authorities": point.only_authorities,
        "only_attributes": point.only_attributes,
        "only_reasons": point.only_reasons.as_ref().map(flags),
        "indirect": point.indirect,
    })
}

fn way(way: &AccessDescription) -> Value {
    json!({ "method": oid(&way.method), "location": name(&way.location) })
}

fn timestamp(timestamp: &Timestamp) -> Value {
    match timestamp {
        Timestamp::V1 { log_id, at, extensions, hash, signature_algorithm, signature } => json!({
            "version": 1,
            "log_id": hex(log_id),
            "at": at.to_string(),
            "extensions": hex(extensions),
            "hash": Timestamp::hash_name(*hash),
            "signature_algorithm": Timestamp::signature_name(*signature_algorithm),
            "signature": hex(signature),
        }),
        Timestamp::Other { version, bytes } => {
            json!({ "version": version.map(|version| u16::from(version) + 1), "bytes": hex(bytes) })
        }
        _ => Value::Null,
    }
}
