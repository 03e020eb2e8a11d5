//! A configuration that was found sound: what the node is built from. Only [`check`](super::check()) makes one from a file.

use super::acme::AcmePlan;
use super::further::FurtherPlan;
use super::lists::ListsPlan;
use super::side::{DialerSide, ListenerSide};
use super::tickets::TicketSource;
use super::vault::VaultPlan;
use crate::fetch::Place;
use dwcp_guard::GuardSettings;
use dwcp_pki::{AllowList, Profile, SpiffeId, SubjectName, TrustDomain, Window};
use dwcp_tls::{CertificateCompression, ClientAuth, ExpectedServer, TlsPolicy};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything a node needs to start, with defaults filled in and paths resolved.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// The node's name: in logs, in metrics as the certificate's `name`, in the SPIFFE path of a new identity.
    pub name: Option<String>,
    /// The node's trust domain: that of a new identity, and the one that its own roots vouch for. Once the node has a
    /// certificate, that one's where none is written.
    pub trust_domain: Option<TrustDomain>,
    /// The roots of other trust domains.
    pub bundles: Vec<BundlePlan>,
    /// How strictly the form of certificates is taken.
    pub profile: Profile,
    /// Where the node keeps its audit log and, by default, its identity.
    pub state_dir: PathBuf,
    /// How long a graceful end waits for connections; default 8 s.
    pub drain: Duration,
    /// The identity's files.
    pub identity: IdentityFiles,
    /// What listeners show besides the identity.
    pub certificates: Vec<FurtherPlan>,
    /// Who issues and renews the identity.
    pub provider: ProviderPlan,
    /// Whether files that another tool replaces are loaded by themselves, and not by a reload alone.
    pub watch: bool,
    /// Which revocation lists are fetched.
    pub lists: ListsPlan,
    /// Suites, groups and post-quantum mode of the admin listener, and of what has none of its own.
    pub tls: TlsPolicy,
    /// Whether the secrets of sessions may be written down.
    pub key_log: bool,
    /// Whether listeners and dialers send and take chains compressed.
    pub compression: CertificateCompression,
    /// Where the keys of tickets come from that several processes share.
    pub ticket_source: Option<TicketSource>,
    /// The read-only HTTPS listener.
    pub admin: SocketAddr,
    /// The same on a unix socket, mode 0600.
    pub admin_socket: Option<PathBuf>,
    /// One more HTTPS listener for metrics alone.
    pub metrics: Option<SocketAddr>,
    /// Where metrics are served; default `/metrics`, `None` where the configuration switches them off.
    pub metrics_path: Option<String>,
    /// Where the embedded authority's lists, certificate and OCSP are served by plain HTTP; `None`: on the admin listener alone.
    pub publish: Option<SocketAddr>,
    /// Where other machines join and renew by HTTPS; `None`: on the admin listener alone.
    pub enroll: Option<SocketAddr>,
    /// Secured services of this machine.
    pub listeners: Vec<ListenerPlan>,
    /// Secured ways to services of other machines.
    pub dialers: Vec<DialerPlan>,
    /// Rates and connection limits; `None` where the configuration switches the guard off.
    pub guard: Option<GuardSettings>,
    /// The audit log's directory; `None` where the configuration switches auditing off.
    pub audit_dir: Option<PathBuf>,
    /// How many audit events wait for the disk at most.
    pub audit_queue: usize,
    /// What is logged for human eyes, and how.
    pub logging: LoggingPlan,
    /// What is accepted but not as good as it could be; shown by `config check`, logged at start.
    pub warnings: Vec<String>,
}

/// Where the node's certificate, key, roots and revocation list are.
#[derive(Clone, Debug)]
pub struct IdentityFiles {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM, owner-only.
    pub key: PathBuf,
    /// Roots that peers are judged by, PEM. The embedded provider uses its own authority's when this is `None`.
    pub roots: Option<PathBuf>,
    /// Revocation lists of `roots`, PEM (several in one file) or DER.
    pub crl: Option<PathBuf>,
}

/// The roots of another trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundlePlan {
    /// Which; never the node's own, and each once.
    pub trust_domain: TrustDomain,
    /// Its roots, PEM.
    pub roots: PathBuf,
    /// Its revocation lists, PEM (several in one file) or DER.
    pub crl: Option<PathBuf>,
}

/// What is logged for human eyes, to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingPlan {
    /// `error`, `warn`, `info`, `debug`, `trace` or `off`; default `info`.
    pub level: String,
    /// One JSON object a line instead of text.
    pub json: bool,
}

/// Who issues the node's certificate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProviderPlan {
    /// An authority in a directory of this machine.
    Embedded {
        /// The authority's directory.
        ca_dir: PathBuf,
        /// What opens its key; `None` where that lies in clear.
        unseal: Option<UnsealPlan>,
        /// Lifetime asked for; default 24 h.
        ttl: Duration,
        /// Whether the node renews on its own; default true.
        auto_renew: bool,
        /// `renew_before` of the configuration.
        renew_before: Option<Duration>,
        /// When renewals are welcome.
        window: Option<Window>,
    },
    /// Files that somebody else renews; they are followed, and SIGHUP reads them again.
    Manual,
    /// A root that is made at the start and gone at the end, for trying things out.
    SelfSigned,
    /// Another node, which holds the authority.
    Mesh {
        /// Which.
        mesh: MeshPlan,
        /// Whether the node renews on its own; default true.
        auto_renew: bool,
        /// `renew_before` of the configuration.
        renew_before: Option<Duration>,
        /// When renewals are welcome.
        window: Option<Window>,
    },
    /// A Vault server.
    Vault {
        /// Which, and what is asked of it.
        vault: Box<VaultPlan>,
        /// When it is asked.
        renewals: Renewals,
    },
    /// Authorities that speak ACME, for a node that serves alone.
    Acme {
        /// Which, and what is asked of them.
        acme: Box<AcmePlan>,
        /// When they are asked.
        renewals: Renewals,
    },
}

/// When a certificate is renewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renewals {
    /// Whether the node renews on its own; default true.
    pub auto_renew: bool,
    /// `renew_before` of the configuration.
    pub renew_before: Option<Duration>,
    /// When renewals are welcome.
    pub window: Option<Window>,
}

/// The node that a certificate is renewed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshPlan {
    /// Where it is asked.
    pub(crate) place: Place,
    /// Who answers there.
    pub server: SpiffeId,
}

impl MeshPlan {
    /// Who answers, as a name to verify.
    pub(crate) fn server_name(&self) -> SubjectName {
        SubjectName::Uri(self.server.to_string())
    }
}

/// The part of a provider that a reload can not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fixed<'a> {
    Embedded(&'a Path, Option<&'a UnsealPlan>, Duration, Option<Duration>),
    Manual,
    SelfSigned,
    Mesh(&'a MeshPlan, Option<Duration>),
    Vault(&'a VaultPlan, Option<Duration>),
    Acme(&'a AcmePlan, Option<Duration>),
}

/// What opens an authority's sealed key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsealPlan {
    /// A file that holds a passphrase.
    Passphrase(PathBuf),
    /// A key file.
    KeyFile(PathBuf),
}

/// A listener: mutual TLS on one side, a plain service on the other.
#[derive(Clone, Debug)]
pub struct ListenerPlan {
    /// Its name, unique in the node.
    pub name: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// `host:port` of the plain service.
    pub target: String,
    /// Whether a client certificate is required or `anonymous` is allowed.
    pub client_auth: ClientAuth,
    /// Who may come in.
    pub allow: AllowList,
    /// How it speaks TLS.
    pub tls: ListenerSide,
}

/// A dialer: a plain port on this machine, mutual TLS to another.
#[derive(Clone, Debug)]
pub struct DialerPlan {
    /// Its name, unique in the node.
    pub name: String,
    /// Where it takes plain connections.
    pub listen: SocketAddr,
    /// `host:port` of the other node's listener.
    pub remote: String,
    /// Who the other side must be.
    pub expected: ExpectedServer,
    /// The patterns behind `expected`, where it goes by patterns; `None` where it goes by name.
    pub allow: Option<AllowList>,
    /// How it speaks TLS.
    pub tls: DialerSide,
}

impl UnsealPlan {
    /// The file that holds the secret.
    pub fn path(&self) -> &PathBuf {
        match self {
            Self::Passphrase(path) | Self::KeyFile(path) => path,
        }
    }
}

impl ProviderPlan {
    /// Which provider it is, where its authority is, what opens it and how it issues: what a reload can not change.
    pub(crate) fn fixed(&self) -> Fixed<'_> {
        match self {
            Self::Embedded { ca_dir, unseal, ttl, renew_before, .. } => {
                Fixed::Embedded(ca_dir, unseal.as_ref(), *ttl, *renew_before)
            }
            Self::Manual => Fixed::Manual,
            Self::SelfSigned => Fixed::SelfSigned,
            Self::Mesh { mesh, renew_before, .. } => Fixed::Mesh(mesh, *renew_before),
            Self::Vault { vault, renewals } => Fixed::Vault(vault, renewals.renew_before),
            Self::Acme { acme, renewals } => Fixed::Acme(acme, renewals.renew_before),
        }
    }

    /// When the node renews; `None` where it is not the node that says so.
    pub(crate) fn renewals(&self) -> Option<Renewals> {
        match self {
            Self::Embedded { auto_renew, renew_before, window, .. }
            | Self::Mesh { auto_renew, renew_before, window, .. } => {
                Some(Renewals { auto_renew: *auto_renew, renew_before: *renew_before, window: *window })
            }
            Self::Vault { renewals, .. } | Self::Acme { renewals, .. } => Some(*renewals),
            Self::Manual | Self::SelfSigned => None,
        }
    }
}
