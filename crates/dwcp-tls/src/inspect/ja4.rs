//! JA4, FoxIO's fingerprint of a TLS client: BSD 3-Clause, and nothing else of the JA4+ family, whose licence is another one.

use super::assembler::HelloAssembler;
use super::code_points::{SchemeCode, SuiteCode, VersionCode};
use super::error::InspectError;
use super::hello::ClientHello;
use super::views::{ALPN, SERVER_NAME};
use dwcp_crypto::digest::sha256;
use std::fmt;

/// A JA4 fingerprint of a client over TCP: 36 ASCII characters as in `t13d1516h2_8daaf6152771_e5627efa2ab1`.
///
/// What software a client is built with, by its offer. Anybody can send the offer of somebody else: it finds and groups, it
/// proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ja4([u8; LENGTH]);

impl Ja4 {
    /// The fingerprint of the ClientHello that captured bytes of a connection begin with, as records.
    ///
    /// # Errors
    /// [`InspectError`]; [`InspectError::Incomplete`] when the capture ends before the ClientHello does.
    pub fn from_records(bytes: &[u8]) -> Result<Self, InspectError> {
        let mut assembler = HelloAssembler::new();
        assembler.push(bytes)?;
        Ok(assembler.hello()?.ja4())
    }

    pub(super) fn of(hello: &ClientHello<'_>) -> Self {
        let mut suites: Vec<u16> =
            hello.cipher_suites().filter(|suite| !suite.is_grease()).map(SuiteCode::code_point).collect();
        suites.sort_unstable();
        let mut extensions: Vec<u16> = Vec::with_capacity(USUAL);
        let mut all = 0;
        for code in hello.extensions().map(|one| one.code).filter(|code| !code.is_grease()) {
            all += 1;
            if code != SERVER_NAME && code != ALPN {
                extensions.push(code.code_point());
            }
        }
        extensions.sort_unstable();

        let mut out = [b'_'; LENGTH];
        let mut writer = out.iter_mut();
        let mut put = |text: &[u8]| text.iter().zip(&mut writer).for_each(|(byte, slot)| *slot = *byte);
        put(b"t");
        put(version(hello.highest_version()));
        put(if hello.has_server_name() { b"d" } else { b"i" });
        put(&two_digits(suites.len()));
        put(&two_digits(all));
        put(&protocol(hello.alpn().next().unwrap_or_default()));
        let mut text = Vec::with_capacity(5 * suites.len().max(USUAL));
        list(&mut text, suites.iter().copied());
        put(b"_");
        put(&short_hash(&text));
        text.clear();
        list(&mut text, extensions.iter().copied());
        let schemes = hello.signature_algorithms().into_iter().flatten();
        let mut schemes = schemes.filter(|scheme| !scheme.is_grease()).map(SchemeCode::code_point).peekable();
        if schemes.peek().is_some() {
            text.push(b'_');
            list(&mut text, schemes);
        }
        put(b"_");
        put(&short_hash(&text));
        Self(out)
    }

    /// The fingerprint as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl AsRef<str> for Ja4 {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ja4({self})")
    }
}

fn version(highest: Option<VersionCode>) -> &'static [u8; 2] {
    match highest.map(VersionCode::code_point) {
        Some(0x0304) => b"13",
        Some(0x0303) => b"12",
        Some(0x0302) => b"11",
        Some(0x0301) => b"10",
        Some(0x0300) => b"s3",
        Some(0x0002) => b"s2",
        _ => b"00",
    }
}

/// More than 99 is 99.
fn two_digits(many: usize) -> [u8; 2] {
    let many = u8::try_from(many.min(99)).unwrap_or(99);
    [b'0' + many / 10, b'0' + many % 10]
}

/// The first and the last character of the first protocol; of its hexadecimal digits where one of the two is no letter or digit.
/// GREASE is no exception here: the programs that define the fingerprint take the first protocol as it is.
fn protocol(name: &[u8]) -> [u8; 2] {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return *b"00" };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        [*first, *last]
    } else {
        [digit(first >> 4), digit(last & 0x0f)]
    }
}

/// Four digits each, with commas between them.
fn list(text: &mut Vec<u8>, numbers: impl Iterator<Item = u16>) {
    let start = text.len();
    for number in numbers {
        let [high, low] = number.to_be_bytes();
        text.extend_from_slice(&[digit(high >> 4), digit(high & 15), digit(low >> 4), digit(low & 15), b',']);
    }
    if text.len() > start {
        text.pop();
    }
}

/// The first twelve digits of SHA-256; zeros for nothing.
fn short_hash(text: &[u8]) -> [u8; 12] {
    let mut out = [b'0'; 12];
    if !text.is_empty() {
        for (slot, byte) in out.chunks_exact_mut(2).zip(sha256(text)) {
            slot.copy_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
        }
    }
    out
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' - 10 + value }
}

const LENGTH: usize = 36;

/// Room for the numbers of a browser's lists.
const USUAL: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_protocol_gives_two_characters() {
        for (name, expected) in [
            (&b"h2"[..], b"h2"),
            (b"http/1.1", b"h1"),
            (b"x", b"xx"),
            (b"", b"00"),
            (&[0xab], b"ab"),
            (&[0x20], b"20"),
            (&[0xab, 0xcd], b"ad"),
            (&[0x20, 0x61], b"21"),
            (&[0x30, 0xab], b"3b"),
            (&[0x61, 0x20], b"60"),
            (&[0x30, 0x31, 0xab, 0xcd], b"3d"),
            (&[0x30, 0xab, 0xcd, 0x31], b"01"),
        ] {
            assert_eq!(&protocol(name), expected, "{name:02x?}");
        }
    }

    #[test]
    fn the_hashes_are_those_of_the_description() {
        let hash = |text: &str| String::from_utf8(short_hash(text.as_bytes()).to_vec()).unwrap();
        let suites = "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9";
        let extensions = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01";
        let schemes = "0403,0804,0401,0503,0805,0501,0806,0601";
        assert_eq!(hash(suites), "8daaf6152771");
        assert_eq!(hash(extensions), "6d807ffa2a79");
        assert_eq!(hash(&format!("{extensions}_{schemes}")), "e5627efa2ab1");
        assert_eq!(hash(""), "000000000000");
        let mut text = Vec::new();
        list(&mut text, [0x002f, 0xcca9].into_iter());
        assert_eq!(text, b"002f,cca9");
        assert_eq!((two_digits(7), two_digits(250)), (*b"07", *b"99"));
    }
}
