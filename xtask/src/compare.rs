//! `dwcp encrypt file` beside programs that others wrote, on the same file, in the same run: ratios, since machines differ.

mod relays;
pub(crate) mod tls;
mod traffic;

use crate::binary::{Binary, text};
use crate::dice::Dice;
use crate::peers;
use crate::report::{Failed, failed};
use crate::run;
use crate::scratch::Scratch;
use crate::tree;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    mebibytes: u64,
    rounds: usize,
    /// Where the files lie; the system's temporary directory unless it is named.
    directory: PathBuf,
}

/// One program, and what it is called with; `age` and Tink leave syncing to others, so `sync` follows them.
struct Contender {
    name: &'static str,
    seal: Vec<String>,
    open: Vec<String>,
    syncs: bool,
}

/// Measures, and prints the medians of the ratios round by round.
pub(crate) fn run(words: &[&str]) -> Result<(), Failed> {
    let settings = Settings::parse(words)?;
    let missing = peers::tools(&[("age", "age"), ("age-keygen", "age")])?;
    peers::install()?;
    let absent: Vec<&str> = missing.into_iter().chain(peers::missing()).collect();
    if absent.iter().any(|name| ["age", "age-keygen", "dwcp-peer-python"].contains(name)) {
        return Err(failed(format!("nothing to compare with: there is no {}", absent.join(", no "))));
    }
    let dwcp = Binary::build()?;
    let scratch = Scratch::within(&settings.directory, "compare")?;
    let plain = scratch.path("plain");
    fill(&plain, settings.mebibytes)?;
    let contenders = contenders(&dwcp, &scratch)?;
    let mut seal = Vec::new();
    let mut open = Vec::new();
    for round in 0..=settings.rounds {
        let mut times = (vec![Duration::ZERO; contenders.len()], vec![Duration::ZERO; contenders.len()]);
        for turn in 0..contenders.len() {
            // Everybody begins once.
            let place = (round + turn) % contenders.len();
            let contender = &contenders[place];
            let (sealed, opened) = (scratch.path("sealed"), scratch.path("opened"));
            times.0[place] = timed(contender, &contender.seal, &sealed)?;
            times.1[place] = timed(contender, &contender.open, &opened)?;
            same(&plain, &opened, contender.name)?;
            for path in [&sealed, &opened] {
                fs::remove_file(path).map_err(|e| failed(format!("{}: {e}", path.display())))?;
            }
        }
        // The first round only brings files into the cache.
        if round > 0 {
            seal.push(times.0);
            open.push(times.1);
        }
    }
    println!(
        "compare: {} MiB, {} rounds, in {}",
        settings.mebibytes,
        settings.rounds,
        settings.directory.display()
    );
    for (what, rounds) in [("encrypt", &seal), ("decrypt", &open)] {
        for (place, contender) in contenders.iter().enumerate() {
            let ours = median(rounds.iter().map(|times| rate(settings.mebibytes, times[place])).collect());
            let ratio = median(rounds.iter().map(|t| t[place].as_secs_f64() / t[0].as_secs_f64()).collect());
            println!(
                "{what} and sync: {:<28} {ours:>6.0} MiB/s, dwcp is {ratio:.2} times as fast",
                contender.name
            );
        }
    }
    Ok(())
}

/// The first is ours. The last seals nothing: what the disk alone takes.
fn contenders(dwcp: &Binary, scratch: &Scratch) -> Result<Vec<Contender>, Failed> {
    let at = |name: &str| text(&scratch.path(name));
    dwcp.good(&["keyring", "create", &at("ring"), "--key-file", &at("kek")])?;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let program = text(dwcp.path());
    let ours = |verb: &str, from: &str, to: &str| {
        words(&[&program, verb, "file", from, to, "--keyring", &at("ring"), "--key-file", &at("kek")])
    };
    run::output(run::command("age-keygen", &["-o", &at("age.identity")]))?;
    let recipient = run::output(run::command("age-keygen", &["-y", &at("age.identity")]))?;
    let keyset = at("keyset.json");
    let script = text(&tree::root().join("crates/dwcp/tests/tink_peer.py"));
    let tink = |words_: &[&str]| words(&[&[PYTHON, &script], words_].concat());
    run::output(searching(&tink(&["new", "AES256_GCM_HKDF_1MB", &keyset])))?;
    let plain = at("plain");
    Ok(vec![
        Contender {
            name: "dwcp",
            seal: ours("encrypt", &plain, &at("sealed")),
            open: ours("decrypt", &at("sealed"), &at("opened")),
            syncs: true,
        },
        Contender {
            name: "age -r (Debian)",
            seal: words(&["age", "-r", recipient.trim(), "-o", &at("sealed"), &plain]),
            open: words(&["age", "-d", "-i", &at("age.identity"), "-o", &at("opened"), &at("sealed")]),
            syncs: false,
        },
        Contender {
            name: "Tink streaming (Python, C++)",
            seal: tink(&["seal", &keyset, "", &plain, &at("sealed")]),
            open: tink(&["open", &keyset, "", &at("sealed"), &at("opened")]),
            syncs: false,
        },
        Contender {
            name: "cp, nothing sealed",
            seal: words(&["cp", &plain, &at("sealed")]),
            open: words(&["cp", &at("sealed"), &at("opened")]),
            syncs: false,
        },
    ])
}

/// From start to the file's being on the disk.
#[allow(clippy::disallowed_methods, reason = "a comparison is of wall time")]
fn timed(contender: &Contender, words: &[String], target: &Path) -> Result<Duration, Failed> {
    let begun = Instant::now();
    run::output(searching(words))?;
    if !contender.syncs {
        let synced = File::open(target).and_then(|file| file.sync_all());
        synced.map_err(|e| failed(format!("{}: {e}", target.display())))?;
    }
    Ok(begun.elapsed())
}

/// A command that finds the peers.
fn searching(words: &[String]) -> Command {
    let (program, rest) =
        words.split_first().map_or(("true", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut command = run::command(program, &[]);
    command.args(rest).env("PATH", peers::search_path()).stdout(Stdio::piped());
    command
}

/// Bytes that do not compress, on the disk before anything is measured.
fn fill(path: &Path, mebibytes: u64) -> Result<(), Failed> {
    let io = |e: std::io::Error| failed(format!("{}: {e}", path.display()));
    let mut dice = Dice::new(mebibytes);
    let mut file = File::create(path).map_err(io)?;
    for _ in 0..mebibytes {
        file.write_all(&dice.bytes(1 << 20)).map_err(io)?;
    }
    file.sync_all().map_err(io)
}

fn same(one: &Path, other: &Path, name: &str) -> Result<(), Failed> {
    let io = |e: std::io::Error| failed(format!("{name}: {e}"));
    let (mut one, mut other) = (File::open(one).map_err(io)?, File::open(other).map_err(io)?);
    let lengths = (one.metadata().map_err(io)?.len(), other.metadata().map_err(io)?.len());
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut left = if lengths.0 == lengths.1 {
        lengths.0
    } else {
        return Err(failed(format!("{name}: {lengths:?} bytes")));
    };
    while left > 0 {
        let length = usize::try_from(left.min(1 << 20)).unwrap_or(1 << 20);
        one.read_exact(&mut a[..length]).map_err(io)?;
        other.read_exact(&mut b[..length]).map_err(io)?;
        if a[..length] != b[..length] {
            return Err(failed(format!("{name}: what was opened is not what was sealed")));
        }
        left -= length as u64;
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a length in MiB is far below 2^52")]
fn rate(mebibytes: u64, time: Duration) -> f64 {
    mebibytes as f64 / time.as_secs_f64()
}

/// The middle one, or the middle of the middle two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.as_slice() {
        [] => f64::NAN,
        all if all.len() % 2 == 1 => all[half],
        all => f64::midpoint(all[half - 1], all[half]),
    }
}

impl Settings {
    fn parse(words: &[&str]) -> Result<Self, Failed> {
        let mut settings = Self { mebibytes: 1024, rounds: 5, directory: std::env::temp_dir() };
        for pair in words.chunks(2) {
            let &[name, value] = pair else {
                return Err(failed(format!("{} takes a value", pair.join(" "))));
            };
            let number = || value.parse::<u64>().ok().filter(|n| *n > 0);
            let number = || number().ok_or_else(|| failed(format!("{name} takes a number")));
            match name {
                "--mib" => settings.mebibytes = number()?,
                "--rounds" => settings.rounds = usize::try_from(number()?).unwrap_or(usize::MAX),
                "--in" => settings.directory = PathBuf::from(value),
                _ => return Err(failed(format!("compare has no {name}; there are --mib, --rounds, --in"))),
            }
        }
        Ok(settings)
    }
}

const PYTHON: &str = "dwcp-peer-python";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn words_are_taken_in_pairs() {
        let settings = Settings::parse(&["--mib", "8", "--rounds", "2", "--in", "/tmp/x"]).unwrap();
        assert_eq!((settings.mebibytes, settings.rounds), (8, 2));
        for words in [&["--mib"][..], &["--mib", "0"], &["--rounds", "x"], &["--size", "1"]] {
            assert!(Settings::parse(words).is_err(), "{words:?}");
        }
    }
}
