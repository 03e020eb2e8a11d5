//! Sealing: one packet under a key that was drawn for it.

use super::input::{Input, unfit};
use super::report::{Told, Written};
use super::{key, not_sealed, refused, settings, taken, trial, wire};
use crate::cli::args_packet::PacketJob;
use crate::cli::cert::Target;
use crate::cli::exit::{Exit, Failure, in_full};
use crate::cli::output::Report;
use dwcp_base::{Clock, SystemClock};
use dwcp_packet::{Encapsulation, EncryptionContext, PacketError, PacketMetadata, transport};
use std::io::{self, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Seals the packet, opens it again, and writes what was asked for.
pub(super) fn run(args: &PacketJob, input: &Input) -> Result<Report, Failure> {
    let no_packet = |error| unfit(in_full(&error), "name one whole IP packet, or a capture with one in it");
    let metadata = PacketMetadata::read(&input.packet).map_err(no_packet)?;
    let packet = input.packet.get(..metadata.total_len).unwrap_or_default();
    let settings = settings(args);
    let clock = SystemClock::new();
    let now = clock.tick();

    let material = key::draw(args.mode)?;
    let mut context = EncryptionContext::from_keys(&settings, args.spi, key::again(&material), now)
        .map_err(|error| refused(&error))?;
    let head = context.headroom();
    let mut buffer = Zeroizing::new(vec![0; head + packet.len() + context.tailroom()]);
    let at = head..head + packet.len();
    buffer.get_mut(at.clone()).unwrap_or_default().copy_from_slice(packet);
    let sealed =
        context.seal(now, &mut buffer, at).map_err(|error| not_sealed(error, args.pad_to.is_some()))?;

    let tried = trial::on(&sealed, &settings, &material, now).map_err(|error| refused(&error))?;
    let tried = tried.map_err(|error| wrong(&format!("the opening side says: {error}")))?;
    let same = *tried.packet == restored(packet, settings.encapsulation());
    if !same || tried.refused != tried.flipped || tried.second != Some(PacketError::Replayed) {
        return Err(wrong("it does not hold what a sealed packet has to"));
    }
    let parts = taken::apart(&sealed, &tried).ok_or_else(|| wrong("its fields do not add up"))?;
    let outer = wire::around(sealed.bytes(), settings.encapsulation(), metadata.version, args.udp)
        .ok_or_else(|| not_sealed(PacketError::TooLong, false))?;

    let pcap = wire::pcap(&outer, clock.unix().secs());
    let to_file = args.out.as_deref().filter(|path| !is_standard(path));
    // Before the key: a key without its packet is of no use, and would be in the way of the next try.
    let target = to_file.map(|path| Target::begin(path, false)).transpose()?;
    if let Some(path) = &args.key_out {
        key::write(path, &material)?;
    }
    match target {
        Some(target) => target.write(&pcap)?,
        None if args.out.is_some() => return streamed(&pcap),
        None => {}
    }
    let written = Written { wire: Some(&outer), out: args.out.as_deref(), key: args.key_out.as_deref() };
    Ok(Told {
        args,
        input,
        settings: &settings,
        sealed: &sealed,
        parts: &parts,
        tried: &tried,
        in_udp: args.udp,
        written,
    }
    .report())
}

/// What the opening side gives back: in transport mode it writes the IP header anew, with a right checksum whatever stood there.
fn restored(packet: &[u8], encapsulation: Encapsulation) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if encapsulation == Encapsulation::Transport
        && let Ok(split) = transport::split(&packet)
    {
        let length = packet.len();
        // Sealing has done the same a moment ago.
        let _ = split.rewrite(&mut packet, split.protocol(), length);
    }
    packet
}

/// Never seen, and told rather than hidden.
fn wrong(why: &str) -> Failure {
    let fix = "report it with the packet, if that may be shown";
    Failure::plain(Exit::Verification, "the sealed packet is not as it has to be", why, fix)
}

/// Data on standard output, and nothing beside it.
pub(super) fn streamed(bytes: &[u8]) -> Result<Report, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Report::silent()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Report::silent()),
        Err(error) => {
            let fix = "make room where standard output leads";
            Err(Failure::new(Exit::Failure, "the packet was not written", &error, fix).aside())
        }
    }
}

pub(super) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}
