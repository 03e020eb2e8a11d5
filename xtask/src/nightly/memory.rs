//! Memory: ten gibibytes through `encrypt file` and back, each process within a fixed high-water mark.

use super::Outcome;
use crate::binary::{Binary, text};
use crate::report::{Failed, failed};
use crate::scratch::Scratch;
use std::fs::{self, File};
use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// The length of the file, which is sparse and so takes no room.
const LENGTH: u64 = 10 << 30;
/// What a process may take at most, in KiB.
const LIMIT: u64 = 32 << 10;

/// Runs both formats.
pub(super) fn run(dwcp: &Binary) -> Result<Vec<Outcome>, Failed> {
    if fs::metadata("/proc/self/status").is_err() {
        return Ok(vec![Outcome::Skipped("memory: there is no /proc to read it from".to_owned())]);
    }
    let scratch = Scratch::new("memory")?;
    let file = scratch.path("sparse");
    File::create(&file)
        .and_then(|file| file.set_len(LENGTH))
        .map_err(|e| failed(format!("{}: {e}", file.display())))?;
    let (ring, kek) = (text(&scratch.path("ring")), text(&scratch.path("kek")));
    dwcp.good(&["keyring", "create", &ring, "--key-file", &kek])?;
    let rest = ["--keyring", &ring, "--key-file", &kek];
    let formats = ["tink", "c2sp"].iter();
    Ok(formats.map(|format| there_and_back(dwcp, &text(&file), &rest, format).into()).collect())
}

/// `encrypt file FILE - | decrypt file - -`, watched.
fn there_and_back(dwcp: &Binary, file: &str, rest: &[&str], format: &str) -> Result<Outcome, Failed> {
    let io = |e: std::io::Error| failed(format!("memory, {format}: {e}"));
    let tail = [rest, &["--format", format]].concat();
    let mut sealing = dwcp
        .command(&[&["encrypt", "file", file, "-"], &tail[..]].concat())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(io)?;
    let between = sealing.stdout.take().ok_or_else(|| failed("no pipe"))?;
    let mut opening = dwcp
        .command(&[&["decrypt", "file", "-", "-"], &tail[..]].concat())
        .stdin(between)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(io)?;
    let out = opening.stdout.take().ok_or_else(|| failed("no pipe"))?;
    let (peaks, over) = ([AtomicU64::new(0), AtomicU64::new(0)], AtomicBool::new(false));
    let came = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for (peak, child) in peaks.iter().zip([sealing.id(), opening.id()]) {
                    peak.fetch_max(high_water(child).unwrap_or(0), Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        let came = zeros(out);
        over.store(true, Ordering::Relaxed);
        came
    });
    let came = came.map_err(io)?;
    ended(&mut sealing, "encrypt", format)?;
    ended(&mut opening, "decrypt", format)?;
    if came != LENGTH {
        return Err(failed(format!("memory, {format}: {came} bytes came back of {LENGTH}")));
    }
    let [sealing, opening] = peaks.map(AtomicU64::into_inner);
    let what = format!(
        "memory: {format}, 10 GiB there and back, at most {sealing} KiB to encrypt, {opening} KiB to decrypt"
    );
    if sealing == 0 || opening == 0 {
        return Err(failed(format!("{what}: nothing was measured")));
    }
    if sealing.max(opening) > LIMIT {
        return Err(failed(format!("{what}: more than {LIMIT} KiB")));
    }
    Ok(Outcome::Done(what))
}

/// How many bytes come, all of them zero.
fn zeros(mut from: impl Read) -> std::io::Result<u64> {
    let (mut buffer, clear) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut count = 0;
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(count);
        }
        if buffer[..length] != clear[..length] {
            return Err(std::io::Error::other("what came back is something else"));
        }
        count += length as u64;
    }
}

/// The most resident memory that the process ever had, in KiB; `None` once it is gone.
fn high_water(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn ended(child: &mut Child, verb: &str, format: &str) -> Result<(), Failed> {
    let status = child.wait().map_err(|e| failed(format!("memory, {verb}: {e}")))?;
    if status.success() { Ok(()) } else { Err(failed(format!("memory, {format}, {verb}: {status}"))) }
}
