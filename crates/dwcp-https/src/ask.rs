//! One question.

use crate::{HttpsError, HttpsUrl};
use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// What is asked, of whom, and what the answer may cost.
pub struct Ask<'a> {
    /// What is wanted of the resource.
    pub verb: Verb,
    /// Which one.
    pub url: &'a HttpsUrl,
    /// Names and values beside those that are always sent. The values count as secrets: no log shows them.
    pub headers: &'a [(&'a str, &'a str)],
    /// A content type, and what is sent.
    pub body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
    /// What the answer may cost.
    pub limits: Limits,
}

/// What is wanted of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// Its content.
    Get,
    /// What `Get` says about it, without the content.
    Head,
    /// That it acts upon a body.
    Post,
    /// That it becomes the body.
    Put,
    /// That it ends.
    Delete,
    /// What lies below it: a method that Vault added to HTTP.
    List,
}

/// What one answer may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the question to the last byte of the answer: name look-up, handshake and all.
    pub deadline: Duration,
    /// Bytes of the body. The head is bounded by 64 headers and the buffer of the engine, about 400 KiB.
    pub body: usize,
}

impl Ask<'_> {
    /// The headers as they are sent.
    pub(crate) fn header_map(&self) -> Result<HeaderMap, HttpsError> {
        let mut map = HeaderMap::with_capacity(self.headers.len().saturating_add(2));
        for (name, value) in self.headers {
            let bad = || HttpsError::Header { name: crate::detail::shown(name) };
            let name = HeaderName::try_from(*name).map_err(|_| bad())?;
            // How long a body is, whom it is for and how it is coded is not the asker's to say twice.
            if FRAMING.contains(&name.as_str()) {
                return Err(bad());
            }
            let mut value = HeaderValue::try_from(*value).map_err(|_| bad())?;
            value.set_sensitive(true);
            map.append(name, value);
        }
        if let Some((content_type, _)) = &self.body {
            map.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        map.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Ok(map)
    }
}

impl Verb {
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Head => Method::HEAD,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Delete => Method::DELETE,
            // A word of capital letters is a method (RFC 9110 §9.1).
            Self::List => Method::from_bytes(b"LIST").unwrap_or(Method::GET),
        }
    }
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Ask")
            .field("verb", &self.verb)
            .field("url", self.url)
            .field("headers", &names)
            .field("body", &self.body.as_ref().map(|(kind, bytes)| (kind, bytes.len())))
            .field("limits", &self.limits)
            .finish()
    }
}

const FRAMING: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
];
