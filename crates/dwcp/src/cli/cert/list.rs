//! `dwcp cert list --ca`: what an authority has issued. It needs no key.

use super::authority_failure;
use crate::cli::exit::{Failure, inert};
use crate::cli::output::Report;
use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_pki::{CertificateAuthority, IssuedRecord, IssuedStanding};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Lists certificates, oldest first.
pub(super) fn run(ca: &Path, valid: bool) -> Result<Report, Failure> {
    let now = SystemClock::new().unix();
    let records = CertificateAuthority::records(Arc::new(LocalDisk), ca)
        .map_err(|error| authority_failure("nothing was listed", ca, &error))?;
    let chosen: Vec<_> = records.iter().filter(|record| !valid || standing(record, now) == "good").collect();
    let lines: Vec<String> = chosen.iter().map(|record| line(record, now)).collect();
    let all: Vec<Value> = chosen.iter().map(|record| describe(record, now)).collect();
    let text = if lines.is_empty() { "none".to_owned() } else { lines.join("\n") };
    Ok(Report::document(text, json!({ "certificates": all })))
}

fn standing(record: &IssuedRecord, now: UnixTime) -> &'static str {
    match record.standing {
        IssuedStanding::Revoked(_) => "revoked",
        IssuedStanding::Good if record.not_after < now => "expired",
        IssuedStanding::Good => "good",
    }
}

fn line(record: &IssuedRecord, now: UnixTime) -> String {
    let names: Vec<_> = record.names.iter().map(ToString::to_string).collect();
    // Authorities below this one have no such names.
    let names = if names.is_empty() { "an authority".to_owned() } else { inert(names.join(", ")) };
    let mut line =
        format!("{}  {:<7}  until {}  {names}", record.serial, standing(record, now), record.not_after);
    if let IssuedStanding::Revoked(revocation) = record.standing {
        line.push_str(&format!("  revoked {} ({})", revocation.at, revocation.reason.name()));
    }
    line
}

fn describe(record: &IssuedRecord, now: UnixTime) -> Value {
    let revoked = match record.standing {
        IssuedStanding::Revoked(revocation) => {
            json!({ "at": revocation.at.to_string(), "reason": revocation.reason.name() })
        }
        IssuedStanding::Good => Value::Null,
    };
    json!({
        "serial": record.serial.to_string(),
        "standing": standing(record, now),
        "names": record.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "issued_at": record.issued_at.to_string(),
        "not_before": record.not_before.to_string(),
        "not_after": record.not_after.to_string(),
        "pin": record.key_pin.to_string(),
        "revoked": revoked,
    })
}
