//! `dwcp cert revoke` and `dwcp cert crl`.

use super::authority::open;
use super::authority_failure;
use super::files::{MAX_PEM, write};
use crate::cli::args_cert::{CrlOut, Revoke};
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::Report;
use dwcp_base::{Clock, SystemClock, read_bounded};
use dwcp_pki::{Certificate, CertificateChain, RevocationReason, Revoked, Serial};
use serde_json::json;
use std::path::Path;

/// Takes a certificate back.
pub(super) fn revoke(args: &Revoke) -> Result<Report, Failure> {
    let reason: RevocationReason = args.reason.parse().map_err(|_| {
        Failure::plain(
            Exit::Usage,
            format!("`{}` is no reason", args.reason),
            "it is none of RFC 5280 §5.3.1",
            format!("write one of {}", RevocationReason::ALL.map(RevocationReason::name).join(", ")),
        )
    })?;
    let serial: Serial = match (&args.serial, &args.cert) {
        (Some(hex), _) => hex.parse().map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("`{hex}` is no serial number"),
                &error,
                "write it in hexadecimal, as `dwcp cert issue` prints it",
            )
        })?,
        (None, Some(file)) => leaf(file)?.serial(),
        // The parser requires one of the two.
        (None, None) => {
            return Err(Failure::plain(
                Exit::Usage,
                "nothing to revoke",
                "neither --serial nor --cert was given",
                "give one",
            ));
        }
    };
    let authority = open(&args.ca, &args.unlock)?;
    let revoked = authority
        .revoke(&serial, reason, SystemClock::new().unix())
        .map_err(|error| authority_failure("nothing was revoked", &args.ca, &error))?;
    let (text, already) = match revoked {
        Revoked::Already(before) => {
            (format!("serial {serial} was revoked before, at {} ({})", before.at, before.reason.name()), true)
        }
        Revoked::Now => (
            format!(
                "serial {serial} is revoked; nodes on this directory cut it within 2 s, others with the next CRL"
            ),
            false,
        ),
    };
    Ok(Report::new(text, json!({ "serial": serial.to_string(), "already": already })))
}

/// The certificate of a file; of a chain the first, as `dwcp cert issue` writes it.
pub(super) fn leaf(file: &Path) -> Result<Certificate, Failure> {
    let what = format!("{} was not read", file.display());
    let bytes = read_bounded(file, MAX_PEM).map_err(|error| Failure::file(what.clone(), &error))?;
    let chain = CertificateChain::from_pem(&bytes).map_err(|error| {
        Failure::new(Exit::Failure, what, &error, "name a PEM file with a certificate").coded(&error)
    })?;
    Ok(chain.leaf().clone())
}

/// Writes the current list, or a delta.
pub(super) fn crl(args: &CrlOut) -> Result<Report, Failure> {
    let authority = open(&args.ca, &args.unlock)?;
    let now = SystemClock::new().unix();
    let refused = |error| authority_failure("no revocation list was made", &args.ca, &error);
    let (pem, mut json, text) = if args.delta {
        let delta = authority.delta_crl(now).map_err(refused)?;
        let json = json!({
            "number": delta.number().to_string(),
            "base": delta.base().to_string(),
            "entries": delta.len(),
            "this_update": delta.this_update().to_string(),
            "next_update": delta.next_update().to_string(),
        });
        let (number, base) = (delta.number(), delta.base());
        let text = format!(
            "number {number}, {} revoked since {base}, good until {}",
            delta.len(),
            delta.next_update()
        );
        (delta.to_pem(), json, text)
    } else {
        let crl = authority.crl(now).map_err(refused)?;
        let number = crl.number().map(|number| number.to_string()).unwrap_or_default();
        let text = format!("number {number}, {} revoked, good until {}", crl.len(), crl.next_update());
        let json = json!({
            "number": number,
            "entries": crl.len(),
            "this_update": crl.this_update().to_string(),
            "next_update": crl.next_update().to_string(),
        });
        (crl.to_pem(), json, text)
    };
    if args.out.as_os_str() == "-" {
        json["pem"] = pem.clone().into();
        return Ok(Report::document(pem.trim_end(), json));
    }
    write(&args.out, pem.as_bytes(), false)?;
    Ok(Report::new(format!("{}: {text}", inert(&args.out)), json))
}
