#![doc = include_str!("../README.md")]

mod active;
mod alert;
mod bounded_io;
mod capabilities;
mod clock;
mod connector;
mod context;
mod error;
mod expected;
mod facts;
mod failure;
mod farewell;
mod first_bytes;
mod group;
mod hello;
mod hybrid;
pub mod inspect;
mod judge;
mod key_log;
mod manager;
mod offer;
mod phases;
mod policy;
mod presented;
mod progress;
mod provider;
mod refusal;
mod session;
mod settings;
mod settle;
mod signatures;
mod signing;
mod suite;
mod ticket_key;
mod tickets;
mod transcript;
mod verify_client;
mod verify_server;

pub use alert::Alert;
pub use capabilities::{Capabilities, ciphers};
pub use connector::TlsConnector;
pub use context::TlsContext;
pub use error::TlsError;
pub use expected::ExpectedServer;
pub use facts::{HandshakeFacts, HandshakeState, Resumption};
pub use group::{Group, PostQuantum};
pub use hello::{ClientOffer, Inspected, MOST_PROTOCOLS};
pub use inspect::{ClientHello, TlsRecord};
#[cfg(feature = "keylog")]
pub use key_log::KeyLogLines;
pub use key_log::KeyLogging;
pub use manager::TlsManager;
pub use phases::HandshakeTimes;
pub use policy::{PolicyError, TlsPolicy};
pub use presented::presented_by;
pub use session::TlsSession;
pub use settings::{
    ClientAuth, ClientIdentity, ClientSettings, HANDSHAKE_DEADLINE, LARGEST_CLIENT_FLIGHT,
    LARGEST_CLIENT_HELLO, LARGEST_HANDSHAKE, ServerSettings, Tickets, UnknownName, WithoutAlpn,
};
pub use suite::CipherSuite;

/// Who a peer is, from `dwcp-pki`.
pub use dwcp_pki::{Peer, PeerIdentity};
