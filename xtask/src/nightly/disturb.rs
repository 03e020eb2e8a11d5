//! The loop that ends operations at random moments, and counts what is found afterwards.

use super::scene::{Attempt, Found, Operation, Scene};
use crate::binary::{Binary, ended};
use crate::dice::Dice;
use crate::report::{Failed, failed};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How an operation is ended before its time.
pub(super) trait Disturbance {
    /// Strikes now, whatever `child` is doing.
    fn strike(&mut self, child: &mut Child) -> Result<(), Failed>;

    /// Makes the directory usable again once `child` has ended.
    fn recover(&mut self) -> Result<(), Failed>;
}

/// `kill -9`: what was written stays, what was not is missing.
pub(super) struct Killed;

impl Disturbance for Killed {
    fn strike(&mut self, child: &mut Child) -> Result<(), Failed> {
        child.kill().map_err(|e| failed(format!("kill: {e}")))
    }

    fn recover(&mut self) -> Result<(), Failed> {
        Ok(())
    }
}

/// What came of the cycles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    cycles: usize,
    old: usize,
    new: usize,
    acknowledged: usize,
    left_over: usize,
}

impl Tally {
    /// Cycles that ended before the operation did: the others prove little.
    pub(super) fn interrupted(&self) -> usize {
        self.cycles - self.acknowledged
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cycles, old, new, acknowledged, left_over } = self;
        write!(
            f,
            "{cycles} cycles: {old} found old, {new} found new ({acknowledged} of them acknowledged), {left_over} left-overs"
        )
    }
}

/// Runs `cycles` operations, each ended at a random moment of its usual time and a bit more.
pub(super) fn run(
    scene: &mut Scene,
    dwcp: &Binary,
    disturbance: &mut dyn Disturbance,
    cycles: usize,
    dice: &mut Dice,
) -> Result<Tally, Failed> {
    let usual = usual(scene, dwcp)?;
    let mut tally = Tally::default();
    for cycle in 1..=cycles {
        let choice = usize::try_from(dice.below(Operation::ALL.len() as u64)).unwrap_or(0);
        let wanted = Operation::ALL[choice];
        let attempt = scene.attempt(wanted)?;
        let moment = dice.moment(usual[&attempt.operation].mul_f64(PAST_THE_END));
        let told = |Failed(what): Failed| failed(format!("cycle {cycle}, after {moment:?}: {what}"));
        let acknowledged = ended_early(dwcp, &attempt, moment, disturbance).map_err(told)?;
        disturbance.recover()?;
        let found = scene.judge(&attempt, acknowledged).map_err(told)?;
        tally.left_over += scene.left_overs().map_err(told)?;
        tally.cycles += 1;
        tally.acknowledged += usize::from(acknowledged);
        match found {
            Found::Old => tally.old += 1,
            Found::New => tally.new += 1,
        }
    }
    Ok(tally)
}

/// How long each operation takes when nothing happens: the shorter of two runs, so that most moments lie before the end.
fn usual(scene: &mut Scene, dwcp: &Binary) -> Result<BTreeMap<Operation, Duration>, Failed> {
    let mut usual = BTreeMap::new();
    // Rotation comes before destruction, which needs an older key.
    for wanted in Operation::ALL.into_iter().chain(Operation::ALL) {
        let attempt = scene.attempt(wanted)?;
        let (status, took) = timed(dwcp, &attempt)?;
        if !status.success() {
            return Err(failed(format!("{:?} ended with {status} undisturbed", attempt.operation)));
        }
        scene.judge(&attempt, true)?;
        let shortest: &mut Duration = usual.entry(attempt.operation).or_insert(took);
        *shortest = took.min(*shortest);
    }
    Ok(usual)
}

#[allow(clippy::disallowed_methods, reason = "moments of a test are wall time")]
fn timed(dwcp: &Binary, attempt: &Attempt) -> Result<(ExitStatus, Duration), Failed> {
    let begun = Instant::now();
    let status = dwcp.output(&attempt.arguments)?.status;
    Ok((status, begun.elapsed()))
}

/// Whether the operation was acknowledged before the strike. What ends well after it does not count: XFS that was shut down
/// answers the sync of a directory with success (the kernel's `xfs_dir_fsync` looks at pinned inodes alone), which a machine
/// without power does not.
#[allow(clippy::disallowed_methods, reason = "moments of a test are wall time")]
fn ended_early(
    dwcp: &Binary,
    attempt: &Attempt,
    moment: Duration,
    disturbance: &mut dyn Disturbance,
) -> Result<bool, Failed> {
    let io = |e: std::io::Error| failed(format!("{:?}: {e}", attempt.operation));
    let begun = Instant::now();
    let mut child = dwcp.command(&attempt.arguments).stderr(Stdio::piped()).spawn().map_err(io)?;
    std::thread::sleep(moment.saturating_sub(begun.elapsed()));
    let early = child.try_wait().map_err(io)?;
    disturbance.strike(&mut child)?;
    let Some(status) = ended(&mut child, PATIENCE)? else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(failed(format!("{:?} does not end", attempt.operation)));
    };
    let mut said = String::new();
    if let Some(mut from) = child.stderr.take() {
        // Only for the report of a failure.
        let _ = from.read_to_string(&mut said);
    }
    if early.is_some_and(|status| !status.success()) {
        return Err(failed(format!("{:?} ended with {status} by itself\n{said}", attempt.operation)));
    }
    // A failing disk is told as a failure, and is no reason to panic.
    if !(matches!(status.code(), Some(0 | 1)) || killed(status)) {
        return Err(failed(format!("{:?} ended with {status}\n{said}", attempt.operation)));
    }
    Ok(early.is_some())
}

#[cfg(unix)]
fn killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

#[cfg(not(unix))]
fn killed(status: ExitStatus) -> bool {
    !status.success()
}

/// Some of the moments lie behind the end, so that what was acknowledged a moment ago is put to the test too.
const PAST_THE_END: f64 = 1.3;
const PATIENCE: Duration = Duration::from_secs(60);
