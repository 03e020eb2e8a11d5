//! `dwcp cert ocsp`: a signed answer on one certificate (RFC 6960).

use super::authority::open;
use super::authority_failure;
use super::files::Target;
use super::revoke::leaf;
use crate::cli::args_cert::Ocsp;
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::Report;
use dwcp_base::{Clock, SystemClock};
use dwcp_pki::{CertIdHash, CertStatus, OcspRequest};
use serde_json::{Value, json};

/// Asks the authority, checks its answer as a relying party would, and writes it.
pub(super) fn run(args: &Ocsp) -> Result<Report, Failure> {
    let target = Target::begin(&args.out, false)?;
    let authority = open(&args.ca, &args.unlock)?;
    let (certificate, issuer) = (leaf(&args.cert)?, authority.certificate());
    let what = format!("no answer was made on {}", args.cert.display());
    let foreign = |error: &dyn std::error::Error| {
        let fix = "name a certificate that this authority issued";
        Failure::new(Exit::NotFound, what.as_str(), error, fix)
    };
    let now = SystemClock::new().unix();
    let request = OcspRequest::for_certificate(&certificate, issuer, CertIdHash::default())
        .map_err(|error| foreign(&error))?;
    let response =
        authority.ocsp(&request, now).map_err(|error| authority_failure(&what, &args.ca, &error))?;
    let verdict =
        response.verify(&certificate, issuer, None, now).map_err(|error| foreign(&error).coded(&error))?;
    let (status, revoked) = match verdict.status() {
        CertStatus::Good => ("good", Value::Null),
        CertStatus::Revoked { at, reason } => {
            let reason = reason.map(|reason| reason.name());
            ("revoked", json!({ "at": at.to_string(), "reason": reason }))
        }
        CertStatus::Unknown => ("unknown", Value::Null),
    };
    target.write(response.der())?;
    let until = verdict.next_update().map(|until| until.to_string());
    let mut text = format!("{}: {} is {status}", inert(&args.out), certificate.serial());
    if let Some(until) = &until {
        text.push_str(&format!(", good until {until}"));
    }
    let json = json!({
        "serial": certificate.serial().to_string(),
        "status": status,
        "revoked": revoked,
        "this_update": verdict.this_update().to_string(),
        "next_update": until,
    });
    Ok(Report::new(text, json))
}
