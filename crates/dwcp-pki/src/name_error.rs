//! Why a text is no name that may stand in a certificate.

use dwcp_base::{Blame, Coded};

/// Why a name, trust domain or SPIFFE ID was refused. No variant repeats the text: it may come from a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text does not start with `DNS:`, `IP:`, `URI:` or `EMAIL:`.
    #[error("a name starts with DNS:, IP:, URI: or EMAIL:")]
    UnknownKind,
    /// Nothing stands where a name must be.
    #[error("the name is empty")]
    Empty,
    /// The name is longer than its kind allows.
    #[error("the name is longer than {limit} bytes")]
    TooLong {
        /// The most bytes a name of this kind may have.
        limit: usize,
    },
    /// A NUL, control character, space or byte outside ASCII stands in the name.
    #[error("the name holds a character that no certificate name may hold")]
    ForbiddenCharacter,
    /// A DNS label is empty, longer than 63 bytes, or starts or ends with a hyphen (RFC 1035 §2.3.1).
    #[error("a DNS label is empty, too long, or starts or ends with a hyphen")]
    BadLabel,
    /// `*` stands anywhere but alone in the leftmost of at least three labels (RFC 9525 §6.3).
    #[error("a wildcard must be the whole leftmost label, above at least two more")]
    BadWildcard,
    /// An IP address stands where a DNS name must be (RFC 9525 §6.5).
    #[error("an IP address is not a DNS name")]
    AddressAsDns,
    /// The text is no IP address, or the octets are neither 4 nor 16.
    #[error("the text is not an IP address")]
    BadAddress,
    /// The URI has no scheme, or nothing after it (RFC 5280 §4.2.1.6 requires an absolute one).
    #[error("the URI is not absolute")]
    BadUri,
    /// The text is no SPIFFE ID: scheme, trust domain or path break the SPIFFE ID standard.
    #[error(
        "a SPIFFE ID is spiffe://, a trust domain of a-z 0-9 . - _, and segments /… of a-z A-Z 0-9 . - _, none of them . or .."
    )]
    BadSpiffeId,
    /// The mail address is not of the form `local@domain` (RFC 5280 §4.2.1.6).
    #[error("the mail address is not local@domain")]
    BadEmail,
}

impl Coded for NameError {
    fn code(&self) -> &'static str {
        "pki.name.invalid"
    }

    fn blame(&self) -> Blame {
        Blame::Peer
    }
}
