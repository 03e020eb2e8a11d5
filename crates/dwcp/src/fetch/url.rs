//! The addresses that documents are fetched from.

use super::place::Place;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// An absolute `http` or `https` URL (RFC 3986 §3) of at most 2 KiB, without user info and without fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    secure: bool,
    place: Place,
    target: String,
}

/// Why a text is no such URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum BadUrl {
    #[error("it is longer than 2 KiB")]
    TooLong,
    #[error("it has a character that no URL has")]
    Character,
    #[error("it does not begin with http:// or https://")]
    Scheme,
    #[error("it has a user name or a password in it")]
    UserInfo,
    #[error("it has a fragment, which is never sent")]
    Fragment,
    #[error("it names no machine that could be asked")]
    Host,
}

impl Url {
    /// Whether it is asked for over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whom it asks.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What it asks for: path and query.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }
}

impl FromStr for Url {
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
        let (secure, standard) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err(BadUrl::Scheme),
        };
        if rest.contains('#') {
            return Err(BadUrl::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(BadUrl::UserInfo);
        }
        let with_port = match authority.rsplit_once(':') {
            // The colons of an address in brackets are its own.
            Some((_, port)) if !port.contains(']') => authority.to_owned(),
            _ => format!("{authority}:{standard}"),
        };
        let place = with_port.parse().map_err(|_| BadUrl::Host)?;
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { text: text.to_owned(), secure, place, target })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const LONGEST: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_whom_to_ask_and_for_what() {
        let parts = |text: &str| {
            let url: Url = text.parse().unwrap();
            (url.is_secure(), url.place().to_string(), url.target().to_owned())
        };
        let owned = |secure, place: &str, target: &str| (secure, place.to_owned(), target.to_owned());
        assert_eq!(parts("http://a.example.org/pki/ca.crl"), owned(false, "a.example.org:80", "/pki/ca.crl"));
        assert_eq!(parts("HTTPS://a:9443"), owned(true, "a:9443", "/"));
        assert_eq!(parts("https://[::1]/x?y=/:@"), owned(true, "[::1]:443", "/x?y=/:@"));
        assert_eq!(parts("http://[::1]:8080?x"), owned(false, "[::1]:8080", "/?x"));
    }

    #[test]
    fn at_x9_what_is_no_http_url_is_refused_by_name() {
        for (text, why) in [
            ("file:///etc/passwd", BadUrl::Scheme),
            ("ldap://a/cn=b", BadUrl::Scheme),
            ("gopher://a:70/", BadUrl::Scheme),
            ("/pki/ca.crl", BadUrl::Scheme),
            ("http:/a/b", BadUrl::Scheme),
            ("http://user:secret@a/b", BadUrl::UserInfo),
            ("http://a@b/c", BadUrl::UserInfo),
            ("http://a/b#c", BadUrl::Fragment),
            ("http:///b", BadUrl::Host),
            ("http://a:0/", BadUrl::Host),
            ("http://a:65536/", BadUrl::Host),
            ("http://::1/", BadUrl::Host),
            ("http://a b/", BadUrl::Character),
            ("http://a/\r\nHost: b", BadUrl::Character),
            ("http://a/\\b", BadUrl::Character),
            ("http://ä/", BadUrl::Character),
        ] {
            assert_eq!(text.parse::<Url>(), Err(why), "{text}");
        }
        assert_eq!(format!("http://a/{}", "b".repeat(LONGEST)).parse::<Url>(), Err(BadUrl::TooLong));
    }
}
