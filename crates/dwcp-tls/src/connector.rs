//! The client side: connects to expected servers under the newest generation.

use crate::bounded_io::BoundedIo;
use crate::clock::EngineClock;
use crate::connection_sessions::{ConnectionSessions, StillGood, Ticket, tickets_of};
use crate::early_data::EarlyConnected;
use crate::error::TlsError;
use crate::expected::ExpectedServer;
use crate::facts::HandshakeState;
use crate::farewell;
use crate::judge::Judge;
use crate::manager::Shared;
use crate::phases::Laps;
use crate::progress::Progress;
use crate::provider::provider;
use crate::refusal::{Refusal, RefusalSlot};
use crate::session::TlsSession;
use crate::session_ticket::SessionTicket;
use crate::settings::{
    ClientIdentity, ClientSettings, LARGEST_HANDSHAKE, LONGEST_DEADLINE, Tickets, check_protocols,
};
use crate::settle::Settling;
use crate::signatures::Signatures;
use crate::signing::resolver;
use crate::vault::{ShelfId, Vault};
use crate::verify_server::{ServerVerifier, Staple, judge_server};
use dwcp_pki::{IdentityKind, Peer};
use rustls::client::Resumption as Sessions;
use rustls::{ClientConfig, HandshakeKind, version::TLS13};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsStream;

/// A client side that follows its certificate store. Clones share everything, sessions included.
///
/// Tickets are kept per expected server, as many as [`with_streams`](ClientSettings::with_streams) says but at least 8, for the 256
/// servers dialled first since: at most 16 384 tickets and 32 MiB in all, the oldest out first. Each is used once
/// (RFC 9846 §C.4), none after 7 days or the lifetime that its server gave it, and all go when the store's generation changes.
#[derive(Clone)]
pub struct TlsConnector {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    settings: ClientSettings,
    destinations: Mutex<Destinations>,
    vault: Arc<Vault<Ticket>>,
}

/// The configurations of one generation, by expected server.
#[derive(Default)]
struct Destinations {
    generation: u64,
    configs: HashMap<ExpectedServer, Destination>,
    order: VecDeque<ExpectedServer>,
}

/// The configuration for one expected server, and where its tickets are.
#[derive(Clone)]
struct Destination {
    config: Arc<ClientConfig>,
    shelf: ShelfId,
}

impl TlsConnector {
    pub(crate) fn new(shared: Arc<Shared>, settings: ClientSettings) -> Result<Self, TlsError> {
        check_protocols(&settings.alpn)?;
        settings.rules.check()?;
        let shows = settings.identity == ClientIdentity::Credential;
        if shows && shared.store.current().kind() == IdentityKind::Public {
            return Err(TlsError::PublicIdentity);
        }
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                settings,
                destinations: Mutex::default(),
                vault: Arc::default(),
            }),
        })
    }

    /// Shakes hands with the server at the other end of `io`, all of it within `deadline`
    /// ([`HANDSHAKE_DEADLINE`](crate::HANDSHAKE_DEADLINE) is the default of the stack, an hour the longest that is waited).
    ///
    /// At most [`LARGEST_HANDSHAKE`] bytes are read before the server is known. A session that is resumed is judged
    /// again, as of now.
    ///
    /// # Errors
    /// [`TlsError`]. After one that [asks for a full handshake](TlsError::asks_for_a_full_handshake), or when a resumed session ends before
    /// the first answer, call [`forget`](Self::forget) and connect once more: that handshake will be a full one.
    ///
    /// # Security
    /// A client of TLS 1.3 is done before the server has seen its certificate. Success here proves who the server is, not
    /// that it accepts us; that shows in what it sends first.
    pub async fn connect<IO>(
        &self,
        io: IO,
        expected: &ExpectedServer,
        deadline: Duration,
    ) -> Result<TlsSession<IO>, TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.shake(io, expected, &[], deadline).await.map(|connected| connected.session)
    }

    /// As [`connect`](Self::connect), with `bytes` in the first flight (0-RTT, RFC 9846 §2.3) as far as a kept ticket allows. Says how
    /// many the server took, and hands back the rest, to be written to the session. The server of the ticket is judged as of now before
    /// anything is said to it; when it is not accepted any more the handshake is a full one, with nothing sent early.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); the server may have acted by the bytes all the same. One that lost the session, as after a restart, may
    /// skip less of them than the ticket allowed (one of this stack half as much, or less where segments are small) and break the
    /// handshake off, here or at the first read. The other tickets for it are dropped then: dial once more.
    ///
    /// # Security
    /// Early data has no forward secrecy, and nothing but the server's memory keeps it from being replayed there: send what may
    /// arrive twice.
    pub async fn connect_with_early_data<'a, IO>(
        &self,
        io: IO,
        expected: &ExpectedServer,
        bytes: &'a [u8],
        deadline: Duration,
    ) -> Result<EarlyConnected<'a, IO>, TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.shake(io, expected, bytes, deadline).await
    }

    async fn shake<'a, IO>(
        &self,
        io: IO,
        expected: &ExpectedServer,
        early: &'a [u8],
        deadline: Duration,
    ) -> Result<EarlyConnected<'a, IO>, TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = deadline.min(LONGEST_DEADLINE);
        let clock = &*self.inner.shared.clock;
        let mut laps = Laps::begin(clock);
        let progress = Progress::starting(HandshakeState::AwaitingAnswer);
        let destination = self.inner.destination(expected)?;
        let (config, sessions) = self.inner.for_one_connection(destination, expected, early);
        laps.times.choosing = laps.lap(clock);
        let refusal = RefusalSlot::default();
        let bounded = BoundedIo::new(io, LARGEST_HANDSHAKE).counted_by(sessions.wire());
        let mut sent = 0;
        let connect = tokio_rustls::TlsConnector::from(config)
            .connect_with(expected.engine_name()?, bounded, |engine| {
                // Without a ticket that allows it there is nothing to write to.
                if let Some(mut first_flight) = engine.early_data().filter(|_| !early.is_empty()) {
                    sent = first_flight.write(early).unwrap_or(0);
                }
            })
            .into_fallible();
        let connect = Box::pin(connect);
        let stream = match timeout(deadline, refusal.watch(progress.watch(connect))).await {
            Err(_) => return Err(TlsError::Timeout { deadline, state: progress.state() }),
            Ok(Ok(stream)) => stream,
            Ok(Err((error, io))) => {
                if sent > 0 {
                    sessions.are_unknown();
                }
                farewell::linger(io).await;
                return Err(TlsError::from_handshake(error, progress.state(), refusal.take()));
            }
        };
        let engine = stream.get_ref().1;
        let accepted = if engine.is_early_data_accepted() { sent } else { 0 };
        if sent > 0 && engine.handshake_kind() != Some(HandshakeKind::Resumed) {
            sessions.are_unknown();
        }
        // The world may have changed while the two shook hands: judge by what the store holds now.
        let judge = self.inner.shared.judge();
        let settling = Settling {
            clock,
            laps,
            progress,
            server_name: expected.asked_for(),
            hello: None,
            alpn_offered: &self.inner.settings.alpn,
            without_alpn: self.inner.settings.without_alpn,
            generation: judge.generation.number(),
        };
        let rules = &self.inner.settings.rules;
        let settled = settling.settle(TlsStream::from(stream), |chain, facts| {
            sessions.chain_is(chain);
            let refused = |refusal: Refusal| refusal.into_error(facts.resumed);
            let peer = judge_server(&judge, expected, rules, chain, Staple::Remembered)
                .map(Peer::Identified)
                .map_err(refused)?;
            let group = rules.judge_group(&peer, facts.group);
            group.map_err(|rule| refused(Refusal::Rule { rule, peer: peer.label() }))?;
            Ok(peer)
        });
        let session = match settled {
            Ok(session) => session,
            Err(unsettled) => return Err(unsettled.leave().await),
        };
        Ok(EarlyConnected { session, accepted, rest: early.get(accepted..).unwrap_or_default() })
    }

    /// What may be known of the tickets that are kept for one server, newest first. Those that expired are not among them.
    pub fn tickets(&self, expected: &ExpectedServer) -> Vec<SessionTicket> {
        let shelf = {
            let destinations = self.inner.destinations.lock().unwrap_or_else(PoisonError::into_inner);
            // Tickets of an older generation are not used: they are dropped with the next connection.
            if destinations.generation != self.inner.shared.store.number() {
                return Vec::new();
            }
            destinations.configs.get(expected).map(|destination| destination.shelf)
        };
        let now = self.inner.shared.clock.unix();
        shelf.map(|shelf| tickets_of(&self.inner.vault, shelf, now)).unwrap_or_default()
    }

    /// Drops the tickets for one server, those that connections of now still bring included, so that the next handshake with it is a full one.
    pub fn forget(&self, expected: &ExpectedServer) {
        let mut destinations = self.inner.destinations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = destinations.configs.remove(expected) {
            self.inner.vault.close(known.shelf);
        }
        destinations.order.retain(|known| known != expected);
    }

    /// The settings in force.
    pub fn settings(&self) -> &ClientSettings {
        &self.inner.settings
    }
}

impl Inner {
    fn destination(&self, expected: &ExpectedServer) -> Result<Destination, TlsError> {
        let mut destinations = self.destinations.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that whoever was held up brings no older generation back and drops the newer one's tickets.
        let judge = self.shared.judge();
        if destinations.generation != judge.generation.number() {
            *destinations = Destinations { generation: judge.generation.number(), ..Destinations::default() };
            self.vault.clear();
        }
        if let Some(known) = destinations.configs.get(expected) {
            return Ok(known.clone());
        }
        let config = Arc::new(self.build(judge, expected)?);
        if destinations.order.len() == MOST_DESTINATIONS
            && let Some(oldest) = destinations.order.pop_front()
            && let Some(oldest) = destinations.configs.remove(&oldest)
        {
            self.vault.close(oldest.shelf);
        }
        let shelf = self.vault.open(usize::from(self.settings.streams));
        let destination = Destination { config, shelf };
        destinations.configs.insert(expected.clone(), destination.clone());
        destinations.order.push_back(expected.clone());
        Ok(destination)
    }

    /// The configuration with what is of this connection alone: how many tickets it asks for, what they take, early data.
    fn for_one_connection(
        &self,
        Destination { config, shelf }: Destination,
        expected: &ExpectedServer,
        early: &[u8],
    ) -> (Arc<ClientConfig>, Arc<ConnectionSessions>) {
        let before_speaking = (!early.is_empty()).then(|| self.still_good(expected));
        let sessions =
            Arc::new(ConnectionSessions::new(&self.vault, shelf, &self.shared.clock, before_speaking));
        if self.settings.tickets == Tickets::Off {
            return (config, sessions);
        }
        let mut config = ClientConfig::clone(&config);
        config.send_ticket_request = Some(self.vault.request(shelf, self.shared.clock.unix()));
        config.resumption = Sessions::store(Arc::<ConnectionSessions>::clone(&sessions));
        config.enable_early_data = !early.is_empty();
        (Arc::new(config), sessions)
    }

    /// The judgement of a resumed session's server, for a time when there is no session yet.
    fn still_good(&self, expected: &ExpectedServer) -> StillGood {
        let (shared, expected, rules) =
            (Arc::clone(&self.shared), expected.clone(), self.settings.rules.clone());
        Box::new(move |chain| {
            judge_server(&shared.judge(), &expected, &rules, chain, Staple::Remembered).is_ok()
        })
    }

    fn build(&self, judge: Judge, expected: &ExpectedServer) -> Result<ClientConfig, TlsError> {
        let credential = Arc::clone(judge.generation.credential());
        let policy = self.shared.policies.of(judge.generation.number());
        let own = expected.policy().or(self.settings.policy.as_ref());
        let provider = provider(own.unwrap_or(&policy));
        let verifier = ServerVerifier {
            judge,
            expected: expected.clone(),
            rules: self.settings.rules.clone(),
            signatures: Signatures(Arc::clone(&provider)),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Engine)?
            // rustls files every verifier that is not its own under "dangerous"; this one replaces no check by less.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match self.settings.identity {
            ClientIdentity::Credential => builder.with_client_cert_resolver(resolver(&credential)),
            ClientIdentity::Anonymous => builder.with_no_client_auth(),
        };
        config.cert_compressors = self.settings.compression.compressors();
        config.cert_decompressors = self.settings.compression.decompressors_of_servers();
        config.cert_compression_cache = Arc::new(self.settings.compression.cache(1));
        config.alpn_protocols.clone_from(&self.settings.alpn);
        if let Some(key_log) = &self.shared.key_log {
            config.key_log = Arc::clone(key_log);
        }
        config.enable_sni = expected.sends_name();
        config.time_provider = Arc::new(EngineClock(Arc::clone(&self.shared.clock)));
        config.resumption = Sessions::disabled();
        Ok(config)
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

/// Expected servers whose sessions are kept; the one dialled first goes first.
const MOST_DESTINATIONS: usize = 256;
