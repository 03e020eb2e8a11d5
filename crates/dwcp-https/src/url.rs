//! The addresses that are asked.

use dwcp_base::{Blame, Coded};
use reqwest::Url;
use rustls_pki_types::ServerName;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use thiserror::Error;

/// An absolute `https` URL (RFC 3986 §3) of at most 2 KiB, without user info and without fragment, whose host is one that a certificate
/// can name.
///
/// It means one thing to every reader: hosts in disguise (`0x7f.1`, percent signs) and paths with `.` or `..` in them are refused, not
/// resolved. Scheme and host are written in small letters, the port 443 is left out, and an empty path is `/`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpsUrl(Url);

/// Why a text is no such URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadUrl {
    /// More than 2 KiB.
    #[error("it is longer than 2 KiB")]
    TooLong,
    /// A space, a control character, or another one that RFC 3986 §2 leaves out.
    #[error("it has a character that no URL has")]
    Character,
    /// Another scheme, or none.
    #[error("it does not begin with https://")]
    Scheme,
    /// A name or a password before the host.
    #[error("it has a user name or a password in it")]
    UserInfo,
    /// A part that is never sent.
    #[error("it has a fragment, which is never sent")]
    Fragment,
    /// No host, a host that no certificate can name, or no port.
    #[error("it names no machine that could be asked")]
    Host,
    /// `.` or `..` as a part of the path, written out or in percent signs.
    #[error("its path has dots that lead elsewhere")]
    Dots,
}

impl HttpsUrl {
    /// The URL below this one: `https://a/vault` and `v1/sys/health` are `https://a/vault/v1/sys/health`. What is joined may have a query.
    ///
    /// # Errors
    /// [`BadUrl`] where the whole would be none, or would not lie below this one; [`BadUrl::Character`] where this one has a query.
    pub fn join(&self, path: &str) -> Result<Self, BadUrl> {
        if self.0.query().is_some() {
            return Err(BadUrl::Character);
        }
        let base = self.0.as_str();
        format!("{}/{}", base.strip_suffix('/').unwrap_or(base), path.strip_prefix('/').unwrap_or(path))
            .parse()
    }

    /// Scheme, host and port, for example `https://a.example.org` or `https://[::1]:8200` (RFC 6454 §6.2).
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether both are of one scheme, host and port.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port; 443 where none was named.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// The path, which begins with `/`; a query is no part of it.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn engine(&self) -> &Url {
        &self.0
    }
}

impl FromStr for HttpsUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        if text.len() > LONGEST {
            return Err(BadUrl::TooLong);
        }
        // RFC 3986 §2: what is none of these is written in percent signs.
        let odd = |c: char| {
            !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
        };
        if text.chars().any(odd) {
            return Err(BadUrl::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BadUrl::Scheme)?;
        if !scheme.eq_ignore_ascii_case("https") {
            return Err(BadUrl::Scheme);
        }
        if rest.contains('#') {
            return Err(BadUrl::Fragment);
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BadUrl::UserInfo);
        }
        let host = host_of(authority).ok_or(BadUrl::Host)?;
        if target.split('?').next().unwrap_or_default().split('/').any(is_dots) {
            return Err(BadUrl::Dots);
        }
        let url = Url::parse(text).map_err(|_| BadUrl::Host)?;
        // The reader that the connection follows has to have seen the host that stands there, and it has to be one to verify.
        if url.host_str() != Some(host.as_str()) || ServerName::try_from(bare(&host)).is_err() {
            return Err(BadUrl::Host);
        }
        if url.port() == Some(0) {
            return Err(BadUrl::Host);
        }
        match url.as_str().len() <= LONGEST {
            true => Ok(Self(url)),
            false => Err(BadUrl::TooLong),
        }
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpsUrl({self})")
    }
}

impl Coded for BadUrl {
    fn code(&self) -> &'static str {
        "https.url.invalid"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// The host as it has to be read: small letters, and addresses of IPv6 in the one form of RFC 5952.
fn host_of(authority: &str) -> Option<String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            (format!("[{address}]"), port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (host.to_ascii_lowercase(), port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => return Some(host),
        None => return None,
        Some(port) => port,
    };
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

/// A host without the brackets of an address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Whether a part of a path is `.` or `..` to some reader.
fn is_dots(part: &str) -> bool {
    matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

/// Bytes.
const LONGEST: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> HttpsUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_url_is_read_in_one_way_and_written_in_one_form() {
        for (text, written) in [
            ("https://a.example.org", "https://a.example.org/"),
            ("HTTPS://A.Example.org:443/v1/X?y=%20", "https://a.example.org/v1/X?y=%20"),
            ("https://127.0.0.1:8200/", "https://127.0.0.1:8200/"),
            ("https://[::1]:14000/dir", "https://[::1]:14000/dir"),
            ("https://[0:0:0:0:0:0:0:1]?a=/../b", "https://[::1]/?a=/../b"),
            ("https://node_1/", "https://node_1/"),
            ("https://a/..b/c.../.d", "https://a/..b/c.../.d"),
        ] {
            assert_eq!(url(text).to_string(), written);
            assert_eq!(url(written), url(text));
        }
    }

    #[test]
    fn at_p6_what_is_no_https_url_is_refused_by_name() {
        for (text, why) in [
            ("http://a/directory", BadUrl::Scheme),
            ("file:///etc/passwd", BadUrl::Scheme),
            ("ftp://a/", BadUrl::Scheme),
            ("/directory", BadUrl::Scheme),
            ("https:/a", BadUrl::Scheme),
            ("https:a", BadUrl::Scheme),
            ("https://user:secret@a/b", BadUrl::UserInfo),
            ("https://@a/b", BadUrl::UserInfo),
            ("https://a@b/c", BadUrl::UserInfo),
            ("https://a/b#c", BadUrl::Fragment),
            ("https://", BadUrl::Host),
            ("https:///b", BadUrl::Host),
            ("https://?b", BadUrl::Host),
            ("https://a:/", BadUrl::Host),
            ("https://a:0/", BadUrl::Host),
            ("https://a:65536/", BadUrl::Host),
            ("https://a:+1/", BadUrl::Host),
            ("https://::1/", BadUrl::Host),
            ("https://[::1]8200/", BadUrl::Host),
            ("https://[a]/", BadUrl::Host),
            ("https://0x7f.1/", BadUrl::Host),
            ("https://2130706433/", BadUrl::Host),
            ("https://127.1/", BadUrl::Host),
            ("https://%61/", BadUrl::Host),
            ("https://a..b/", BadUrl::Host),
            ("https://*.a/", BadUrl::Host),
            ("https://a b/", BadUrl::Character),
            ("https://a/\r\nHost: b", BadUrl::Character),
            ("https://a/\\b", BadUrl::Character),
            ("https://ä/", BadUrl::Character),
            ("https://a/b/../c", BadUrl::Dots),
            ("https://a/./c", BadUrl::Dots),
            ("https://a/%2e%2E/c", BadUrl::Dots),
            ("https://a/b/.%2e", BadUrl::Dots),
        ] {
            assert_eq!(text.parse::<HttpsUrl>(), Err(why), "{text}");
        }
        assert_eq!(format!("https://a/{}", "b".repeat(LONGEST)).parse::<HttpsUrl>(), Err(BadUrl::TooLong));
    }

    #[test]
    fn what_is_joined_stays_below() {
        assert_eq!(url("https://a").join("v1/sys/health?x=1").unwrap(), url("https://a/v1/sys/health?x=1"));
        assert_eq!(url("https://a/vault/").join("/v1").unwrap(), url("https://a/vault/v1"));
        // Neither leaves the host.
        assert_eq!(url("https://a").join("//b/c").unwrap().host(), "a");
        assert_eq!(url("https://a").join("https://b/c").unwrap().host(), "a");
        assert_eq!(url("https://a/vault").join("../sys"), Err(BadUrl::Dots));
        assert_eq!(url("https://a").join("v1\r\n"), Err(BadUrl::Character));
        assert_eq!(url("https://a").join("v1#x"), Err(BadUrl::Fragment));
        assert_eq!(url("https://a?x").join("v1"), Err(BadUrl::Character));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let directory = url("https://ca.example.org/directory");
        assert_eq!(directory.origin(), "https://ca.example.org");
        assert_eq!(url("https://[::1]:8200/x").origin(), "https://[::1]:8200");
        assert!(directory.same_origin(&url("https://CA.example.org:443/order/1")));
        for other in ["https://ca.example.org:8443/", "https://example.org/", "https://ca.example.org.evil/"]
        {
            assert!(!directory.same_origin(&url(other)), "{other}");
        }
    }
}
