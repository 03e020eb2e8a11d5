//! Joining: from a token to a certificate, with everything checked before the secret is said and after the answer has come.

use super::answer::Granted;
use super::ask::{self, AskError};
use crate::enroll::JoinToken;
use crate::fetch::{BadPlace, FetchError, Place};
use crate::node::client;
use dwcp_base::{Clock, Coded, UnixTime};
use dwcp_pki::{
    BoxFuture, CertProvider, Certificate, CertificateRequest, Credential, Crl, FirstTrust, Issued,
    ManagerError, ProviderError, RevocationMode, SlotSpec, SpiffeId, SubjectName, TrustError, TrustStore,
    obtain,
};
use dwcp_tls::{ExpectedServer, TlsConnector, TlsError, TlsPolicy, presented_by};
use rustls_pki_types::CertificateDer;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// What a machine that joined goes home with.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) credential: Credential,
    /// The roots of the mesh; that of the token is among them.
    pub(crate) roots: Vec<Certificate>,
    /// Revocation lists that authorities of the mesh signed.
    pub(crate) lists: Vec<Crl>,
    /// The issuers of lists that came and are left out, since none of the authorities shown signed them.
    pub(crate) left_out: Vec<String>,
}

/// Why a machine did not join. The secret was said only where the variant says so.
#[derive(Debug, Error)]
pub(crate) enum JoinError {
    #[error("the address in the token can not be asked")]
    Address(#[source] BadPlace),
    #[error("nobody answers where the token says")]
    Unreachable(#[source] FetchError),
    /// Whoever answers shows no root with the fingerprint of the token; nothing was said to it.
    #[error("{place} shows another authority than the one in the token")]
    AnotherAuthority { place: String },
    #[error("the authority that {place} shows can not be trusted")]
    Root {
        place: String,
        #[source]
        source: TrustError,
    },
    /// The root is right and the server is not; nothing was said to it.
    #[error("{place} does not prove that it is {server}")]
    Impostor {
        place: String,
        server: String,
        #[source]
        source: TlsError,
    },
    /// The clocks differ; nothing was said.
    #[error("the clock of this machine is {seconds} s {which} that of {place}")]
    Clock { place: String, seconds: u64, which: &'static str },
    #[error("this machine can not ask")]
    Local(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The secret was said, and the answer is no, or none.
    #[error("no certificate was granted")]
    Refused(#[source] ManagerError),
    /// The secret was said, and the answer is not what was asked for.
    #[error("what was granted can not be used: {what}")]
    Unusable { what: &'static str },
}

/// Asks for a first certificate with these names, the SPIFFE ID first, within `deadline` all in all.
///
/// # Errors
/// [`JoinError`].
///
/// # Security
/// A first connection looks for the root, by its fingerprint, and believes nothing; a second one verifies the server under that root and by its
/// SPIFFE ID, and asks for the time there, so that a clock that is wrong does not spend the token. A third one verifies the server in the same
/// way and hears the secret.
pub(crate) async fn join(
    token: &JoinToken,
    names: &[SubjectName],
    clock: &dyn Clock,
    deadline: Duration,
) -> Result<Joined, JoinError> {
    let begin = clock.tick();
    let left = || deadline.saturating_sub(clock.tick().since(begin));
    let place: Place = token.address.parse().map_err(JoinError::Address)?;
    let root = shown_root(&place, token, deadline).await?;
    let bad_root = |source| JoinError::Root { place: place.to_string(), source };
    let trust = TrustStore::new(vec![root], Vec::new(), RevocationMode::Off)
        .map_err(bad_root)?
        .with_trust_domain(token.server.trust_domain().clone());
    let alpn = [b"http/1.1".to_vec()];
    let (connector, _) = client(trust.clone(), None::<Credential>, TlsPolicy::default(), &alpn)
        .map_err(|error| JoinError::Local(Box::new(error)))?;
    let server = SubjectName::Uri(token.server.to_string());
    let expected = ExpectedServer::name(server).map_err(|error| JoinError::Local(Box::new(error)))?;
    let there = ask::time(&place, (&connector, &expected), left()).await;
    let there = there.map_err(|error| not_met(&place, token, error))?;
    if let Some(differs) = there.and_then(|there| far_apart(&place, clock.unix(), there)) {
        return Err(differs);
    }
    let asking =
        Asking { token, place: &place, connector: &connector, expected: &expected, rest: Mutex::default() };
    let spec = SlotSpec::new("join", names.to_vec());
    let obtained = obtain(&asking, &spec, FirstTrust::Known(&trust), clock, left()).await;
    let (credential, roots) = obtained.map_err(|error| unmet(&place, token, error))?;
    let rest = asking.rest.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (lists, identity) = rest.ok_or(JoinError::Unusable { what: "nothing came with it" })?;
    let asked = names.iter().find_map(SubjectName::spiffe_id);
    if asked.as_ref().map(SpiffeId::as_str) != Some(identity.as_str()) {
        return Err(JoinError::Unusable { what: "it is said to be for another identity" });
    }
    if !roots.iter().any(|root| root.fingerprint() == token.root) {
        return Err(JoinError::Unusable {
            what: "the root of the token is not among the roots that came with it",
        });
    }
    let anchors = roots.iter().map(|root| root.certificate_der().clone()).collect();
    let whole = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).map_err(bad_root)?;
    // The token is spent: what counts for nothing is no reason to go home without a certificate.
    let (lists, others): (Vec<_>, Vec<_>) =
        lists.into_iter().partition(|list| whole.signed(list, credential.chain()));
    let left_out = others.iter().map(|list| list.issuer().chars().take(200).collect()).collect();
    Ok(Joined { credential, roots, lists, left_out })
}

/// The root of the token, among what the server shows to whoever asks.
async fn shown_root(
    place: &Place,
    token: &JoinToken,
    deadline: Duration,
) -> Result<CertificateDer<'static>, JoinError> {
    let late = || JoinError::Unreachable(FetchError::TimedOut { place: place.to_string(), deadline });
    let unreachable =
        |source| JoinError::Unreachable(FetchError::Unreachable { place: place.to_string(), source });
    let name = SubjectName::Uri(token.server.to_string());
    let expected = ExpectedServer::name(name).map_err(|error| JoinError::Local(Box::new(error)))?;
    let policy = TlsPolicy::default();
    let looked = timeout(deadline, async {
        let stream = TcpStream::connect((place.host(), place.port())).await.map_err(unreachable)?;
        let tls = |source| JoinError::Unreachable(FetchError::Tls { place: place.to_string(), source });
        presented_by(stream, &expected, &policy, deadline).await.map_err(tls)
    });
    let shown = looked.await.map_err(|_| late())??;
    let is_pinned = |der: &CertificateDer<'_>| dwcp_crypto::digest::sha256(der) == token.root;
    shown.into_iter().find(is_pinned).ok_or_else(|| JoinError::AnotherAuthority { place: place.to_string() })
}

/// An error where the two clocks are so far apart that what is granted would not count here yet, or hardly any more.
fn far_apart(place: &Place, here: UnixTime, there: UnixTime) -> Option<JoinError> {
    let (behind, ahead) = (here.until(there), there.until(here));
    let (apart, which) = match () {
        () if behind > MOST_BEHIND => (behind, "behind"),
        () if ahead > MOST_AHEAD => (ahead, "ahead of"),
        () => return None,
    };
    Some(JoinError::Clock { place: place.to_string(), seconds: apart.as_secs(), which })
}

/// What went wrong before anything was said: a server that is not the right one is told apart from one that does not answer.
fn not_met(place: &Place, token: &JoinToken, error: FetchError) -> JoinError {
    match error {
        FetchError::Tls { source, .. } if is_another(&source) => {
            JoinError::Impostor { place: place.to_string(), server: token.server.to_string(), source }
        }
        error => JoinError::Unreachable(error),
    }
}

/// Whether a handshake shows that the server is not the one that was meant; any other failure can be of the network.
fn is_another(error: &TlsError) -> bool {
    matches!(
        error,
        TlsError::Certificate { .. }
            | TlsError::Unexpected { .. }
            | TlsError::Refused { .. }
            | TlsError::KeyUnproven
    )
}

/// What went wrong in the handshake itself is told apart from what came after it.
fn unmet(place: &Place, token: &JoinToken, error: ManagerError) -> JoinError {
    let ManagerError::Provider(ProviderError::Unavailable { retry_after, source }) = error else {
        return JoinError::Refused(error);
    };
    let again = |source| {
        JoinError::Refused(ManagerError::Provider(ProviderError::Unavailable { retry_after, source }))
    };
    match source.downcast::<AskError>() {
        Ok(ask) => match *ask {
            AskError::Fetch(error @ (FetchError::Tls { .. } | FetchError::Unreachable { .. })) => {
                not_met(place, token, error)
            }
            other => again(other.into()),
        },
        Err(source) => again(source),
    }
}

/// The provider of a first certificate: a token, said once.
struct Asking<'a> {
    token: &'a JoinToken,
    place: &'a Place,
    connector: &'a TlsConnector,
    expected: &'a ExpectedServer,
    /// What came with the certificate: lists, and the identity it is said to be for.
    rest: Mutex<Option<(Vec<Crl>, String)>>,
}

impl CertProvider for Asking<'_> {
    fn name(&self) -> &str {
        "join"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move {
            let secret = self.token.secret.to_text();
            let id = self.token.id.to_string();
            let mut proof = Zeroizing::new(String::with_capacity(id.len() + 1 + secret.len()));
            for part in [id.as_str(), ".", secret.as_str()] {
                proof.push_str(part);
            }
            let csr = request.to_pem();
            let line = (self.connector, self.expected);
            let granted = ask::join(self.place, line, (&proof, &csr), deadline).await?;
            let Granted { chain, roots, lists, identity } = granted;
            *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some((lists, identity));
            Ok(Issued { chain, roots })
        })
    }
}

impl JoinError {
    /// What the other side said in its own words, where it did.
    pub(crate) fn refusal(&self) -> Option<&super::answer::Refusal> {
        let Self::Refused(ManagerError::Provider(error)) = self else { return None };
        let (ProviderError::Refused(source) | ProviderError::Unavailable { source, .. }) = error else {
            return None;
        };
        match source.downcast_ref::<AskError>()? {
            AskError::Refused { refusal, .. } | AskError::Busy { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// The stable name.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Address(_) => "join.token.address",
            Self::Unreachable(source) => source.code(),
            Self::AnotherAuthority { .. } => "join.authority.another",
            Self::Root { source, .. } => source.code(),
            Self::Impostor { source, .. } => source.code(),
            Self::Clock { .. } => "join.clock.differs",
            Self::Local(_) => "join.client.unmade",
            Self::Refused(source) => match self.refusal() {
                Some(refusal) if !refusal.code.is_empty() => &refusal.code,
                _ => source.code(),
            },
            Self::Unusable { .. } => "join.answer.unusable",
        }
    }
}

/// Certificates are dated back by a minute: what is behind by more finds them to begin in the future.
const MOST_BEHIND: Duration = Duration::from_secs(50);
/// Much of a short life would be over at once.
const MOST_AHEAD: Duration = Duration::from_secs(3_600);
