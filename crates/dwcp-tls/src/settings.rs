//! What a server or a client side is told besides the policy.

use crate::compression::CertificateCompression;
use crate::early_data::{EARLY_RECORDS, EarlyData};
use crate::error::TlsError;
use crate::hello::MOST_PROTOCOLS;
use crate::key_set::SharedTickets;
use crate::policy::TlsPolicy;
use crate::resolver::{CertificateResolver, Resolving};
use crate::rules::PeerRules;
use std::sync::Arc;
use std::time::Duration;

/// Whether a client must show a certificate. There is no third choice: a certificate that is shown is always judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientAuth {
    /// No certificate, no connection.
    Required,
    /// A client without one becomes [`Peer::Anonymous`](dwcp_pki::Peer); one with a certificate that fails is refused all the same.
    Optional,
}

/// What happens with a peer that takes no part in ALPN (RFC 7301) although we offer protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WithoutAlpn {
    /// It is served with no protocol agreed on, as plain TLS tools need.
    #[default]
    Accept,
    /// It is refused.
    Refuse,
    /// It is served, and so is a client that offers other protocols alone, with none agreed on: for a listener that carries
    /// whatever its target speaks. For a client side it is the same as [`Accept`](Self::Accept).
    ///
    /// # Security
    /// ALPN then no longer keeps a client that was led astray from being served (RFC 7301 §5): that is left to the names
    /// in the certificate and to what is carried. A client that offers `acme-tls/1` alone is refused here as everywhere.
    AcceptOthers,
}

/// What happens with a client that asks for a name (`server_name`, RFC 6066 §3) which the certificate does not bear. One
/// that asks for no name is served either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnknownName {
    /// It is refused with `unrecognized_name`, before anything is shown to it: who asks for somebody else was led here, and
    /// an answer could be taken for that somebody's.
    #[default]
    Refuse,
    /// It is shown our certificate and judges by that: for names that route on the way here, and for clients that know this
    /// side by a name it does not know itself.
    Serve,
}

/// Session tickets (RFC 9846 §4.6.1). The default is [`Stateless`](Self::Stateless).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tickets {
    /// Sealed tickets, nothing kept: the key rolls every 6 h by the monotonic clock, the previous one is accepted 6 h more.
    #[default]
    Stateless,
    /// Sealed tickets that other processes with the same set open as well, where own leaf, trust and settings are the same: the key
    /// rolls every 6 h by the wall clock, the previous one is accepted 6 h more. For a client side the same as
    /// [`Stateless`](Self::Stateless).
    ///
    /// # Security
    /// The secret outlives the keys that are derived from it: who gets it opens tickets of any time. Recorded traffic stays closed,
    /// since resumption agrees on fresh keys. Clocks that are set back make old tickets open again.
    Shared(SharedTickets),
    /// None: every handshake is a full one.
    Off,
}

/// The server side: who may come in and what is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    pub(crate) client_auth: ClientAuth,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) without_alpn: WithoutAlpn,
    pub(crate) unknown_name: UnknownName,
    pub(crate) rules: PeerRules,
    pub(crate) tickets: Tickets,
    pub(crate) early_data: Option<EarlyData>,
    pub(crate) compression: CertificateCompression,
    /// Whether the root stands behind the chain.
    pub(crate) root_shown: bool,
    /// `None`: the manager's.
    pub(crate) policy: Option<TlsPolicy>,
    /// `None`: the store alone decides what is shown.
    pub(crate) resolving: Option<Resolving>,
}

impl ServerSettings {
    /// Settings with no application protocol and stateless tickets, that refuse unknown names.
    pub fn new(client_auth: ClientAuth) -> Self {
        Self {
            client_auth,
            alpn: Vec::new(),
            without_alpn: WithoutAlpn::default(),
            unknown_name: UnknownName::default(),
            rules: PeerRules::default(),
            tickets: Tickets::default(),
            early_data: None,
            compression: CertificateCompression::default(),
            root_shown: false,
            policy: None,
            resolving: None,
        }
    }

    /// Speaks one of these protocols, the first that the client offers too. A client that offers others alone is refused,
    /// with [`WithoutAlpn::AcceptOthers`] for the exception.
    ///
    /// Without this call ALPN is ignored, but for a client that offers `acme-tls/1` alone: it validates a domain, has nothing
    /// to say in a conversation (RFC 8737 §3), and is refused wherever that protocol is not listed.
    #[must_use]
    pub fn with_alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Says what happens with a client that offers no protocol at all.
    #[must_use]
    pub fn without_alpn(mut self, without_alpn: WithoutAlpn) -> Self {
        self.without_alpn = without_alpn;
        self
    }

    /// Says what happens with a client that asks for a name which the certificate does not bear.
    #[must_use]
    pub fn with_unknown_name(mut self, unknown_name: UnknownName) -> Self {
        self.unknown_name = unknown_name;
        self
    }

    /// Adds rules on clients to those that always hold; without this call there are none.
    #[must_use]
    pub fn with_rules(mut self, rules: PeerRules) -> Self {
        self.rules = rules;
        self
    }

    /// Offers what this policy has, instead of the manager's.
    #[must_use]
    pub fn with_policy(mut self, policy: TlsPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Asks `resolver` what to show to each client, for at most `deadline`, which is part of the deadline of the handshake.
    ///
    /// # Security
    /// A client that it fails for is refused. Until it has answered, a stranger who sent no more than a hello costs whatever it costs.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn CertificateResolver>, deadline: Duration) -> Self {
        self.resolving = Some(Resolving { resolver, deadline });
        self
    }

    /// Says whether chains are sent and taken compressed (RFC 8879).
    #[must_use]
    pub fn with_certificate_compression(mut self, compression: CertificateCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Shows behind each chain of the store the root that it leads to by the store's trust, which is left out otherwise (RFC 9846
    /// §4.4.2): for clients that know that root by its fingerprint alone and have yet to see it. What a resolver answers with is shown as
    /// it is.
    ///
    /// # Security
    /// A root that is shown is believed for being shown by nobody. It costs its size in each full handshake.
    #[must_use]
    pub fn with_root_shown(mut self) -> Self {
        self.root_shown = true;
        self
    }

    /// Says whether sessions can be resumed.
    #[must_use]
    pub fn with_tickets(mut self, tickets: Tickets) -> Self {
        self.tickets = tickets;
        self
    }

    /// Takes early data (0-RTT), which is off by default. Sessions are kept in this process's memory then; with shared tickets, or
    /// with none, no side is made.
    ///
    /// # Security
    /// What arrives early is not bound to this handshake; see [`TlsSession::early_data`](crate::TlsSession::early_data).
    #[must_use]
    pub fn with_early_data(mut self, early_data: EarlyData) -> Self {
        self.early_data = Some(early_data);
        self
    }

    /// What early data adds to the bytes that are read before a client is known.
    pub(crate) fn early_bytes(&self) -> usize {
        self.early_data.map_or(0, |early| usize::try_from(early.most).unwrap_or(0) + EARLY_RECORDS)
    }
}

/// The client side: what is spoken and whether sessions are resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) without_alpn: WithoutAlpn,
    pub(crate) rules: PeerRules,
    pub(crate) tickets: Tickets,
    pub(crate) streams: u16,
    pub(crate) identity: ClientIdentity,
    pub(crate) compression: CertificateCompression,
    /// `None`: the manager's.
    pub(crate) policy: Option<TlsPolicy>,
}

/// Whether a client shows its certificate to servers that ask for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientIdentity {
    /// The store's credential is shown.
    #[default]
    Credential,
    /// None is shown; servers that require one refuse.
    Anonymous,
}

impl ClientSettings {
    /// Settings with no application protocol, with resumption, showing the store's credential.
    pub fn new() -> Self {
        Self {
            alpn: Vec::new(),
            without_alpn: WithoutAlpn::default(),
            rules: PeerRules::default(),
            tickets: Tickets::default(),
            streams: 2,
            identity: ClientIdentity::default(),
            compression: CertificateCompression::default(),
            policy: None,
        }
    }

    /// Offers these protocols, most preferred first.
    #[must_use]
    pub fn with_alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Says what happens with a server that selects no protocol at all.
    #[must_use]
    pub fn without_alpn(mut self, without_alpn: WithoutAlpn) -> Self {
        self.without_alpn = without_alpn;
        self
    }

    /// Adds rules on servers to those that always hold, on top of the [`ExpectedServer`](crate::ExpectedServer) of each connection;
    /// without this call there are none.
    #[must_use]
    pub fn with_rules(mut self, rules: PeerRules) -> Self {
        self.rules = rules;
        self
    }

    /// Says how many connections to one server are to resume at once: as many of its tickets are kept, and servers are asked for
    /// what is missing (RFC 9149; 255 in one handshake). 2 by default, 1 to 1 024; what is outside counts as the bound.
    ///
    /// A server sends tickets before anything else, about 1 KiB each and from ours at most 256 KiB in one handshake: a client that asks
    /// for more than fit the buffers of its connection reads before it writes much. Ours fill whole records; from a server that
    /// cuts tickets between records no more than 64 KiB can be read at once, so that more than 50 streams are for servers of this stack.
    #[must_use]
    pub fn with_streams(mut self, streams: u16) -> Self {
        self.streams = streams.clamp(1, MOST_STREAMS);
        self
    }

    /// Offers what this policy has, instead of the manager's; an [`ExpectedServer`](crate::ExpectedServer) may have one of its own.
    #[must_use]
    pub fn with_policy(mut self, policy: TlsPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Says whether chains are sent and taken compressed (RFC 8879).
    #[must_use]
    pub fn with_certificate_compression(mut self, compression: CertificateCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Says whether sessions are resumed.
    #[must_use]
    pub fn with_tickets(mut self, tickets: Tickets) -> Self {
        self.tickets = tickets;
        self
    }

    /// Says whether the store's credential is shown.
    #[must_use]
    pub fn with_identity(mut self, identity: ClientIdentity) -> Self {
        self.identity = identity;
        self
    }
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// RFC 7301 §3.1: a name has 1 to 255 bytes. More protocols than [`MOST_PROTOCOLS`] are no offer anybody makes.
pub(crate) fn check_protocols(protocols: &[Vec<u8>]) -> Result<(), TlsError> {
    let fits = |name: &Vec<u8>| (1..=255).contains(&name.len());
    if protocols.len() <= MOST_PROTOCOLS && protocols.iter().all(fits) {
        Ok(())
    } else {
        Err(TlsError::Protocols)
    }
}

/// The most streams to one server that tickets are kept for.
const MOST_STREAMS: u16 = 1024;

/// A longer deadline is none.
pub(crate) const LONGEST_DEADLINE: Duration = Duration::from_secs(3600);

/// The default deadline of a handshake: 10 s from the first byte wanted to the last one sent.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// The largest ClientHello, with its record headers: 16 KiB.
pub const LARGEST_CLIENT_HELLO: usize = 16 * 1024;

/// The most bytes that are read from a peer before its handshake is done: 24 KiB.
pub const LARGEST_HANDSHAKE: usize = 24 * 1024;

/// The most bytes that are read from a client between its ClientHello and the end of its handshake, within [`LARGEST_HANDSHAKE`]: 10 KiB.
/// That is room for a dozen certificates with elliptic keys, or five with RSA keys of 4096 bits.
///
/// The engine keeps a message until it is whole in a buffer of up to 16 KiB, and then the chain in it beside that buffer: together they are
/// what a stranger can make this side hold.
pub const LARGEST_CLIENT_FLIGHT: usize = 10 * 1024;
