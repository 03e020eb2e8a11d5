//! `dwcp tls tickets …`: sets of ticket keys that several nodes share, made and renewed, never in clear on a disk.

use crate::cli::args_tls::{Tickets, TicketsCreate, TicketsRotate};
use crate::cli::at_rest::{self, Wanted};
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::node_failure;
use crate::cli::output::{Output, Report};
use dwcp_base::{Clock, Disk, LocalDisk, SystemClock, UnixTime, read_bounded};
use dwcp_crypto::Envelope;
use dwcp_crypto::kek::{KeyEncryptionKey, at_once};
use dwcp_tls::{TicketKeySet, TicketKeysError};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

pub(super) fn run(verb: &Tickets, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    at_rest::listen(output)?;
    match verb {
        Tickets::Create(args) => create(args, output, named),
        Tickets::Rotate(args) => rotate(args, named),
    }
}

fn create(args: &TicketsCreate, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    let what = format!("the set {} was not made", args.file.display());
    if args.file.symlink_metadata().is_ok() {
        let (why, fix) =
            ("there is something of that name already", "name a file that does not exist yet, or rotate it");
        return Err(Failure::plain(Exit::Failure, what, why, fix));
    }
    let lock = at_rest::new_lock(&Wanted::of(&args.lock, args.generate), named)?;
    let set = TicketKeySet::generate().map_err(|error| failed(&what, &error))?;
    let json = json!({ "file": args.file.display().to_string(), "set": set.name().to_string(), "sealed": lock.kind() });
    let shown = lock.show(json.clone(), output)?;
    write(&args.file, &set, lock.kek(), &what).map_err(|failure| lock.failure(failure))?;
    let text =
        format!("{}: set {}, sealed by {}", inert(args.file.display().to_string()), set.name(), lock.kind());
    // With --json there is one object, and it is out.
    Ok(if shown && output.is_json() { Report::silent() } else { Report::new(text, json) })
}

fn rotate(args: &TicketsRotate, named: Option<&Path>) -> Result<Report, Failure> {
    let what = format!("the set {} is unchanged", args.file.display());
    at_rest::refuse_foreign(&args.file, &what)?;
    let text = read_bounded(&args.file, LARGEST).map_err(|error| Failure::file(what.as_str(), &error))?;
    let kek = at_rest::opens(&args.unlock)?;
    let opened = Envelope::from_json(&text)
        .map_err(TicketKeysError::Envelope)
        .and_then(|envelope| at_once(TicketKeySet::from_envelope(&envelope, &*kek, AT_ONCE)));
    let set = opened.and_then(|set| set.rotated()).map_err(|error| failed(&what, &error))?;
    let lock = at_rest::new_lock(&Wanted::of(&args.unlock, false), named)?;
    write(&args.file, &set, lock.kek(), &what)?;
    let text = format!("set {}: send SIGHUP to every node that has it", set.name());
    Ok(Report::new(text, json!({ "file": args.file.display().to_string(), "set": set.name().to_string() })))
}

fn write(path: &Path, set: &TicketKeySet, kek: &dyn KeyEncryptionKey, what: &str) -> Result<(), Failure> {
    let sealed = at_once(set.sealed(kek, now(), AT_ONCE)).map_err(|error| failed(what, &error))?;
    LocalDisk.replace(path, sealed.to_json().as_bytes(), true).map_err(|error| {
        let fix = "name a file in a directory that this user can write to, with room on its disk";
        Failure::new(Exit::Failure, what, &error, fix)
    })
}

fn failed(what: &str, error: &TicketKeysError) -> Failure {
    let (exit, fix) = node_failure::ticket_keys(error);
    Failure::new(exit, what, error, fix)
}

fn now() -> UnixTime {
    SystemClock::new().unix()
}

/// An envelope of a set is under a kibibyte.
const LARGEST: u64 = 64 << 10;
/// Passphrases and key files never wait for anybody.
const AT_ONCE: Duration = Duration::from_secs(60);
