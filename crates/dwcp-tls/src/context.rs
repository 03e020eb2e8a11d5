//! The server side: accepts connections under the newest generation.

use crate::active::{Active, no_keys};
use crate::bounded_io::BoundedIo;
use crate::challenge;
use crate::error::TlsError;
use crate::facts::{HandshakeFacts, HandshakeState};
use crate::farewell;
use crate::hello::ClientOffer;
use crate::judge::Judge;
use crate::manager::Shared;
use crate::offer::Serve;
use crate::preference::Providers;
use crate::refusal::{Refusal, RefusalSlot};
use crate::serving::Serving;
use crate::session::TlsSession;
use crate::settings::{
    ClientAuth, LARGEST_CLIENT_HELLO, LARGEST_HANDSHAKE, LONGEST_DEADLINE, ServerSettings, check_protocols,
};
use crate::settle::Settling;
use crate::ticket_trace::TicketTrace;
use crate::ticketing::Ticketing;
use crate::verify_client::judge_client;
use arc_swap::ArcSwap;
use dwcp_pki::{Peer, WhyAnonymous};
use rustls::pki_types::CertificateDer;
use rustls::server::Acceptor;
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
/// of output that its peer does not read. A handshake reads at most 24 KiB.
#[derive(Clone)]
pub struct TlsContext {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    settings: ServerSettings,
    providers: Providers,
    active: ArcSwap<Active>,
    building: Mutex<()>,
}

impl TlsContext {
    pub(crate) fn new(shared: Arc<Shared>, settings: ServerSettings) -> Result<Self, TlsError> {
        check_protocols(&settings.alpn)?;
        settings.rules.check()?;
        Ticketing::check(&settings)?;
        let providers = Providers::of(settings.policy.as_ref().unwrap_or(&shared.policy));
        let active = Active::build(&shared, &settings, &providers, None)?;
        let active = ArcSwap::from_pointee(active);
        Ok(Self { inner: Arc::new(Inner { shared, settings, providers, active, building: Mutex::new(()) }) })
    }

    /// Shakes hands with a client on `io`, all of it within `deadline` ([`HANDSHAKE_DEADLINE`](crate::HANDSHAKE_DEADLINE)
    /// is the default of the stack, an hour the longest that is waited).
    ///
    /// At most [`LARGEST_CLIENT_HELLO`] bytes are read before the ClientHello is whole and [`LARGEST_HANDSHAKE`] before the
    /// client is known, 20 KiB more where early data is taken. A resumed session's certificates are judged again, as of now.
    ///
    /// # Errors
    /// [`TlsError`]; the client has been told by the fitting alert, and given up to 250 ms to read it. TLS 1.3 has no alert for
    /// [`TlsError::ResumptionRefused`], nor for a peer that a change of trust overtook in its handshake: their connection ends
    /// without close_notify, which they read as truncation.
    pub async fn accept<IO>(&self, io: IO, deadline: Duration) -> Result<TlsSession<IO>, TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let started = self.inner.shared.clock.tick();
        let deadline = deadline.min(LONGEST_DEADLINE);
        let end = Instant::now() + deadline;
        let late = |state| TlsError::Timeout { deadline, state };

        let state = HandshakeState::AwaitingHello;
        let bounded = BoundedIo::watching(io, LARGEST_CLIENT_HELLO);
        let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), bounded);
        let mut start = match timeout_at(end, &mut acceptor).await.map_err(|_| late(state))? {
            Ok(start) => start,
            Err(error) => {
                if let Some(io) = acceptor.take_io() {
                    farewell::linger(io).await;
                }
                return Err(TlsError::from_handshake(error, state, None));
            }
        };
        let state = HandshakeState::Negotiating;
        // Only now: the newest generation is the one that answers this ClientHello.
        let active = self.inner.current()?;
        let settings = &self.inner.settings;
        let (hello, serving) = {
            let (offered, watched) = (start.client_hello(), start.io.watched());
            (ClientOffer::read(&offered, watched), Serving::read(settings, &active, &offered, watched))
        };
        let config = match serving {
            Ok(Serving { serve: Serve::Challenge, .. }) => {
                let domain = hello.server_name().unwrap_or_default().to_owned();
                let config = Arc::clone(&active.config_for_challenges);
                start.io.raise_to(LARGEST_HANDSHAKE);
                return Err(challenge::answer(start, config, domain, (deadline, end)).await);
            }
            Ok(serving) => timeout_at(end, serving.configuration(settings, &active, &hello))
                .await
                .map_err(|_| late(state))?,
            Err(unserved) => Err(unserved),
        };
        let config = match config {
            Ok(config) => config,
            Err(unserved) => {
                farewell::refuse(start.io, unserved.alert()).await;
                return Err(unserved.into());
            }
        };
        start.io.raise_to(LARGEST_HANDSHAKE + settings.early_bytes());
        let (refusal, tickets) = (RefusalSlot::default(), TicketTrace::default());
        let accept = tickets.within(|| start.into_stream(config).into_fallible());
        let stream =
            match timeout_at(end, tickets.watch(refusal.watch(accept))).await.map_err(|_| late(state))? {
                Ok(stream) => stream,
                Err((error, io)) => {
                    farewell::linger(io).await;
                    return Err(TlsError::from_handshake(error, state, refusal.take()).offered_in(&hello));
                }
            };
        // The world may have changed while the two shook hands: judge by what the store holds now.
        let judge = self.inner.shared.judge();
        let settling = Settling {
            clock: &*self.inner.shared.clock,
            started,
            server_name: hello.server_name().map(str::to_owned),
            hello: Some(hello),
            alpn_offered: &self.inner.settings.alpn,
            without_alpn: self.inner.settings.without_alpn,
            generation: judge.generation.number(),
        };
        let settings = &self.inner.settings;
        settling
            .settle(TlsStream::from(stream), |chain, facts| judge_settled(&judge, settings, chain, facts))
            .await
            .map(|session| session.resumed_by(tickets.opened()))
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
        let built = Arc::new(Active::build(&self.shared, &self.settings, &self.providers, Some(&active))?);
        self.active.store(Arc::clone(&built));
        Ok(built)
    }
}

impl fmt::Debug for TlsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsContext").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
