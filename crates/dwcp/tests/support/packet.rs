//! Running `dwcp encrypt packet`: packets, captures, and what is told of them.

use super::{assert_three_lines, command, ok, refused};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};

/// 28 bytes: a datagram without content.
pub(crate) const V4: &str = "4500001c0001000040118e94c0000201c63364070009000900080000";
/// 48 bytes: the same over IPv6.
pub(crate) const V6: &str =
    "600000000008114020010db800000000000000000000000120010db800000000000000000000000200090009000811ac";

pub(crate) struct Place(pub(crate) tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.text(name)
    }
}

pub(crate) fn packet(arguments: &[&str]) -> Vec<String> {
    ["encrypt", "packet"].iter().chain(arguments).map(|&argument| argument.to_owned()).collect()
}

pub(crate) fn sealed(arguments: &[&str]) -> Value {
    let arguments = packet(&[arguments, &["--json"]].concat());
    serde_json::from_str(&ok(&arguments.iter().map(String::as_str).collect::<Vec<_>>())).unwrap()
}

pub(crate) fn text_of(arguments: &[&str]) -> String {
    ok(&packet(arguments).iter().map(String::as_str).collect::<Vec<_>>())
}

/// The exit code and what was said.
pub(crate) fn fails(arguments: &[&str]) -> (i32, String) {
    let (code, said) = refused(&packet(arguments).iter().map(String::as_str).collect::<Vec<_>>());
    assert_three_lines(&said);
    (code, said)
}

pub(crate) fn fed(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command()
        .args(packet(arguments))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What is refused early is not read to its end.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn field<'a>(told: &'a Value, name: &str) -> &'a Value {
    told["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).unwrap_or(&Value::Null)
}

pub(crate) fn pcap(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 65_535, link].into_iter().flat_map(u32::to_le_bytes).collect();
    for packet in packets {
        let length = u32::try_from(packet.len()).unwrap();
        bytes.extend([7, 0, length, length].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend(packet);
    }
    bytes
}

/// The packet of a pcap of ours.
pub(crate) fn only(pcap: &[u8]) -> &[u8] {
    assert_eq!((&pcap[..4], &pcap[20..24]), ([0xd4, 0xc3, 0xb2, 0xa1].as_slice(), [101, 0, 0, 0].as_slice()));
    let length = u32::from_le_bytes(pcap[32..36].try_into().unwrap()) as usize;
    assert_eq!(pcap.len(), 40 + length);
    &pcap[40..]
}
