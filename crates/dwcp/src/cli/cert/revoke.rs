//! `dwcp cert revoke` and `dwcp cert crl`.

use super::authority::open;
use super::authority_failure;
use super::files::{MAX_PEM, write};
use crate::cli::args_cert::{CrlOut, Revoke};
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::Report;
use crate::enroll::Line;
use dwcp_base::{Clock, Disk, LocalDisk, SystemClock, UnixTime, read_bounded};
use dwcp_pki::{
    Certificate, CertificateAuthority, CertificateChain, Crl, IssuedRecord, IssuedStanding, RevocationReason,
    Revoked, Serial,
};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

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
    let named: Option<Serial> = args.serial.as_ref().map(|hex| serial(hex)).transpose()?;
    let certificate = args.cert.as_ref().map(|file| leaf(file)).transpose()?;
    let authority = open(&args.ca, &args.unlock)?;
    let now = SystemClock::new().unix();
    let (serial, revoked) = match (named, &certificate) {
        (Some(serial), _) => (serial, authority.revoke(&serial, reason, now)),
        // By its key too: anybody can write a serial into a certificate.
        (None, Some(certificate)) => {
            (certificate.serial(), authority.revoke_certificate(certificate, reason, now))
        }
        // The parser requires one of the two.
        (None, None) => {
            let (why, fix) = ("neither --serial nor --cert was given", "give one");
            return Err(Failure::plain(Exit::Usage, "nothing to revoke", why, fix));
        }
    };
    let revoked = revoked.map_err(|error| authority_failure("nothing was revoked", &args.ca, &error))?;
    let line = line_of(args, &authority, &serial, reason, now)?;
    let others = if reason.is_compromise() { same_key(&authority, &serial, now) } else { Vec::new() };
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
    let mut text = text;
    if !line.is_empty() {
        text.push_str(&format!(
            "\nits node joined with a token, so these of it are revoked too: {}",
            line.join(", ")
        ));
    }
    if !others.is_empty() {
        let list = others.join(", ");
        text.push_str(&format!("\nother certificates of the same key still stand, revoke them too: {list}"));
    }
    let json = json!({ "serial": serial.to_string(), "already": already, "same_key": others, "line": line });
    Ok(Report::new(text, json))
}

/// Revokes what else a member has that stands: one of them left would be enough to renew with.
fn line_of(
    args: &Revoke,
    authority: &CertificateAuthority,
    serial: &Serial,
    reason: RevocationReason,
    now: UnixTime,
) -> Result<Vec<String>, Failure> {
    let what = || format!("{serial} is revoked, but not what else its node was granted");
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk);
    let line = Line::of(authority, &disk, &args.ca, serial, now).map_err(|error| {
        let fix = "run it again, as the user that the node runs as";
        Failure::new(Exit::Failure, what(), &error, fix).coded(&error)
    })?;
    // Whatever this one was revoked for, of the others it is known only that they are not to be used.
    let reason = if reason.is_compromise() { RevocationReason::CessationOfOperation } else { reason };
    let mut revoked = Vec::new();
    for other in line.iter().flat_map(|line| &line.serials) {
        let _ = authority
            .revoke(other, reason, now)
            .map_err(|error| authority_failure(&what(), &args.ca, &error))?;
        revoked.push(other.to_string());
    }
    Ok(revoked)
}

fn serial(hex: &str) -> Result<Serial, Failure> {
    hex.parse().map_err(|error| {
        let fix = "write it in hexadecimal, as `dwcp cert issue` prints it";
        Failure::new(Exit::Usage, format!("`{hex}` is no serial number"), &error, fix)
    })
}

/// Certificates that stand, of the key that `serial` was for.
fn same_key(authority: &CertificateAuthority, serial: &Serial, now: UnixTime) -> Vec<String> {
    let records = authority.issued().unwrap_or_default();
    let Some(pin) = records.iter().find(|record| record.serial == *serial).map(|record| record.key_pin)
    else {
        return Vec::new();
    };
    let stands = |record: &&IssuedRecord| {
        record.key_pin == pin && record.standing == IssuedStanding::Good && record.not_after >= now
    };
    records.iter().filter(stands).map(|record| record.serial.to_string()).collect()
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
    refuse_older(&args.out, &pem)?;
    write(&args.out, pem.as_bytes())?;
    Ok(Report::new(format!("{}: {text}", inert(&args.out)), json))
}

/// Two that publish at once must not bring back what the other has revoked.
fn refuse_older(path: &Path, pem: &str) -> Result<(), Failure> {
    let there = read_bounded(path, LARGEST_LIST).ok().and_then(|bytes| Crl::from_pem(&bytes).ok());
    let made = Crl::from_pem(pem.as_bytes()).ok();
    match (there, made) {
        (Some(there), Some(made)) if there.issuer() == made.issuer() && there.number() > made.number() => {
            let why = "a newer list of the same issuer is there by now";
            Err(Failure::plain(
                Exit::Failure,
                format!("{} was not replaced", path.display()),
                why,
                "nothing has to be done",
            ))
        }
        _ => Ok(()),
    }
}

const LARGEST_LIST: u64 = 92 << 20;
