//! The alerts a peer can send, by name.

use dwcp_base::Blame;
use rustls::AlertDescription;
use std::fmt;

/// A fatal alert that the peer sent (RFC 9846 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert(u8);

impl Alert {
    /// From the number on the wire.
    pub fn from_number(number: u8) -> Self {
        Self(number)
    }

    /// The number on the wire.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The name in IANA's registry; `unknown` for numbers TLS 1.3 does not use.
    pub fn name(self) -> &'static str {
        self.row().map_or("unknown", |(_, name, _)| name)
    }

    /// The stable code `tls.peer.NAME`; `tls.peer.alert` for numbers TLS 1.3 does not use.
    pub fn code(self) -> &'static str {
        self.row().map_or("tls.peer.alert", |(_, _, code)| code)
    }

    /// Whose fault the peer says it is: ours when our certificate displeased it, else its own.
    pub fn blame(self) -> Blame {
        if self.judges_our_identity() { Blame::Local } else { Blame::Peer }
    }

    /// The alert is a verdict about who we are: our certificate, what came with it, or its absence.
    pub fn judges_our_identity(self) -> bool {
        matches!(self.0, 42..=46 | 48 | 49 | 113 | 116)
    }

    fn row(self) -> Option<&'static (u8, &'static str, &'static str)> {
        NAMES.iter().find(|(number, _, _)| *number == self.0)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some((_, name, _)) => f.write_str(name),
            None => write!(f, "alert {}", self.0),
        }
    }
}

impl From<AlertDescription> for Alert {
    fn from(alert: AlertDescription) -> Self {
        Self(alert.into())
    }
}

const NAMES: [(u8, &str, &str); 26] = [
    (10, "unexpected_message", "tls.peer.unexpected_message"),
    (20, "bad_record_mac", "tls.peer.bad_record_mac"),
    (22, "record_overflow", "tls.peer.record_overflow"),
    (40, "handshake_failure", "tls.peer.handshake_failure"),
    (42, "bad_certificate", "tls.peer.bad_certificate"),
    (43, "unsupported_certificate", "tls.peer.unsupported_certificate"),
    (44, "certificate_revoked", "tls.peer.certificate_revoked"),
    (45, "certificate_expired", "tls.peer.certificate_expired"),
    (46, "certificate_unknown", "tls.peer.certificate_unknown"),
    (47, "illegal_parameter", "tls.peer.illegal_parameter"),
    (48, "unknown_ca", "tls.peer.unknown_ca"),
    (49, "access_denied", "tls.peer.access_denied"),
    (50, "decode_error", "tls.peer.decode_error"),
    (51, "decrypt_error", "tls.peer.decrypt_error"),
    (70, "protocol_version", "tls.peer.protocol_version"),
    (71, "insufficient_security", "tls.peer.insufficient_security"),
    (80, "internal_error", "tls.peer.internal_error"),
    (86, "inappropriate_fallback", "tls.peer.inappropriate_fallback"),
    (90, "user_canceled", "tls.peer.user_canceled"),
    (109, "missing_extension", "tls.peer.missing_extension"),
    (110, "unsupported_extension", "tls.peer.unsupported_extension"),
    (112, "unrecognized_name", "tls.peer.unrecognized_name"),
    (113, "bad_certificate_status_response", "tls.peer.bad_certificate_status_response"),
    (115, "unknown_psk_identity", "tls.peer.unknown_psk_identity"),
    (116, "certificate_required", "tls.peer.certificate_required"),
    (120, "no_application_protocol", "tls.peer.no_application_protocol"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_names_and_numbers_are_in_order() {
        for (number, name, code) in NAMES {
            assert_eq!(format!("tls.peer.{name}"), code);
            assert_eq!(Alert(number).to_string(), name);
        }
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!((Alert(3).code(), Alert(3).to_string().as_str()), ("tls.peer.alert", "alert 3"));
    }

    #[test]
    fn an_alert_about_our_certificate_is_our_fault() {
        assert_eq!(Alert::from(AlertDescription::CertificateRequired).blame(), Blame::Local);
        assert_eq!(Alert::from(AlertDescription::UnexpectedMessage).blame(), Blame::Peer);
    }
}
