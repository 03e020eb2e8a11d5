//! Where relying parties find an authority's lists, its certificate and its answers: fixed when it is made, since a list may name
//! its place only when every certificate of the issuer names the same one (RFC 5280 §5.2.5).

use super::AuthorityError;
use der::asn1::Ia5String;
use rcgen::{CrlDistributionPoint, CustomExtension};
use std::fmt::Write;
use std::str::FromStr;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

/// Places on the web, each `http` (RFC 5280 §4.2.1.13; over TLS a relying party would need what it is about to fetch).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityUrls {
    /// The complete CRL.
    pub crl: Option<HttpUrl>,
    /// Its deltas (RFC 5280 §5.2.6).
    pub delta: Option<HttpUrl>,
    /// The authority's own certificate (RFC 5280 §4.2.2.1, caIssuers).
    pub issuer: Option<HttpUrl>,
    /// The OCSP responder.
    pub ocsp: Option<HttpUrl>,
}

/// An `http` URL of at most 1024 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl(String);

/// A text that is no such URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a URL here is http://host/path, without user, query or fragment")]
pub struct BadUrl;

impl HttpUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn point(&self) -> der::Result<DistributionPointName> {
        let uri = GeneralName::UniformResourceIdentifier(Ia5String::new(&self.0)?);
        Ok(DistributionPointName::FullName(vec![uri]))
    }
}

impl FromStr for HttpUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let rest = text.strip_prefix("http://").ok_or(BadUrl)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let plain = |part: &str, more: &[u8]| {
            part.bytes().all(|octet| octet.is_ascii_alphanumeric() || more.contains(&octet))
        };
        let good = (1..=LONGEST).contains(&text.len())
            && !host.is_empty()
            && plain(host, b".-:[]")
            && plain(path, b"/.-_~%+=,");
        if good { Ok(Self(text.to_owned())) } else { Err(BadUrl) }
    }
}

impl std::fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl AuthorityUrls {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The lines of the file: a header, then a kind and a URL each.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for (kind, url) in
            [("crl", &self.crl), ("delta", &self.delta), ("issuer", &self.issuer), ("ocsp", &self.ocsp)]
        {
            if let Some(url) = url {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{kind} {url}");
            }
        }
        text
    }

    /// Reads the file; anything that was not written by [`to_text`](Self::to_text) is refused.
    pub(super) fn from_text(text: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(text).ok()?.lines();
        let mut urls = Self::default();
        if lines.next()? != HEADER {
            return None;
        }
        for line in lines {
            let (kind, url) = line.split_once(' ')?;
            let slot = match kind {
                "crl" => &mut urls.crl,
                "delta" => &mut urls.delta,
                "issuer" => &mut urls.issuer,
                "ocsp" => &mut urls.ocsp,
                _ => return None,
            };
            if slot.replace(url.parse().ok()?).is_some() {
                return None;
            }
        }
        Some(urls)
    }

    /// For certificates: where the list of their issuer is.
    pub(super) fn points(&self) -> Vec<CrlDistributionPoint> {
        self.crl.iter().map(|url| CrlDistributionPoint { uris: vec![url.0.clone()] }).collect()
    }

    /// For lists: where the complete one is.
    pub(super) fn issuing_point(&self) -> der::Result<Option<IssuingDistributionPoint>> {
        let Some(url) = &self.crl else { return Ok(None) };
        Ok(Some(IssuingDistributionPoint {
            distribution_point: Some(url.point()?),
            only_contains_user_certs: false,
            only_contains_ca_certs: false,
            only_some_reasons: None,
            indirect_crl: false,
            only_contains_attribute_certs: false,
        }))
    }

    /// For complete lists: where deltas are.
    pub(super) fn delta_point(&self) -> der::Result<Option<DistributionPoint>> {
        let Some(url) = &self.delta else { return Ok(None) };
        Ok(Some(DistributionPoint {
            distribution_point: Some(url.point()?),
            reasons: None,
            crl_issuer: None,
        }))
    }

    /// For certificates: where their issuer and its responder are (RFC 5280 §4.2.2.1).
    pub(super) fn access(&self) -> Result<Option<CustomExtension>, AuthorityError> {
        use der::Encode;
        use x509_cert::ext::pkix::{AccessDescription, AuthorityInfoAccessSyntax};
        let mut found = Vec::new();
        for (method, url) in [(OCSP, &self.ocsp), (CA_ISSUERS, &self.issuer)] {
            let Some(url) = url else { continue };
            let uri = Ia5String::new(&url.0).map_err(|_| unencodable())?;
            found.push(AccessDescription {
                access_method: method,
                access_location: GeneralName::UniformResourceIdentifier(uri),
            });
        }
        if found.is_empty() {
            return Ok(None);
        }
        let content = AuthorityInfoAccessSyntax(found).to_der().map_err(|_| unencodable())?;
        Ok(Some(CustomExtension::from_oid_content(AUTHORITY_INFO_ACCESS, content)))
    }
}

fn unencodable() -> AuthorityError {
    AuthorityError::Defective { rule: "a checked URL can not be encoded" }
}

const HEADER: &str = "dwcp-authority-urls 1";
const LONGEST: usize = 1_024;
/// id-pe-authorityInfoAccess, id-ad-ocsp, id-ad-caIssuers.
const AUTHORITY_INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
const OCSP: der::oid::ObjectIdentifier = der::oid::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
const CA_ISSUERS: der::oid::ObjectIdentifier = der::oid::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_make_the_round_trip_and_others_are_refused() {
        let urls = AuthorityUrls {
            crl: Some("http://ca.example.org/pki/root.crl".parse().unwrap()),
            delta: Some("http://ca.example.org/pki/root-delta.crl".parse().unwrap()),
            issuer: None,
            ocsp: Some("http://[2001:db8::1]:8080/pki/ocsp".parse().unwrap()),
        };
        assert_eq!(AuthorityUrls::from_text(urls.to_text().as_bytes()), Some(urls));
        assert_eq!(AuthorityUrls::from_text(b"dwcp-authority-urls 1\n"), Some(AuthorityUrls::default()));
        for text in [
            "",
            "crl http://a/b\n",
            "dwcp-authority-urls 1\ncrl http://a/b\ncrl http://a/c\n",
            "dwcp-authority-urls 1\nx http://a\n",
        ] {
            assert_eq!(AuthorityUrls::from_text(text.as_bytes()), None, "{text}");
        }
        for text in [
            "https://a/b",
            "http://",
            "http:///b",
            "http://u@a/b",
            "http://a/b?c",
            "http://a/b#c",
            "http://a/ b",
            "file:///etc/passwd",
            "ldap://a/b",
        ] {
            assert!(text.parse::<HttpUrl>().is_err(), "{text}");
        }
    }
}
