#![doc = include_str!("../README.md")]

mod active;
mod alert;
mod bounded_io;
mod capabilities;
mod challenge;
mod clock;
mod compression;
mod connection_sessions;
mod connector;
mod context;
mod early_data;
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
mod key_set;
mod manager;
mod offer;
mod phases;
mod policies;
mod policy;
mod preference;
mod presented;
mod progress;
mod provider;
mod refusal;
mod resolver;
mod rules;
mod serving;
mod session;
mod session_ticket;
mod settings;
mod settle;
mod shared_ticketer;
mod shelf;
mod signatures;
mod signing;
mod stateful;
mod suite;
mod ticket_binding;
mod ticket_key;
mod ticket_trace;
mod ticketing;
mod tickets;
mod transcript;
mod trial;
mod trial_error;
mod trial_verifier;
mod vault;
mod verify_client;
mod verify_server;
mod weak_offer;

pub use alert::Alert;
pub use capabilities::{Capabilities, ciphers};
pub use compression::CertificateCompression;
pub use connector::TlsConnector;
pub use context::TlsContext;
pub use early_data::{EarlyConnected, EarlyData, EarlyDataError};
pub use error::TlsError;
pub use expected::ExpectedServer;
pub use facts::{HandshakeFacts, HandshakeState, Resumption};
pub use group::{Group, PostQuantum};
pub use hello::{ClientOffer, Inspected, MOST_PROTOCOLS};
pub use inspect::{ClientHello, TlsRecord};
#[cfg(feature = "keylog")]
pub use key_log::KeyLogLines;
pub use key_log::KeyLogging;
pub use key_set::{SharedTickets, TicketKeySet, TicketKeysError};
pub use manager::TlsManager;
pub use phases::HandshakeTimes;
pub use policy::{PolicyError, TlsPolicy};
pub use presented::{ShownCertificates, presented_by, shown_by};
pub use resolver::{CertificateResolver, Resolved, ResolverError};
pub use rules::{
    BadRuleCode, CheckRefusal, MOST_PINS, MOST_RULES, PeerCheck, PeerRule, PeerRules, RuleCode, RuleOutcome,
    RuleRefusal, RuleVerdict, Shown,
};
pub use session::TlsSession;
pub use session_ticket::{SessionTicket, TicketKeyName, TicketSource};
pub use settings::{
    ClientAuth, ClientIdentity, ClientSettings, HANDSHAKE_DEADLINE, LARGEST_CLIENT_FLIGHT,
    LARGEST_CLIENT_HELLO, LARGEST_HANDSHAKE, ServerSettings, Tickets, UnknownName, WithoutAlpn,
};
pub use suite::CipherSuite;
pub use trial::HandshakeTrial;
pub use trial_error::TrialError;

/// Who a peer is, from `dwcp-pki`.
pub use dwcp_pki::{Peer, PeerIdentity};
