//! A ServerHello: what a server chose, or what it asks for.

use super::code_points::{GroupCode, SuiteCode, VersionCode};
use super::cursor::Cursor;
use super::error::{Fault, InspectError};

/// What a server chooses, or asks for by a HelloRetryRequest (RFC 9846 §4.1.3, §4.1.4). It is for saying what came of an offer: the
/// engine reads the same message by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerHello {
    version: VersionCode,
    suite: SuiteCode,
    group: Option<GroupCode>,
    retry: bool,
}

impl ServerHello {
    /// Reads a handshake message, with its header of 4 bytes, that may be followed by others in the same record. At most
    /// 32 extensions are read.
    ///
    /// # Errors
    /// [`InspectError::NotServerHello`] for another message, [`InspectError::Malformed`] with field and offset.
    pub fn parse(message: &[u8]) -> Result<Self, InspectError> {
        let mut message = Cursor::new(message);
        match message.byte("message type")? {
            SERVER_HELLO => {}
            other => return Err(InspectError::NotServerHello(other)),
        }
        let [high, middle, low] = *message.array("message length")?;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let offset = message.offset();
        let mut body = Cursor::at(message.take(length, "message")?, offset);
        let version = body.number("legacy version")?;
        let retry = body.array("random")? == &HELLO_RETRY_REQUEST;
        body.short("session id", 0, 32)?;
        let suite = body.number("cipher suite")?;
        body.byte("compression method")?;
        let (version, suite) = (VersionCode::from(version), SuiteCode::from(suite));
        let mut hello = Self { version, suite, group: None, retry };
        // A server of TLS 1.2 may say no more (RFC 5246 §7.4.1.3).
        if body.is_empty() {
            return Ok(hello);
        }
        let mut extensions = body.long("extensions", 0)?;
        body.end("message")?;
        for _ in 0..MOST_EXTENSIONS {
            if extensions.is_empty() {
                return Ok(hello);
            }
            let code = extensions.number("extension type")?;
            let mut data = extensions.long("extension", 0)?;
            match code {
                SUPPORTED_VERSIONS => hello.version = VersionCode::from(data.number("selected version")?),
                KEY_SHARE => hello.group = Some(GroupCode::from(data.number("group")?)),
                _ => {}
            }
        }
        Err(extensions.fault("extensions", Fault::TooLong))
    }

    /// The version that was chosen.
    pub fn version(&self) -> VersionCode {
        self.version
    }

    /// The suite that was chosen.
    pub fn suite(&self) -> SuiteCode {
        self.suite
    }

    /// The group of its key share, or the one that it asks for; TLS 1.2 tells it later.
    pub fn group(&self) -> Option<GroupCode> {
        self.group
    }

    /// Whether it is a HelloRetryRequest.
    pub fn asks_to_retry(&self) -> bool {
        self.retry
    }
}

/// More than any server has to say.
const MOST_EXTENSIONS: usize = 32;
const SERVER_HELLO: u8 = 2;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// RFC 9846 §4.1.3: SHA-256 of "HelloRetryRequest".
const HELLO_RETRY_REQUEST: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(random: &[u8; 32], version: u16, suite: u16, extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [&version.to_be_bytes()[..], random, &[0], &suite.to_be_bytes(), &[0]].concat();
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let list: Vec<u8> = extensions
            .iter()
            .flat_map(|(code, data)| [&code.to_be_bytes()[..], &length(data), data].concat())
            .collect();
        if !extensions.is_empty() {
            body = [&body[..], &length(&list), &list].concat();
        }
        let size = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[2], &size[1..], &body].concat()
    }

    const TLS13: (u16, &[u8]) = (43, &[3, 4]);

    #[test]
    fn what_a_server_chose_is_read_from_its_hello() {
        let share = [&[0x11, 0xec, 0, 4][..], &[7; 4]].concat();
        for (message, version, suite, group, retry) in [
            (hello(&[9; 32], 0x0303, 0x1302, &[TLS13, (51, &share)]), 0x0304, 0x1302, Some(0x11ec), false),
            (
                hello(&HELLO_RETRY_REQUEST, 0x0303, 0x1301, &[TLS13, (51, &[0, 23])]),
                0x0304,
                0x1301,
                Some(23),
                true,
            ),
            (hello(&[9; 32], 0x0303, 0xc02f, &[]), 0x0303, 0xc02f, None, false),
        ] {
            let read = ServerHello::parse(&message).unwrap();
            assert_eq!((read.version().code_point(), read.suite().code_point()), (version, suite));
            assert_eq!((read.group().map(GroupCode::code_point), read.asks_to_retry()), (group, retry));
            let followed = [&message[..], &[8, 0, 0, 2, 0, 0]].concat();
            assert_eq!(ServerHello::parse(&followed), Ok(read), "another message in the same record");
        }
    }

    #[test]
    fn no_cut_and_no_flip_of_a_hello_makes_it_panic() {
        let share = [&[0, 29, 0, 32][..], &[7; 32]].concat();
        let good = hello(&[9; 32], 0x0303, 0x1302, &[TLS13, (51, &share)]);
        for end in 0..good.len() {
            assert!(ServerHello::parse(&good[..end]).is_err(), "{end}");
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[end] ^= 1 << bit;
                let _ = ServerHello::parse(&bad);
            }
        }
    }

    #[test]
    fn other_messages_and_endless_lists_are_refused() {
        assert_eq!(ServerHello::parse(&[1, 0, 0, 0]), Err(InspectError::NotServerHello(1)));
        let many = vec![(9, &[][..]); 33];
        let fault = ServerHello::parse(&hello(&[9; 32], 0x0303, 0x1301, &many)).unwrap_err();
        assert!(matches!(fault, InspectError::Malformed { field: "extensions", fault: Fault::TooLong, .. }));
    }
}
