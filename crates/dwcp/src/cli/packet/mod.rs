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
use super::output::Report;
use dwcp_packet::{Encapsulation, ExtendedSequence, PacketError, PacketSettings, Padding, SetupError};

/// Seals a packet, or opens one.
pub(super) fn run(args: &PacketJob) -> Result<Report, Failure> {
    let input = input::read(args)?;
    if args.open { open::run(args, &input) } else { seal::run(args, &input) }
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

fn not_sealed(error: PacketError) -> Failure {
    let fix = match error {
        PacketError::TooLong => "name a longer --pad-to, or a shorter packet",
        _ => {
            "name a whole IP packet; fragments and what has headers that change on the way take --encapsulation tunnel"
        }
    };
    Failure::new(Exit::Failure, WHAT_SEALED, &error, fix).coded(&error)
}

const WHAT_SEALED: &str = "the packet was not sealed";
