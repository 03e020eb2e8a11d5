//! The ClientHello, field by field.

use super::assembler::{CLIENT_HELLO, LARGEST_MESSAGE};
use super::code_points::{CodePoints, GroupCode, SchemeCode, SuiteCode, VersionCode};
use super::cursor::Cursor;
use super::error::{Fault, InspectError};
use super::extension::{self, Extensions, Seen};
use super::ja4::Ja4;
use super::key_shares::KeyShareGroups;
use super::names::{AskedFor, Protocols};
use super::views::{TicketRequest, Views};
use super::weak::Weaknesses;
use std::fmt;
use std::net::IpAddr;

/// The first message of a client (RFC 9846 §4.1.2; RFC 5246 §7.4.1.2 before it), borrowed from its bytes.
///
/// Everything in it is unauthenticated and chosen by whoever sent it. Numbers that mean nothing (GREASE, RFC 8701) are
/// in the lists as they came; `is_grease` tells them apart.
#[derive(Clone)]
pub struct ClientHello<'a> {
    legacy_version: VersionCode,
    random: &'a [u8; 32],
    session_id: &'a [u8],
    suites: &'a [u8],
    compression: &'a [u8],
    extensions: Extensions<'a>,
    views: Views<'a>,
}

impl<'a> ClientHello<'a> {
    /// Reads a handshake message with its header of four bytes, as [`HelloAssembler`](super::HelloAssembler) gives it.
    ///
    /// Nothing is allocated. Every field that has a method here is checked, whoever asks for it or not; extensions without one
    /// are kept as they are.
    ///
    /// # Errors
    /// [`InspectError`] with field and offset: anything cut off, left over, too long or there twice; lists that are empty where
    /// the standard has no empty ones; more than [`MOST_EXTENSIONS`](super::MOST_EXTENSIONS) extensions.
    pub fn parse(message: &'a [u8]) -> Result<Self, InspectError> {
        let length = message.len();
        if length > LARGEST_MESSAGE {
            return Err(InspectError::HelloOversized { length, limit: LARGEST_MESSAGE });
        }
        let mut hello = Cursor::new(message);
        let msg_type = hello.byte("msg_type")?;
        if msg_type != CLIENT_HELLO {
            return Err(InspectError::NotClientHello(msg_type));
        }
        let start = hello;
        let [high, middle, low] = *hello.array("length")?;
        let announced = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        match announced.cmp(&hello.rest().len()) {
            std::cmp::Ordering::Greater => return Err(start.fault("length", Fault::Cut)),
            std::cmp::Ordering::Less => return Err(start.fault("length", Fault::LeftOver)),
            std::cmp::Ordering::Equal => {}
        }
        let legacy_version = VersionCode::from(hello.number("legacy_version")?);
        let random = hello.array("random")?;
        let session_id = hello.short("legacy_session_id", 0, 32)?.rest();
        let suites = hello.long("cipher_suites", 2)?.numbers("cipher_suites")?;
        let compression = hello.short("legacy_compression_methods", 1, 255)?.rest();
        // Before TLS 1.3 a hello may end here (RFC 5246 §7.4.1.2).
        let mut extensions = Cursor::at(&[], hello.offset());
        if !hello.is_empty() {
            extensions = hello.long("extensions", 0)?;
            hello.end("extensions")?;
        }
        let views = read_extensions(extensions)?;
        let extensions = Extensions::new(extensions);
        Ok(Self { legacy_version, random, session_id, suites, compression, extensions, views })
    }

    /// `legacy_version`: TLS 1.2 in every hello of TLS 1.3, the highest version in older ones.
    pub fn legacy_version(&self) -> VersionCode {
        self.legacy_version
    }

    /// The random of the client.
    pub fn random(&self) -> &'a [u8; 32] {
        self.random
    }

    /// `legacy_session_id`, up to 32 bytes.
    pub fn session_id(&self) -> &'a [u8] {
        self.session_id
    }

    /// The cipher suites, most preferred first; signals are among them.
    pub fn cipher_suites(&self) -> CodePoints<'a, SuiteCode> {
        CodePoints::new(self.suites)
    }

    /// The compression methods: a single 0 in every honest hello of today.
    pub fn compression_methods(&self) -> &'a [u8] {
        self.compression
    }

    /// All extensions in their order, unread.
    pub fn extensions(&self) -> Extensions<'a> {
        self.extensions.clone()
    }

    /// The DNS name that is asked for (RFC 6066 §3), in the case of the client, at most 253 bytes without a dot at the end.
    pub fn server_name(&self) -> Option<&'a str> {
        match self.views.asked_for {
            Some(AskedFor::Name(name)) => Some(name),
            _ => None,
        }
    }

    /// The address that is asked for where only a name may be. Servers treat such a hello as one that asks for no name.
    pub fn server_address(&self) -> Option<IpAddr> {
        match self.views.asked_for {
            Some(AskedFor::Address(address)) => Some(address),
            _ => None,
        }
    }

    /// The application protocols (RFC 7301), most preferred first.
    pub fn alpn(&self) -> Protocols<'a> {
        self.views.alpn.clone()
    }

    /// `supported_versions` (RFC 9846 §4.2.1), most preferred first; `None` when the client did not send it.
    pub fn supported_versions(&self) -> Option<CodePoints<'a, VersionCode>> {
        self.views.versions.map(CodePoints::new)
    }

    /// The highest version on offer: of `supported_versions` without GREASE, else `legacy_version`. Drafts have higher numbers
    /// than any version. `None` for a list of nothing but GREASE.
    pub fn highest_version(&self) -> Option<VersionCode> {
        match self.supported_versions() {
            Some(versions) => versions.filter(|version| !version.is_grease()).max(),
            None => Some(self.legacy_version),
        }
    }

    /// Whether TLS 1.3 is among the versions: it can be in `supported_versions` alone (RFC 9846 §4.2.1).
    pub fn offers_tls13(&self) -> bool {
        self.supported_versions().is_some_and(|mut versions| versions.any(|one| one == VersionCode::TLS13))
    }

    /// `supported_groups` (RFC 9846 §4.2.7), most preferred first.
    pub fn supported_groups(&self) -> CodePoints<'a, GroupCode> {
        CodePoints::new(self.views.groups)
    }

    /// The groups that a key came for (RFC 9846 §4.2.8).
    pub fn key_share_groups(&self) -> KeyShareGroups<'a> {
        self.views.key_shares.clone()
    }

    /// `signature_algorithms` (RFC 9846 §4.2.3), most preferred first; `None` when the client did not send it.
    pub fn signature_algorithms(&self) -> Option<CodePoints<'a, SchemeCode>> {
        self.views.schemes.map(CodePoints::new)
    }

    /// How many pre-shared keys or tickets are on offer (RFC 9846 §4.2.11).
    pub fn psk_identities(&self) -> usize {
        self.views.psk_identities
    }

    /// `psk_key_exchange_modes` (RFC 9846 §4.2.9): 0 without and 1 with a fresh key exchange.
    pub fn psk_modes(&self) -> &'a [u8] {
        self.views.psk_modes
    }

    /// Whether the client means to send data before the handshake is done (RFC 9846 §4.2.10).
    pub fn early_data(&self) -> bool {
        self.views.early_data
    }

    /// How many tickets the client would like (RFC 9149).
    pub fn ticket_request(&self) -> Option<TicketRequest> {
        self.views.ticket_request
    }

    /// The largest record the client reads (RFC 8449), 64 bytes and up.
    pub fn record_size_limit(&self) -> Option<u16> {
        self.views.record_size_limit
    }

    /// Whether there is an encrypted ClientHello inside, or what looks like one: clients send lookalikes on purpose.
    pub fn encrypted_client_hello(&self) -> bool {
        self.views.encrypted_hello
    }

    /// What is weak about the offer.
    pub fn weaknesses(&self) -> Weaknesses {
        Weaknesses::of(self)
    }

    /// Its JA4 fingerprint, for TLS over TCP.
    pub fn ja4(&self) -> Ja4 {
        Ja4::of(self)
    }

    /// Whether there is a `server_name`, with a name or with an address.
    pub(super) fn has_server_name(&self) -> bool {
        self.views.has_server_name
    }
}

fn read_extensions(mut extensions: Cursor<'_>) -> Result<Views<'_>, InspectError> {
    let (mut seen, mut views) = (Seen::new(), Views::new());
    while !extensions.is_empty() {
        let offset = extensions.offset();
        let extension = extension::read(&mut extensions)?;
        seen.note(extension.code, offset)?;
        views.read(&extension, extensions.is_empty())?;
    }
    Ok(views)
}

impl fmt::Debug for ClientHello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHello")
            .field("legacy_version", &self.legacy_version)
            .field("server_name", &self.server_name())
            .field("suites", &self.cipher_suites().len())
            .field("extensions", &self.extensions().count())
            .field("weaknesses", &self.weaknesses())
            .finish_non_exhaustive()
    }
}
