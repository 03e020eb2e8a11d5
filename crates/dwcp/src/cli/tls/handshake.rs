//! `dwcp tls handshake`: dials, judges, tells; also where the answer is no.

use super::answer::Answer;
use super::dial::{Attempt, Destination};
use super::early::Early;
use super::fix;
use super::report::Look;
use super::resumption::Resumed;
use super::rules::{Rules, Yardstick};
use crate::cli::args_tls::Handshake;
use crate::cli::exit::{Exit, Failure, Found};
use crate::cli::node_failure;
use crate::cli::output::Report;
use crate::config;
use crate::node::{self, NodeError};
use dwcp_base::{Clock, SystemClock};
use dwcp_channel::{DialError, NODE_ALPN};
use dwcp_pki::SubjectName;
use dwcp_tls::{ExpectedServer, PolicyError, TlsConnector, TlsPolicy};
use serde_json::json;
use std::sync::Arc;

pub(super) fn run(args: &Handshake) -> Result<Report, Failure> {
    if args.dtls {
        return Err(Failure::plain(
            Exit::Unavailable,
            "DTLS can not be spoken",
            "it is not part of this version",
            "leave --dtls out; this command speaks TLS 1.3 over TCP",
        ));
    }
    let (name, expected) = expected(args)?;
    let policy = policy(args)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let judge = judge(args, &policy).map_err(node_failure::failure)?;
    let destination = Destination {
        remote: args.remote.clone(),
        expected,
        within: args.timeout.0,
        clock: Arc::clone(&clock),
    };
    let runtime = crate::cli::up::runtime()?;
    runtime.block_on(async {
        let (yardstick, attempt) = match &judge {
            Some((yardstick, connector)) => (Some(yardstick), destination.dial(connector, &[]).await),
            None => (None, destination.look(&policy).await),
        };
        let again = match (&judge, &attempt.end) {
            (Some((_, connector)), Ok(())) if args.resume => {
                Some(Resumed::of(&attempt, destination.dial(connector, &[]).await))
            }
            _ => None,
        };
        let early = match (&judge, &attempt.end, &args.early_data) {
            (Some((_, connector)), Ok(()), Some(text)) => {
                Some(Early::of(text, &destination, connector).await)
            }
            _ => None,
        };
        let chain = seen(&attempt, &destination, &policy).await;
        let rules = (!chain.is_empty()).then(|| Rules::of(&chain, &name, yardstick, clock.unix()));
        let answer = Answer::read(&attempt.noted.head);
        let look = Look {
            name: &name,
            attempt: &attempt,
            answer,
            chain,
            rules,
            again,
            early,
            crl: args.crl.is_some(),
        };
        tell(args, &look, clock.unix())
    })
}

/// What was learned, as a success or around the reason why it is none.
fn tell(args: &Handshake, look: &Look<'_>, now: dwcp_base::UnixTime) -> Result<Report, Failure> {
    let (text, json) = look.told(&args.remote, now);
    let failure = match &look.attempt.end {
        Ok(()) if args.ca.is_some() => {
            let again = look.again.as_ref().and_then(Resumed::failure);
            match look.early.as_ref().and_then(|early| early.failure(&args.remote)) {
                Some(failure) => failure,
                None => match again.filter(|error| is_about_the_server(error)) {
                    Some(error) => failed(&args.remote, error, look),
                    None => return Ok(Report::new(text, json)),
                },
            }
        }
        Ok(()) => Failure::plain(
            Exit::Verification,
            format!("{} was not verified", args.remote),
            "no --ca was given, so nothing says whom the chain should lead to",
            "give the roots that you trust with --ca; what is shown above is what the server claims",
        )
        .called("cli.verification.skipped"),
        Err(error) => failed(&args.remote, error, look),
    };
    // Where nobody answered there is nothing more to tell.
    Err(match look.attempt.address {
        Some(_) => failure.after(Found { text, json, about: json!({}) }),
        None => failure,
    })
}

/// Another server behind the same name is not taken for the one that was verified.
fn is_about_the_server(error: &DialError) -> bool {
    match error {
        DialError::Tls { source, .. } => source.is_verification_failure(),
        DialError::Untrusted { .. } => true,
        _ => false,
    }
}

/// The chain that the server presents; where the verification said no, another connection asks for it.
async fn seen(
    attempt: &Attempt,
    destination: &Destination,
    policy: &TlsPolicy,
) -> Vec<rustls_pki_types::CertificateDer<'static>> {
    match &attempt.end {
        Err(DialError::Tls { source, .. })
            if attempt.chain.is_empty() && source.is_verification_failure() =>
        {
            destination.look(policy).await.chain
        }
        _ => attempt.chain.clone(),
    }
}

/// By what the server is judged, and the client that does; `None` without `--ca`: then our certificate is not shown either.
fn judge(args: &Handshake, policy: &TlsPolicy) -> Result<Option<(Yardstick, TlsConnector)>, NodeError> {
    let Some(ca) = &args.ca else { return Ok(None) };
    let pair = args.cert.as_deref().zip(args.key.as_deref());
    let credential = pair.map(node::credential).transpose()?;
    let crls = args.crl.as_deref().map(node::crls).transpose()?;
    let yardstick = Yardstick { roots: node::roots(ca)?, crls, profile: args.profile };
    let alpn: Vec<Vec<u8>> = match args.alpn.as_slice() {
        [] => vec![NODE_ALPN.to_vec(), b"http/1.1".to_vec()],
        asked => asked.iter().map(|name| name.clone().into_bytes()).collect(),
    };
    let store = yardstick.store().map_err(NodeError::Trust)?;
    let (connector, _) = node::client(store, credential, policy.clone(), &alpn)?;
    Ok(Some((yardstick, connector)))
}

fn policy(args: &Handshake) -> Result<TlsPolicy, Failure> {
    let asked = || -> Result<TlsPolicy, PolicyError> {
        let mut policy = TlsPolicy::default();
        if !args.suite.is_empty() {
            policy = policy.with_suites(&args.suite)?;
        }
        if !args.group.is_empty() {
            policy = policy.with_groups(&args.group)?;
        }
        match args.pq {
            Some(mode) => policy.with_post_quantum(mode),
            None => Ok(policy),
        }
    };
    asked().map_err(|error| {
        let what = "this offer can not be made";
        Failure::new(Exit::Usage, what, &error, "give --group and --pq that leave a group").coded(&error)
    })
}

/// The name the server must prove: what was given, else the host that is dialed.
fn expected(args: &Handshake) -> Result<(SubjectName, ExpectedServer), Failure> {
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
    let expected = ExpectedServer::name(subject.clone()).map_err(|error| refused(error.to_string()))?;
    Ok((subject, expected))
}

fn failed(remote: &str, error: &DialError, look: &Look<'_>) -> Failure {
    let (exit, fix) = fix::of(error, look);
    let mut failure =
        Failure::new(exit, format!("no secure connection to {remote}"), error, fix).coded(error);
    if let Answer::Foreign(protocol) = look.answer {
        failure.why.push(format!("what answers there speaks {protocol}"));
    }
    failure
}
