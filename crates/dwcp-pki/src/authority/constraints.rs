//! Names that an authority, and every authority under it, may not go beyond (RFC 5280 §4.2.1.10).

use super::AuthorityError;
use super::error::Refusal;
use crate::{Certificate, SubjectName};
use der::Decode;
use rcgen::{CidrSubnet, GeneralSubtree};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{self, constraints};

/// A domain with all that is below it, or a network.
///
/// Kinds that relying parties do not check, or refuse outright, are none here: mail addresses, URIs and directory names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NameSubtree {
    /// This DNS name and every name below it, in lower case.
    Dns(String),
    /// Every address of a network.
    Network {
        /// Its first address: all bits after the prefix are zero.
        address: IpAddr,
        /// How many bits its addresses share.
        prefix: u8,
    },
}

/// What a new authority's names are bound to. Empty: nothing.
///
/// A name is refused when a subtree of its kind is permitted and it is in none of them, or when it is in an excluded one. A kind
/// without permitted subtrees is not bound: permit a domain and exclude `IP:0.0.0.0/0` and `IP:::/0` to bind both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    /// Where names must be.
    pub permitted: Vec<NameSubtree>,
    /// Where names must not be, permitted or not.
    pub excluded: Vec<NameSubtree>,
}

/// A text that is no subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a subtree is DNS:domain or IP:address/prefix without bits after the prefix")]
pub struct BadSubtree;

impl FromStr for NameSubtree {
    type Err = BadSubtree;

    fn from_str(text: &str) -> Result<Self, BadSubtree> {
        if let Some(domain) = text.strip_prefix("DNS:") {
            return match SubjectName::dns(domain) {
                Ok(SubjectName::Dns(name)) if !name.contains('*') => Ok(Self::Dns(name)),
                _ => Err(BadSubtree),
            };
        }
        let (address, prefix) =
            text.strip_prefix("IP:").and_then(|t| t.rsplit_once('/')).ok_or(BadSubtree)?;
        let address: IpAddr = address.parse().map_err(|_| BadSubtree)?;
        let canonical = !prefix.starts_with('+') && (prefix.len() == 1 || !prefix.starts_with('0'));
        let prefix: u8 = prefix.parse().ok().filter(|_| canonical).ok_or(BadSubtree)?;
        match first_of(address, prefix) {
            Some(first) if first == address => Ok(Self::Network { address, prefix }),
            _ => Err(BadSubtree),
        }
    }
}

/// As it is read: `DNS:example.org`, `IP:10.0.0.0/8`.
impl fmt::Display for NameSubtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(domain) => write!(f, "DNS:{domain}"),
            Self::Network { address, prefix } => write!(f, "IP:{address}/{prefix}"),
        }
    }
}

impl NameSubtree {
    fn is_kind_of(&self, name: &SubjectName) -> bool {
        matches!(
            (self, name),
            (Self::Dns(_), SubjectName::Dns(_)) | (Self::Network { .. }, SubjectName::Ip(_))
        )
    }

    /// Whether everything that `name` stands for is in the subtree.
    pub(super) fn holds(&self, name: &SubjectName) -> bool {
        match (self, name) {
            // A wildcard stands for names one label below what follows it.
            (Self::Dns(domain), SubjectName::Dns(dns)) => {
                is_within(dns.strip_prefix("*.").unwrap_or(dns), domain)
            }
            (Self::Network { address, prefix }, SubjectName::Ip(ip)) => {
                ip.is_ipv4() == address.is_ipv4() && first_of(*ip, *prefix) == Some(*address)
            }
            _ => false,
        }
    }

    /// Whether anything that `name` stands for is in the subtree.
    fn touches(&self, name: &SubjectName) -> bool {
        match (self, name) {
            (Self::Dns(domain), SubjectName::Dns(dns)) => match dns.strip_prefix("*.") {
                Some(below) => is_within(below, domain) || is_within(domain, below),
                None => is_within(dns, domain),
            },
            _ => self.holds(name),
        }
    }

    fn encoder(&self) -> GeneralSubtree {
        match self {
            Self::Dns(domain) => GeneralSubtree::DnsName(domain.clone()),
            Self::Network { address, prefix } => {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, *prefix))
            }
        }
    }

    fn read(base: &GeneralName) -> Option<Self> {
        match base {
            GeneralName::DnsName(domain) => {
                format!("DNS:{}", domain.as_str().to_ascii_lowercase()).parse().ok()
            }
            GeneralName::IpAddress(octets) => network(octets.as_bytes()),
            _ => None,
        }
    }
}

impl NameConstraints {
    /// Whether nothing is bound.
    pub fn is_empty(&self) -> bool {
        self.permitted.is_empty() && self.excluded.is_empty()
    }

    /// What a certificate's extension says.
    ///
    /// # Errors
    /// [`AuthorityError::Constraints`] for a kind of name that is not checked here: nothing may be issued past it.
    pub(super) fn of(authority: &Certificate) -> Result<Self, AuthorityError> {
        let Some(extension) = &authority.extensions().name_constraints else { return Ok(Self::default()) };
        let read = pkix::NameConstraints::from_der(extension).map_err(|_| AuthorityError::Constraints)?;
        let subtrees = |found: Option<Vec<constraints::name::GeneralSubtree>>| {
            let subtree = |one: &constraints::name::GeneralSubtree| {
                // RFC 5280 §4.2.1.10: minimum is zero and maximum absent.
                let whole = one.minimum == 0 && one.maximum.is_none();
                NameSubtree::read(&one.base).filter(|_| whole).ok_or(AuthorityError::Constraints)
            };
            found.unwrap_or_default().iter().map(subtree).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            permitted: subtrees(read.permitted_subtrees)?,
            excluded: subtrees(read.excluded_subtrees)?,
        })
    }

    /// Refuses the first name that goes beyond them.
    pub(super) fn judge(&self, names: &[SubjectName]) -> Result<(), Refusal> {
        let beyond = |name: &&SubjectName| {
            let mut bound = self.permitted.iter().filter(|subtree| subtree.is_kind_of(name)).peekable();
            let outside = bound.peek().is_some() && !bound.any(|subtree| subtree.holds(name));
            outside || self.excluded.iter().any(|subtree| subtree.touches(name))
        };
        match names.iter().find(beyond) {
            Some(name) => Err(Refusal::Constrained { name: name.clone() }),
            None => Ok(()),
        }
    }

    pub(super) fn check(&self) -> Result<(), AuthorityError> {
        if self.permitted.len() + self.excluded.len() > MOST_SUBTREES {
            return Err(AuthorityError::BadParameter {
                what: "an authority has at most 64 name constraints",
            });
        }
        Ok(())
    }

    pub(super) fn encoder(&self) -> Option<rcgen::NameConstraints> {
        let subtrees = |all: &[NameSubtree]| all.iter().map(NameSubtree::encoder).collect();
        (!self.is_empty()).then(|| rcgen::NameConstraints {
            permitted_subtrees: subtrees(&self.permitted),
            excluded_subtrees: subtrees(&self.excluded),
        })
    }
}

/// Whether a domain is another or below it.
fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The first address of the network around `address`; `None` for a prefix longer than an address.
fn first_of(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) if prefix <= 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Some(IpAddr::from((u32::from(v4) & mask).to_be_bytes()))
        }
        IpAddr::V6(v6) if prefix <= 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            Some(IpAddr::from((u128::from(v6) & mask).to_be_bytes()))
        }
        _ => None,
    }
}

/// Address and mask of equal length (RFC 5280 §4.2.1.10), the mask without holes.
fn network(octets: &[u8]) -> Option<NameSubtree> {
    let (address, mask) = octets.split_at_checked(octets.len() / 2)?;
    let (address, prefix, width) = match octets.len() {
        8 => {
            let mask = u32::from_be_bytes(mask.try_into().ok()?);
            (IpAddr::from(<[u8; 4]>::try_from(address).ok()?), mask.leading_ones(), mask.count_ones())
        }
        32 => {
            let mask = u128::from_be_bytes(mask.try_into().ok()?);
            (IpAddr::from(<[u8; 16]>::try_from(address).ok()?), mask.leading_ones(), mask.count_ones())
        }
        _ => return None,
    };
    let prefix = u8::try_from(prefix).ok().filter(|_| prefix == width)?;
    Some(NameSubtree::Network { address: first_of(address, prefix)?, prefix })
}

const MOST_SUBTREES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn constraints(permitted: &[&str], excluded: &[&str]) -> NameConstraints {
        let all = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        NameConstraints { permitted: all(permitted), excluded: all(excluded) }
    }

    #[test]
    fn at_x15_at_x2_names_stay_where_they_may_be_wildcards_included() {
        let bound =
            constraints(&["DNS:example.org", "IP:10.0.0.0/8"], &["DNS:secret.example.org", "IP:10.9.0.0/16"]);
        for (name, allowed) in [
            ("DNS:example.org", true),
            ("DNS:a.b.example.org", true),
            ("DNS:*.example.org", false),
            ("DNS:*.web.example.org", true),
            ("DNS:badexample.org", false),
            ("DNS:example.org.evil", false),
            ("DNS:secret.example.org", false),
            ("DNS:x.secret.example.org", false),
            ("DNS:*.secret.example.org", false),
            ("DNS:notsecret.example.org", true),
            ("IP:10.1.2.3", true),
            ("IP:10.9.2.3", false),
            ("IP:11.0.0.1", false),
            ("IP:2001:db8::1", false),
            ("URI:spiffe://other.example/a", true),
        ] {
            let judged = bound.judge(&[name.parse().unwrap()]);
            assert_eq!(judged.is_ok(), allowed, "{name}: {judged:?}");
        }
        let open = constraints(&[], &["IP:0.0.0.0/0", "IP:::/0"]);
        assert!(open.judge(&["DNS:a.b".parse().unwrap()]).is_ok());
        assert!(open.judge(&["IP:192.0.2.1".parse().unwrap()]).is_err());
        assert!(open.judge(&["IP:2001:db8::1".parse().unwrap()]).is_err());
    }

    #[test]
    fn one_subtree_has_one_text() {
        for text in
            ["DNS:example.org", "IP:10.0.0.0/8", "IP:2001:db8::/32", "IP:0.0.0.0/0", "IP:192.0.2.1/32"]
        {
            assert_eq!(text.parse::<NameSubtree>().unwrap().to_string(), text);
        }
        for text in [
            "example.org",
            "DNS:",
            "DNS:.example.org",
            "DNS:*.example.org",
            "IP:10.0.0.1/8",
            "IP:10.0.0.0/33",
            "IP:10.0.0.0",
            "IP:10.0.0.0/08",
            "IP:10.0.0.0/+8",
            "URI:spiffe://a/b",
            "EMAIL:a@b.c",
            "IP:::/129",
        ] {
            assert!(text.parse::<NameSubtree>().is_err(), "{text}");
        }
    }

    #[test]
    fn masks_with_holes_are_no_networks() {
        assert!(network(&[10, 0, 0, 0, 255, 0, 0, 0]).is_some());
        assert!(network(&[10, 0, 0, 0, 255, 0, 255, 0]).is_none());
        assert!(network(&[10, 0, 0, 0]).is_none());
    }
}
