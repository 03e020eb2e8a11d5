//! What a client offered, as the server read it before it chose anything.

use crate::group::Group;
use crate::inspect::{HelloAssembler, InspectError, Ja4, Weaknesses};
use crate::signing::is_verifiable;
use dwcp_crypto::KeyType;

/// The offer of a client (RFC 9846 §4.1.2): everything in it is unauthenticated and chosen by the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOffer {
    server_name: Option<String>,
    alpn: Vec<Vec<u8>>,
    groups: Vec<Group>,
    key_types: Vec<KeyType>,
    inspected: Result<Inspected, InspectError>,
}

/// What a look at the bytes of a ClientHello tells (`inspect`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspected {
    /// The fingerprint of the client's software. Anybody can send the offer of somebody else.
    pub ja4: Ja4,
    /// What is weak about the offer. Nothing of it was agreed on.
    pub weaknesses: Weaknesses,
}

/// What is read from the bytes themselves, at one go, since the engine keeps part of it to itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    inspected: Inspected,
    pub(crate) offers_tls13: bool,
    /// Whether there is a key share, for each of [`Group::ALL`].
    shares: [bool; Group::ALL.len()],
}

impl Look {
    /// Looks at the first bytes of a connection.
    pub(crate) fn at(bytes: &[u8]) -> Result<Self, InspectError> {
        let mut assembler = HelloAssembler::new();
        assembler.push(bytes)?;
        let hello = assembler.hello()?;
        let shared = |group: Group| hello.key_share_groups().any(|shared| shared.known() == Some(group));
        Ok(Self {
            inspected: Inspected { ja4: hello.ja4(), weaknesses: hello.weaknesses() },
            offers_tls13: hello.offers_tls13(),
            shares: Group::ALL.map(shared),
        })
    }

    pub(crate) fn inspected(&self) -> Inspected {
        self.inspected
    }

    pub(crate) fn has_share(&self, group: Group) -> bool {
        Group::ALL.iter().zip(self.shares).any(|(known, shared)| *known == group && shared)
    }
}

impl ClientOffer {
    /// The DNS name that was asked for (RFC 6066 §3), lower case, at most 253 bytes.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The application protocols on offer (RFC 7301), most preferred first; the first [`MOST_PROTOCOLS`] of them.
    pub fn alpn(&self) -> &[Vec<u8>] {
        &self.alpn
    }

    /// Those groups of the offer that are known here, most preferred first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The kinds of key whose signatures the client can check, of those that a credential can have.
    pub fn key_types(&self) -> &[KeyType] {
        &self.key_types
    }

    /// What a look at the same bytes told, before the handshake went on.
    ///
    /// # Errors
    /// [`InspectError`] where the look is stricter than the engine, which accepted the hello.
    pub fn inspected(&self) -> Result<Inspected, InspectError> {
        self.inspected
    }

    /// From what the engine says, and from a look at the same bytes.
    pub(crate) fn read(hello: &rustls::server::ClientHello<'_>, look: &Result<Look, InspectError>) -> Self {
        let alpn = hello.alpn().into_iter().flatten().take(MOST_PROTOCOLS).map(<[u8]>::to_vec).collect();
        let offered = hello.named_groups().unwrap_or_default();
        let groups = Group::ALL.into_iter().filter(|group| offered.contains(&group.named()));
        let mut groups: Vec<_> = groups.collect();
        groups.sort_by_key(|group| offered.iter().position(|named| *named == group.named()));
        let verifies = |key: &KeyType| is_verifiable(*key, hello.signature_schemes());
        Self {
            server_name: hello.server_name().map(str::to_ascii_lowercase),
            alpn,
            groups,
            key_types: KEY_TYPES.into_iter().filter(verifies).collect(),
            inspected: look.map(|look| look.inspected),
        }
    }
}

const KEY_TYPES: [KeyType; 4] = [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519, KeyType::Rsa];

/// How many application protocols of an offer are kept: enough for any honest client.
pub const MOST_PROTOCOLS: usize = 16;
