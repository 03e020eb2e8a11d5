//! The seam between an order and whatever answers its challenges.

mod error;
mod http01;
mod pages;
mod places;
mod tls_alpn;

pub use error::ResponderError;
pub use http01::Http01Responder;
pub use tls_alpn::TlsAlpnResponder;

use dwcp_pki::{BoxFuture, SubjectName};
use std::fmt;

/// How an authority makes sure that a name is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChallengeKind {
    /// It fetches a page over plain HTTP (RFC 8555 §8.3).
    Http01,
    /// It looks at the certificate that is shown to the application protocol `acme-tls/1` (RFC 8737).
    TlsAlpn01,
}

impl ChallengeKind {
    /// Its name in the protocol, for example `http-01`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }
}

impl fmt::Display for ChallengeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an authority is to find. Token and key authorization are no secrets: both are shown to whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeAnswer<'a> {
    /// How it will look.
    pub kind: ChallengeKind,
    /// What it validates: a DNS name or an IP address.
    pub name: &'a SubjectName,
    /// 1 to 256 characters of base64url (RFC 8555 §8.3).
    pub token: &'a str,
    /// The token, a full stop and the thumbprint of the account's key: 43 characters of base64url (RFC 8555 §8.1).
    pub key_authorization: &'a str,
}

impl ChallengeAnswer<'_> {
    /// Whether a responder for `kind` can give it: what an authority sends is a stranger's text until here.
    fn check(&self, kind: ChallengeKind) -> Result<(), ResponderError> {
        if self.kind != kind {
            return Err(ResponderError::Kind { kind: self.kind });
        }
        let is_plain = match self.name {
            SubjectName::Dns(dns) => !dns.contains('*'),
            SubjectName::Ip(_) => true,
            SubjectName::Uri(_) | SubjectName::Email(_) => false,
        };
        if !is_plain || self.name.check().is_err() {
            return Err(ResponderError::Name { name: self.name.clone(), kind });
        }
        let letters =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let thumbprint =
            self.key_authorization.strip_prefix(self.token).and_then(|rest| rest.strip_prefix('.'));
        let is_token = (1..=LONGEST_TOKEN).contains(&self.token.len()) && letters(self.token);
        if is_token && thumbprint.is_some_and(|text| text.len() == THUMBPRINT && letters(text)) {
            Ok(())
        } else {
            Err(ResponderError::Token)
        }
    }
}

/// Answers challenges, of one order or of many at once.
///
/// # Security
/// An answer is there from the moment [`present`](Self::present) returns until its [`Presented`] is dropped, and at no other time. Nothing that
/// was not presented is answered.
pub trait Responder: Send + Sync {
    /// What it can answer, in order of preference.
    fn kinds(&self) -> &[ChallengeKind];

    /// Has the answer ready before the future ends. Dropping the future leaves nothing behind.
    ///
    /// Two answers for one name, of two orders, are both kept where the kind of challenge can tell them apart. Where it can not (TLS-ALPN-01
    /// knows the name alone) the later one is shown, and the earlier one again once the later is withdrawn.
    fn present<'a>(&'a self, answer: ChallengeAnswer<'a>)
    -> BoxFuture<'a, Result<Presented, ResponderError>>;
}

/// An answer that an authority can see. Dropping it withdraws the answer: at the end of an order, when the order's task is cancelled, and when
/// it panics.
#[must_use = "dropping it withdraws the answer at once"]
pub struct Presented(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Presented {
    /// An answer that `withdraw` takes away. It runs once, in whatever thread drops the guard, and must not block for long.
    pub fn new(withdraw: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(withdraw)))
    }
}

impl Drop for Presented {
    fn drop(&mut self) {
        if let Some(withdraw) = self.0.take() {
            withdraw();
        }
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented")
    }
}

const LONGEST_TOKEN: usize = 256;
/// A SHA-256 in base64url without padding (RFC 7638 §3).
const THUMBPRINT: usize = 43;
