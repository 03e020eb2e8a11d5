//! The server side: accepts connections under the newest generation.

use crate::active::{Active, no_keys};
use crate::bounded_io::BoundedIo;
use crate::challenge;
use crate::error::TlsError;
use crate::facts::{HandshakeFacts, HandshakeState};
use crate::farewell;
use crate::hello::{ClientOffer, Look};
use crate::inspect::InspectError;
use crate::judge::Judge;
use crate::manager::Shared;
use crate::offer::{Serve, Unserved};
use crate::phases::Laps;
use crate::progress::Progress;
use crate::refusal::{Refusal, RefusalSlot};
use crate::serving::Serving;
use crate::session::TlsSession;
use crate::settings::{
    ClientAuth, LARGEST_CLIENT_FLIGHT, LARGEST_CLIENT_HELLO, LARGEST_HANDSHAKE, LONGEST_DEADLINE,
    ServerSettings, check_protocols,
};
use crate::settle::{Settling, Unsettled};
use crate::ticket_trace::TicketTrace;
use crate::ticketing::Ticketing;
use crate::transcript::unkept;
use crate::verify_client::judge_client;
use arc_swap::ArcSwap;
use dwcp_pki::{Peer, WhyAnonymous};
use rustls::AlertDescription;
use rustls::pki_types::CertificateDer;
use rustls::server::{Acceptor, ClientHello};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{LazyConfigAcceptor, TlsStream};

/// A server side that follows its certificate store. Clones share everything.
///
/// # Memory
/// A session holds about 9 KiB after its handshake and 28 KiB once records of full size went both ways, plus at most 64 KiB
/// of output that its peer does not read. A client that is not known yet is held in at most 32 KiB, whatever it sends, and
/// 20 KiB more where early data is taken.
#[derive(Clone)]
pub struct TlsContext {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    settings: ServerSettings,
    active: ArcSwap<Active>,
    building: Mutex<()>,
}

impl TlsContext {
    pub(crate) fn new(shared: Arc<Shared>, settings: ServerSettings) -> Result<Self, TlsError> {
        check_protocols(&settings.alpn)?;
        settings.rules.check()?;
        Ticketing::check(&settings)?;
        let active = Active::build(&shared, &settings, None)?;
        let active = ArcSwap::from_pointee(active);
        Ok(Self { inner: Arc::new(Inner { shared, settings, active, building: Mutex::new(()) }) })
    }

    /// Shakes hands with a client on `io`, all of it within `deadline` ([`HANDSHAKE_DEADLINE`](crate::HANDSHAKE_DEADLINE)
    /// is the default of the stack, an hour the longest that is waited).
    ///
    /// At most [`LARGEST_CLIENT_HELLO`] bytes are read before the ClientHello is whole, [`LARGEST_CLIENT_FLIGHT`] behind it and
    /// [`LARGEST_HANDSHAKE`] in all before the client is known, 20 KiB more where early data is taken. A resumed session's certificates are
    /// judged again, as of now.
    ///
    /// # Errors
    /// [`TlsError`]; the client has been told by the fitting alert, and given up to 250 ms to read it. Whoever is too slow, or sends too
    /// much behind its hello, is not told. TLS 1.3 has no alert for
    /// [`TlsError::ResumptionRefused`], nor for a peer that a change of trust overtook in its handshake: their connection ends
    /// without close_notify, which they read as truncation.
    pub async fn accept<IO>(&self, io: IO, deadline: Duration) -> Result<TlsSession<IO>, TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let clock = &*self.inner.shared.clock;
        let mut laps = Laps::begin(clock);
        let deadline = deadline.min(LONGEST_DEADLINE);
        let end = Instant::now() + deadline;
        let late = |state| TlsError::Timeout { deadline, state };

        let state = HandshakeState::AwaitingHello;
        let mut bounded = BoundedIo::new(io, LARGEST_CLIENT_HELLO);
        if let Err(error) = timeout_at(end, bounded.read_hello()).await.map_err(|_| late(state))? {
            let error = TlsError::from_handshake(error, state, None);
            match error {
                // The engine, which would say so, sees nothing of it.
                TlsError::Oversized { .. } => {
                    farewell::refuse(bounded, AlertDescription::DecodeError.into()).await;
                }
                _ => farewell::linger(bounded).await,
            }
            return Err(error);
        }
        let look = Look::at(bounded.ahead());
        laps.times.awaiting = laps.lap(clock);
        // Said by us: of the oldest offers the engine would say that something else is missing (RFC 9846 §4.2.1).
        if let Some(inspected) = look.as_ref().ok().filter(|look| !look.offers_tls13).map(Look::inspected) {
            farewell::refuse(bounded, AlertDescription::ProtocolVersion.into()).await;
            return Err(TlsError::WeakProtocol { offered: Some(Box::new(inspected)) });
        }
        let settings = &self.inner.settings;
        let choosing = HandshakeState::Choosing;
        // Before the engine has the hello: what it makes of one can be many times as large, and would lie there for as long as this takes.
        let first = self.inner.peek(bounded.ahead(), &look);
        let resolved = match first {
            None => Ok(None),
            Some((hello, serving)) => {
                timeout_at(end, serving.ask(settings, &hello)).await.map_err(|_| late(choosing))?
            }
        };
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(unserved) => {
                farewell::refuse(bounded, unserved.alert()).await;
                return Err(unserved.into());
            }
        };
        // The engine's parts are in boxes, one after the other: who waits for a peer holds what its phase needs.
        let mut acceptor = Box::new(LazyConfigAcceptor::new(Acceptor::default(), bounded));
        let accepted = timeout_at(end, &mut acceptor).await.map_err(|_| late(state))?;
        let mut start = match accepted.map(Box::new) {
            Ok(start) => start,
            Err(error) => {
                if let Some(io) = acceptor.take_io() {
                    farewell::linger(io).await;
                }
                return Err(TlsError::from_handshake(error, state, None));
            }
        };
        drop(acceptor);
        let progress = Progress::starting(choosing);
        // Only now: the newest generation is the one that answers this ClientHello, also where a resolver took its time.
        let (hello, serving) = {
            let offered = start.client_hello();
            (ClientOffer::read(&offered, &look), self.inner.serving(&offered, &look))
        };
        let config = match serving {
            Ok((active, Serving { serve: Serve::Challenge, .. })) => {
                let domain = hello.server_name().unwrap_or_default().to_owned();
                let config = Arc::clone(&active.config_for_challenges);
                start.io.raise_by(LARGEST_CLIENT_FLIGHT, LARGEST_HANDSHAKE);
                // In a box, since nobody else is to hold room for it.
                return Err(Box::pin(challenge::answer(start, config, domain, (deadline, end))).await);
            }
            Ok((active, serving)) => serving
                .configuration(settings, &active, &hello, resolved)
                .map(|config| (config, active.ticketing.clone())),
            Err(unserved) => Err(unserved),
        };
        let (config, ticketing) = match config {
            Ok(config) => config,
            Err(unserved) => {
                // What the engine holds of the hello is gone before the peer is given time to read.
                farewell::refuse(unboxed(start).io, unserved.alert()).await;
                return Err(unserved.into());
            }
        };
        let early = settings.early_bytes();
        start.io.raise_by(LARGEST_CLIENT_FLIGHT + early, LARGEST_HANDSHAKE + early);
        let (refusal, tickets) = (RefusalSlot::default(), TicketTrace::default());
        progress.set(HandshakeState::Negotiating);
        laps.times.choosing = laps.lap(clock);
        let accept = tickets.within(|| unkept(|| unboxed(start).into_stream(config)));
        let accept = Box::pin(accept.into_fallible());
        let accept = tickets.watch(refusal.watch(progress.watch(accept)));
        let shaken = timeout_at(end, accept).await.map_err(|_| late(progress.state()))?;
        let state = progress.state();
        let shaken = shaken.map_err(|(error, io)| {
            let error = TlsError::from_handshake(error, state, refusal.take()).offered_in(&hello);
            Unsettled::new(error, io)
        });
        let settled = shaken
            .and_then(|stream| self.settle(TlsStream::from(stream), hello, laps, progress).map(Box::new));
        match settled {
            Ok(session) => {
                ticketing.settled(&tickets);
                Ok(session.resumed_by(tickets.opened()))
            }
            Err(unsettled) => Err(unsettled.leave().await),
        }
    }

    /// The last step: judges the client as of now.
    fn settle<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: TlsStream<BoundedIo<IO>>,
        hello: ClientOffer,
        laps: Laps,
        progress: Progress,
    ) -> Result<TlsSession<IO>, Unsettled<IO>> {
        // The world may have changed while the two shook hands: judge by what the store holds now.
        let judge = self.inner.shared.judge();
        let settings = &self.inner.settings;
        let settling = Settling {
            clock: &*self.inner.shared.clock,
            laps,
            progress,
            server_name: hello.server_name().map(str::to_owned),
            hello: Some(hello),
            alpn_offered: &settings.alpn,
            without_alpn: settings.without_alpn,
            generation: judge.generation.number(),
        };
        settling.settle(stream, |chain, facts| judge_settled(&judge, settings, chain, facts))
    }

    /// Builds the configuration of the store's newest generation now rather than with the next client; returns its number.
    ///
    /// Ticket keys that ended are wiped here as they are in a handshake: call it now and then where no client may come for
    /// long.
    ///
    /// # Errors
    /// As [`TlsManager::server`](crate::TlsManager::server); the next client would be refused for the same reason.
    pub fn prepare(&self) -> Result<u64, TlsError> {
        let active = self.inner.current()?;
        active.ticketing.roll().map_err(no_keys)?;
        Ok(active.judge.generation.number())
    }

    /// The settings in force.
    pub fn settings(&self) -> &ServerSettings {
        &self.inner.settings
    }
}

/// Out of its box, which is gone now rather than at the end of the caller's scope.
#[expect(clippy::boxed_local, reason = "it is about the box")]
pub(crate) fn unboxed<T>(boxed: Box<T>) -> T {
    *boxed
}

fn judge_settled(
    judge: &Judge,
    settings: &ServerSettings,
    chain: &[CertificateDer<'_>],
    facts: &HandshakeFacts,
) -> Result<Peer, TlsError> {
    let rules = &settings.rules;
    let refused = |refusal: Refusal| refusal.into_error(facts.resumed);
    let peer = match settings.client_auth {
        _ if !chain.is_empty() => judge_client(judge, rules, chain).map(Peer::Identified).map_err(refused)?,
        ClientAuth::Optional if rules.admit_anonymous() => Peer::Anonymous(WhyAnonymous::NoneSent),
        ClientAuth::Optional | ClientAuth::Required => return Err(TlsError::CertificateMissing),
    };
    rules
        .judge_group(&peer, facts.group)
        .map_err(|rule| refused(Refusal::Rule { rule, peer: peer.label() }))?;
    Ok(peer)
}

impl Inner {
    /// The newest generation, and how it serves a client.
    fn serving(
        &self,
        hello: &ClientHello<'_>,
        look: &Result<Look, InspectError>,
    ) -> Result<(Arc<Active>, Serving), Unserved> {
        let active = self.current().map_err(|error| Unserved::Ours(Box::new(error)))?;
        let serving = Serving::read(&self.settings, &active, hello, look)?;
        Ok((active, serving))
    }

    /// Reads a hello for the caller's resolver, if there is one, as the engine is going to read it, and keeps nothing of what that takes.
    fn peek(&self, mut bytes: &[u8], look: &Result<Look, InspectError>) -> Option<(ClientOffer, Serving)> {
        self.settings.resolving.as_ref()?;
        let mut acceptor = Acceptor::default();
        while !bytes.is_empty() {
            acceptor.read_tls(&mut bytes).ok()?;
            // What is wrong with it the engine says to the client when it has it.
            if let Some(accepted) = acceptor.accept().ok()? {
                let hello = accepted.client_hello();
                let (_, serving) = self.serving(&hello, look).ok()?;
                return Some((ClientOffer::read(&hello, look), serving));
            }
        }
        None
    }

    /// The newest generation's configuration. As long as nothing changed this takes no lock.
    fn current(&self) -> Result<Arc<Active>, TlsError> {
        let active = self.active.load();
        if active.judge.generation.number() >= self.shared.store.number() {
            return Ok(Arc::clone(&active));
        }
        let _one_builder = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let active = self.active.load_full();
        if active.judge.generation.number() >= self.shared.store.number() {
            return Ok(active);
        }
        // When this fails nobody is served: the old generation may trust what the new one does not.
        let built = Arc::new(Active::build(&self.shared, &self.settings, Some(&active))?);
        self.active.store(Arc::clone(&built));
        Ok(built)
    }
}

impl fmt::Debug for TlsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsContext").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
