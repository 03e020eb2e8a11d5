//! What is told of a packet: a table of its fields, what was inside, and what was tried.

use super::input::Input;
use super::taken::Part;
use super::trial::Trial;
use crate::cli::args_packet::PacketJob;
use crate::cli::exit::inert;
use crate::cli::output::Report;
use dwcp_packet::{
    Encapsulation, EncryptedPacket, EncryptionMode, ExtendedSequence, FieldKind, IpVersion, PacketMetadata,
    PacketSettings,
};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// All that is known at the end.
pub(super) struct Told<'a> {
    pub(super) args: &'a PacketJob,
    pub(super) input: &'a Input,
    pub(super) settings: &'a PacketSettings,
    pub(super) sealed: &'a EncryptedPacket<'a>,
    pub(super) parts: &'a [Part],
    pub(super) tried: &'a Trial,
    pub(super) in_udp: bool,
    pub(super) written: Written<'a>,
}

/// What was written.
pub(super) struct Written<'a> {
    /// The packet as it is sent; none where one was opened.
    pub(super) wire: Option<&'a [u8]>,
    pub(super) out: Option<&'a Path>,
    pub(super) key: Option<&'a Path>,
}

impl Told<'_> {
    pub(super) fn report(&self) -> Report {
        Report::new(self.text(), self.json())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text.trim_end().to_owned()
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let bits = if self.extended() { 64 } else { 32 };
        writeln!(
            text,
            "{}: {}, {} mode, {bits}-bit sequence numbers, SPI {}, number {}, {} bytes\n",
            if self.args.open { "opened" } else { "sealed" },
            self.settings.mode(),
            self.encapsulation(),
            self.sealed.spi(),
            self.tried.sequence,
            self.sealed.bytes().len(),
        )?;
        writeln!(text, "{:<12} {:>6} {:>6}  {:<34} in clear", "field", "offset", "length", "on the wire")?;
        for part in self.parts {
            let clear =
                part.clear.as_ref().map_or_else(|| "(not encrypted)".to_owned(), |clear| says(part, clear));
            let field = &part.field;
            let (name, wire) = (field.name(), short(&part.wire));
            writeln!(text, "{name:<12} {:>6} {:>6}  {wire:<34} {clear}", field.offset, field.length)?;
        }
        writeln!(text, "\ninside:   {}", inside(&self.tried.metadata))?;
        if let Some((number, link)) = self.input.frame {
            writeln!(text, "taken:    from frame {number} of the capture ({link})")?;
        }
        if self.input.kind == "example" {
            writeln!(text, "taken:    an example, since no packet was named (- is standard input)")?;
        }
        if let Some(wire) = self.written.wire {
            let udp = if self.in_udp { " in UDP" } else { "" };
            writeln!(text, "sent as:  {} bytes{udp}, IP header included", wire.len())?;
        }
        let length = self.tried.packet.len();
        let opened = if self.args.open { "authentic" } else { "opened again" };
        writeln!(
            text,
            "checked:  {opened}, {}{length} bytes; a flipped bit is refused in each of {} places; a second time is refused as a replay",
            if self.args.open { "" } else { "the same " },
            self.tried.refused,
        )?;
        if let Some(path) = self.written.out {
            writeln!(text, "written:  {}", inert(path))?;
        }
        if let Some(path) = self.written.key {
            writeln!(text, "key:      {} (this packet's alone)", inert(path))?;
        }
        if let Some(line) = self.tshark() {
            writeln!(text, "tshark:   {line}")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let fields: Vec<Value> = self.parts.iter().map(part).collect();
        let path = |path: Option<&Path>| path.map(|path| path.to_string_lossy().into_owned());
        let mut input = json!({ "kind": self.input.kind });
        if let Some((number, link)) = self.input.frame {
            input["frame"] = number.into();
            input["link"] = link.to_string().into();
        }
        json!({
            "operation": if self.args.open { "open" } else { "seal" },
            "mode": self.settings.mode().name(),
            "encapsulation": self.encapsulation(),
            "extended_sequence": self.extended(),
            "udp": self.in_udp,
            "spi": self.sealed.spi().to_string(),
            "sequence": self.tried.sequence,
            "length": self.sealed.bytes().len(),
            "fields": fields,
            "packet": packet(&self.tried.metadata),
            "input": input,
            "wire": self.written.wire.map(hex),
            "checked": {
                "same": true,
                "flipped": self.tried.flipped,
                "refused": self.tried.refused,
                "replay": self.tried.second.map(|error| dwcp_base::Coded::code(&error)),
            },
            "out": path(self.written.out),
            "key_out": path(self.written.key),
            "tshark": self.tshark(),
        })
    }

    fn extended(&self) -> bool {
        self.settings.sequence() == ExtendedSequence::On
    }

    fn encapsulation(&self) -> &'static str {
        match self.settings.encapsulation() {
            Encapsulation::Tunnel => "tunnel",
            Encapsulation::Transport => "transport",
        }
    }

    /// How tshark reads the capture. The key comes out of its file, so that nothing printed holds it.
    fn tshark(&self) -> Option<String> {
        let (out, key) = (quoted(self.written.out?), quoted(self.written.key?));
        let cbc = |hash: &str| {
            let first = format!("0x$(cut -c1-64 {key})");
            ("AES-CBC [RFC3602]", first, format!("HMAC-{hash} [RFC4868]"), format!("0x$(cut -c65- {key})"))
        };
        let (cipher, first, hash, second) = match self.settings.mode() {
            EncryptionMode::Aes256Gcm | EncryptionMode::Aes128Gcm => (
                "AES-GCM with 16 octet ICV [RFC4106]",
                format!("0x$(cat {key})"),
                "NULL".to_owned(),
                String::new(),
            ),
            EncryptionMode::Aes256CbcHmacSha256 => cbc("SHA-256-128"),
            EncryptionMode::Aes256CbcHmacSha384 => cbc("SHA-384-192"),
            EncryptionMode::Aes256CbcHmacSha512 => cbc("SHA-512-256"),
            // It knows no others in all versions that are about.
            _ => return None,
        };
        let version = match self.written.wire?.first()? >> 4 {
            6 => "IPv6",
            _ => "IPv4",
        };
        let fields = [version, "*", "*", &self.sealed.spi().to_string(), cipher, &first, &hash, &second];
        let association = fields.map(|field| format!("\\\"{field}\\\"")).join(",");
        Some(format!(
            "tshark -V -r {out} -o esp.enable_encryption_decode:TRUE -o \"uat:esp_sa:{association}\""
        ))
    }
}

/// What was encrypted, with a word on numbers that have one.
fn says(part: &Part, clear: &[u8]) -> String {
    match (part.field.kind, clear) {
        (FieldKind::NextHeader, [number]) => format!("{number:02x} ({})", protocol(*number)),
        _ => short(clear),
    }
}

fn part(part: &Part) -> Value {
    let mut field = json!({
        "name": part.field.name(),
        "offset": part.field.offset,
        "length": part.field.length,
        "encrypted": part.clear.is_some(),
        "wire": hex(&part.wire),
    });
    if let Some(clear) = &part.clear {
        field["clear"] = hex(clear).into();
    }
    field
}

fn packet(metadata: &PacketMetadata) -> Value {
    json!({
        "version": version(metadata),
        "source": metadata.source.to_string(),
        "destination": metadata.destination.to_string(),
        "protocol": metadata.protocol,
        "ports": metadata.ports.map(|(from, to)| [from, to]),
        "length": metadata.total_len,
        "header_length": metadata.header_len,
        "hop_limit": metadata.hop_limit,
        "fragment": metadata.fragment.map(|fragment| json!({ "offset": fragment.offset, "more": fragment.more, "id": fragment.id })),
    })
}

fn inside(metadata: &PacketMetadata) -> String {
    let (from, to) = match metadata.ports {
        Some((from, to)) => (format!(" port {from}"), format!(" port {to}")),
        None => Default::default(),
    };
    let protocol = protocol(metadata.protocol);
    let fragment = if metadata.is_whole() { "" } else { ", a fragment" };
    format!(
        "IPv{}, {}{from} to {}{to}, {protocol}{fragment}, {} bytes, {} of them IP headers",
        version(metadata),
        metadata.source,
        metadata.destination,
        metadata.total_len,
        metadata.header_len,
    )
}

fn protocol(number: u8) -> String {
    let name = match number {
        1 => "ICMP",
        4 => "IPv4",
        6 => "TCP",
        17 => "UDP",
        41 => "IPv6",
        50 => "ESP",
        58 => "ICMPv6",
        132 => "SCTP",
        other => return format!("protocol {other}"),
    };
    name.to_owned()
}

fn version(metadata: &PacketMetadata) -> u8 {
    match metadata.version {
        IpVersion::V4 => 4,
        IpVersion::V6 => 6,
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The beginning, as far as a column goes.
fn short(bytes: &[u8]) -> String {
    match bytes.get(..MOST_SHOWN) {
        Some(beginning) if bytes.len() > MOST_SHOWN => format!("{}…", hex(beginning)),
        _ => hex(bytes),
    }
}

/// For a shell, inside of double quotes or not: single quotes do in both, since what stands in `$(…)` is read anew.
fn quoted(path: &Path) -> String {
    let path = inert(path);
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-+@%".contains(char);
    if !path.is_empty() && path.chars().all(plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

const MOST_SHOWN: usize = 16;
