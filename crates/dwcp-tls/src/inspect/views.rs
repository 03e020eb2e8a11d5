//! What the known extensions of a ClientHello say, read once and checked.

use super::code_points::ExtensionCode;
use super::cursor::Cursor;
use super::error::{Fault, InspectError};
use super::extension::Extension;
use super::key_shares::KeyShareGroups;
use super::names::{AskedFor, Protocols, read_server_name};

/// How many tickets a client would like (RFC 9149 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketRequest {
    /// After a full handshake.
    pub new_session_count: u8,
    /// After a resumption.
    pub resumption_count: u8,
}

/// The known extensions. `None` and empty: the client did not send it.
#[derive(Clone, Debug)]
pub(super) struct Views<'a> {
    pub(super) asked_for: Option<AskedFor<'a>>,
    pub(super) has_server_name: bool,
    pub(super) alpn: Protocols<'a>,
    pub(super) versions: Option<&'a [u8]>,
    pub(super) groups: &'a [u8],
    pub(super) key_shares: KeyShareGroups<'a>,
    pub(super) schemes: Option<&'a [u8]>,
    pub(super) psk_identities: usize,
    pub(super) psk_modes: &'a [u8],
    pub(super) early_data: bool,
    pub(super) ticket_request: Option<TicketRequest>,
    pub(super) record_size_limit: Option<u16>,
    pub(super) encrypted_hello: bool,
}

impl<'a> Views<'a> {
    pub(super) fn new() -> Self {
        Self {
            asked_for: None,
            has_server_name: false,
            alpn: Protocols::none(),
            versions: None,
            groups: &[],
            key_shares: KeyShareGroups::none(),
            schemes: None,
            psk_identities: 0,
            psk_modes: &[],
            early_data: false,
            ticket_request: None,
            record_size_limit: None,
            encrypted_hello: false,
        }
    }

    /// Reads an extension where it is a known one. `last` says that none follows.
    pub(super) fn read(&mut self, extension: &Extension<'a>, last: bool) -> Result<(), InspectError> {
        let mut body = Cursor::at(extension.body, extension.offset);
        match extension.code {
            SERVER_NAME => {
                self.asked_for = Some(read_server_name(body)?);
                self.has_server_name = true;
            }
            ALPN => self.alpn = Protocols::read(body)?,
            SUPPORTED_VERSIONS => {
                let list = body.short("versions", 2, 254)?;
                body.end("versions")?;
                self.versions = Some(list.numbers("versions")?);
            }
            SUPPORTED_GROUPS => self.groups = numbers(body, "named_group_list")?,
            SIGNATURE_ALGORITHMS => self.schemes = Some(numbers(body, "supported_signature_algorithms")?),
            SIGNATURE_ALGORITHMS_CERT => {
                numbers(body, "supported_signature_algorithms")?;
            }
            KEY_SHARE => self.key_shares = KeyShareGroups::read(body)?,
            PSK_MODES => {
                self.psk_modes = body.short("ke_modes", 1, 255)?.rest();
                body.end("ke_modes")?;
            }
            PRE_SHARED_KEY if !last => return Err(body.fault("pre_shared_key", Fault::NotLast)),
            PRE_SHARED_KEY => self.psk_identities = read_psk(body)?,
            EARLY_DATA => {
                body.end("early_data")?;
                self.early_data = true;
            }
            TICKET_REQUEST => {
                let [new_session_count, resumption_count] = *body.array("ticket_request")?;
                body.end("ticket_request")?;
                self.ticket_request = Some(TicketRequest { new_session_count, resumption_count });
            }
            RECORD_SIZE_LIMIT => {
                let start = body;
                let limit = body.number("record_size_limit")?;
                body.end("record_size_limit")?;
                if limit < SMALLEST_LIMIT {
                    return Err(start.fault("record_size_limit", Fault::Value));
                }
                self.record_size_limit = Some(limit);
            }
            ENCRYPTED_CLIENT_HELLO => self.encrypted_hello = true,
            _ => {}
        }
        Ok(())
    }
}

/// A list of numbers with a length of two bytes: at least one, and nothing behind it.
fn numbers<'a>(mut body: Cursor<'a>, field: &'static str) -> Result<&'a [u8], InspectError> {
    let list = body.long(field, 2)?;
    body.end(field)?;
    list.numbers(field)
}

/// RFC 9846 §4.2.11: identities, and as many binders. Returns how many.
fn read_psk(mut body: Cursor<'_>) -> Result<usize, InspectError> {
    let mut identities = body.long("identities", 7)?;
    let mut many = 0;
    while !identities.is_empty() {
        identities.long("identity", 1)?;
        identities.take(4, "obfuscated_ticket_age")?;
        many += 1;
    }
    let mut binders = body.long("binders", 33)?;
    let start = binders;
    body.end("pre_shared_key")?;
    let mut bound = 0;
    while !binders.is_empty() {
        binders.short("binder", 32, 255)?;
        bound += 1;
    }
    if bound == many { Ok(many) } else { Err(start.fault("binders", Fault::Value)) }
}

macro_rules! known {
    ($($name:ident = $number:literal;)*) => { $(pub(super) const $name: ExtensionCode = ExtensionCode::of($number);)* };
}

known! {
    SERVER_NAME = 0;
    SUPPORTED_GROUPS = 10;
    SIGNATURE_ALGORITHMS = 13;
    ALPN = 16;
    RECORD_SIZE_LIMIT = 28;
    PRE_SHARED_KEY = 41;
    EARLY_DATA = 42;
    SUPPORTED_VERSIONS = 43;
    PSK_MODES = 45;
    SIGNATURE_ALGORITHMS_CERT = 50;
    KEY_SHARE = 51;
    TICKET_REQUEST = 58;
    ENCRYPTED_CLIENT_HELLO = 0xfe0d;
}

/// RFC 8449 §4: smaller limits are no limits.
const SMALLEST_LIMIT: u16 = 64;
