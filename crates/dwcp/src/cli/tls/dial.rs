//! One connection to a server, with a note of everything that can be told of it afterwards, however it ended.

use super::phases::{Phase, Phases};
use super::stopwatch::{Noted, Notes, Stopwatch};
use dwcp_base::Clock;
use dwcp_channel::{DialError, Lookups, NODE_ALPN, Verdict};
use dwcp_pki::Peer;
use dwcp_tls::{ExpectedServer, HandshakeFacts, TlsConnector, TlsError, TlsPolicy, TlsSession, presented_by};
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

/// Where to, to whom, and within which time.
pub(super) struct Destination {
    pub(super) remote: String,
    pub(super) expected: ExpectedServer,
    pub(super) within: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

/// What came of one connection.
pub(super) struct Attempt {
    /// Of the server; `None` where no connection came about.
    pub(super) address: Option<SocketAddr>,
    pub(super) phases: Phases,
    pub(super) noted: Noted,
    /// What the handshake agreed on and with whom, where it was finished.
    pub(super) agreed: Option<(HandshakeFacts, Peer)>,
    /// As the server presented it, leaf first; empty where none was seen.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Bytes that followed the handshake and are not a verdict: tickets, or data.
    pub(super) afterwards: u64,
    /// How it showed that it accepts us, where it did.
    pub(super) acceptance: Option<Acceptance>,
    /// How many bytes of early data the server took.
    pub(super) early: usize,
    pub(super) end: Result<(), DialError>,
}

type Session = TlsSession<Stopwatch<TcpStream>>;

impl Destination {
    /// Dials as a client that verifies, with `early` in the first flight where a ticket allows it, and waits until the other side has
    /// accepted.
    pub(super) async fn dial(&self, connector: &TlsConnector, early: &[u8]) -> Attempt {
        let end = Instant::now() + self.within;
        let mut attempt = Attempt::begin(self.clock.tick());
        let notes = Notes::default();
        let outcome = match self.reach(&mut attempt, end).await {
            Ok(stream) => {
                let stream = Stopwatch::new(stream, &notes, &self.clock);
                let shaken = match early {
                    [] => connector.connect(stream, &self.expected, left(end)).await,
                    early => {
                        let flown =
                            connector.connect_with_early_data(stream, &self.expected, early, left(end)).await;
                        flown.map(|flown| {
                            attempt.early = flown.accepted;
                            flown.session
                        })
                    }
                };
                attempt.noted = notes.now();
                let judged = match &shaken {
                    Ok(_) => true,
                    Err(error) => error.is_verification_failure(),
                };
                attempt.phases.take(&attempt.noted, judged);
                match shaken {
                    Ok(tls) => self.accepted(tls, &mut attempt, &notes, end).await,
                    Err(source) => Err(self.failed(source)),
                }
            }
            Err(error) => Err(error),
        };
        let Noted { bytes_in, bytes_out, .. } = notes.now();
        (attempt.noted.bytes_in, attempt.noted.bytes_out) = (bytes_in, bytes_out);
        attempt.end = outcome;
        attempt
    }

    /// Looks at what the server shows, believes nothing and hangs up.
    pub(super) async fn look(&self, policy: &TlsPolicy) -> Attempt {
        let end = Instant::now() + self.within;
        let mut attempt = Attempt::begin(self.clock.tick());
        let notes = Notes::default();
        let outcome = match self.reach(&mut attempt, end).await {
            Ok(stream) => {
                let stream = Stopwatch::new(stream, &notes, &self.clock);
                let shown = presented_by(stream, &self.expected, policy, left(end)).await;
                attempt.noted = notes.now();
                attempt.phases.take(&attempt.noted, false);
                shown.map(|chain| attempt.chain = chain).map_err(|source| self.failed(source))
            }
            Err(error) => Err(error),
        };
        attempt.end = outcome;
        attempt
    }

    /// Resolves the name, then tries its addresses in turn, each with an equal share of the time that is left.
    async fn reach(&self, attempt: &mut Attempt, end: Instant) -> Result<TcpStream, DialError> {
        let late = || DialError::Timeout { remote: self.remote.clone(), deadline: self.within };
        let unresolved = |source| DialError::Unresolved { remote: self.remote.clone(), source };
        let addresses: Vec<SocketAddr> = match self.remote.parse() {
            Ok(address) => vec![address],
            Err(_) => {
                let found = timeout_at(end, lookup_host(&self.remote)).await.map_err(|_| late())?;
                found.map_err(unresolved)?.take(MOST_ADDRESSES).collect()
            }
        };
        attempt.phases.reach(Phase::Resolved, self.clock.tick());
        let mut last = unresolved(std::io::ErrorKind::NotFound.into());
        for (tried, address) in addresses.iter().enumerate() {
            let shares = u32::try_from(addresses.len() - tried).unwrap_or(1);
            match Lookups::default().reach(&address.to_string(), left(end) / shares).await {
                Ok((stream, address)) => {
                    attempt.phases.reach(Phase::Connected, self.clock.tick());
                    attempt.address = Some(address);
                    return Ok(stream);
                }
                Err(DialError::Timeout { .. }) => last = late(),
                Err(DialError::Unreachable { source, .. }) => {
                    last = DialError::Unreachable { remote: self.remote.clone(), source };
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The handshake is done; whether the server accepts us shows in what it sends first (RFC 9846 §4.4.4).
    async fn accepted(
        &self,
        mut tls: Session,
        attempt: &mut Attempt,
        notes: &Notes,
        end: Instant,
    ) -> Result<(), DialError> {
        attempt.phases.reach(Phase::Finished, self.clock.tick());
        attempt.agreed = Some((tls.facts().clone(), tls.peer().clone()));
        attempt.chain = tls.presented().to_vec();
        let before = notes.bytes_in();
        let answered = timeout_at(end, async {
            match tls.facts().alpn.as_deref() {
                Some(NODE_ALPN) => self.verdict(&mut tls).await.map(|()| Acceptance::Verdict),
                _ => sign_of_life(&mut tls).await.map_err(|sign| match sign {
                    SignOfLife::Closed => DialError::Closed { remote: self.remote.clone() },
                    SignOfLife::Broken(source) => self.failed(source),
                }),
            }
        });
        let answered = answered.await.unwrap_or_else(|_| {
            Err(DialError::Timeout { remote: self.remote.clone(), deadline: self.within })
        });
        let is_node = tls.facts().alpn.as_deref() == Some(NODE_ALPN);
        let verdict = if is_node { VERDICT_RECORD } else { 0 };
        attempt.afterwards = notes.bytes_in().saturating_sub(before).saturating_sub(verdict);
        attempt.acceptance = Some(answered?);
        attempt.phases.reach(Phase::Accepted, self.clock.tick());
        // Nothing hangs on whether the other side hears the end of a look at it.
        let _ = timeout(FAREWELL, tls.shutdown()).await;
        Ok(())
    }

    async fn verdict(&self, tls: &mut Session) -> Result<(), DialError> {
        let remote = || self.remote.clone();
        let mut frame = [0; Verdict::LENGTH];
        let mut filled = 0;
        while let Some(room) = frame.get_mut(filled..).filter(|room| !room.is_empty()) {
            match tls.read(room).await {
                Ok(0) => return Err(DialError::Closed { remote: remote() }),
                Ok(read) => filled += read,
                Err(error) => return Err(self.failed(TlsError::from_stream(error))),
            }
        }
        match Verdict::from_bytes(&frame) {
            Ok(Verdict::Accepted) => Ok(()),
            Ok(Verdict::Refused(rejection)) => Err(DialError::Refused { remote: remote(), rejection }),
            Err(source) => Err(DialError::Malformed { remote: remote(), source }),
        }
    }

    fn failed(&self, source: TlsError) -> DialError {
        DialError::Tls { remote: self.remote.clone(), source }
    }
}

impl Attempt {
    fn begin(now: dwcp_base::Tick) -> Self {
        Self {
            address: None,
            phases: Phases::begin(now),
            noted: Noted::default(),
            agreed: None,
            chain: Vec::new(),
            afterwards: 0,
            acceptance: None,
            early: 0,
            end: Ok(()),
        }
    }
}

/// What a server that is no node says first: data, or an objection. Its tickets say nothing yet, since many send them before they ask
/// whether they want this client.
async fn sign_of_life(tls: &mut Session) -> Result<Acceptance, SignOfLife> {
    let mut bytes = [0; 1_024];
    match timeout(PATIENCE, tls.read(&mut bytes)).await {
        Ok(Ok(0)) => Err(SignOfLife::Closed),
        Ok(Ok(_)) => Ok(Acceptance::Data),
        Ok(Err(error)) => Err(SignOfLife::Broken(TlsError::from_stream(error))),
        Err(_) => Ok(Acceptance::Silence),
    }
}

enum SignOfLife {
    Closed,
    Broken(TlsError),
}

/// How the other side showed that it accepts us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acceptance {
    /// A node said so.
    Verdict,
    /// It sent data.
    Data,
    /// It said nothing against us for [`PATIENCE`].
    Silence,
}

impl Acceptance {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Data => "data",
            Self::Silence => "silence",
        }
    }
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// How long a server that is no node may take to refuse us.
const PATIENCE: Duration = Duration::from_millis(500);
const FAREWELL: Duration = Duration::from_millis(200);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;
/// A verdict frame in a record: header, type and tag besides (RFC 9846 §5.2).
const VERDICT_RECORD: u64 = Verdict::LENGTH as u64 + 22;
