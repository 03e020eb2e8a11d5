//! Patterns of names that an authority may grant: what `--allow` takes, for requests that are signed by hand and for tokens.

use dwcp_pki::{BadSubtree, NameError, NameRule, NameSubtree, SubjectName};
use thiserror::Error;

/// Reads `DNS:name`, `DNS:*.domain`, `IP:address`, `IP:address/prefix`, `URI:spiffe://domain/*` or `URI:…`.
///
/// # Errors
/// [`BadPattern`].
pub fn rule(text: &str) -> Result<NameRule, BadPattern> {
    let (kind, value) = text.split_once(':').unwrap_or(("", text));
    let text = format!("{}:{value}", kind.to_ascii_uppercase());
    if let Some(domain) = text.strip_prefix("DNS:*.") {
        return match SubjectName::dns(domain).map_err(BadPattern::Name)? {
            SubjectName::Dns(domain) if !domain.contains('*') => Ok(NameRule::DnsBelow(domain)),
            _ => Err(BadPattern::Star),
        };
    }
    if let Some(domain) = text.strip_prefix("URI:spiffe://").and_then(|rest| rest.strip_suffix("/*")) {
        return domain.parse().map(NameRule::TrustDomain).map_err(BadPattern::Name);
    }
    if text.starts_with("IP:") && text.contains('/') {
        return text.parse::<NameSubtree>().map(NameRule::Within).map_err(BadPattern::Network);
    }
    // Elsewhere a star stands for nothing but itself, and whoever wrote it meant more.
    if text.contains('*') {
        return Err(BadPattern::Star);
    }
    text.parse().map(NameRule::Exact).map_err(BadPattern::Name)
}

/// Why a text is no pattern.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BadPattern {
    /// What it names can be no name.
    #[error(transparent)]
    Name(NameError),
    /// It is no network.
    #[error(transparent)]
    Network(BadSubtree),
    /// It has a star where none means anything.
    #[error("a star stands at the beginning of a DNS name or the end of a SPIFFE ID alone")]
    Star,
}
