//! `dwcp demo`: prints the tour while it happens, or its figures as one object.

use super::args::Demo;
use super::exit::{Exit, Failure};
use super::output::{Output, Report};
use crate::demo::{KeptDir, Plan, tour};
use std::path::Path;
use std::time::Duration;

/// Runs the tour.
pub(super) fn run(args: &Demo, output: Output) -> Result<Report, Failure> {
    // Before anything is started: a tour that can not keep its files is not worth its seconds.
    let keep = args.keep.as_deref().map(claim).transpose()?;
    let plan = Plan { load: Duration::from_secs(args.seconds), keep, ..Plan::default() };
    let runtime = super::up::runtime()?;
    let toured = runtime.block_on(async {
        let mut signals = super::up::Signals::new()?;
        tokio::select! {
            figures = tour(&plan, |text| output.say(text)) => Ok(figures),
            // Dropping the tour removes what it made.
            () = signals.stopped() => Err(interrupted(args.keep.as_deref())),
        }
    })?;
    let figures = toured.map_err(|error| {
        Failure::new(
            Exit::Failure,
            "the tour did not come to its end",
            &*error,
            "run it again with -v, and report it if it fails again",
        )
    })?;
    let json = figures.to_json();
    let complaints = figures.complaints();
    if complaints.is_empty() {
        let keep = match &args.keep {
            Some(dir) => format!("The nodes' files are in {}.", dir.display()),
            None => "`dwcp demo --keep DIR` leaves the nodes' files to look into.".to_owned(),
        };
        return Ok(Report::new(format!("Everything held. {keep}"), json));
    }
    let text = format!("Not everything held:\n  {}", complaints.join("\n  "));
    Ok(Report::new(text, json).ending(Exit::Degraded))
}

fn claim(dir: &Path) -> Result<KeptDir, Failure> {
    KeptDir::claim(dir).map_err(|error| {
        Failure::new(
            Exit::Failure,
            format!("the tour's files can not be kept in {}", dir.display()),
            &error,
            "name a directory that is empty or does not exist yet",
        )
    })
}

fn interrupted(keep: Option<&Path>) -> Failure {
    let fix = match keep {
        Some(dir) => {
            format!("run it again with another directory: {} holds what was made so far", dir.display())
        }
        None => "run it again; nothing was left behind".to_owned(),
    };
    Failure::plain(Exit::Failure, "the tour was interrupted", "a signal said so", fix)
}
