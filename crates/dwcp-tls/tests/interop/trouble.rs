//! Why a cell has no handshake to show: the peer lacks what it takes, or something is wrong.

use dwcp_base::Coded;
use dwcp_tls::{Alert, TlsError};

/// What a cell ends with.
pub(crate) type Outcome = Result<String, Trouble>;

#[derive(Debug)]
pub(crate) enum Trouble {
    /// The peer has no such thing, or its tool does not show it. It goes into the page and counts as no handshake.
    Lacks(&'static str),
    /// The test fails.
    Failed(String),
}

/// The peer can not do it.
pub(crate) fn lacks<T>(what: &'static str) -> Result<T, Trouble> {
    Err(Trouble::Lacks(what))
}

pub(crate) fn failed(why: impl Into<String>) -> Trouble {
    Trouble::Failed(why.into())
}

/// Fails with `why` unless `holds`.
pub(crate) fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), Trouble> {
    if holds { Ok(()) } else { Err(failed(why())) }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(format!("{error:?}"))
    }
}

impl From<TlsError> for Trouble {
    fn from(error: TlsError) -> Self {
        Self::Failed(format!("{}: {error:?}", error.code()))
    }
}

/// The alert that a tool says it received, by IANA's name, from the many ways tools have to say so.
pub(crate) fn told(said: &str) -> Option<&'static str> {
    let number = |before: &str| {
        let digits = said.rsplit_once(before)?.1;
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().map(|number| Alert::from_number(number).name())
    };
    // OpenSSL's tools, and GnuTLS's.
    number("SSL alert number ")
        .or_else(|| number("Received alert ["))
        .or_else(|| number("Alert[2|"))
        .or_else(|| named(said))
}

fn named(said: &str) -> Option<&'static str> {
    let text = said.to_ascii_lowercase().replace(' ', "_");
    let nss = NSS.iter().find(|(code, _)| said.contains(code)).map(|(_, name)| *name);
    let mut names: Vec<&str> = (0..=u8::MAX).map(|number| Alert::from_number(number).name()).collect();
    names.retain(|name| *name != "unknown");
    nss.or_else(|| {
        names.into_iter().find(|name| {
            ["alert_", "tlsv1_", "sslv3_"].iter().any(|prefix| text.contains(&format!("{prefix}{name}")))
        })
    })
}

/// NSS has its own names for alerts that it received (`sslerr.h`).
const NSS: &[(&str, &str)] = &[
    ("SSL_ERROR_BAD_CERT_ALERT", "bad_certificate"),
    ("SSL_ERROR_UNSUPPORTED_CERT_ALERT", "unsupported_certificate"),
    ("SSL_ERROR_REVOKED_CERT_ALERT", "certificate_revoked"),
    ("SSL_ERROR_EXPIRED_CERT_ALERT", "certificate_expired"),
    ("SSL_ERROR_CERTIFICATE_UNKNOWN_ALERT", "certificate_unknown"),
    ("SSL_ERROR_UNKNOWN_CA_ALERT", "unknown_ca"),
    ("SSL_ERROR_PROTOCOL_VERSION_ALERT", "protocol_version"),
    ("SSL_ERROR_UNRECOGNIZED_NAME_ALERT", "unrecognized_name"),
    ("SSL_ERROR_HANDSHAKE_FAILURE_ALERT", "handshake_failure"),
    ("SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT", "certificate_required"),
    ("SSL_ERROR_NEXT_PROTOCOL_NO_PROTOCOL", "no_application_protocol"),
];

#[test]
fn every_way_to_name_an_alert_is_read() {
    for (said, name) in [
        ("0A000415:SSL routines:ssl3_read_bytes:sslv3 alert:SSL alert number 45", "certificate_expired"),
        ("*** Received alert [48]: CA is unknown", "unknown_ca"),
        (
            "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required",
            "certificate_required",
        ),
        (
            "TLS_error:|268436501:SSL routines:OPENSSL_internal:SSLV3_ALERT_CERTIFICATE_EXPIRED",
            "certificate_expired",
        ),
        ("SSL_ERROR_UNKNOWN_CA_ALERT: Peer does not recognize and trust the CA", "unknown_ca"),
    ] {
        assert_eq!(told(said), Some(name), "{said}");
    }
    assert_eq!(told("all is well"), None);
}
