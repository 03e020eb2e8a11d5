//! The command line of `dwcp encrypt packet`.

use clap::{Args, ValueEnum};
use dwcp_packet::{EncryptionMode, ModeError, Spi};
use std::path::PathBuf;

/// `dwcp encrypt packet`
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct PacketJob {
    /// IP packet to seal: raw bytes, hex text, or a capture (pcap, pcapng; at most 64 MiB) that it is taken from; - is standard input
    /// [default: an example, a datagram of 42 bytes]
    #[arg(value_name = "IN")]
    pub input: Option<PathBuf>,
    /// The packet itself, in hex
    #[arg(long, value_name = "TEXT", conflicts_with = "input")]
    pub hex: Option<String>,
    /// Which frame of a capture, counted from 1 as Wireshark does [default: the first that fits]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub index: Option<u64>,
    /// How it is sealed: aes-256-gcm, aes-128-gcm, chacha20-poly1305 (each with -implicit-iv as well), aes-256-cbc-hmac-sha-256, -384, -512
    #[arg(long, value_name = "MODE", default_value = "aes-256-gcm", value_parser = mode)]
    pub mode: EncryptionMode,
    /// tunnel: the whole packet is encrypted; transport: its header stays in the clear
    #[arg(long, value_enum, default_value_t = Around::Tunnel)]
    pub encapsulation: Around,
    /// Security parameters index: 256 or more, decimal or 0x…
    #[arg(long, value_name = "SPI", default_value = "0x1001", value_parser = spi, conflicts_with = "open")]
    pub spi: Spi,
    /// Sequence numbers of 32 bits instead of 64
    #[arg(long)]
    pub no_esn: bool,
    /// Inside UDP, port 4500 (RFC 3948)
    #[arg(long, conflicts_with = "open")]
    pub udp: bool,
    /// Pad to the length of a packet of so many bytes, against traffic analysis (tunnel)
    #[arg(long, value_name = "N", conflicts_with_all = ["pad_multiple", "open"])]
    pub pad_to: Option<u16>,
    /// Pad what is encrypted to a multiple of so many bytes
    #[arg(long, value_name = "N", conflicts_with = "open")]
    pub pad_multiple: Option<u16>,
    /// Write the key to this file (0600, hex), which must not exist; without it the key is gone when the command ends
    #[arg(long, value_name = "FILE", conflicts_with = "open")]
    pub key_out: Option<PathBuf>,
    /// Write the packet as it goes over the wire to this pcap; - is standard output. With --open: the packet that was in it (0600)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Open a sealed packet instead: from SPI or IP header on, in UDP or not. The upper half of a 64-bit sequence number is taken for zero
    #[arg(long, requires = "key_file")]
    pub open: bool,
    /// The key to open with (0600): hex or raw bytes, key and salt, or AES key and HMAC key
    #[arg(long, value_name = "FILE", requires = "open")]
    pub key_file: Option<PathBuf>,
}

/// What is encrypted of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Around {
    /// All of it
    Tunnel,
    /// What its header carries
    Transport,
}

fn mode(name: &str) -> Result<EncryptionMode, ModeError> {
    name.parse()
}

fn spi(text: &str) -> Result<Spi, String> {
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16),
        _ => text.parse(),
    };
    let number = number.map_err(|_| "it is no number of 32 bits, decimal or 0x…".to_owned())?;
    Spi::new(number).map_err(|error| error.to_string())
}

const AFTER: &str = "Sealing always draws a fresh key, uses it for this one packet and wipes it: a key that seals two packets under one \
number gives both away, and a command remembers nothing of the last time. So a key file is for --open alone, and for other \
programs: --key-out writes what tshark or scapy needs to look at --out.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_in_both_bases_and_never_a_reserved_one() {
        for (text, index) in [("0x1001", 0x1001), ("4097", 4_097), ("256", 256), ("0XffffFFFF", u32::MAX)] {
            assert_eq!(spi(text).map(Spi::get), Ok(index));
        }
        for text in ["", "0", "255", "0xff", "-1", "0x+500", "4294967296", "0x1_000", "spi"] {
            assert!(spi(text).is_err(), "{text}");
        }
    }
}
