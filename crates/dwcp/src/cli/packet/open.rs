//! Opening: a sealed packet under a key from a file.

use super::input::{Input, unfit};
use super::report::{Told, Written};
use super::seal::{is_standard, streamed};
use super::{key, settings, taken, trial, wire};
use crate::cli::args_packet::PacketJob;
use crate::cli::cert::Target;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Report;
use dwcp_base::{Clock, SystemClock};
use dwcp_packet::{EncryptedPacket, PacketError};

/// Opens the packet, and writes what was in it where that was asked for.
pub(super) fn run(args: &PacketJob, input: &Input) -> Result<Report, Failure> {
    let settings = settings(args);
    let encapsulation = settings.encapsulation();
    let (bytes, in_udp) = wire::within(&input.packet, encapsulation).ok_or_else(|| {
        unfit(
            "it holds no ESP",
            "name a packet of protocol 50, one in UDP of port 4500, or in tunnel mode one from its SPI on",
        )
    })?;
    // The command line names the file wherever it names --open.
    let file = args.key_file.as_deref().unwrap_or(std::path::Path::new("-"));
    let material = key::read(file, args.mode)?;
    let sealed = EncryptedPacket::read(&bytes, args.mode, encapsulation).map_err(not_opened)?;
    let clock = SystemClock::new();
    let tried = trial::on(&sealed, &settings, &material, clock.tick()).map_err(|error| {
        Failure::new(Exit::Failure, WHAT, &error, "see `dwcp encrypt packet --help`").coded(&error)
    })?;
    let tried = tried.map_err(not_opened)?;
    let parts = taken::apart(&sealed, &tried).ok_or_else(|| not_opened(PacketError::Malformed))?;
    let pcap = || wire::pcap(&tried.packet, clock.unix().secs());
    match &args.out {
        Some(path) if is_standard(path) => return streamed(&pcap()),
        Some(path) => Target::begin(path, true)?.write(&pcap())?,
        None => {}
    }
    let written = Written { wire: None, out: args.out.as_deref(), key: None };
    Ok(Told {
        args,
        input,
        settings: &settings,
        sealed: &sealed,
        parts: &parts,
        tried: &tried,
        in_udp,
        written,
    }
    .report())
}

fn not_opened(error: PacketError) -> Failure {
    let fix = match error {
        PacketError::UnknownSpi => "name a packet whose SPI is 256 or more",
        PacketError::Dummy => "there is nothing to look at: name another packet",
        _ => {
            "check the key, --mode, --encapsulation and --no-esn; if they are right, it was altered, or its number is above 2^32"
        }
    };
    Failure::new(Exit::Verification, WHAT, &error, fix).coded(&error)
}

const WHAT: &str = "the packet was not opened";
