//! Packets that other programs are to read: every mode, between addresses, in UDP or not.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use super::build;
use dwcp_base::Tick;
use dwcp_crypto::Secret;
use dwcp_packet::{
    DecryptionContext, Encapsulation, EncryptionContext, EncryptionMode, ExtendedSequence, PacketSettings,
    Spi, transport, udp,
};

/// How one packet is made.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub mode: EncryptionMode,
    pub sequence: ExtendedSequence,
    pub encapsulation: Encapsulation,
    pub in_udp: bool,
    /// 4 or 6: what is inside, and in transport mode the packet itself.
    pub inner: u8,
    /// 4 or 6: what a tunnel puts around it.
    pub outer: u8,
    pub spi: Spi,
}

/// All of them, each under an SPI of its own.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in EncryptionMode::ALL {
        for sequence in [ExtendedSequence::On, ExtendedSequence::Off] {
            for in_udp in [false, true] {
                for (inner, outer) in [(4, 4), (4, 6), (6, 4), (6, 6)] {
                    for encapsulation in [Encapsulation::Tunnel, Encapsulation::Transport] {
                        // There is no outer header in transport mode.
                        if encapsulation == Encapsulation::Tunnel || inner == outer {
                            let spi = Spi::new(0x1000 + u32::try_from(cases.len()).unwrap()).unwrap();
                            cases.push(Case { mode, sequence, encapsulation, in_udp, inner, outer, spi });
                        }
                    }
                }
            }
        }
    }
    cases
}

impl Case {
    pub fn settings(&self) -> PacketSettings {
        PacketSettings::new(self.mode).with_encapsulation(self.encapsulation).with_sequence(self.sequence)
    }

    /// Fixed bytes, other ones for each SPI.
    pub fn material(&self) -> Vec<u8> {
        let seed = self.spi.get();
        let byte = |at: u32| (seed.wrapping_mul(2_654_435_761) ^ at.wrapping_mul(40_503)).to_be_bytes()[1];
        (0..u32::try_from(self.mode.material_len()).unwrap()).map(byte).collect()
    }

    pub fn sealer(&self) -> EncryptionContext {
        let material = Secret::from(self.material());
        EncryptionContext::from_keys(&self.settings(), self.spi, material, Tick(0)).unwrap()
    }

    pub fn opener(&self) -> DecryptionContext {
        let material = Secret::from(self.material());
        DecryptionContext::from_keys(&self.settings(), self.spi, material, Tick(0)).unwrap()
    }

    /// A datagram whose length depends on the SPI, so that every padding is met.
    pub fn packet(&self) -> Vec<u8> {
        let length = u16::try_from(8 + self.spi.get() % 37).unwrap();
        let mut datagram = [0x9c40, 0x0009, length, 0].map(u16::to_be_bytes).concat();
        datagram.resize(usize::from(length), 0x5a);
        // Over IPv6 a datagram without a checksum is none (RFC 8200 §8.1); nobody here looks at it.
        datagram[6..8].copy_from_slice(&[0xab, 0xcd]);
        if self.inner == 6 { build::v6(17, &datagram) } else { build::v4(17, &[], 0, &datagram) }
    }

    /// Seals with `sealer`, and puts around it what is on the wire.
    pub fn seal(&self, sealer: &mut EncryptionContext, packet: &[u8]) -> Vec<u8> {
        let head = sealer.headroom();
        let mut buffer = vec![0; head + packet.len() + sealer.tailroom()];
        buffer[head..head + packet.len()].copy_from_slice(packet);
        let sealed = sealer.seal(Tick(0), &mut buffer, head..head + packet.len()).unwrap();
        let bytes = sealed.bytes();
        let ports = |length: usize| {
            [udp::PORT, udp::PORT, u16::try_from(8 + length).unwrap(), 0].map(u16::to_be_bytes).concat()
        };
        match (self.encapsulation, self.in_udp) {
            (Encapsulation::Tunnel, true) => {
                self.around(17, &[ports(bytes.len()).as_slice(), bytes].concat())
            }
            (Encapsulation::Tunnel, false) => self.around(50, bytes),
            (Encapsulation::Transport, false) => bytes.to_vec(),
            (Encapsulation::Transport, true) => {
                let split = transport::locate(bytes).unwrap();
                let (header, esp) = bytes.split_at(split.before());
                let mut header = header.to_vec();
                split.rewrite(&mut header, 17, bytes.len() + 8).unwrap();
                [header.as_slice(), &ports(esp.len()), esp].concat()
            }
        }
    }

    /// What the opening side gets of a packet from the wire.
    pub fn arrived(&self, wire: &[u8]) -> Vec<u8> {
        let split = transport::locate(wire).unwrap();
        assert_eq!(split.protocol(), if self.in_udp { 17 } else { 50 });
        let esp = &wire[split.before() + if self.in_udp { 8 } else { 0 }..split.total_len()];
        if self.encapsulation == Encapsulation::Tunnel {
            return esp.to_vec();
        }
        let mut header = wire[..split.before()].to_vec();
        split.rewrite(&mut header, 50, split.before() + esp.len()).unwrap();
        [header.as_slice(), esp].concat()
    }

    /// Where ESP begins on the wire.
    pub fn esp_at(&self, wire: &[u8]) -> usize {
        transport::locate(wire).unwrap().before() + if self.in_udp { 8 } else { 0 }
    }

    /// The header of a tunnel with nothing behind it.
    pub fn outer_header(&self) -> Vec<u8> {
        self.around(50, &[])
    }

    fn around(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        if self.outer == 6 { build::v6(protocol, payload) } else { build::v4(protocol, &[], 0, payload) }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}
