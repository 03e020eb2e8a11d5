//! An authority that is disturbed: what it has told to be done is done, whatever happens afterwards.

use super::disturb::{Act, Stage};
use super::listed::{self, Listed, Tried};
use super::scene::Found;
use crate::binary::{Binary, text};
use crate::report::{Failed, failed};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The authority at `place/ca`, and what was last found of it.
pub(super) struct Authority {
    dwcp: Binary,
    /// Safe.
    home: PathBuf,
    /// Disturbed. What is made lies here too, in `made`: a process goes on when the power of this place alone is cut, and is told that
    /// all is synced when it is not, so what it then writes elsewhere proves nothing.
    place: PathBuf,
    /// Oldest first.
    known: Vec<Listed>,
    /// The highest number of a list that was handed out.
    highest: u64,
    /// How many attempts there were: no name comes twice.
    attempts: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Issue,
    Revoke,
    Complete,
    Delta,
    Intermediate,
}

/// An operation that is about to run.
#[derive(Debug)]
pub(super) struct Attempt {
    operation: Operation,
    arguments: Vec<String>,
    /// The prefix, file or directory that it makes; the serial that it revokes.
    subject: String,
}

const OPERATIONS: [Operation; 5] =
    [Operation::Issue, Operation::Revoke, Operation::Complete, Operation::Delta, Operation::Intermediate];
/// Two that want the same lock, and the same certificate revoked.
const AT_ONCE: u64 = 2;
/// No name begins like this.
const NONE: &str = "/";
/// Reasons take turns, so that the graver one comes second too.
const REASONS: [&str; 2] = ["superseded", "key-compromise"];

impl Act for Attempt {
    fn name(&self) -> String {
        format!("{:?}", self.operation)
    }

    fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

impl Authority {
    /// A root, with one leaf and one complete list, to which deltas refer.
    pub(super) fn set(dwcp: &Binary, home: &Path, place: &Path) -> Result<Self, Failed> {
        let (dwcp, home, place) = (dwcp.clone(), home.to_owned(), place.to_owned());
        let mut authority = Self { dwcp, home, place, known: Vec::new(), highest: 0, attempts: 0 };
        let words = ["cert", "ca", "init", "--dir", &text(&authority.place.join("ca")), "--name", "Root"];
        authority.dwcp.good(&words)?;
        let made = authority.place.join("made");
        let synced = fs::create_dir(&made).and_then(|()| fs::File::open(&authority.place)?.sync_all());
        synced.map_err(|e| failed(format!("{}: {e}", made.display())))?;
        for operation in [0, 2] {
            let attempt = authority.next(operation)?;
            let answer = authority.dwcp.good(&attempt.arguments)?;
            authority.judge(&[(attempt, Some(answer))])?;
        }
        Ok(authority)
    }

    /// The certificate, list or directory of an acknowledged attempt is what its answer says; that of any other is whole if it is
    /// there. All of it is in the index.
    fn handed_out(&self, attempt: &Attempt, answer: Option<&Value>, now: &[Listed]) -> Result<Found, Failed> {
        let listed = |serial: &str| now.iter().find(|one| one.serial == serial);
        let said = |field: &str| answer.and_then(|answer| answer[field].as_str());
        let wrong = |what: &str| failed(format!("{what}: {answer:?}"));
        let found = match attempt.operation {
            Operation::Issue | Operation::Intermediate => {
                if answer.is_some() && said("serial").and_then(listed).is_none() {
                    return Err(wrong("what was acknowledged is not listed"));
                }
                let file = match attempt.operation {
                    Operation::Issue => PathBuf::from(format!("{}.crt", attempt.subject)),
                    _ => Path::new(&attempt.subject).join("ca.crt"),
                };
                let there = file.exists();
                if there {
                    self.stands(&file)?;
                }
                if there && attempt.operation == Operation::Intermediate {
                    self.works(Path::new(&attempt.subject))?;
                }
                there
            }
            Operation::Revoke => listed(&attempt.subject).is_some_and(|one| one.revoked.is_some()),
            Operation::Complete | Operation::Delta => Path::new(&attempt.subject).exists(),
        };
        match (found, answer) {
            (false, Some(_)) => Err(wrong("what was acknowledged is not there")),
            (true, _) => Ok(Found::New),
            (false, None) => Ok(Found::Old),
        }
    }

    /// The authority knows this certificate, and it is good.
    fn stands(&self, file: &Path) -> Result<(), Failed> {
        let out = text(&self.home.join("answer"));
        let answer = self.json(&["cert", "ocsp", "--cert", &text(file), "--out", &out])?;
        match answer["status"].as_str() {
            Some("good") => Ok(()),
            _ => Err(failed(format!("{} was handed out: {answer}", file.display()))),
        }
    }

    /// An authority below opens, issues and publishes.
    fn works(&self, directory: &Path) -> Result<(), Failed> {
        let (ca, leaf) = (text(directory), text(&self.home.join("below")));
        self.dwcp.good(&["cert", "issue", "--ca", &ca, "--san", "DNS:below.example", "--out", &leaf])?;
        self.dwcp.good(&["cert", "crl", "--ca", &ca, "--out", &leaf]).map(|_| ())
    }

    /// Complete list and delta have higher numbers than any before, and say what is listed.
    fn publishes(&mut self) -> Result<(), Failed> {
        let out = text(&self.home.join("list"));
        let complete = self.json(&["cert", "crl", "--out", &out])?;
        let revoked = self.known.iter().filter(|one| one.revoked.is_some()).count();
        if complete["entries"] != revoked {
            return Err(failed(format!("{revoked} are revoked, and the list says {complete}")));
        }
        self.raise(&complete)?;
        let delta = self.json(&["cert", "crl", "--delta", "--out", &out])?;
        self.raise(&delta)
    }

    fn raise(&mut self, list: &Value) -> Result<(), Failed> {
        match number(list) {
            Some(number) if number > self.highest => {
                self.highest = number;
                Ok(())
            }
            number => Err(failed(format!("after a list of number {} comes {number:?}", self.highest))),
        }
    }

    fn json(&self, words: &[&str]) -> Result<Value, Failed> {
        self.dwcp.good(&self.on(words)).and_then(|printed| parsed(&printed))
    }

    fn on(&self, words: &[&str]) -> Vec<String> {
        let rest = ["--ca".to_owned(), text(&self.place.join("ca")), "--json".to_owned()];
        words.iter().map(|word| (*word).to_owned()).chain(rest).collect()
    }

    fn list(&self) -> Result<Vec<Listed>, Failed> {
        let printed = self.dwcp.good(&self.on(&["cert", "list"]))?;
        listed::parse(&printed).ok_or_else(|| failed(format!("cert list printed {printed}")))
    }
}

impl Stage for Authority {
    type Attempt = Attempt;

    fn operations(&self) -> usize {
        OPERATIONS.len()
    }

    fn at_once(&self) -> u64 {
        AT_ONCE
    }

    /// Where nothing is left to revoke something is issued.
    fn next(&mut self, operation: usize) -> Result<Attempt, Failed> {
        self.attempts += 1;
        let number = self.attempts;
        let good = self.known.iter().find(|one| one.revoked.is_none() && one.name.is_some());
        let wanted = OPERATIONS.get(operation).copied().unwrap_or(Operation::Issue);
        let operation = if wanted == Operation::Revoke && good.is_none() { Operation::Issue } else { wanted };
        let (subject, words) = match (operation, good) {
            (Operation::Revoke, Some(good)) => {
                let reason = REASONS[number % REASONS.len()];
                (good.serial.clone(), vec!["cert", "revoke", "--reason", reason, "--serial"])
            }
            (Operation::Intermediate, _) => {
                let directory = self.place.join(format!("below-{number}"));
                (text(&directory), vec!["cert", "ca", "intermediate", "--name", "Below", "--dir"])
            }
            (Operation::Complete, _) => (self.made(number), vec!["cert", "crl", "--out"]),
            (Operation::Delta, _) => (self.made(number), vec!["cert", "crl", "--delta", "--out"]),
            (Operation::Issue | Operation::Revoke, _) => (self.made(number), vec!["cert", "issue", "--out"]),
        };
        let mut arguments = self.on(&[&words[..], &[subject.as_str()]].concat());
        if operation == Operation::Issue {
            arguments.extend(["--san".to_owned(), name(&subject)]);
        }
        Ok(Attempt { operation, arguments, subject })
    }

    fn judge(&mut self, attempts: &[(Attempt, Option<String>)]) -> Result<Vec<Found>, Failed> {
        let now = self.list()?;
        let of = |operation| {
            attempts.iter().map(|(attempt, _)| attempt).filter(move |attempt| attempt.operation == operation)
        };
        let tried = Tried {
            leaves: of(Operation::Issue).map(|attempt| name(&attempt.subject)).collect(),
            authorities: of(Operation::Intermediate).count(),
            revoked: of(Operation::Revoke).map(|attempt| attempt.subject.clone()).collect(),
        };
        listed::follows(&self.known, &now, &tried).map_err(failed)?;
        let (mut found, mut numbers) = (Vec::new(), Vec::new());
        for (attempt, answer) in attempts {
            let told = |Failed(what)| failed(format!("{}: {what}", attempt.name()));
            let answer = answer.as_deref().map(parsed).transpose().map_err(told)?;
            found.push(self.handed_out(attempt, answer.as_ref(), &now).map_err(told)?);
            let list = matches!(attempt.operation, Operation::Complete | Operation::Delta);
            if list && found.last() == Some(&Found::New) {
                let shown = self.dwcp.good(&["cert", "show", &attempt.subject, "--json"]).map_err(told)?;
                numbers.push(parsed(&shown).map_err(told)?);
            }
        }
        self.known = now;
        // Those of two at once come in either order, and are never the same.
        numbers.sort_by_key(number);
        numbers.iter().try_for_each(|list| self.raise(list))?;
        self.publishes()?;
        Ok(found)
    }

    /// Takes away what attempts have made or begun to make, and what a power loss brought back of that.
    fn left_overs(&self) -> Result<usize, Failed> {
        let mut count = 0;
        for (directory, expected, made) in [
            ("", &["ca", "made", "lost+found"][..], "below-"),
            ("made", &[], ""),
            ("ca", &["ca.crt", "ca.key", "index"], NONE),
            ("ca/index", &["log", "lock", "crl-number", "crl-base"], NONE),
        ] {
            let directory = self.place.join(directory);
            let io = |e: std::io::Error| failed(format!("{}: {e}", directory.display()));
            for entry in fs::read_dir(&directory).map_err(io)? {
                let entry = entry.map_err(io)?;
                let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
                let temporary = name.starts_with('.') && name.ends_with(".tmp");
                count += usize::from(temporary);
                if expected.contains(&name.as_str()) {
                    continue;
                }
                if !temporary && !name.starts_with(made) {
                    return Err(failed(format!("nobody expects {}", path.display())));
                }
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.map_err(io)?;
            }
        }
        Ok(count)
    }
}

impl Authority {
    fn made(&self, number: usize) -> String {
        text(&self.place.join(format!("made/{number}")))
    }
}

/// The name that a leaf gets whose files begin like this.
fn name(prefix: &str) -> String {
    let file = Path::new(prefix).file_name().unwrap_or_default();
    format!("DNS:made-{}.example", file.to_string_lossy())
}

fn parsed(printed: &str) -> Result<Value, Failed> {
    serde_json::from_str(printed).map_err(|e| failed(format!("printed was {printed}: {e}")))
}

fn number(list: &Value) -> Option<u64> {
    u64::from_str_radix(list["number"].as_str()?, 16).ok()
}
