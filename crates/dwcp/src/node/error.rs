//! Why a node does not start, or does not take a new configuration.

use super::replacing::Unfit;
use crate::config::ConfigProblem;
use dwcp_audit::OpenError;
use dwcp_base::{Blame, Coded, SecretFileError, UnixTime};
use dwcp_crypto::kek::KekFileError;
use dwcp_crypto::{CryptoError, PassphraseError};
use dwcp_pki::{
    AuthorityError, CredentialError, FurtherError, InstallError, ManagerError, ParseError, PublicMark,
    RequestError, SlotError, TrustError, ValidationError,
};
use dwcp_tls::{TicketKeysError, TlsError};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use thiserror::Error;

/// What stands in the way. Every case is this side's: [`Blame::Local`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The configuration was refused.
    #[error("the configuration is refused")]
    Config(#[source] ConfigProblem),
    /// A file could not be read.
    #[error("the {role} can not be read")]
    File {
        /// What the file is for.
        role: &'static str,
        /// What is wrong with it.
        #[source]
        source: SecretFileError,
    },
    /// A file holds something else than it should.
    #[error("the {role} in {path} is not readable as such")]
    Content {
        /// What the file is for.
        role: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ParseError,
    },
    /// Certificate and key do not make an identity.
    #[error("{cert} and {key} do not make an identity")]
    Credential {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong with them.
        #[source]
        source: CredentialError,
    },
    /// A node that renews at another one has no certificate to begin with.
    #[error("{cert} does not exist: this node has not joined its mesh")]
    NotJoined {
        /// Where the certificate should be.
        cert: PathBuf,
    },
    /// A node whose provider is elsewhere has no certificate, and nobody was asked for one.
    #[error("{cert} does not exist: no certificate was issued to this node yet")]
    NotIssued {
        /// Where the certificate should be.
        cert: PathBuf,
    },
    /// The roots and revocation lists do not fit together.
    #[error("the trust of this node can not be set up")]
    Trust(#[source] TrustError),
    /// The identity does not pass the node's own trust.
    #[error("the node's own certificate is refused by its own trust")]
    Installed(#[source] InstallError),
    /// A certificate to show besides the node's own is none that can be shown.
    #[error("{key} can not be shown to clients")]
    Further {
        /// Which, as the configuration names it.
        key: String,
        /// What is wrong with it.
        #[source]
        source: FurtherError,
    },
    /// A certificate of the mesh leads to nothing that this node trusts.
    #[error("{key} leads to no root of this node")]
    Unanchored {
        /// Which, as the configuration names it.
        key: String,
        /// What the validation said.
        #[source]
        source: ValidationError,
    },
    /// The node would dial with a certificate that no peer accepts of a client.
    #[error("{cert} is of a public authority and can not be the identity of a node that dials: {mark}")]
    PublicIdentity {
        /// The certificate's file.
        cert: PathBuf,
        /// What says so.
        mark: PublicMark,
    },
    /// The keys of tickets that several processes share can not be had.
    #[error("no ticket keys could be read from {from}")]
    TicketKeys {
        /// The descriptor or file.
        from: String,
        /// What is wrong.
        #[source]
        source: TicketKeysError,
    },
    /// The embedded authority can not be used.
    #[error("the authority in {dir} can not be used")]
    Authority {
        /// Its directory.
        dir: PathBuf,
        /// What is wrong with it.
        #[source]
        source: AuthorityError,
    },
    /// The passphrase of the embedded authority's key is none.
    #[error("{path} does not hold the passphrase of an authority's key")]
    Passphrase {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: PassphraseError,
    },
    /// The key file that opens the embedded authority's key can not be used.
    #[error("the key file {path} can not be used")]
    KeyFile {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: KekFileError,
    },
    /// The file for the secrets of sessions can not be made.
    #[error("{path} can not be made for the secrets of sessions")]
    KeyLog {
        /// The file in SSLKEYLOGFILE.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// No key could be made.
    #[error("no private key was made")]
    Key(#[source] CryptoError),
    /// No throw-away pair could be made.
    #[error("no certificate was made")]
    Unmade(#[source] AuthorityError),
    /// A certificate can not be looked after under its name.
    #[error("a certificate can not be looked after")]
    Slot(#[source] SlotError),
    /// Files that another tool renews can not be renewed here.
    #[error("the node's certificate is renewed by another tool")]
    NotOurs,
    /// The node was stopped in the middle.
    #[error("the node was stopped in the middle of it")]
    Interrupted,
    /// The identity's names can not be certified.
    #[error("no certificate request can be made")]
    Request(#[source] RequestError),
    /// A reload would leave the node without a revocation list that is good.
    #[error("no revocation list could be had from {url}, and none that is good is here")]
    Unlisted {
        /// Where it was asked for.
        url: String,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No identity could be had from the provider.
    #[error("no identity was issued to this node")]
    Unissued(#[source] ManagerError),
    /// An address is taken or not ours.
    #[error("{what} can not listen on {address}")]
    Bind {
        /// Which listener.
        what: String,
        /// Where.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The admin socket can not be made.
    #[error("the admin socket {path} can not be made")]
    Socket {
        /// Its path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The audit log can not be opened.
    #[error("the audit log can not be opened")]
    Audit(#[source] OpenError),
    /// TLS can not be set up.
    #[error("TLS can not be set up")]
    Tls(#[source] TlsError),
    /// A file of the node can not be written.
    #[error("{path} can not be written")]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A reload would put a certificate in place that nobody accepts any more.
    #[error("the certificate in the file ended at {ended}, and the one in use has not")]
    Ended {
        /// When it did.
        ended: UnixTime,
    },
    /// What a reload finds on disk is older than the certificate in use, which is as good.
    #[error("{cert} holds an older certificate than the one in use, which is valid")]
    Older {
        /// The certificate's file.
        cert: PathBuf,
    },
    /// Files changed, and could not be read and judged in time.
    #[error("the files were not read within {limit:?}")]
    Slow {
        /// How long they were waited for.
        limit: std::time::Duration,
    },
    /// Files changed, and what they hold is not for this node to take by itself; a reload may.
    #[error("{what} is not replaced")]
    Replacement {
        /// Which certificate.
        what: String,
        /// Why.
        #[source]
        source: Unfit,
    },
    /// A reload changes what only a restart can.
    #[error("{key} can only be changed by a restart")]
    NeedsRestart {
        /// The configuration key.
        key: &'static str,
    },
}

impl Coded for NodeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "node.config.refused",
            Self::File { source, .. } => source.code(),
            Self::Content { source, .. } => source.code(),
            Self::Credential { source, .. } => source.code(),
            Self::NotJoined { .. } | Self::NotIssued { .. } => "node.identity.missing",
            Self::Trust(source) => source.code(),
            Self::Installed(source) => source.code(),
            Self::Further { source, .. } => source.code(),
            Self::Unanchored { source, .. } => source.code(),
            Self::TicketKeys { source: TicketKeysError::Envelope(source), .. } => source.code(),
            Self::TicketKeys { .. } => "node.tickets.unread",
            Self::PublicIdentity { .. } => "node.identity.public",
            Self::Authority { source, .. } => source.code(),
            Self::Passphrase { source, .. } => source.code(),
            Self::KeyFile { source, .. } => source.code(),
            Self::KeyLog { .. } => "node.key_log.unavailable",
            Self::Key(source) => source.code(),
            Self::Unmade(source) => source.code(),
            Self::Slot(source) => source.code(),
            Self::NotOurs => "node.renewal.foreign",
            Self::Interrupted => "node.renewal.interrupted",
            Self::Request(source) => source.code(),
            Self::Unlisted { .. } => "node.lists.missing",
            Self::Unissued(source) => source.code(),
            Self::Bind { .. } => "node.address.unavailable",
            Self::Socket { .. } => "node.socket.unavailable",
            Self::Audit(source) => source.code(),
            Self::Tls(source) => source.code(),
            Self::Unwritten { .. } => "node.file.unwritten",
            Self::Ended { .. } => "node.reload.ended",
            Self::Older { .. } => "node.reload.older",
            Self::Slow { .. } => "node.files.slow",
            Self::Replacement { source, .. } => source.code(),
            Self::NeedsRestart { .. } => "node.reload.refused",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
