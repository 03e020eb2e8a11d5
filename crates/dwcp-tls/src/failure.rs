//! From what rustls and the transport report to a typed error.

use crate::alert::Alert;
use crate::bounded_io::TooMuch;
use crate::error::TlsError;
use crate::facts::{HandshakeState, Resumption};
use crate::refusal::Refusal;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use std::io;

impl TlsError {
    /// Reads the error of a session's `poll_read`, `poll_write` or `poll_shutdown`.
    ///
    /// In TLS 1.3 a client learns only here that the server refused its certificate: its own handshake was done before.
    pub fn from_stream(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::from_io(error, HandshakeState::Established),
        }
    }

    /// Reads what ended a handshake; `refusal` is what our verifier left, if it was the one that ended it.
    pub(crate) fn from_handshake(error: io::Error, state: HandshakeState, refusal: Option<Refusal>) -> Self {
        tracing::debug!(%state, %error, "the handshake failed");
        match (refusal, error.kind()) {
            (Some(refusal), _) => refusal.into_error(Resumption::Full),
            (None, io::ErrorKind::UnexpectedEof) => Self::PeerClosed(state),
            (None, _) => Self::from_io(error, state),
        }
    }

    fn from_io(error: io::Error, state: HandshakeState) -> Self {
        let inner = error.get_ref();
        if let Some(TooMuch { limit }) = inner.and_then(|inner| inner.downcast_ref()) {
            return Self::Oversized { limit: *limit };
        }
        match inner.and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(engine) => Self::from_engine(engine.clone(), state),
            None => Self::Transport(error),
        }
    }

    pub(crate) fn from_engine(error: Error, state: HandshakeState) -> Self {
        match error {
            Error::NoCertificatesPresented => Self::CertificateMissing,
            Error::NoApplicationProtocol => Self::NoApplicationProtocol,
            // A server that knows no TLS 1.3 answers with this alert rather than with a ServerHello of its own.
            Error::AlertReceived(AlertDescription::ProtocolVersion)
                if state != HandshakeState::Established =>
            {
                Self::WeakProtocol { offered: None }
            }
            // Closing is no refusal and no violation, in whatever state it comes.
            Error::AlertReceived(AlertDescription::CloseNotify) => Self::PeerClosed(state),
            Error::AlertReceived(alert) => Self::PeerAlert(Alert::from(alert)),
            Error::PeerIncompatible(ref why) if is_old_version(why) => Self::WeakProtocol { offered: None },
            Error::PeerIncompatible(_) => Self::NothingInCommon(error),
            // The verifiers leave their own reason; what reaches this line is the signature over the transcript.
            Error::InvalidCertificate(CertificateError::BadSignature) => Self::KeyUnproven,
            Error::InvalidCertificate(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::InvalidMessage(_)
            | Error::DecryptError
            | Error::PeerMisbehaved(_)
            | Error::PeerSentOversizedRecord => Self::Violation(error),
            // The certificates of a generation have an answer to every hello that was let through: this is a second one that asks for
            // something else (RFC 9846 §4.1.2).
            Error::General(_) if state == HandshakeState::Negotiating => Self::Violation(error),
            other => Self::Engine(other),
        }
    }
}

fn is_old_version(why: &PeerIncompatible) -> bool {
    matches!(
        why,
        PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::{Blame, Coded};
    use rustls::{InvalidMessage, PeerMisbehaved};

    #[test]
    fn errors_of_the_engine_are_sorted_by_blame() {
        let state = HandshakeState::Negotiating;
        let alert = |alert| Error::AlertReceived(alert);
        for (error, code, blame) in [
            (Error::NoCertificatesPresented, "tls.certificate.missing", Blame::Peer),
            (Error::NoApplicationProtocol, "tls.protocol.unspoken", Blame::Peer),
            (alert(AlertDescription::ProtocolVersion), "tls.protocol.weak", Blame::Peer),
            (alert(AlertDescription::CloseNotify), "tls.peer.closed", Blame::Network),
            (alert(AlertDescription::UnknownCA), "tls.peer.unknown_ca", Blame::Local),
            (alert(AlertDescription::DecodeError), "tls.peer.decode_error", Blame::Peer),
            (PeerIncompatible::NoKxGroupsInCommon.into(), "tls.protocol.incompatible", Blame::Peer),
            (PeerIncompatible::SupportedVersionsExtensionRequired.into(), "tls.protocol.weak", Blame::Peer),
            (CertificateError::BadSignature.into(), "tls.certificate.unproven", Blame::Peer),
            (InvalidMessage::InvalidContentType.into(), "tls.protocol.violated", Blame::Peer),
            (PeerMisbehaved::InvalidKeyShare.into(), "tls.protocol.violated", Blame::Peer),
            (Error::DecryptError, "tls.protocol.violated", Blame::Peer),
            (Error::General("no certificate".to_owned()), "tls.protocol.violated", Blame::Peer),
            (Error::FailedToGetRandomBytes, "tls.engine.failed", Blame::Local),
        ] {
            let ours = TlsError::from_engine(error, state);
            assert_eq!((ours.code(), ours.blame()), (code, blame), "{ours}");
            assert!(TlsError::REASONS.contains(&ours.reason()), "{ours}");
        }
    }

    #[test]
    fn errors_of_a_stream_tell_truncation_from_a_reset() {
        let truncated = TlsError::from_stream(io::ErrorKind::UnexpectedEof.into());
        assert!(matches!(truncated, TlsError::Truncated));
        let reset = TlsError::from_stream(io::ErrorKind::ConnectionReset.into());
        assert_eq!((reset.code(), reset.blame()), ("tls.transport.failed", Blame::Network));
        let version = Error::AlertReceived(AlertDescription::ProtocolVersion);
        let late = TlsError::from_stream(io::Error::new(io::ErrorKind::InvalidData, version));
        assert_eq!(late.code(), "tls.peer.protocol_version", "an established session is TLS 1.3 already");
    }
}
