//! `dwcp token …`: one-time tokens for machines that are to join, on the node that holds the authority. The node is not asked.

use super::args_token::{Token, TokenCreate, TokenRevoke};
use super::at_rest::refuse_foreign;
use super::cert::authority_failure;
use super::config::{locate, read};
use super::exit::{Exit, Failure, inert};
use super::output::{Report, tell};
use crate::config::{NodePlan, ProviderPlan};
use crate::enroll::{
    EnrollError, Grant, JoinToken, Members, TokenRecord, TokenState, Tokens, checked_address, rule,
};
use dwcp_base::{Clock, Disk, LocalDisk, SystemClock, UnixTime, read_bounded};
use dwcp_pki::{
    CertificateAuthority, CertificateChain, IssuedRecord, IssuedStanding, SpiffeId, SubjectName, TrustDomain,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Runs one of the verbs. `named` is the configuration that `--config` names.
pub(super) fn run(verb: &Token, named: Option<&Path>) -> Result<Report, Failure> {
    let file = locate(named)?;
    let (_, plan) = read(&file, None)?;
    let ProviderPlan::Embedded { ca_dir, .. } = &plan.provider else {
        let why = format!("{} names another provider than `embedded`", file.display());
        let fix = "run this on the node that holds the authority, with its --config";
        return Err(Failure::plain(Exit::Configuration, "this node has no authority", why, fix));
    };
    if !matches!(verb, Token::List) {
        // The node could neither read the token nor take the lock.
        refuse_foreign(ca_dir, "the tokens were left alone")?;
    }
    let now = SystemClock::new().unix();
    let tokens = Tokens::of(Arc::new(LocalDisk), ca_dir);
    match verb {
        Token::Create(args) => create(args, &plan, ca_dir, &tokens, now),
        Token::List => list(&tokens, now),
        Token::Revoke(args) => revoke(args, &tokens, now),
        Token::Forget(args) => forget(&args.identity, ca_dir, &tokens, now),
    }
}

fn create(
    args: &TokenCreate,
    plan: &NodePlan,
    ca_dir: &Path,
    tokens: &Tokens,
    now: UnixTime,
) -> Result<Report, Failure> {
    if !(Tokens::SHORTEST..=Tokens::LONGEST).contains(&args.ttl.0) {
        let why = format!("--ttl {} is not between 1m and 168h", args.ttl);
        return Err(Failure::plain(Exit::Usage, NOT_MADE, why, "leave --ttl out for 1h"));
    }
    let server = server(plan)?;
    let domain = &server.trust_domain().clone();
    let grant = grant(args, domain)?;
    let address = address(args, plan)?;
    let root = CertificateAuthority::root_in(ca_dir).map_err(|error| Failure {
        exit: Exit::Configuration,
        ..authority_failure(NOT_MADE, ca_dir, &error)
    })?;
    let (record, secret) =
        tokens.create(grant, domain, args.ttl.0, now).map_err(|error| failed(NOT_MADE, &error))?;
    let token = JoinToken { address, server, root: root.fingerprint(), id: record.id, secret };
    let text = token.to_text();
    if is_loopback(&token.address) {
        tell(&format!(
            "warning: {} is of this machine alone, so no other can join there: {REACHED}",
            token.address
        ));
    }
    tell(&format!(
        "token {id}: good once, until {until}, for {what}\n\
         on the other machine: dwcp init DIR --join -{name}     (it reads the token from standard input)\n\
         whoever has it can join in its place: hand it over as a secret, take it back with `dwcp token revoke {id}`",
        id = record.id,
        until = record.expires,
        what = granted(&record.grant, domain),
        name = record.grant.name.as_ref().map(|name| format!(" --name {name}")).unwrap_or_default(),
    ));
    let mut json = described(&record, now);
    json["token"] = text.as_str().into();
    json["address"] = token.address.as_str().into();
    json["server"] = token.server.as_str().into();
    Ok(Report::document(text.as_str(), json))
}

/// Who answers: the identity that the node has, else the one that it will give itself.
fn server(plan: &NodePlan) -> Result<SpiffeId, Failure> {
    let written = || {
        let (name, domain) = (plan.name.as_ref()?, plan.trust_domain.as_ref()?);
        format!("spiffe://{domain}/node/{name}").parse().ok()
    };
    let certificate = read_bounded(&plan.identity.cert, MAX_CHAIN).ok();
    let chain = certificate.and_then(|pem| CertificateChain::from_pem(&pem).ok());
    let shown = chain.and_then(|chain| chain.leaf().names().iter().find_map(SubjectName::spiffe_id));
    shown.or_else(written).ok_or_else(|| {
        let why = "neither its certificate nor node.name and node.trust_domain give it a SPIFFE ID";
        let fix = "write node.name and node.trust_domain, or run `dwcp init` for a complete configuration";
        Failure::plain(Exit::Configuration, "this node has no identity that others could know", why, fix)
    })
}

fn grant(args: &TokenCreate, domain: &TrustDomain) -> Result<Grant, Failure> {
    for text in &args.allow {
        rule(text).map_err(|error| {
            let fix =
                "write DNS:name, DNS:*.domain, IP:address, IP:address/prefix, URI:spiffe://domain/* or URI:…";
            Failure::new(Exit::Usage, format!("`{text}` is no pattern of names"), &error, fix)
        })?;
    }
    let grant = Grant { name: args.name.clone(), allow: args.allow.clone() };
    if grant.is_sound(domain) {
        return Ok(grant);
    }
    let (why, fix) = match &args.name {
        Some(name) if !(Grant { name: args.name.clone(), allow: Vec::new() }).is_sound(domain) => (
            format!("--name {name} is no name of a node"),
            format!(
                "use up to 63 lower-case letters, digits, dots, dashes and underscores; for an identity of another form: \
                 --allow 'URI:spiffe://{domain}/…'"
            ),
        ),
        _ if args.allow.len() > Grant::MOST_PATTERNS => (
            format!("there are more than {} patterns", Grant::MOST_PATTERNS),
            "name networks and domains".to_owned(),
        ),
        _ => (
            format!("no pattern grants an identity of {domain}, so nobody could join with it"),
            format!("add --name NAME, or --allow 'URI:spiffe://{domain}/*'"),
        ),
    };
    Err(Failure::plain(Exit::Usage, NOT_MADE, why, fix))
}

/// Where a machine is to come to. An address that means every interface means nothing elsewhere.
fn address(args: &TokenCreate, plan: &NodePlan) -> Result<String, Failure> {
    let refused = |why: String| Err(Failure::plain(Exit::Usage, NOT_MADE, why, REACHED));
    if let Some(text) = &args.address {
        return match checked_address(text) {
            Some(text) => Ok(text.to_owned()),
            None => refused(format!("`{text}` is not HOST:PORT")),
        };
    }
    let listens: SocketAddr = plan.enroll.unwrap_or(plan.admin);
    if listens.ip().is_unspecified() || listens.port() == 0 {
        return refused(format!("this node listens on {listens}, which is no address to come to"));
    }
    Ok(listens.to_string())
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
    host.parse::<std::net::IpAddr>().map_or(host == "localhost", |host| host.is_loopback())
}

fn list(tokens: &Tokens, now: UnixTime) -> Result<Report, Failure> {
    let all = tokens.all().map_err(|error| failed("the tokens were not listed", &error))?;
    let lines: Vec<String> = all
        .iter()
        .map(|record| {
            let became = match &record.state {
                TokenState::Spent { at, identity, .. } => format!("  at {at} by {identity}"),
                TokenState::Revoked { at } => format!("  at {at}"),
                _ => format!("  until {}", record.expires),
            };
            let name = record.grant.name.as_deref().map(|name| format!("  for {name}")).unwrap_or_default();
            inert(format!("{}  {:<7}{became}{name}", record.id, standing(record, now)))
        })
        .collect();
    let text = if lines.is_empty() { "none".to_owned() } else { lines.join("\n") };
    let all: Vec<Value> = all.iter().map(|record| described(record, now)).collect();
    Ok(Report::document(text, json!({ "tokens": all })))
}

fn revoke(args: &TokenRevoke, tokens: &Tokens, now: UnixTime) -> Result<Report, Failure> {
    let what = "no token was taken back";
    let id = args.id.parse().map_err(|error| {
        Failure::new(Exit::Usage, what, &error, "give the 16 digits that `dwcp token list` shows")
    })?;
    let record = tokens.revoke(&id, now).map_err(|error| failed(what, &error))?;
    if let TokenState::Spent { at, identity, .. } = &record.state {
        let why = format!("{identity} joined with it at {at}");
        let fix = "if that was nobody of yours: revoke its certificate with `dwcp cert revoke`";
        return Err(Failure::plain(Exit::Failure, what, why, fix));
    }
    Ok(Report::new(format!("{id} is good for nothing any more"), described(&record, now)))
}

/// Frees the name of a member that has no certificate any more.
fn forget(identity: &str, ca_dir: &Path, tokens: &Tokens, now: UnixTime) -> Result<Report, Failure> {
    let what = "nobody was forgotten";
    let identity: SpiffeId = identity.parse().map_err(|error| {
        Failure::new(
            Exit::Usage,
            what,
            &error,
            "give it as `dwcp token list` shows it: spiffe://DOMAIN/node/NAME",
        )
    })?;
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk);
    // Until it is done, so that it does not renew meanwhile.
    let held = tokens.held().map_err(|error| failed(what, &error))?;
    let issued = CertificateAuthority::records(Arc::clone(&disk), ca_dir)
        .map_err(|error| authority_failure(what, ca_dir, &error))?;
    let stands = |record: &&IssuedRecord| {
        record.standing == IssuedStanding::Good
            && record.not_after >= now
            && record.names.iter().any(|name| name.spiffe_id().as_ref() == Some(&identity))
    };
    if let Some(record) = issued.iter().find(stands) {
        let why = format!(
            "a certificate of {identity} stands until {}: serial {}",
            record.not_after, record.serial
        );
        let fix =
            format!("take it back first: dwcp cert revoke --ca {} --serial {}", inert(ca_dir), record.serial);
        return Err(Failure::plain(Exit::Denied, what, why, fix));
    }
    match Members::of(disk, ca_dir).forget(&held, &identity).map_err(|error| failed(what, &error))? {
        true => Ok(Report::new(
            format!("{identity} is forgotten: whoever has a token that grants the name can have it"),
            json!({ "forgotten": identity.as_str() }),
        )),
        false => {
            let why = format!("nobody joined as {identity}");
            Err(Failure::plain(Exit::NotFound, what, why, "see `dwcp token list` for who joined"))
        }
    }
}

fn standing(record: &TokenRecord, now: UnixTime) -> &'static str {
    match record.state {
        TokenState::Spent { .. } => "spent",
        TokenState::Revoked { .. } => "revoked",
        _ if record.is_early(now) => "early",
        _ if record.is_open(now) => "open",
        _ => "expired",
    }
}

fn described(record: &TokenRecord, now: UnixTime) -> Value {
    let spent = match &record.state {
        TokenState::Spent { at, pin, identity } => {
            json!({ "at": at.to_string(), "pin": pin.to_string(), "identity": identity.as_str() })
        }
        _ => Value::Null,
    };
    json!({
        "id": record.id.to_string(),
        "standing": standing(record, now),
        "name": record.grant.name,
        "allow": record.grant.allow,
        "created": record.created.to_string(),
        "expires": record.expires.to_string(),
        "spent": spent,
    })
}

fn granted(grant: &Grant, domain: &TrustDomain) -> String {
    match (&grant.name, grant.allow.is_empty()) {
        (Some(name), true) => format!("spiffe://{domain}/node/{name}"),
        (Some(name), false) => format!("spiffe://{domain}/node/{name}, {}", inert(grant.allow.join(", "))),
        (None, true) => format!("one new name below spiffe://{domain}/node/"),
        (None, false) => inert(grant.allow.join(", ")),
    }
}

fn failed(what: &str, error: &EnrollError) -> Failure {
    let (exit, fix) = match error {
        EnrollError::TokenUnknown => (Exit::NotFound, "see `dwcp token list`"),
        EnrollError::ManyTokens { .. } => (Exit::Denied, "take some back with `dwcp token revoke`"),
        EnrollError::Busy { .. } => (Exit::Unavailable, "another process holds the tokens: try again"),
        EnrollError::Record { .. } => (
            Exit::Verification,
            "look at what changed the file, then remove it: its token is good for nothing",
        ),
        EnrollError::Grant => (Exit::Usage, "name fewer or shorter patterns"),
        _ => (Exit::Failure, "run it as the user that the node runs as, and check the disk"),
    };
    Failure::new(exit, what, error, fix).coded(error)
}

const REACHED: &str = "give --address HOST:PORT as other machines reach this one";
const NOT_MADE: &str = "no token was made";
const MAX_CHAIN: u64 = 1 << 20;
