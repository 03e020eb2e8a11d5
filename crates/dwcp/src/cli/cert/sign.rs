//! `dwcp cert sign`: a request of somebody else, as far as a policy allows.

use super::authority::open;
use super::files::{MAX_PEM, Target};
use super::issue::{lasting, usage};
use super::policy::{self, Ceiling};
use super::{authority_failure, describe};
use crate::cli::args_cert::{Sign, UsageChoice};
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::Report;
use dwcp_base::{Clock, SystemClock, read_bounded};
use dwcp_pki::{CertificateRequest, IssuancePolicy, Usage};
use std::io::{self, Read};
use std::time::Duration;

/// Certifies a request.
pub(super) fn run(args: &Sign) -> Result<Report, Failure> {
    let ceiling = match &args.policy {
        Some(name) => policy::named(&args.ca, name)?,
        None => Ceiling::of_patterns(&args.allow)?,
    };
    let policy = granted(args, ceiling)?;
    let request = request(args)?;
    let authority = open(&args.ca, &args.unlock)?;
    let target = (args.out.as_os_str() != "-").then(|| Target::begin(&args.out, false)).transpose()?;
    let now = SystemClock::new().unix();
    let chain = authority
        .issue(&request, &policy, now)
        .map_err(|error| authority_failure("nothing was signed", &args.ca, &error))?;
    let (pem, leaf) = (chain.to_pem(), chain.leaf());
    let mut json = describe(leaf);
    let Some(target) = target else {
        json["pem"] = pem.clone().into();
        return Ok(Report::document(pem.trim_end(), json));
    };
    target.write(pem.as_bytes()).map_err(|mut failure| {
        failure
            .fix
            .push_str(&format!("; certificate {} was issued: revoke it, or sign again", leaf.serial()));
        failure
    })?;
    let names: Vec<_> = leaf.names().iter().map(ToString::to_string).collect();
    let text = format!(
        "serial {} until {} for {}\n{}",
        leaf.serial(),
        leaf.not_after(),
        inert(names.join(", ")),
        inert(&args.out)
    );
    Ok(Report::new(text, json))
}

/// What the policy allows, and of that what was asked for: more is refused by name, not cut back in silence.
fn granted(args: &Sign, ceiling: Ceiling) -> Result<IssuancePolicy, Failure> {
    let beyond = |what: String, limit: String| {
        Err(Failure::plain(Exit::Denied, "nothing was signed", what, format!("ask for {limit}")))
    };
    let most = ceiling.ttl.map_or(IssuancePolicy::LONGEST, |ttl| ttl.0);
    let ttl = args.ttl.map_or(Duration::from_secs(86_400).min(most), |ttl| ttl.0);
    if ttl > most {
        let limit = crate::config::GoDuration(most);
        return beyond(
            format!("the policy allows no lifetime above {limit}"),
            format!("--ttl {limit} or less"),
        );
    }
    let usage = match args.usage.map(usage) {
        None => ceiling.usage,
        Some(wanted) if ceiling.usage == Usage::Both || wanted == ceiling.usage => wanted,
        Some(_) => {
            let name = if ceiling.usage == Usage::Server { UsageChoice::Server } else { UsageChoice::Client };
            return beyond(
                "the policy does not allow that usage".to_owned(),
                format!("--usage {name:?}").to_lowercase(),
            );
        }
    };
    let policy = IssuancePolicy::default().with_names(ceiling.names).with_usage(usage);
    lasting(policy, crate::config::GoDuration(ttl))
}

fn request(args: &Sign) -> Result<CertificateRequest, Failure> {
    let what = format!("the request {} was not read", args.csr.display());
    let bytes = if args.csr.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().take(MAX_PEM + 1).read_to_end(&mut bytes).map_err(|error| {
            Failure::new(Exit::Failure, what.as_str(), &error, "check where standard input comes from")
        })?;
        bytes
    } else {
        read_bounded(&args.csr, MAX_PEM).map_err(|error| Failure::file(what.as_str(), &error))?
    };
    CertificateRequest::from_pem(&bytes).map_err(|error| {
        let fix = "give one PEM request, signed by the key it names, as `dwcp cert csr` or `openssl req -new` makes it";
        Failure::new(Exit::Verification, what, &error, fix).coded(&error)
    })
}
