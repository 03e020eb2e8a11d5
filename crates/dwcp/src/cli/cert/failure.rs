//! How an authority's errors read, and with which exit code.

use crate::cli::exit::{Exit, Failure};
use dwcp_pki::{AuthorityError, KeyFileError};
use std::path::Path;

/// An authority's error with its exit code.
pub(crate) fn authority_failure(what: &str, dir: &Path, error: &AuthorityError) -> Failure {
    let (exit, fix) = match error {
        AuthorityError::Expired { .. } | AuthorityError::NotYetValid { .. } => {
            (Exit::Configuration, "check the clock; then make a new authority and hand out its certificate")
        }
        AuthorityError::CertificateFile { .. } => {
            (Exit::Failure, "make an authority with `dwcp init` or `dwcp cert ca init`, or correct the path")
        }
        AuthorityError::AlreadyExists { .. } => {
            (Exit::Failure, "name another directory, or use the authority that is there")
        }
        AuthorityError::BadParameter { .. } => (Exit::Usage, "correct the parameter"),
        AuthorityError::KeyMismatch | AuthorityError::NotAnAuthority => {
            (Exit::Configuration, "put the key back that belongs to ca.crt")
        }
        AuthorityError::Key { source: KeyFileError::File { source } } => {
            return Failure { what: what.to_owned(), ..Failure::file(what, source) };
        }
        AuthorityError::NoCompleteCrl => {
            (Exit::NotFound, "publish a complete list first: `dwcp cert crl` without --delta")
        }
        AuthorityError::Sealed => {
            (Exit::Configuration, "give --passphrase-file, --passphrase-fd or --key-file")
        }
        AuthorityError::NotSealed => {
            (Exit::Configuration, "leave the passphrase out, or seal the key with `dwcp cert ca seal` first")
        }
        AuthorityError::Unsealed { .. } => (
            Exit::Verification,
            "check the passphrase or the key file; if it is right, take ca.key from a backup",
        ),
        AuthorityError::Constraints | AuthorityError::Issuers { .. } | AuthorityError::Urls { .. } => {
            (Exit::Configuration, "put the files back that the authority was made with")
        }
        AuthorityError::Key { .. } => (
            Exit::Configuration,
            "put a PKCS#8 key in PEM, or one that `dwcp cert ca seal` sealed, in ca.key, mode 0600",
        ),
        AuthorityError::UnknownSerial { .. } => {
            (Exit::NotFound, "check the number: this authority issued no such certificate")
        }
        AuthorityError::Refused { .. } => {
            (Exit::Denied, "ask for names, usages and a lifetime that the policy allows")
        }
        AuthorityError::IndexBusy { .. } => {
            (Exit::Unavailable, "another process holds the authority: end it, or try again when it is done")
        }
        AuthorityError::IndexCorrupt { .. } | AuthorityError::IndexForeign { .. } => (
            Exit::Verification,
            "restore index/ from a backup: what was issued and revoked can not be trusted as it stands",
        ),
        AuthorityError::Unsynced { .. } => {
            (Exit::Failure, "keep the secret and the file from before, check the disk, and run it again")
        }
        AuthorityError::Storage { .. } => {
            (Exit::Failure, "check that this user can write there, and that the disk is well and has room")
        }
        _ => (Exit::Failure, "check the directory: an authority holds ca.crt, ca.key and index/"),
    };
    Failure::new(exit, format!("{what} ({})", dir.display()), error, fix).coded(error)
}
