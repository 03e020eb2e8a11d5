//! What an authority grants, whatever a request asks for.

use super::NameSubtree;
use crate::{SubjectName, TrustDomain};
use rcgen::ExtendedKeyUsagePurpose;
use std::time::Duration;

/// What a certificate may be used for (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Usage {
    /// To authenticate a server.
    Server,
    /// To authenticate a client.
    Client,
    /// Both: what a node of a mesh needs, and the default.
    #[default]
    Both,
}

impl Usage {
    pub(super) fn purposes(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Self::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        }
    }
}

/// One rule of names that may be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameRule {
    /// This name and no other.
    Exact(SubjectName),
    /// Every DNS name below this domain at any depth; neither the domain itself nor a wildcard.
    DnsBelow(String),
    /// What this domain or network holds: of a domain that is the domain itself too.
    Within(NameSubtree),
    /// Every SPIFFE ID of this trust domain.
    TrustDomain(TrustDomain),
}

impl NameRule {
    fn allows(&self, name: &SubjectName) -> bool {
        match (self, name) {
            (Self::Exact(exact), name) => exact == name,
            (Self::DnsBelow(domain), SubjectName::Dns(dns)) => {
                // A wildcard stands for names the rule's author may not have meant; it needs a rule of its own.
                let above = dns.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
                above.is_some_and(|labels| !labels.is_empty() && !labels.contains('*'))
            }
            (Self::TrustDomain(domain), name) => {
                name.spiffe_id().is_some_and(|id| id.trust_domain() == domain)
            }
            (Self::Within(subtree), name) => {
                !matches!(name, SubjectName::Dns(dns) if dns.contains('*')) && subtree.holds(name)
            }
            _ => false,
        }
    }
}

/// Which names may be granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedNames {
    /// Any DNS name, IP address or URI, but no mail address: the default of a fresh authority.
    #[default]
    AnyDnsIpUri,
    /// What at least one rule allows; no rules allow nothing.
    Only(Vec<NameRule>),
}

impl AllowedNames {
    pub(super) fn allow(&self, name: &SubjectName) -> bool {
        match self {
            Self::AnyDnsIpUri => !matches!(name, SubjectName::Email(_)),
            Self::Only(rules) => rules.iter().any(|rule| rule.allows(name)),
        }
    }
}

/// What an authority grants. Default: 24 hours, at most 90 days, both usages, any DNS name, IP address or URI.
///
/// Never granted: the right to sign certificates or CRLs, purposes other than those of [`Usage`], and extensions of the
/// request's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuancePolicy {
    ttl: Duration,
    usage: Usage,
    names: AllowedNames,
}

/// A lifetime that is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a certificate lives at least one second and at most 90 days")]
pub struct BadLifetime;

impl IssuancePolicy {
    /// The longest life that is granted: 90 days.
    pub const LONGEST: Duration = Duration::from_secs(90 * 86_400);

    /// Certificates that live for `ttl` from the moment they are issued, in whole seconds.
    ///
    /// # Errors
    /// [`BadLifetime`] below one second and above 90 days.
    pub fn with_ttl(mut self, ttl: Duration) -> Result<Self, BadLifetime> {
        if ttl < Duration::from_secs(1) || ttl > Self::LONGEST {
            return Err(BadLifetime);
        }
        self.ttl = ttl;
        Ok(self)
    }

    /// Certificates for this usage.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Certificates for these names alone.
    #[must_use]
    pub fn with_names(mut self, names: AllowedNames) -> Self {
        self.names = names;
        self
    }

    /// How long a certificate lives.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// What a certificate is for.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Which names are granted.
    pub fn names(&self) -> &AllowedNames {
        &self.names
    }
}

impl Default for IssuancePolicy {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(86_400), usage: Usage::Both, names: AllowedNames::AnyDnsIpUri }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_allow_what_they_say_and_no_wildcards_by_accident() {
        let names = AllowedNames::Only(vec![
            NameRule::DnsBelow("example.org".to_owned()),
            NameRule::Exact("DNS:*.apps.example.org".parse().unwrap()),
            NameRule::TrustDomain("mesh.example".parse().unwrap()),
            NameRule::Within("IP:10.0.0.0/8".parse().unwrap()),
            NameRule::Within("DNS:inside.example".parse().unwrap()),
        ]);
        for (text, allowed) in [
            ("DNS:a.example.org", true),
            ("DNS:a.b.example.org", true),
            ("DNS:example.org", false),
            ("DNS:badexample.org", false),
            ("DNS:*.example.org", false),
            ("DNS:*.a.example.org", false),
            ("DNS:*.apps.example.org", true),
            ("URI:spiffe://mesh.example/web", true),
            ("URI:spiffe://mesh.example.evil/web", false),
            ("URI:https://mesh.example/web", false),
            ("IP:192.0.2.1", false),
            ("IP:10.1.2.3", true),
            ("DNS:inside.example", true),
            ("DNS:a.inside.example", true),
            ("DNS:*.inside.example", false),
        ] {
            assert_eq!(names.allow(&text.parse().unwrap()), allowed, "{text}");
        }
        assert!(!AllowedNames::Only(Vec::new()).allow(&"DNS:a.b".parse().unwrap()));
        assert!(!AllowedNames::AnyDnsIpUri.allow(&"EMAIL:a@b.c".parse().unwrap()));
    }

    #[test]
    fn at_p1_lives_of_no_time_and_beyond_ninety_days_are_refused() {
        let policy = IssuancePolicy::default();
        assert_eq!(policy.clone().with_ttl(Duration::from_millis(999)), Err(BadLifetime));
        assert_eq!(policy.clone().with_ttl(Duration::from_secs(90 * 86_400 + 1)), Err(BadLifetime));
        assert_eq!(policy.with_ttl(IssuancePolicy::LONGEST).unwrap().ttl(), IssuancePolicy::LONGEST);
    }
}
