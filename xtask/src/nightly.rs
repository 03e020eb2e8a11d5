//! The long tests: fuzzing, power loss, killing, failing system calls, memory, rotations. Too long for every commit.

mod authority;
mod days;
mod disturb;
mod faults;
mod fuzz;
mod listed;
mod logs;
mod memory;
mod packets;
mod power;
mod ring;
mod rotations;
mod scene;
mod strangers;

use crate::binary::Binary;
use crate::dice::Dice;
use crate::report::{Failed, failed};
use crate::scratch::Scratch;
use authority::Authority;
use disturb::{Disturbance, Tally};
use scene::Scene;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::path::Path;

/// In the order they run: the quickest first.
const PARTS: &[&str] =
    &["faults", "kill", "power", "memory", "rotations", "strangers", "days", "logs", "packets", "fuzz"];

/// What the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    /// Of [`PARTS`].
    parts: Vec<String>,
    /// For each fuzz target.
    seconds: u64,
    /// For each file system, and for killing.
    cycles: usize,
    /// Decides the moments and the choices.
    seed: u64,
}

/// What came of a part, or of one of its halves.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Done(String),
    Skipped(String),
    Failed(String),
}

impl From<Result<Self, Failed>> for Outcome {
    fn from(result: Result<Self, Failed>) -> Self {
        result.unwrap_or_else(|Failed(what)| Self::Failed(what))
    }
}

/// Runs the parts that `words` name, or all; those after one that fails run too.
pub(crate) fn run(words: &[&str]) -> Result<(), Failed> {
    let settings = Settings::parse(words)?;
    println!("nightly: seed {}", settings.seed);
    // Fuzzing, rotations, the strangers, the days, the logs and the packets build what they need by themselves.
    let dwcp = settings
        .parts
        .iter()
        .any(|part| {
            !matches!(part.as_str(), "fuzz" | "rotations" | "strangers" | "days" | "logs" | "packets")
        })
        .then(Binary::build)
        .transpose()?;
    let (mut done, mut skipped, mut failures) = (0, 0, 0);
    for part in &settings.parts {
        println!("\n== {part}");
        let outcomes = match (part.as_str(), &dwcp) {
            ("faults", Some(dwcp)) => faults::run(&settings, dwcp),
            ("kill", Some(dwcp)) => kill(&settings, dwcp),
            ("power", Some(dwcp)) => power::run(&settings, dwcp),
            ("memory", Some(dwcp)) => memory::run(dwcp),
            ("rotations", _) => rotations::run(),
            ("strangers", _) => strangers::run(),
            ("days", _) => days::run(),
            ("logs", _) => logs::run(),
            ("packets", _) => packets::run(),
            _ => fuzz::run(&settings),
        };
        for outcome in outcomes.unwrap_or_else(|Failed(what)| vec![Outcome::Failed(what)]) {
            let (count, told) = match outcome {
                Outcome::Done(what) => (&mut done, what),
                Outcome::Skipped(what) => (&mut skipped, format!("skipped: {what}")),
                Outcome::Failed(what) => (&mut failures, format!("FAILED: {what}")),
            };
            *count += 1;
            println!("{told}");
        }
    }
    println!("\nnightly: {done} done, {skipped} skipped, {failures} failed, seed {}", settings.seed);
    if failures == 0 { Ok(()) } else { Err(failed(format!("{failures} of the long tests failed"))) }
}

/// What is killed, and loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// Files and keyrings.
    AtRest,
    /// An authority, its index, its lists.
    Authority,
}

impl Subject {
    const ALL: [Self; 2] = [Self::AtRest, Self::Authority];

    /// Sets the scene in a safe directory and one that is disturbed, and runs it.
    fn disturbed(
        self,
        dwcp: &Binary,
        (home, place): (&Path, &Path),
        disturbance: &mut dyn Disturbance,
        cycles: usize,
        dice: &mut Dice,
    ) -> Result<Tally, Failed> {
        match self {
            Self::AtRest => {
                let mut scene = Scene::set(dwcp, home, place, dice)?;
                disturb::run(&mut scene, dwcp, disturbance, cycles, dice)
            }
            Self::Authority => {
                let mut authority = Authority::set(dwcp, home, place)?;
                disturb::run(&mut authority, dwcp, disturbance, cycles, dice)
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtRest => "data at rest",
            Self::Authority => "authority",
        })
    }
}

fn kill(settings: &Settings, dwcp: &Binary) -> Result<Vec<Outcome>, Failed> {
    Ok(Subject::ALL.map(|subject| killed(settings, dwcp, subject).into()).into())
}

fn killed(settings: &Settings, dwcp: &Binary, subject: Subject) -> Result<Outcome, Failed> {
    let scratch = Scratch::new("kill")?;
    let (home, place) = (scratch.directory("home")?, scratch.directory("place")?);
    let mut dice = Dice::new(settings.seed);
    let tally = subject
        .disturbed(dwcp, (&home, &place), &mut disturb::Killed, settings.cycles, &mut dice)
        .map_err(|Failed(what)| failed(format!("kill, {subject}, seed {}: {what}", settings.seed)))?;
    Ok(Outcome::Done(format!("kill: {subject}, {tally}")))
}

impl Settings {
    fn parse(words: &[&str]) -> Result<Self, Failed> {
        let fresh = RandomState::new().hash_one(std::process::id());
        let mut settings = Self { parts: Vec::new(), seconds: 60, cycles: 250, seed: fresh };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().and_then(|value| value.parse::<u64>().ok());
                value.ok_or_else(|| failed(format!("{word} takes a number")))
            };
            match *word {
                "--seconds" => settings.seconds = number()?,
                "--cycles" => settings.cycles = usize::try_from(number()?).unwrap_or(usize::MAX),
                "--seed" => settings.seed = number()?,
                part if PARTS.contains(&part) => settings.parts.push(part.to_owned()),
                other => {
                    return Err(failed(format!("nightly has no {other}; there are {}", PARTS.join(", "))));
                }
            }
        }
        if settings.parts.is_empty() {
            settings.parts = PARTS.iter().map(|part| (*part).to_owned()).collect();
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_words_every_part_runs_and_words_choose() {
        assert_eq!(Settings::parse(&[]).unwrap().parts, PARTS);
        let some = Settings::parse(&["power", "--cycles", "10", "--seed", "7"]).unwrap();
        assert_eq!((some.parts.as_slice(), some.cycles, some.seed), (&["power".to_owned()][..], 10, 7));
    }

    #[test]
    fn what_is_not_known_or_no_number_is_refused() {
        for words in [&["powers"][..], &["--cycles"], &["--seconds", "ten"], &["--minutes", "1"]] {
            assert!(Settings::parse(words).is_err(), "{words:?}");
        }
    }
}
