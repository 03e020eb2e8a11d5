//! `dwcp tls …`: one handshake from the outside, and what came of it.

use super::args::{Handshake, Tls};
use super::exit::{Exit, Failure};
use super::node_failure;
use super::output::Report;
use crate::config;
use crate::node::Outside;
use dwcp_base::{Blame, Coded};
use dwcp_channel::{DialError, RejectionKind};
use dwcp_pki::{Peer, SubjectName};
use dwcp_tls::{ExpectedServer, TlsError, TlsPolicy};
use serde_json::json;

/// Runs one of the TLS verbs.
pub(super) fn run(verb: &Tls) -> Result<Report, Failure> {
    match verb {
        Tls::Handshake(args) => handshake(args),
        Tls::Ciphers => Ok(ciphers()),
    }
}

fn ciphers() -> Report {
    let policy = TlsPolicy::default();
    let suites: Vec<&str> = policy.suites().iter().map(|suite| suite.name()).collect();
    let groups: Vec<&str> = policy.groups().iter().map(|group| group.name()).collect();
    let text = format!(
        "version  TLS 1.3\nsuites   {}\ngroups   {}",
        suites.join("\n         "),
        groups.join("\n         ")
    );
    Report::new(text, json!({ "version": "1.3", "suites": suites, "groups": groups }))
}

fn handshake(args: &Handshake) -> Result<Report, Failure> {
    let expected = expected(args)?;
    let outside = Outside::new(&args.ca, args.crl.as_deref(), args.cert.as_deref().zip(args.key.as_deref()))
        .map_err(node_failure::failure)?;
    let runtime = super::up::runtime()?;
    let revocation = if args.crl.is_some() { "checked" } else { "not checked" };
    let session = runtime
        .block_on(outside.dial(&args.remote, &expected, args.timeout.0))
        .map_err(|error| failed(&args.remote, &error))?;
    let facts = session.facts();
    let Peer::Identified(peer) = session.peer() else {
        return Err(Failure::plain(
            Exit::Verification,
            "the server showed no certificate",
            "it can not be known",
            "nothing: do not use it",
        ));
    };
    let names: Vec<String> = peer.names().iter().map(ToString::to_string).collect();
    let alpn = facts.alpn.as_deref().map(|alpn| String::from_utf8_lossy(alpn).into_owned());
    let text = format!(
        "{remote} accepted us\n\
         version      TLS {version}\n\
         suite        {suite}\n\
         group        {group}{pq}\n\
         handshake    {handshake}, {elapsed:.1} ms\n\
         alpn         {alpn}\n\
         server       {label}\n\
         names        {names}\n\
         serial       {serial}\n\
         good until   {not_after}\n\
         key pin      pin:{pin}\n\
         revocation: {revocation}",
        remote = args.remote,
        version = facts.version(),
        suite = facts.suite,
        group = facts.group,
        pq = if facts.post_quantum() { " (holds against quantum computers)" } else { "" },
        handshake = facts.resumed,
        elapsed = facts.elapsed.as_secs_f64() * 1_000.0,
        alpn = alpn.as_deref().unwrap_or("none"),
        label = peer.label(),
        names = names.join(", "),
        serial = peer.serial(),
        not_after = peer.not_after(),
        pin = peer.key_pin(),
    );
    let json = json!({
        "accepted": true,
        "version": facts.version(),
        "suite": facts.suite.to_string(),
        "group": facts.group.to_string(),
        "post_quantum": facts.post_quantum(),
        "handshake": facts.resumed.to_string(),
        "elapsed_ms": facts.elapsed.as_secs_f64() * 1_000.0,
        "alpn": alpn,
        "peer": peer.label(),
        "names": names,
        "serial": peer.serial().to_string(),
        "not_after": peer.not_after().to_string(),
        "pin": peer.key_pin().to_string(),
        "revocation": revocation,
    });
    Ok(Report::new(text, json))
}

/// The name the server must prove: what was given, else the host that is dialed.
fn expected(args: &Handshake) -> Result<ExpectedServer, Failure> {
    let host = config::host_of(&args.remote).ok_or_else(|| {
        Failure::plain(
            Exit::Usage,
            format!("`{}` is not HOST:PORT", args.remote),
            "it takes a name or an address, a colon and a port from 1 to 65535",
            "write for example db.example.org:7443",
        )
    })?;
    let name = args.server_name.as_deref().unwrap_or(host);
    let refused = |why: String| {
        Failure::plain(
            Exit::Usage,
            format!("`{name}` can not be a server's name"),
            why,
            "write a DNS name, an address or spiffe://domain/path",
        )
    };
    let subject = match name.parse() {
        Ok(ip) => SubjectName::Ip(ip),
        Err(_) if name.contains("://") => {
            SubjectName::uri(name).map_err(|error| refused(error.to_string()))?
        }
        Err(_) => SubjectName::dns(name).map_err(|error| refused(error.to_string()))?,
    };
    ExpectedServer::name(subject).map_err(|error| refused(error.to_string()))
}

/// 7 where the peer does not verify, 4 where it refuses us, 6 where it can not be reached or offers nothing acceptable.
fn failed(remote: &str, error: &DialError) -> Failure {
    let what = format!("no secure connection to {remote}");
    let (exit, fix) = match error {
        DialError::Refused { rejection, .. } => match rejection.kind {
            RejectionKind::Policy => (Exit::Denied, "use an identity that the other node's allow list names"),
            RejectionKind::Target => {
                (Exit::Unavailable, "the identity is good: start the service behind that listener")
            }
            _ => (Exit::Unavailable, "the identity is good: try again later"),
        },
        DialError::Tls { source, .. } => match source.reason() {
            reason if reason.starts_with("certificate_") && reason != "certificate_missing" => (
                Exit::Verification,
                "check --ca, --crl and --server-name; if they are right, do not use this server",
            ),
            "server_unexpected" | "key_unproven" | "resumption_refused" => {
                (Exit::Verification, "do not use this server")
            }
            "peer_alert" => peer_alert(source),
            _ => (Exit::Unavailable, "check that a TLS 1.3 server listens there"),
        },
        DialError::Untrusted { .. } => (Exit::Verification, "do not use this server"),
        other if other.blame() == Blame::Local => (Exit::Failure, "free some connections"),
        _ => (Exit::Unavailable, "check the address and that the server runs"),
    };
    Failure::new(exit, what, error, fix).coded(error)
}

/// What a server says no to: who we are (4), whom we asked for (7), or what we can speak (6).
fn peer_alert(error: &TlsError) -> (Exit, &'static str) {
    match error {
        TlsError::PeerAlert(alert) if alert.number() == UNRECOGNIZED_NAME => {
            (Exit::Verification, "give the name that the server's certificate carries with --server-name")
        }
        TlsError::PeerAlert(alert) if alert.judges_our_identity() => {
            (Exit::Denied, "give --cert and --key of an identity the server trusts and has not revoked")
        }
        _ => (Exit::Unavailable, "check that a TLS 1.3 server listens there"),
    }
}

/// RFC 6066 §3.
const UNRECOGNIZED_NAME: u8 = 112;
