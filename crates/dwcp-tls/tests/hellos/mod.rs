//! ClientHellos to be read: those that others captured, and some built by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each file uses its part")]

/// A line of the vectors.
pub struct Captured {
    pub name: &'static str,
    pub ja4: Option<&'static str>,
    pub highest: &'static str,
    pub server_name: Option<&'static str>,
    pub alpn: Vec<&'static str>,
    /// As on the wire, in records.
    pub records: Vec<u8>,
}

impl Captured {
    /// The handshake message: each of these captures has it in one record.
    pub fn message(&self) -> &[u8] {
        &self.records[5..]
    }
}

pub fn captured() -> Vec<Captured> {
    include_str!("../vectors/client-hellos/hellos.txt").lines().map(line).collect()
}

fn line(line: &'static str) -> Captured {
    let fields: Vec<&str> = line.split(" | ").collect();
    let [name, ja4, highest, server_name, alpn, hex] = fields[..] else { panic!("{line}") };
    let given = |field: &'static str| (field != "-").then_some(field);
    Captured {
        name,
        ja4: given(ja4),
        highest,
        server_name: given(server_name),
        alpn: given(alpn).into_iter().flat_map(|list| list.split(',')).collect(),
        records: hex.as_bytes().chunks(2).map(byte).collect(),
    }
}

fn byte(digits: &[u8]) -> u8 {
    u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
}

pub fn vector(width: usize, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[4 - width..], body].concat()
}

pub fn numbers(width: usize, list: &[u16]) -> Vec<u8> {
    let bytes: Vec<u8> = list.iter().flat_map(|number| number.to_be_bytes()).collect();
    vector(width, &bytes)
}

pub fn extension(number: u16, body: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &vector(2, body)].concat()
}

pub fn host(name: &[u8]) -> Vec<u8> {
    vector(2, &[&[0][..], &vector(2, name)].concat())
}

/// A handshake message with these suites and extensions.
pub fn message(suites: &[u16], extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = vector(2, &extensions.concat());
    let body = [&[3, 3][..], &[7; 32], &[0], &numbers(2, suites), &vector(1, &[0]), &extensions].concat();
    [&[1][..], &vector(3, &body)].concat()
}

/// Where the content of the first extension of a [`message`] begins.
pub fn first_body(suites: &[u16]) -> usize {
    4 + 2 + 32 + 1 + 2 + 2 * suites.len() + 2 + 2 + 4
}

/// What a client of today offers, as extensions: versions, groups, schemes.
pub fn modern() -> Vec<Vec<u8>> {
    vec![
        extension(43, &numbers(1, &[0x0304])),
        extension(10, &numbers(2, &[0x11ec, 0x1d])),
        extension(13, &numbers(2, &[0x0403, 0x0804])),
    ]
}

/// Puts `message` into records of at most `most` bytes.
pub fn records(message: &[u8], most: usize) -> Vec<u8> {
    message
        .chunks(most)
        .flat_map(|part| [&[22, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat())
        .collect()
}
