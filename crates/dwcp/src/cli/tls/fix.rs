//! What to do about each way a handshake can fail, and the exit it has.

use super::answer::{Answer, Foreign};
use super::report::Look;
use crate::cli::exit::{Exit, inert};
use dwcp_base::Blame;
use dwcp_base::Coded;
use dwcp_channel::{DialError, RejectionKind};
use dwcp_pki::{Certificate, ChainFault, SubjectName, ValidationError};
use dwcp_tls::{Alert, TlsError};
use std::io::ErrorKind;

/// 7 where the peer does not verify, 4 where it refuses us, 6 where it can not be reached or offers nothing acceptable.
pub(super) fn of(error: &DialError, look: &Look<'_>) -> (Exit, String) {
    let (exit, fix) = match error {
        DialError::Refused { rejection, .. } => match rejection.kind {
            RejectionKind::Policy => (Exit::Denied, "use an identity that the other node's allow list names"),
            RejectionKind::Target => {
                (Exit::Unavailable, "the identity is good: start the service behind that listener")
            }
            _ => (Exit::Unavailable, "the identity is good: try again later"),
        },
        DialError::Tls { source, .. } => return of_tls(source, look),
        DialError::Untrusted { .. } => (Exit::Verification, "do not use this server"),
        DialError::Unresolved { .. } => {
            (Exit::Unavailable, "check how the name is spelled, and the name server")
        }
        DialError::Unreachable { source, .. } if source.kind() == ErrorKind::ConnectionRefused => {
            (Exit::Unavailable, "start the server, or correct the port")
        }
        DialError::Timeout { .. } if look.attempt.address.is_some() => return silent(look),
        DialError::Closed { .. } => (
            Exit::Unavailable,
            "it may be draining, or its target may have gone: try again, then look at its log",
        ),
        other if other.blame() == Blame::Local => (Exit::Failure, "free some connections"),
        _ => (
            Exit::Unavailable,
            "check the address, that the server runs, and what lies between: routes, firewalls",
        ),
    };
    (exit, fix.to_owned())
}

fn of_tls(error: &TlsError, look: &Look<'_>) -> (Exit, String) {
    let unavailable = |fix: &str| (Exit::Unavailable, fix.to_owned());
    match error {
        TlsError::Certificate { error, .. } => (Exit::Verification, of_chain(error, look)),
        // Whatever rule it was, on the certificate, the key or the group.
        error if error.is_verification_failure() => (Exit::Verification, "do not use this server".to_owned()),
        TlsError::PeerAlert(alert) => of_alert(*alert, look),
        TlsError::WeakProtocol { .. } => {
            unavailable("switch TLS 1.3 on at the server, or update it: nothing older is ever spoken here")
        }
        TlsError::Timeout { .. } => silent(look),
        TlsError::NothingInCommon(_) => unavailable(COMMON),
        TlsError::NoApplicationProtocol => unavailable("offer a protocol that the server speaks with --alpn"),
        TlsError::Oversized { limit } => (
            Exit::Unavailable,
            format!(
                "it sent more than {limit} bytes before it could be known: have its chain cut down to what is needed"
            ),
        ),
        TlsError::Truncated | TlsError::Transport(_) if look.attempt.agreed.is_some() => (
            Exit::Denied,
            "the handshake was good and the server ended it without a word: its policy may not name this identity, or ask it for a post-quantum group; its log says more".to_owned(),
        ),
        _ => match look.answer {
            Answer::Foreign(protocol) => unavailable(foreign(protocol)),
            Answer::Silence => unavailable(
                "it closed without a word: check that a TLS server listens there, and that nothing in front of it refuses this machine",
            ),
            _ => unavailable("check that a TLS 1.3 server listens there; its log may say why it broke off"),
        },
    }
}

/// What a server says no to: who we are (4), whom we asked for (7), or what we can speak (6).
fn of_alert(alert: Alert, look: &Look<'_>) -> (Exit, String) {
    match alert.number() {
        UNRECOGNIZED_NAME => (
            Exit::Verification,
            "give the name that the server's certificate carries with --server-name".to_owned(),
        ),
        HANDSHAKE_FAILURE | INSUFFICIENT_SECURITY => (Exit::Unavailable, COMMON.to_owned()),
        NO_APPLICATION_PROTOCOL => {
            (Exit::Unavailable, "offer a protocol that the server speaks with --alpn".to_owned())
        }
        _ if alert.judges_our_identity() => {
            let fix = "give --cert and --key of an identity the server trusts and has not revoked";
            (Exit::Denied, fix.to_owned())
        }
        _ if look.attempt.agreed.is_some() => (
            Exit::Unavailable,
            "the handshake was good and the server broke off after it: look at its log".to_owned(),
        ),
        _ => {
            (Exit::Unavailable, "check that a TLS 1.3 server listens there; its log may say more".to_owned())
        }
    }
}

fn of_chain(error: &ValidationError, look: &Look<'_>) -> String {
    let fix = match error.fault() {
        ChainFault::UnknownIssuer => {
            let top = look.chain.last().and_then(|der| Certificate::from_der(der).ok());
            return match top.map(|top| inert(top.issuer())).filter(|issuer| !issuer.is_empty()) {
                Some(issuer) => format!(
                    "give the certificate of {issuer} with --ca if you trust it; if it is no root, have the server present it with its own"
                ),
                None => "give the root that the chain leads to with --ca".to_owned(),
            };
        }
        ChainFault::Name { .. } => return of_name(look),
        ChainFault::Expired { .. } => {
            "have the server's certificate renewed, and check the clock of this machine"
        }
        ChainFault::NotYetValid { .. } => "check the clocks, of this machine and of the issuer",
        ChainFault::AnchorExpired => "give the authority's renewed certificate with --ca",
        ChainFault::Revoked { .. } | ChainFault::KeyRevoked { .. } => {
            "do not use this server: its issuer took the certificate back; it needs a new key and a new certificate"
        }
        ChainFault::Purpose { .. } => {
            "have the server's certificate issued for servers (serverAuth), or judge with --profile interop"
        }
        ChainFault::CrlMissing { .. }
        | ChainFault::CrlStale { .. }
        | ChainFault::CrlEarly { .. }
        | ChainFault::CrlUntrusted => "give a fresh list of that issuer with --crl",
        ChainFault::Profile { .. } => {
            "have that certificate issued anew as the rule asks, or judge with --profile interop"
        }
        ChainFault::TooMany { .. } | ChainFault::TooComplex => {
            "have the server present its own certificate and those above it alone"
        }
        _ => "check --ca, --crl and --server-name; if they are right, do not use this server",
    };
    fix.to_owned()
}

/// The names that it does have.
fn of_name(look: &Look<'_>) -> String {
    let leaf = look.chain.first().and_then(|der| Certificate::from_der(der).ok());
    let names: Vec<String> = leaf
        .iter()
        .flat_map(Certificate::names)
        .take(MOST_NAMES)
        .map(|name: &SubjectName| inert(name.to_string()))
        .collect();
    if names.is_empty() {
        return "get the server a certificate with this name in it: this one has none".to_owned();
    }
    format!(
        "ask for a name that it has with --server-name ({}), or get it a certificate for this one",
        names.join(", ")
    )
}

fn silent(look: &Look<'_>) -> (Exit, String) {
    let fix = match look.answer {
        Answer::Foreign(protocol) => foreign(protocol),
        Answer::Silence => {
            "it takes connections and says nothing: check that TLS is spoken on that port from the first byte on"
        }
        _ => "it began and did not go on: look at its log, or allow more with --timeout",
    };
    (Exit::Unavailable, fix.to_owned())
}

fn foreign(protocol: Foreign) -> &'static str {
    match protocol {
        Foreign::Http => "that port speaks plain HTTP: name the one where the server speaks TLS",
        Foreign::Ssh => "that is an SSH server: name the port of the TLS server",
        Foreign::Greeting => {
            "that port begins in plain text, and STARTTLS is not spoken here: name one with TLS from the first byte on"
        }
        Foreign::Unknown => "check that a TLS 1.3 server listens there: what answers is none",
    }
}

const COMMON: &str = "the server takes none of what was offered: leave --suite, --group and --pq out, or allow one of these at the server";
const MOST_NAMES: usize = 3;
/// RFC 9846 §6.
const HANDSHAKE_FAILURE: u8 = 40;
const INSUFFICIENT_SECURITY: u8 = 71;
/// RFC 6066 §3.
const UNRECOGNIZED_NAME: u8 = 112;
/// RFC 7301 §3.2.
const NO_APPLICATION_PROTOCOL: u8 = 120;
