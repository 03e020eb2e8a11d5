//! Which names a token grants, and who has them already.

use super::pattern::rule;
use dwcp_base::UnixTime;
use dwcp_pki::{AllowedNames, IssuedRecord, IssuedStanding, NameRule, SpiffeId, SubjectName, TrustDomain};
use std::net::IpAddr;
use thiserror::Error;

/// What a token grants. By default: one SPIFFE ID `spiffe://DOMAIN/node/NAME` that nobody has, and DNS names and addresses that nobody
/// else has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The one `NAME` it is for; `None`: any.
    pub name: Option<String>,
    /// Patterns as [`rule`] reads them, at most 32; where there are any, nothing else is granted but the name.
    pub allow: Vec<String>,
}

/// Why a name is not granted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameFault {
    /// There is no SPIFFE ID, or more than one URI.
    #[error("a node has one SPIFFE ID, and no other URI")]
    Identities,
    /// More names than a node has.
    #[error("a node has at most {} names", Grant::MOST_NAMES)]
    Many,
    /// A name may stand in no certificate.
    #[error("one of the names may stand in no certificate")]
    Malformed,
    /// The token does not grant it.
    #[error("the token does not grant {0}")]
    NotGranted(SubjectName),
    /// Somebody has it.
    #[error("{0} is somebody else's")]
    Taken(SubjectName),
    /// A renewal asks for other names than were granted.
    #[error("the request asks for other names than were granted")]
    Others,
}

impl Grant {
    /// The most names of one node.
    pub const MOST_NAMES: usize = 64;
    /// The most patterns of one token.
    pub const MOST_PATTERNS: usize = 32;

    /// Whether this can be granted at all in `domain`: names that are names, patterns that are patterns, and room for a SPIFFE ID.
    pub fn is_sound(&self, domain: &TrustDomain) -> bool {
        let named = self.name.as_deref().is_none_or(is_node_name);
        let rules: Option<Vec<_>> = self.allow.iter().map(|text| rule(text).ok()).collect();
        let Some(rules) = rules.filter(|rules| rules.len() <= Self::MOST_PATTERNS) else { return false };
        named
            && (self.name.is_some() || rules.is_empty() || rules.iter().any(|rule| identifies(rule, domain)))
    }

    /// Whether it was made for `identity`, which it grants: by its name, or by a pattern that is just that.
    pub(super) fn is_for(&self, identity: &SpiffeId) -> bool {
        self.name.is_some()
            || self.allow.iter().any(|text| text.strip_prefix("URI:") == Some(identity.as_str()))
    }

    /// The rules by which the authority judges a request; `None` where a pattern is none.
    pub(super) fn allowed(&self, domain: &TrustDomain) -> Option<AllowedNames> {
        if self.allow.is_empty() {
            return Some(AllowedNames::AnyDnsIpUri);
        }
        let mut rules: Vec<NameRule> =
            self.allow.iter().map(|text| rule(text).ok()).collect::<Option<_>>()?;
        let named = self.name.as_ref().map(|name| SubjectName::Uri(node_id(domain, name)));
        rules.extend(named.map(NameRule::Exact));
        Some(AllowedNames::Only(rules))
    }

    /// The identity among `asked`, if this grants it by its form and grants the other names by theirs. What patterns say of them, and what
    /// the authority itself is bound to, is for the authority.
    pub(super) fn identity(
        &self,
        asked: &[SubjectName],
        domain: &TrustDomain,
    ) -> Result<SpiffeId, NameFault> {
        if asked.len() > Self::MOST_NAMES {
            return Err(NameFault::Many);
        }
        asked.iter().try_for_each(|name| name.check().map_err(|_| NameFault::Malformed))?;
        let mut uris = asked.iter().filter(|name| matches!(name, SubjectName::Uri(_)));
        let (Some(uri), None) = (uris.next(), uris.next()) else { return Err(NameFault::Identities) };
        let id = uri.spiffe_id().ok_or(NameFault::Identities)?;
        let not_granted = |name: &SubjectName| Err(NameFault::NotGranted(name.clone()));
        if id.trust_domain() != domain {
            return not_granted(uri);
        }
        let node = id.path().strip_prefix(NODE).filter(|name| is_node_name(name));
        match (&self.name, node) {
            (Some(bound), Some(name)) if bound == name => {}
            (None, Some(_)) => {}
            (None, None) if !self.allow.is_empty() => {}
            _ => return not_granted(uri),
        }
        let odd = |name: &&SubjectName| match name {
            SubjectName::Email(_) => true,
            _ if !self.allow.is_empty() => false,
            SubjectName::Dns(dns) => dns.contains('*'),
            SubjectName::Ip(address) => {
                let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
                address.is_unspecified() || address.is_multicast() || broadcast
            }
            SubjectName::Uri(_) => false,
        };
        match asked.iter().find(odd) {
            Some(name) => not_granted(name),
            None => Ok(id),
        }
    }
}

/// The first of `asked` that is among the names of `own`, or of a certificate in `issued` that is neither revoked nor over at `now`.
pub(super) fn taken<'a>(
    asked: &'a [SubjectName],
    own: &[SubjectName],
    issued: &[IssuedRecord],
    now: UnixTime,
) -> Option<&'a SubjectName> {
    let stands =
        |record: &&IssuedRecord| matches!(record.standing, IssuedStanding::Good) && record.not_after >= now;
    let held = || own.iter().chain(issued.iter().filter(stands).flat_map(|record| &record.names));
    asked.iter().filter(|name| !is_anybodys(name)).find(|name| held().any(|held| holds(held, name)))
}

/// Every machine is `localhost` to itself.
fn is_anybodys(name: &SubjectName) -> bool {
    match name {
        SubjectName::Dns(dns) => dns.eq_ignore_ascii_case("localhost"),
        SubjectName::Ip(address) => address.is_loopback(),
        _ => false,
    }
}

/// Whether whoever has `held` could be taken for whoever has `asked`. Letters that differ by case alone are taken for one another by people
/// and by file systems, so they are here.
fn holds(held: &SubjectName, asked: &SubjectName) -> bool {
    match (held, asked) {
        (SubjectName::Uri(held), SubjectName::Uri(asked)) => held.eq_ignore_ascii_case(asked),
        (SubjectName::Ip(held), SubjectName::Ip(asked)) => held == asked,
        (SubjectName::Dns(held), SubjectName::Dns(asked)) => {
            let below = |star: &str, name: &str| {
                let rest = star.strip_prefix("*.");
                rest.zip(name.split_once('.'))
                    .is_some_and(|(rest, (_, above))| rest.eq_ignore_ascii_case(above))
            };
            held.eq_ignore_ascii_case(asked) || below(held, asked) || below(asked, held)
        }
        _ => false,
    }
}

/// One segment of a path, of lower-case letters, digits, dots, dashes and underscores, that begins with a letter or digit; at most 63.
pub(super) fn is_node_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut bytes = name.bytes();
    name.len() <= 63
        && bytes.next().is_some_and(plain)
        && bytes.all(|b| plain(b) || matches!(b, b'.' | b'-' | b'_'))
}

/// Whether names that the rule allows can be identities of the trust domain.
fn identifies(rule: &NameRule, domain: &TrustDomain) -> bool {
    match rule {
        NameRule::TrustDomain(of) => of == domain,
        NameRule::Exact(name) => name.spiffe_id().is_some_and(|id| id.trust_domain() == domain),
        _ => false,
    }
}

fn node_id(domain: &TrustDomain, name: &str) -> String {
    format!("spiffe://{domain}{NODE}{name}")
}

const NODE: &str = "/node/";

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
