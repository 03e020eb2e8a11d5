//! `dwcp encrypt packet`: seals one packet, takes it apart, and tries on it what an attacker would.

mod input;
mod key;
mod open;
mod report;
mod seal;
mod taken;
mod trial;
mod wire;

use super::args_packet::{Around, PacketJob};
use super::exit::{Exit, Failure};
use super::output::{Output, Report};
use dwcp_packet::{Encapsulation, ExtendedSequence, PacketError, PacketSettings, Padding, SetupError};
use std::path::{Path, PathBuf};

/// Seals a packet, or opens one.
pub(super) fn run(args: &PacketJob, output: Output) -> Result<Report, Failure> {
    sound(args, output)?;
    let input = input::read(args)?;
    if args.open { open::run(args, &input) } else { seal::run(args, &input) }
}

/// Refuses what would put a key where it can be seen, or one file in another's place, before anything is read or drawn.
fn sound(args: &PacketJob, output: Output) -> Result<(), Failure> {
    let usage = |why: &str, fix: &str| Err(Failure::plain(Exit::Usage, "this can not be meant", why, fix));
    let is_standard = |path: &Option<PathBuf>| path.as_deref().is_some_and(seal::is_standard);
    if is_standard(&args.key_out) || is_standard(&args.key_file) {
        return usage(
            "a key goes to a file and comes from one, never by standard input or output",
            "name a file",
        );
    }
    if output.is_json() && is_standard(&args.out) {
        return usage("--json and --out - both want standard output", "leave one of the two out");
    }
    let others = [&args.key_out, &args.key_file, &args.input];
    let same =
        |out: &PathBuf| others.iter().any(|other| other.as_ref().is_some_and(|other| one_file(out, other)));
    match &args.out {
        Some(out) if !seal::is_standard(out) && same(out) => usage(
            "--out names the file of the key or of the packet, and would take its place",
            "name another file",
        ),
        _ => Ok(()),
    }
}

/// Whether two paths lead to one file, as far as can be seen: by what is there, or by directory and name.
fn one_file(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = || Some(directory.canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize().ok().or_else(named)
    };
    one == other || place(one).is_some_and(|place_of_one| Some(place_of_one) == place(other))
}

/// What the command line says of how packets are made.
fn settings(args: &PacketJob) -> PacketSettings {
    let sequence = if args.no_esn { ExtendedSequence::Off } else { ExtendedSequence::On };
    let padding = match (args.pad_to, args.pad_multiple) {
        (Some(length), _) => Padding::Full(length),
        (None, Some(of)) => Padding::Multiple(of),
        (None, None) => Padding::Minimal,
    };
    let encapsulation = match args.encapsulation {
        Around::Tunnel => Encapsulation::Tunnel,
        Around::Transport => Encapsulation::Transport,
    };
    PacketSettings::new(args.mode)
        .with_encapsulation(encapsulation)
        .with_sequence(sequence)
        .with_padding(padding)
}

/// Settings that can not be had came from the command line.
fn refused(error: &SetupError) -> Failure {
    let exit = if matches!(error, SetupError::Crypto(_)) { Exit::Failure } else { Exit::Usage };
    Failure::new(exit, WHAT_SEALED, error, "see `dwcp encrypt packet --help`").coded(error)
}

/// `padded`: whether packets are to be of one length.
fn not_sealed(error: PacketError, padded: bool) -> Failure {
    let fix = match error {
        PacketError::TooLong if padded => "name a longer --pad-to, or a shorter packet",
        PacketError::TooLong => {
            "name a shorter packet: sealed and with its outer header it has at most 65 535 bytes"
        }
        _ => {
            "name a whole IP packet; fragments, headers that change on the way and a wrong checksum take --encapsulation tunnel"
        }
    };
    Failure::new(Exit::Failure, WHAT_SEALED, &error, fix).coded(&error)
}

const WHAT_SEALED: &str = "the packet was not sealed";
