//! The client side: connects to expected servers under the newest generation.

use crate::bounded_io::BoundedIo;
use crate::clock::EngineClock;
use crate::error::TlsError;
use crate::expected::ExpectedServer;
use crate::facts::{HandshakeState, Resumption};
use crate::farewell;
use crate::judge::Judge;
use crate::manager::Shared;
use crate::phases::Laps;
use crate::progress::Progress;
use crate::refusal::{Refusal, RefusalSlot};
use crate::session::TlsSession;
use crate::settings::{
    ClientIdentity, ClientSettings, LARGEST_HANDSHAKE, LONGEST_DEADLINE, Tickets, check_protocols,
};
use crate::settle::Settling;
use crate::signatures::Signatures;
use crate::signing::resolver;
use crate::verify_server::{ServerVerifier, judge_server};
use dwcp_pki::Peer;
use rustls::client::{Resumption as Sessions, TicketRequest};
use rustls::{ClientConfig, version::TLS13};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsStream;

/// A client side that follows its certificate store. Clones share everything, sessions included.
///
/// Tickets are kept per expected server, at most 8 each, for the 256 servers dialled first since; all of them go when
/// the store's generation changes.
#[derive(Clone)]
pub struct TlsConnector {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    settings: ClientSettings,
    destinations: Mutex<Destinations>,
}

/// The configurations of one generation, by expected server.
#[derive(Default)]
struct Destinations {
    generation: u64,
    configs: HashMap<ExpectedServer, Arc<ClientConfig>>,
    order: VecDeque<ExpectedServer>,
}

impl TlsConnector {
    pub(crate) fn new(shared: Arc<Shared>, settings: ClientSettings) -> Result<Self, TlsError> {
        check_protocols(&settings.alpn)?;
        Ok(Self { inner: Arc::new(Inner { shared, settings, destinations: Mutex::default() }) })
    }

    /// Shakes hands with the server at the other end of `io`, all of it within `deadline`
    /// ([`HANDSHAKE_DEADLINE`](crate::HANDSHAKE_DEADLINE) is the default of the stack, an hour the longest that is waited).
    ///
    /// At most [`LARGEST_HANDSHAKE`] bytes are read before the server is known. A session that is resumed is judged
    /// again, as of now.
    ///
    /// # Errors
    /// [`TlsError`]. After [`TlsError::ResumptionRefused`], or when a resumed session ends before the first answer, call
    /// [`forget`](Self::forget) and connect once more: that handshake will be a full one.
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
        let deadline = deadline.min(LONGEST_DEADLINE);
        let clock = &*self.inner.shared.clock;
        let mut laps = Laps::begin(clock);
        let progress = Progress::starting(HandshakeState::AwaitingAnswer);
        let config = self.inner.config_for(expected)?;
        laps.times.choosing = laps.lap(clock);
        let refusal = RefusalSlot::default();
        let bounded = BoundedIo::new(io, LARGEST_HANDSHAKE);
        let connect = tokio_rustls::TlsConnector::from(config).connect(expected.engine_name()?, bounded);
        let connect = Box::pin(connect.into_fallible());
        let stream = match timeout(deadline, refusal.watch(progress.watch(connect))).await {
            Err(_) => return Err(TlsError::Timeout { deadline, state: progress.state() }),
            Ok(Ok(stream)) => stream,
            Ok(Err((error, io))) => {
                farewell::linger(io).await;
                return Err(TlsError::from_handshake(error, progress.state(), refusal.take()));
            }
        };
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
        let settled = settling.settle(TlsStream::from(stream), |chain, resumed| {
            judge_server(&judge, expected, chain).map(Peer::Identified).map_err(|refusal| {
                match (refusal, resumed) {
                    (Refusal::Unexpected { denial, peer }, _) => TlsError::Unexpected { denial, peer },
                    (Refusal::Chain { error, claimed }, Resumption::Full) => {
                        TlsError::Certificate { error, claimed }
                    }
                    (Refusal::Chain { error, claimed }, Resumption::Resumed) => {
                        TlsError::ResumptionRefused { error, peer: claimed }
                    }
                }
            })
        });
        match settled {
            Ok(session) => Ok(session),
            Err(unsettled) => Err(unsettled.leave().await),
        }
    }

    /// Drops the tickets for one server, so that the next handshake with it is a full one.
    pub fn forget(&self, expected: &ExpectedServer) {
        let mut destinations = self.inner.destinations.lock().unwrap_or_else(PoisonError::into_inner);
        destinations.configs.remove(expected);
        destinations.order.retain(|known| known != expected);
    }

    /// The settings in force.
    pub fn settings(&self) -> &ClientSettings {
        &self.inner.settings
    }
}

impl Inner {
    fn config_for(&self, expected: &ExpectedServer) -> Result<Arc<ClientConfig>, TlsError> {
        let judge = self.shared.judge();
        let mut destinations = self.destinations.lock().unwrap_or_else(PoisonError::into_inner);
        if destinations.generation != judge.generation.number() {
            *destinations = Destinations { generation: judge.generation.number(), ..Destinations::default() };
        }
        if let Some(config) = destinations.configs.get(expected) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.build(judge, expected)?);
        if destinations.order.len() == MOST_DESTINATIONS
            && let Some(oldest) = destinations.order.pop_front()
        {
            destinations.configs.remove(&oldest);
        }
        destinations.configs.insert(expected.clone(), Arc::clone(&config));
        destinations.order.push_back(expected.clone());
        Ok(config)
    }

    fn build(&self, judge: Judge, expected: &ExpectedServer) -> Result<ClientConfig, TlsError> {
        let credential = Arc::clone(judge.generation.credential());
        let provider = Arc::clone(&self.shared.provider);
        let verifier = ServerVerifier {
            judge,
            expected: expected.clone(),
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
        config.alpn_protocols.clone_from(&self.settings.alpn);
        if let Some(key_log) = &self.shared.key_log {
            config.key_log = Arc::clone(key_log);
        }
        config.enable_sni = expected.sends_name();
        config.time_provider = Arc::new(EngineClock(Arc::clone(&self.shared.clock)));
        config.resumption = match self.settings.tickets {
            // One server name per configuration: rustls keeps 8 tickets for each.
            Tickets::Stateless => {
                config.send_ticket_request = Some(TICKETS);
                Sessions::in_memory_sessions(1)
            }
            Tickets::Off => Sessions::disabled(),
        };
        Ok(config)
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

/// What a server is asked for (RFC 9149): after a full handshake one to come back with and one for when that got lost; after a
/// resumed one as many as it cost.
const TICKETS: TicketRequest = TicketRequest { new_session_count: 2, resumption_count: 1 };

/// Expected servers whose sessions are kept; the one dialled first goes first.
const MOST_DESTINATIONS: usize = 256;
