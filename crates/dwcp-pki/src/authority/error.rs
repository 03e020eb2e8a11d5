//! What an authority refuses, and what can go wrong with its directory.

use crate::certificate::printable;
use crate::{KeyFileError, NameError, ParseError, Serial, SubjectName};
use dwcp_base::{Blame, Coded, SecretFileError, UnixTime};
use dwcp_crypto::{CryptoError, EnvelopeError, KekError};
use std::io;
use std::path::PathBuf;

/// What a request asked for and did not get.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It asks for no name: a common name in the subject does not count.
    #[error("the request names no subject alternative name")]
    NoNames,
    /// A name may stand in no certificate.
    #[error("the name {} may stand in no certificate", printable(&name.to_string()))]
    BadName {
        /// The name.
        name: SubjectName,
        /// Which rule it breaks.
        source: NameError,
    },
    /// The policy does not grant the name.
    #[error("the policy does not grant the name {}", printable(&name.to_string()))]
    NameNotAllowed {
        /// The name.
        name: SubjectName,
    },
    /// A SPIFFE ID stands beside another URI (X.509-SVID §2: exactly one URI).
    #[error("a SPIFFE ID must be the only URI")]
    ManyIdentities,
    /// It asks for a name that is neither DNS name, address, URI nor mail address.
    #[error("the request asks for a name of a kind that is never granted")]
    NameKind,
    /// The name lies outside of what the authority, or one above it, is bound to.
    #[error("the authority is bound to other names than {}", printable(&name.to_string()))]
    Constrained {
        /// The name.
        name: SubjectName,
    },
    /// It asks to be an authority, or to sign certificates or CRLs.
    #[error("the request asks to be a certificate authority")]
    AuthorityRights,
    /// It asks for a purpose that the policy does not grant.
    #[error("the policy does not grant the purpose {purpose}")]
    Purpose {
        /// The object identifier of the purpose.
        purpose: String,
    },
    /// It asks for an extension that is never granted.
    #[error("the extension {extension} is never granted")]
    Extension {
        /// The object identifier of the extension.
        extension: String,
    },
    /// The certificate that is to be renewed was revoked.
    #[error("the certificate was revoked")]
    Revoked,
    /// The certificate that is to be renewed has expired: ask for a new one.
    #[error("the certificate has expired at {not_after}")]
    Expired {
        /// When it did.
        not_after: UnixTime,
    },
    /// A renewal asks for other names than the certificate has.
    #[error("the request asks for other names than the certificate has")]
    OtherNames,
    /// Its key is the authority's own.
    #[error("the request is for the authority's own key")]
    AuthorityKey,
    /// A certificate with its key was revoked because the key may be in other hands.
    #[error("the key was given up as compromised")]
    CompromisedKey,
}

/// Why an authority did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// An authority, or the rest of one, is there already; nothing was overwritten.
    #[error("{} exists already", path.display())]
    AlreadyExists {
        /// The file that is in the way.
        path: PathBuf,
    },
    /// Anybody on the machine can put files into the directory, so that none in it can be trusted.
    #[error("{} is writable by others (mode {mode:04o}): chmod o-w, or use a directory in it", path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A parameter of a new authority is out of its bounds.
    #[error("{what}")]
    BadParameter {
        /// Which, and what it must be.
        what: &'static str,
    },
    /// The policy refuses the request.
    #[error("the request is refused")]
    Refused {
        /// What it asked for and did not get.
        source: Refusal,
    },
    /// The authority's own certificate has expired: it issues nothing more. Revoking and CRLs still work.
    #[error("the authority has expired at {not_after}")]
    Expired {
        /// When it did.
        not_after: UnixTime,
    },
    /// The authority's own certificate is not valid yet: this clock is wrong, or that of its maker was.
    #[error("the authority is not valid before {not_before}")]
    NotYetValid {
        /// When it will be.
        not_before: UnixTime,
    },
    /// No certificate of this serial was issued here.
    #[error("no certificate {serial} was issued here")]
    UnknownSerial {
        /// The serial asked for.
        serial: Serial,
    },
    /// There is no complete CRL that a delta CRL could refer to.
    #[error("a delta CRL refers to a complete one, and none was published yet: publish a complete CRL first")]
    NoCompleteCrl,
    /// The authority's certificate file can not be read.
    #[error("the authority's certificate was not read")]
    CertificateFile {
        /// What is wrong with the file.
        source: SecretFileError,
    },
    /// The authority's certificate is malformed.
    #[error("the authority's certificate is not usable")]
    Certificate {
        /// What is wrong with it.
        source: ParseError,
    },
    /// The certificate in the directory may not sign certificates and CRLs.
    #[error("the certificate is not that of an authority")]
    NotAnAuthority,
    /// The authority's key can not be used.
    #[error("the authority's key is not usable")]
    Key {
        /// What is wrong with it.
        source: KeyFileError,
    },
    /// The authority's key is sealed, and nothing was given that opens it.
    #[error("the authority's key is sealed")]
    Sealed,
    /// The authority's key was expected to be sealed and lies in clear.
    #[error("the authority's key is not sealed")]
    NotSealed,
    /// The authority's key was not sealed or unsealed.
    #[error("the authority's key was not opened or sealed")]
    Unsealed {
        /// What the envelope said.
        source: EnvelopeError,
    },
    /// The authority, or one above it, is bound to names of a kind that is not checked here, so nothing may be issued.
    #[error("the authority is bound to names of a kind that is not supported")]
    Constraints,
    /// The certificates of the authorities above it do not lead from it to a root.
    #[error("{} does not lead from the authority to its root: {rule}", path.display())]
    Issuers {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// The file of the authority's places on the web is damaged.
    #[error("{} is damaged", path.display())]
    Urls {
        /// The file.
        path: PathBuf,
    },
    /// Key and certificate in the directory do not belong together.
    #[error("the authority's key does not match its certificate")]
    KeyMismatch,
    /// The index is missing, so what was issued and revoked is not known.
    #[error("{} is missing", path.display())]
    IndexMissing {
        /// The file.
        path: PathBuf,
    },
    /// A line of the index that was complete once is damaged, or lines are missing before it.
    #[error("line {line} of {} is damaged: {rule}", path.display())]
    IndexCorrupt {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: u64,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// The index is that of another authority.
    #[error("{} is the index of another authority", path.display())]
    IndexForeign {
        /// The file.
        path: PathBuf,
    },
    /// Another process has held the index for ten seconds.
    #[error("{} is held by another process", path.display())]
    IndexBusy {
        /// The lock's file.
        path: PathBuf,
    },
    /// A write failed and could not be taken back, or a sync failed: open the authority again once the disk is well.
    #[error("the index is not known to be whole on the disk since a write or sync failed")]
    IndexSuspect,
    /// The file system refused a read or write.
    #[error("can not {action} {}", path.display())]
    Storage {
        /// What was tried, for example `write`.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is the new one, and whether that survives a power loss is open: its directory could not be synced.
    #[error("{} was replaced, and the disk did not confirm it", path.display())]
    Unsynced {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system gave no randomness, or a key was not made.
    #[error("no key or serial was made")]
    Crypto {
        /// What failed.
        source: CryptoError,
    },
    /// A document could not be built and signed.
    #[error("the document was not built")]
    Encoding {
        /// What the encoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was built is not what was meant, so it was thrown away: a defect.
    #[error("the finished document is wrong: {rule}")]
    Defective {
        /// What is wrong with it.
        rule: &'static str,
    },
}

impl AuthorityError {
    pub(super) fn storage(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Storage { action, path: path.into(), source }
    }

    pub(super) fn unsealed(source: EnvelopeError) -> Self {
        Self::Unsealed { source }
    }

    pub(super) fn encoding(error: rcgen::Error) -> Self {
        Self::Encoding { source: Box::new(error) }
    }
}

/// So that [`at_once`](dwcp_crypto::kek::at_once) can be asked for a key.
impl From<KekError> for AuthorityError {
    fn from(source: KekError) -> Self {
        Self::Unsealed { source: source.into() }
    }
}

impl From<Refusal> for AuthorityError {
    fn from(source: Refusal) -> Self {
        Self::Refused { source }
    }
}

impl Coded for AuthorityError {
    fn code(&self) -> &'static str {
        match self {
            Self::AlreadyExists { .. } => "pki.authority.exists",
            Self::Exposed { .. } => "pki.authority.exposed",
            Self::BadParameter { .. } => "pki.authority.parameter",
            Self::Refused { .. } => "pki.request.refused",
            Self::Expired { .. } => "pki.authority.expired",
            Self::NotYetValid { .. } => "pki.authority.early",
            Self::UnknownSerial { .. } => "pki.certificate.unknown",
            Self::NoCompleteCrl => "pki.crl.unpublished",
            Self::CertificateFile { source } => source.code(),
            Self::Certificate { .. } | Self::NotAnAuthority => "pki.authority.certificate",
            Self::Key { source } => source.code(),
            Self::Sealed => "pki.authority.sealed",
            Self::NotSealed => "pki.authority.unsealed",
            Self::Unsealed { source } => source.code(),
            Self::Constraints => "pki.authority.constraints",
            Self::Issuers { .. } => "pki.authority.issuers",
            Self::Urls { .. } => "pki.authority.urls",
            Self::KeyMismatch => "pki.authority.mismatched",
            Self::IndexMissing { .. } => "pki.index.missing",
            Self::IndexCorrupt { .. } | Self::IndexForeign { .. } => "pki.index.corrupt",
            Self::IndexBusy { .. } => "pki.index.busy",
            Self::IndexSuspect => "pki.index.suspect",
            Self::Storage { .. } => "pki.storage.failed",
            Self::Unsynced { .. } => "pki.storage.unsynced",
            Self::Crypto { source } => source.code(),
            Self::Encoding { .. } | Self::Defective { .. } => "pki.authority.defect",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Refused { .. } => Blame::Peer,
            _ => Blame::Local,
        }
    }
}
