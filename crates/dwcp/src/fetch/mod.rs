//! Documents of other machines: a small client for HTTP/1.1, with bounds on everything that comes back.
//!
//! One request a connection and one deadline over all of it; no redirects, no content encodings, no cookies, no proxies. What is fetched
//! is judged by whoever asked for it.

mod error;
mod exchange;
mod heard;
mod place;
#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
mod tests;
mod url;

pub(crate) use error::FetchError;
pub(crate) use exchange::{Answer, Question, fetch};
pub(crate) use place::{BadPlace, Place};
pub(crate) use url::Url;

use dwcp_tls::{ExpectedServer, TlsConnector};
use std::time::Duration;

/// How the bytes travel.
#[derive(Clone, Copy)]
pub(crate) enum Line<'a> {
    /// In the clear: for what is signed and public.
    Plain,
    /// Over TLS, to this server and to nobody else.
    Tls(&'a TlsConnector, &'a ExpectedServer),
}

/// What an answer may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For all of it: name, connection, handshake, request, answer.
    pub(crate) deadline: Duration,
    /// Status line and headers, bytes; at least 8 KiB.
    pub(crate) head: usize,
    /// The body, bytes.
    pub(crate) body: usize,
}
