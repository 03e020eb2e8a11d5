//! The loop that ends operations at random moments, and counts what is found afterwards.

use super::scene::Found;
use crate::binary::{Binary, ended};
use crate::dice::Dice;
use crate::report::{Failed, failed};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What is disturbed.
pub(super) trait Stage {
    type Attempt: Act;

    /// How many operations there are, each with a number below that.
    fn operations(&self) -> usize;

    /// How many processes run at once, at most.
    fn at_once(&self) -> u64 {
        1
    }

    /// The next run of an operation, or of another one where that can not be run now.
    fn next(&mut self, operation: usize) -> Result<Self::Attempt, Failed>;

    /// What was found of attempts that ran at once. An answer is what one printed that was acknowledged, so that it must be done.
    fn judge(&mut self, attempts: &[(Self::Attempt, Option<String>)]) -> Result<Vec<Found>, Failed>;

    /// Looks at every name in the disturbed directories; removes and counts temporary files.
    fn left_overs(&self) -> Result<usize, Failed>;
}

/// A run of an operation.
pub(super) trait Act {
    /// Of the operation.
    fn name(&self) -> String;

    /// For the program.
    fn arguments(&self) -> &[String];
}

/// How operations are ended before their time.
pub(super) trait Disturbance {
    /// Strikes now, whatever `children` are doing, and says which of them it struck.
    fn strike(&mut self, children: &mut [Child], dice: &mut Dice) -> Result<Vec<bool>, Failed>;

    /// Makes the directory usable again once all have ended.
    fn recover(&mut self) -> Result<(), Failed>;
}

/// `kill -9`: what was written stays, what was not is missing.
pub(super) struct Killed;

impl Disturbance for Killed {
    /// One of them, or several.
    fn strike(&mut self, children: &mut [Child], dice: &mut Dice) -> Result<Vec<bool>, Failed> {
        let which = 1 + dice.below((1 << children.len()) - 1);
        let struck = |number: usize| which >> number & 1 == 1;
        for (number, child) in children.iter_mut().enumerate() {
            if struck(number) {
                child.kill().map_err(|e| failed(format!("kill: {e}")))?;
            }
        }
        Ok((0..children.len()).map(struck).collect())
    }

    fn recover(&mut self) -> Result<(), Failed> {
        Ok(())
    }
}

/// What came of the cycles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    cycles: usize,
    attempts: usize,
    old: usize,
    new: usize,
    acknowledged: usize,
    left_over: usize,
}

impl Tally {
    /// Attempts that ended before the operation did: the others prove little.
    pub(super) fn interrupted(&self) -> usize {
        self.attempts - self.acknowledged
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cycles, attempts, old, new, acknowledged, left_over } = self;
        write!(
            f,
            "{cycles} cycles, {attempts} attempts: {old} found old, {new} found new ({acknowledged} of them acknowledged), {left_over} left-overs"
        )
    }
}

/// Runs operations in `cycles` rounds, each ended at a random moment of its usual time and a bit more.
pub(super) fn run<S: Stage>(
    stage: &mut S,
    dwcp: &Binary,
    disturbance: &mut dyn Disturbance,
    cycles: usize,
    dice: &mut Dice,
) -> Result<Tally, Failed> {
    let usual = usual(stage, dwcp)?;
    let mut tally = Tally::default();
    for cycle in 1..=cycles {
        let mut attempts = Vec::new();
        for _ in 0..=dice.below(stage.at_once()) {
            let choice = usize::try_from(dice.below(stage.operations() as u64)).unwrap_or(0);
            attempts.push(stage.next(choice)?);
        }
        let longest = attempts.iter().filter_map(|attempt| usual.get(&attempt.name())).max();
        let moment = dice.moment(longest.copied().unwrap_or_default().mul_f64(PAST_THE_END));
        let told = |Failed(what): Failed| failed(format!("cycle {cycle}, after {moment:?}: {what}"));
        let attempts = ended_early(dwcp, attempts, moment, disturbance, dice).map_err(told)?;
        disturbance.recover()?;
        let found = stage.judge(&attempts).map_err(told)?;
        tally.left_over += stage.left_overs().map_err(told)?;
        tally.cycles += 1;
        tally.attempts += attempts.len();
        tally.acknowledged += attempts.iter().filter(|(_, answer)| answer.is_some()).count();
        tally.new += found.iter().filter(|found| **found == Found::New).count();
        tally.old += found.iter().filter(|found| **found == Found::Old).count();
    }
    Ok(tally)
}

/// How long each operation takes when nothing happens: the shorter of two runs, so that most moments lie before the end.
fn usual<S: Stage>(stage: &mut S, dwcp: &Binary) -> Result<BTreeMap<String, Duration>, Failed> {
    let mut usual = BTreeMap::new();
    // In their order, which may matter: there is nothing to destroy before there was a rotation.
    for operation in (0..stage.operations()).chain(0..stage.operations()) {
        let attempt = stage.next(operation)?;
        let (printed, took) = timed(dwcp, &attempt)?;
        let name = attempt.name();
        stage.judge(&[(attempt, Some(printed))])?;
        let shortest: &mut Duration = usual.entry(name).or_insert(took);
        *shortest = took.min(*shortest);
    }
    Ok(usual)
}

#[allow(clippy::disallowed_methods, reason = "moments of a test are wall time")]
fn timed(dwcp: &Binary, attempt: &impl Act) -> Result<(String, Duration), Failed> {
    let begun = Instant::now();
    let printed = dwcp.good(attempt.arguments())?;
    Ok((printed, begun.elapsed()))
}

/// What was acknowledged: by ending well before the strike, or in spite of one that struck others alone. What ends well after it
/// does not count: a file system that is being shut down answers one sync in ten or twenty with success for what it then forgets
/// (ext4 and XFS alike: journal gone, or inode no longer pinned, is taken for written), which a machine without power does not.
#[allow(clippy::disallowed_methods, reason = "moments of a test are wall time")]
fn ended_early<A: Act>(
    dwcp: &Binary,
    attempts: Vec<A>,
    moment: Duration,
    disturbance: &mut dyn Disturbance,
    dice: &mut Dice,
) -> Result<Vec<(A, Option<String>)>, Failed> {
    let io = |e: std::io::Error| failed(format!("a process: {e}"));
    let begun = Instant::now();
    let mut running = Running(Vec::new());
    for attempt in &attempts {
        let mut command = dwcp.command(attempt.arguments());
        running.0.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(io)?);
    }
    std::thread::sleep(moment.saturating_sub(begun.elapsed()));
    let early = running.0.iter_mut().map(Child::try_wait).collect::<Result<Vec<_>, _>>().map_err(io)?;
    let struck = disturbance.strike(&mut running.0, dice)?;
    let mut ends = Vec::new();
    for ((attempt, child), (early, struck)) in
        attempts.into_iter().zip(&mut running.0).zip(early.iter().zip(struck))
    {
        let name = attempt.name();
        let Some(status) = ended(child, PATIENCE)? else {
            return Err(failed(format!("{name} does not end")));
        };
        let (mut printed, mut said) = (String::new(), String::new());
        if let (Some(mut out), Some(mut err)) = (child.stdout.take(), child.stderr.take()) {
            out.read_to_string(&mut printed).and_then(|_| err.read_to_string(&mut said)).map_err(io)?;
        }
        let by_itself = early.is_some() || !struck;
        if by_itself && !status.success() {
            return Err(failed(format!("{name} ended with {status} by itself\n{said}")));
        }
        // A failing disk is told as a failure, and is no reason to panic.
        if !(matches!(status.code(), Some(0 | 1)) || killed(status)) {
            return Err(failed(format!("{name} ended with {status}\n{said}")));
        }
        ends.push((attempt, by_itself.then_some(printed)));
    }
    Ok(ends)
}

/// Processes, none of which outlives a failure.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Those that have ended say so, which changes nothing.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
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
