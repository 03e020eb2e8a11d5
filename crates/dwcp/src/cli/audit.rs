//! `dwcp audit …`

use super::args::Audit;
use super::exit::{Exit, Failure};
use super::output::Report;
use dwcp_audit::VerifyError;
use serde_json::json;
use std::io::ErrorKind;

/// Runs one of the audit verbs.
pub(super) fn run(verb: &Audit) -> Result<Report, Failure> {
    let Audit::Verify(args) = verb;
    let dir = &args.dir;
    match dwcp_audit::verify(dir) {
        Ok(verified) => {
            let text = format!(
                "intact: entries {}, segments {}, from {} to {}\nhead:   {}",
                verified.entries, verified.segments, verified.first, verified.last, verified.checkpoint
            );
            let json = json!({
                "intact": true,
                "entries": verified.entries,
                "segments": verified.segments,
                "first": verified.first.to_string(),
                "last": verified.last.to_string(),
                "sequence": verified.checkpoint.sequence(),
                "hash": verified.checkpoint.hash().to_string(),
                "unconfirmed": verified.unconfirmed,
                "clock_steps_back": verified.clock_steps_back,
            });
            Ok(Report::new(text, json))
        }
        Err(error) => {
            let what = format!("the audit log in {} does not verify", dir.display());
            let (exit, fix) = match &error {
                VerifyError::Tampered(_) => (
                    Exit::Verification,
                    "keep the directory as evidence, and compare it with a copy taken before: entries above that line still hold",
                ),
                VerifyError::Missing { .. } => {
                    (Exit::Failure, "name the directory that holds the log's segments, usually STATE/audit")
                }
                VerifyError::Unreadable { source, .. } if source.kind() == ErrorKind::NotADirectory => (
                    Exit::Failure,
                    "name the directory that holds the log's segments, usually STATE/audit, not a file",
                ),
                _ => (Exit::Failure, "make the directory readable for this user"),
            };
            Err(Failure::new(exit, what, &error, fix).coded(&error))
        }
    }
}
