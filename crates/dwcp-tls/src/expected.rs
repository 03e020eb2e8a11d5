//! Whom a client expects to find at the other end. There is no value for "anybody".

use crate::error::TlsError;
use crate::policy::TlsPolicy;
use crate::refusal::{Refusal, claimed};
use dwcp_pki::{AllowList, Peer, PeerIdentity, SubjectName};
use rustls::pki_types::{CertificateDer, ServerName};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The server a client means: by the name in its certificate, or by patterns over its identity.
///
/// Sessions are resumed between connections to equal expectations alone. Two by name are equal when the names are; patterns
/// are equal to their own clones, so keep one value per destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExpectedServer {
    who: Who,
    server_name: AskFor,
    policy: Option<TlsPolicy>,
}

#[derive(Clone)]
enum Who {
    Named(SubjectName),
    Among(Arc<AllowList>),
}

/// What the ClientHello asks for in `server_name` (RFC 6066 §3), which knows DNS names alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum AskFor {
    Nothing,
    Dns(String),
}

impl ExpectedServer {
    /// A server whose certificate bears `name` (RFC 9525): a DNS name, an IP address, or a URI such as a SPIFFE ID. A DNS
    /// name is also what is asked for in the ClientHello.
    ///
    /// # Errors
    /// [`TlsError::ServerName`] for a mail address, a wildcard, or a name that is malformed.
    pub fn name(name: SubjectName) -> Result<Self, TlsError> {
        let refused = || TlsError::ServerName(name.to_string());
        name.check().map_err(|_| refused())?;
        let server_name = match &name {
            SubjectName::Dns(dns) if dns.starts_with('*') => return Err(refused()),
            SubjectName::Dns(dns) => AskFor::Dns(dns.clone()),
            SubjectName::Ip(_) | SubjectName::Uri(_) => AskFor::Nothing,
            _ => return Err(refused()),
        };
        let expected = Self { who: Who::Named(name), server_name, policy: None };
        expected.engine_name()?;
        Ok(expected)
    }

    /// A server whose identity one of the patterns allows; an empty list allows none. Nothing is asked for in the
    /// ClientHello unless [`asking_for`](Self::asking_for) adds it.
    pub fn patterns(list: AllowList) -> Self {
        Self { who: Who::Among(Arc::new(list)), server_name: AskFor::Nothing, policy: None }
    }

    /// Offers this server what `policy` has, instead of what the client side offers. Expectations with different policies are not equal, so that
    /// they never share a session.
    #[must_use]
    pub fn with_policy(mut self, policy: TlsPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The policy for this server alone; `None` when it is the client side's.
    pub fn policy(&self) -> Option<&TlsPolicy> {
        self.policy.as_ref()
    }

    /// Asks for this DNS name in the ClientHello. It routes and decides nothing: the certificate is judged as before.
    ///
    /// # Errors
    /// [`TlsError::ServerName`] when it is no DNS name.
    pub fn asking_for(mut self, dns: &str) -> Result<Self, TlsError> {
        let name = SubjectName::dns(dns).map_err(|_| TlsError::ServerName(dns.to_owned()))?;
        if let SubjectName::Dns(dns) = name {
            self.server_name = AskFor::Dns(dns);
        }
        self.engine_name()?;
        Ok(self)
    }

    /// Whether the one that `chain` identified is the one that was meant. The identity is asked, never the certificate: a leaf
    /// may carry names that its anchor does not vouch for.
    pub(crate) fn judge(&self, chain: &[CertificateDer<'_>], identity: &PeerIdentity) -> Result<(), Refusal> {
        match &self.who {
            Who::Named(name) => identity.check_name(name).map_err(|error| Refusal::Chain {
                error,
                claimed: chain.first().map_or_else(String::new, claimed),
            }),
            Who::Among(list) => list
                .judge(&Peer::Identified(identity.clone()))
                .map(|_| ())
                .map_err(|denial| Refusal::Unexpected { denial, peer: identity.label() }),
        }
    }

    /// The name rustls files its sessions under, and sends when it is a DNS name.
    pub(crate) fn engine_name(&self) -> Result<ServerName<'static>, TlsError> {
        let text = match &self.server_name {
            AskFor::Dns(dns) => dns.clone(),
            // Never sent: see `sends_name`. RFC 6761 §6.4 keeps the name from ever being real.
            AskFor::Nothing => "expected.invalid".to_owned(),
        };
        ServerName::try_from(text.clone()).map_err(|_| TlsError::ServerName(text))
    }

    pub(crate) fn sends_name(&self) -> bool {
        matches!(self.server_name, AskFor::Dns(_))
    }

    pub(crate) fn asked_for(&self) -> Option<String> {
        match &self.server_name {
            AskFor::Dns(dns) => Some(dns.clone()),
            AskFor::Nothing => None,
        }
    }
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "{name}"),
            Self::Among(list) => write!(f, "{list:?}"),
        }
    }
}

impl PartialEq for Who {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Named(ours), Self::Named(theirs)) => ours == theirs,
            (Self::Among(ours), Self::Among(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }
}

impl Eq for Who {}

impl Hash for Who {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Named(name) => name.hash(state),
            Self::Among(list) => Arc::as_ptr(list).hash(state),
        }
    }
}
