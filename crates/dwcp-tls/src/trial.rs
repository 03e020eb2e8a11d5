//! A handshake with oneself, in memory, before anybody depends on a certificate.

use crate::clock::EngineClock;
use crate::manager::TlsManager;
use crate::policy::TlsPolicy;
use crate::provider::provider;
use crate::settings::{LARGEST_CLIENT_FLIGHT, LARGEST_HANDSHAKE};
use crate::signing::resolver;
use crate::suite::CipherSuite;
use crate::trial_error::TrialError;
use crate::trial_verifier::TrialVerifier;
use dwcp_base::{ManualClock, UnixTime};
use dwcp_crypto::{KeyType, Secret, SigningKey};
use dwcp_pki::{CertificateChain, Credential, SubjectName, Trial, TrialFault, TrustStore, Usage};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection, version::TLS13};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Tries a certificate out as [`Trial`] asks: a server that shows it and a client that trusts the store, and the other way round for
/// clients, with each suite of the policy. In memory, without sockets, tasks or the clock: the time is the caller's.
///
/// A certificate passes that its peers would take from a node of this policy: its key signs with a scheme that is on offer, its chain fits
/// into the bytes that are read before anybody is known, the verdict on it is that of a peer (profile included), and a server's has a name that
/// a client can ask for. Missing or stale revocation lists are no fault of the certificate, and hold nothing up; a listed serial does.
///
/// Takes some milliseconds, most of it for one handshake per suite.
#[derive(Clone)]
pub struct HandshakeTrial {
    policy: Policy,
}

#[derive(Clone)]
enum Policy {
    Fixed(TlsPolicy),
    /// The newest of a manager.
    Followed(TlsManager),
}

impl HandshakeTrial {
    /// A trial with this policy.
    pub fn new(policy: TlsPolicy) -> Self {
        Self { policy: Policy::Fixed(policy) }
    }

    /// A trial with the policy that is in force in `manager` at the time.
    pub fn following(manager: &TlsManager) -> Self {
        Self { policy: Policy::Followed(manager.clone()) }
    }

    fn try_each_suite(
        &self,
        credential: &Credential,
        trust: &TrustStore,
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), TrialError> {
        let policy = match &self.policy {
            Policy::Fixed(policy) => policy.clone(),
            Policy::Followed(manager) => (*manager.policy()).clone(),
        };
        if usage != Usage::Client {
            is_named(credential)?;
        }
        let sides = Sides::new(credential, trust, usage, now)?;
        policy.suites().iter().try_for_each(|suite| sides.shake(&narrowed(&policy, *suite)?))
    }
}

impl Trial for HandshakeTrial {
    fn try_out(
        &self,
        credential: &Credential,
        trust: &TrustStore,
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), TrialFault> {
        self.try_each_suite(credential, trust, usage, now).map_err(|error| TrialFault(error.into()))
    }
}

impl fmt::Debug for HandshakeTrial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = match &self.policy {
            Policy::Fixed(policy) => policy.clone(),
            Policy::Followed(manager) => (*manager.policy()).clone(),
        };
        f.debug_struct("HandshakeTrial").field("policy", &policy).finish()
    }
}

/// What both sides show and ask for, whatever the suite.
struct Sides {
    /// What the server shows.
    server: Arc<Credential>,
    /// What the client shows, where it is asked.
    client: Option<Arc<Credential>>,
    verifier: TrialVerifier,
    now: UnixTime,
}

impl Sides {
    fn new(
        credential: &Credential,
        trust: &TrustStore,
        usage: Usage,
        now: UnixTime,
    ) -> Result<Self, TrialError> {
        let tried = Arc::new(copy(credential)?);
        let (server, client) = match usage {
            Usage::Server => (tried, None),
            Usage::Both => (Arc::clone(&tried), Some(tried)),
            // Somebody has to be the server, and need not be believed.
            Usage::Client => (Arc::new(stand_in(now)?), Some(tried)),
        };
        let judges_server = usage != Usage::Client;
        let verifier = TrialVerifier::new(trust.clone(), judges_server, client.is_some(), now);
        Ok(Self { server, client, verifier, now })
    }

    fn shake(&self, provider: &Arc<CryptoProvider>) -> Result<(), TrialError> {
        let refused = |error: Error| self.verifier.refusal().unwrap_or(TrialError::Engine(error));
        let clock = Arc::new(EngineClock(Arc::new(ManualClock::at(self.now))));
        let verifier = Arc::new(self.verifier.with(provider));

        let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(TrialError::Engine)?
            .with_client_cert_verifier(Arc::<TrialVerifier>::clone(&verifier))
            .with_cert_resolver(resolver(&self.server));
        config.time_provider = Arc::<EngineClock>::clone(&clock);
        config.send_tls13_tickets = 0;
        let mut server = ServerConnection::new(Arc::new(config)).map_err(TrialError::Engine)?;

        let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(TrialError::Engine)?
            // rustls files every verifier that is not its own under "dangerous"; this one judges as a peer of ours does.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.client {
            Some(client) => builder.with_client_cert_resolver(resolver(client)),
            None => builder.with_no_client_auth(),
        };
        config.time_provider = clock;
        config.enable_sni = false;
        config.resumption = rustls::client::Resumption::disabled();
        let name = ServerName::try_from("trial.invalid").map_err(|_| TrialError::Nameless)?;
        let mut client = ClientConnection::new(Arc::new(config), name).map_err(TrialError::Engine)?;

        // What is read of a client behind its hello, and of a server, before they are known.
        let (mut from_client, mut from_server) = (0, 0);
        let hello = carry(&mut client, &mut server).map_err(refused)?;
        for _ in 0..MOST_FLIGHTS {
            from_server += carry(&mut server, &mut client).map_err(refused)?;
            fits("server", from_server, LARGEST_HANDSHAKE)?;
            from_client += carry(&mut client, &mut server).map_err(refused)?;
            fits("client", from_client, LARGEST_CLIENT_FLIGHT.min(LARGEST_HANDSHAKE.saturating_sub(hello)))?;
            if !client.is_handshaking() && !server.is_handshaking() {
                return Ok(());
            }
        }
        Err(TrialError::Unfinished)
    }
}

/// Moves everything that one side has to say to the other, and returns how many bytes that was.
fn carry<A, B, F, S>(from: &mut A, to: &mut B) -> Result<usize, Error>
where
    A: std::ops::DerefMut<Target = rustls::ConnectionCommon<F>>,
    B: std::ops::DerefMut<Target = rustls::ConnectionCommon<S>>,
    F: rustls::SideData,
    S: rustls::SideData,
{
    let mut wire = Vec::new();
    while from.wants_write() {
        if from.write_tls(&mut wire).is_err() {
            return Err(Error::General("the flight was not written".to_owned()));
        }
    }
    let mut rest = wire.as_slice();
    while !rest.is_empty() {
        if to.read_tls(&mut rest).is_err() {
            return Err(Error::General("the flight was not read".to_owned()));
        }
        to.process_new_packets()?;
    }
    Ok(wire.len())
}

fn fits(side: &'static str, bytes: usize, limit: usize) -> Result<(), TrialError> {
    if bytes > limit { Err(TrialError::TooLong { side, bytes, limit }) } else { Ok(()) }
}

/// Whether a client could ask for it: by a DNS name, an address or a URI (RFC 9525 §6).
fn is_named(credential: &Credential) -> Result<(), TrialError> {
    let asked_for = |name: &SubjectName| !matches!(name, SubjectName::Email(_)) && name.check().is_ok();
    if credential.names().iter().any(asked_for) { Ok(()) } else { Err(TrialError::Nameless) }
}

/// The policy's primitives with one suite. The group says nothing of a certificate, so one is enough: a classic one where there is any.
fn narrowed(policy: &TlsPolicy, suite: CipherSuite) -> Result<Arc<CryptoProvider>, TrialError> {
    let groups = policy.groups();
    let group = groups.iter().find(|group| !group.is_post_quantum()).or(groups.first());
    let group = *group.ok_or(TrialError::Unfinished)?;
    Ok(Arc::new(CryptoProvider {
        cipher_suites: vec![suite.engine()],
        kx_groups: vec![group.engine()],
        ..(*provider(policy)).clone()
    }))
}

/// The same pair in a value of its own, since the engine keeps what it shows for as long as it likes.
fn copy(credential: &Credential) -> Result<Credential, TrialError> {
    let chain: CertificateChain = credential.chain().clone();
    // Wiped when the trial is over.
    let pkcs8 = Secret::from(credential.key().pkcs8().expose().to_vec());
    let key = SigningKey::from_pkcs8(pkcs8).map_err(TrialError::Key)?;
    Credential::new(chain, key).map_err(TrialError::Pair)
}

fn stand_in(now: UnixTime) -> Result<Credential, TrialError> {
    let names = [SubjectName::Dns("trial.invalid".to_owned())];
    Credential::self_signed(KeyType::EcdsaP256, &names, Duration::from_secs(60), now)
        .map_err(TrialError::StandIn)
}

/// A full handshake takes two.
const MOST_FLIGHTS: usize = 4;
