//! ESP exchanged with scapy: it opens what we seal, we open what it seals, and what was altered neither of the two takes.
//!
//! scapy 2.8 knows every cipher, tag and encapsulation of ours and 64-bit sequence numbers. It has no implicit IV (RFC 8750); there the peer's
//! script puts the number, which is the IV, where RFC 4106 and RFC 7634 have it, so that scapy's own ciphers judge those packets as well.
#![cfg(all(feature = "esp", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/build.rs"]
mod build;
#[path = "support/wire.rs"]
mod wire;

use dwcp_base::Tick;
use dwcp_packet::{
    Encapsulation, EncryptionContext, EncryptionMode, ExtendedSequence, PacketError, PacketMetadata, Padding,
    Spi,
};
use dwcp_testkit::{peer, skipped};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use wire::{Case, cases, hex, unhex};

/// One Python for all packets of a test.
struct Scapy {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Scapy {
    fn start() -> Option<Self> {
        let python = peer("dwcp-peer-python")?;
        let has = Command::new(&python).args(["-c", "import scapy.layers.ipsec"]).output().unwrap();
        if !has.status.success() {
            assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "scapy is missing in CI");
            skipped("the peers' Python has no scapy: `cargo xtask peers install` makes it anew");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scapy_peer.py");
        let mut command = Command::new(python);
        let mut child = command
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Some(Self { child, stdin, stdout })
    }

    /// The packet that scapy makes of one, or why it refuses it.
    fn ask(&mut self, operation: &str, case: &Case, number: u64, packet: &[u8]) -> Result<Vec<u8>, String> {
        let question = json!({
            "op": operation,
            "mode": case.mode.name(),
            "material": hex(&case.material()),
            "esn": case.sequence == ExtendedSequence::On,
            "spi": case.spi.get(),
            "encapsulation": if case.encapsulation == Encapsulation::Tunnel { "tunnel" } else { "transport" },
            "udp": case.in_udp,
            "number": number,
            "outer": hex(&case.outer_header()),
            "packet": hex(packet),
        });
        writeln!(self.stdin, "{question}").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        match answer["refused"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(unhex(answer["packet"].as_str().unwrap())),
        }
    }
}

impl Drop for Scapy {
    fn drop(&mut self) {
        // It reads its input to the end in a moment; nobody waits for it if it does not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A byte of ESP and a bit in it, another one for each case.
fn altered(case: &Case, wire: &[u8]) -> Vec<u8> {
    let at = case.esp_at(wire);
    let step = usize::try_from(case.spi.get()).unwrap().wrapping_mul(7_919);
    let mut copy = wire.to_vec();
    copy[at + step % (wire.len() - at)] ^= 1 << (case.spi.get() % 8);
    copy
}

#[test]
fn scapy_opens_what_we_seal_and_refuses_it_altered() {
    let Some(mut scapy) = Scapy::start() else { return };
    for case in cases() {
        let (mut sealer, packet) = (case.sealer(), case.packet());
        for number in 1..=2 {
            let wire = case.seal(&mut sealer, &packet);
            assert_eq!(scapy.ask("open", &case, number, &wire), Ok(packet.clone()), "{case:?}");
            let refused = scapy.ask("open", &case, number, &altered(&case, &wire));
            assert!(refused.is_err(), "{case:?}: {refused:?}");
        }
    }
}

#[test]
fn we_open_what_scapy_seals_and_refuse_it_altered_and_again() {
    let Some(mut scapy) = Scapy::start() else { return };
    for case in cases() {
        let (mut opener, packet) = (case.opener(), case.packet());
        for number in [1, 9, 3] {
            let wire = scapy.ask("seal", &case, number, &packet).unwrap();
            let refused = opener.open(Tick(0), &mut case.arrived(&altered(&case, &wire))).map(|_| ());
            assert!(refused.is_err(), "{case:?}");
            let mut arrived = case.arrived(&wire);
            let opened =
                opener.open(Tick(0), &mut arrived).unwrap_or_else(|error| panic!("{case:?}: {error}"));
            assert_eq!((opened.bytes(), opened.sequence()), (packet.as_slice(), number), "{case:?}");
            let again = opener.open(Tick(0), &mut case.arrived(&wire)).map(|_| ());
            assert_eq!(again, Err(PacketError::Replayed), "{case:?}");
        }
    }
}

#[test]
fn both_count_on_beyond_32_bits_and_agree_on_the_half_that_is_not_sent() {
    let Some(mut scapy) = Scapy::start() else { return };
    // One turn of the lower half after the other: each is inferred from the last.
    let numbers = [
        0xffff_fff0_u64,
        0x1_0000_0005,
        0xffff_fffb,
        0x1_7fff_ffff,
        0x1_ffff_ffff,
        0x2_0000_0000,
        0x2_0000_0001,
    ];
    for mode in EncryptionMode::ALL {
        let case = Case {
            mode,
            sequence: ExtendedSequence::On,
            encapsulation: Encapsulation::Tunnel,
            in_udp: false,
            inner: 4,
            outer: 4,
            spi: Spi::new(0x77_0000 + u32::try_from(mode.material_len()).unwrap()).unwrap(),
        };
        let (mut opener, packet) = (case.opener(), case.packet());
        for number in numbers {
            let wire = scapy.ask("seal", &case, number, &packet).unwrap();
            let lower = scapy.ask("open", &case, number & 0xffff_ffff, &wire);
            assert_eq!(lower.is_ok(), number < 1 << 32, "scapy authenticates the upper half too");
            let mut arrived = case.arrived(&wire);
            let opened = opener
                .open(Tick(0), &mut arrived)
                .unwrap_or_else(|error| panic!("{mode} {number:x}: {error}"));
            assert_eq!((opened.bytes(), opened.sequence()), (packet.as_slice(), number));
        }
        // What was sealed with the upper half of one turn is not taken in another.
        let wire = scapy.ask("seal", &case, 0x3_0000_0009, &packet).unwrap();
        assert_eq!(
            opener.open(Tick(0), &mut case.arrived(&wire)).map(|_| ()),
            Err(PacketError::Forged),
            "{mode}"
        );
    }
}

#[test]
fn who_counts_in_32_bits_and_who_in_64_do_not_understand_each_other() {
    let Some(mut scapy) = Scapy::start() else { return };
    for case in cases().into_iter().filter(|case| case.inner == 4 && case.outer == 4 && !case.in_udp) {
        let other = match case.sequence {
            ExtendedSequence::On => ExtendedSequence::Off,
            ExtendedSequence::Off => ExtendedSequence::On,
        };
        let (other, packet) = (Case { sequence: other, ..case }, case.packet());
        let wire = case.seal(&mut case.sealer(), &packet);
        assert!(scapy.ask("open", &other, 1, &wire).is_err(), "{case:?}");
        let wire = scapy.ask("seal", &other, 1, &packet).unwrap();
        let opened = case.opener().open(Tick(0), &mut case.arrived(&wire)).map(|_| ());
        assert_eq!(opened, Err(PacketError::Forged), "{case:?}");
    }
}

#[test]
fn scapy_reads_padded_packets_to_their_own_end() {
    let Some(mut scapy) = Scapy::start() else { return };
    let tunnels = cases()
        .into_iter()
        .filter(|case| case.encapsulation == Encapsulation::Tunnel && case.inner == case.outer);
    for case in tunnels {
        for padding in [Padding::Multiple(64), Padding::Multiple(255), Padding::Full(600)] {
            let settings = case.settings().with_padding(padding);
            let material = dwcp_crypto::Secret::from(case.material());
            let mut sealer = EncryptionContext::from_keys(&settings, case.spi, material, Tick(0)).unwrap();
            let packet = case.packet();
            let wire = case.seal(&mut sealer, &packet);
            let opened =
                scapy.ask("open", &case, 1, &wire).unwrap_or_else(|error| panic!("{case:?}: {error}"));
            // What hides the length stays behind the packet: scapy shows it, the inner header tells where it begins.
            let metadata = PacketMetadata::read(&opened).unwrap();
            assert_eq!(opened.get(..metadata.total_len), Some(packet.as_slice()), "{case:?} {padding:?}");
            assert!(opened[metadata.total_len..].iter().all(|byte| *byte == 0), "{case:?} {padding:?}");
        }
    }
}
