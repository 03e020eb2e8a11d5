//! A node that does not start, as an exit code and three lines.

use super::at_rest::key_file_failure;
use super::cert::authority_failure;
use super::exit::{Exit, Failure};
use super::provider_failure;
use crate::node::NodeError;
use dwcp_audit::OpenError;
use dwcp_base::SecretFileError;
use dwcp_crypto::EnvelopeError;
use dwcp_pki::{AuthorityError, ChainFault, CredentialError, FurtherError, KeyFileError};
use dwcp_tls::TicketKeysError;

/// The failure that `error` is to a user.
pub(super) fn failure(error: NodeError) -> Failure {
    match error {
        NodeError::Config(problem) => problem.into(),
        NodeError::File { role, source } => Failure::file(format!("the {role} can not be used"), &source),
        NodeError::Credential { cert, key, source } => {
            let what = format!("{} and {} do not make an identity", cert.display(), key.display());
            credential(what, &source)
        }
        NodeError::Authority { dir, source } => {
            let mut failure = authority_failure("the authority can not be used", &dir, &source);
            if let Some(fix) = sealing(&source) {
                failure.fix = fix.to_owned();
            }
            failure
        }
        NodeError::Passphrase { path, source } => {
            let what = format!("no passphrase could be read from {}", path.display());
            let fix = "write the passphrase of ca.key into it, on one line";
            Failure::new(Exit::Configuration, what, &source, fix).coded(&source)
        }
        NodeError::KeyFile { path, source } => key_file_failure(&path, &source),
        NodeError::KeyLog { path, source } => Failure::new(
            Exit::Failure,
            format!("{} can not be made for the secrets of sessions", path.display()),
            &source,
            "let SSLKEYLOGFILE name a file that does not exist yet, or remove security.tls.key_log",
        ),
        NodeError::Bind { what, address, source } => Failure::new(
            Exit::Failure,
            format!("{what} can not listen on {address}"),
            &source,
            match source.kind() {
                std::io::ErrorKind::AddrNotAvailable => "write an address that this machine has",
                std::io::ErrorKind::PermissionDenied => {
                    "write a port above 1023, or give the node the right to this one"
                }
                _ => "stop what listens there, or write another address",
            },
        ),
        NodeError::NotJoined { .. } => Failure::plain(
            Exit::Configuration,
            error.to_string(),
            "security.cert_management.provider is `mesh`, and such a node begins with the certificate it joined with",
            "run `dwcp token create` where the authority is, then `dwcp init DIR --join TOKEN --rejoin` here",
        )
        .coded(&error),
        NodeError::NotIssued { .. } => Failure::plain(
            Exit::Configuration,
            error.to_string(),
            "security.cert_management.provider is an issuer elsewhere, and the first start asks it",
            "run `dwcp up`",
        )
        .coded(&error),
        NodeError::Unissued(error) => provider_failure::failure(&error),
        NodeError::Audit(error) => {
            let (exit, fix) = match &error {
                OpenError::Broken(_) => (
                    Exit::Verification,
                    "run `dwcp audit verify` on the directory, keep it as evidence, and name another",
                ),
                OpenError::Locked { .. } => {
                    (Exit::Failure, "stop the node that writes there, or give this one its own state_dir")
                }
                _ => (Exit::Failure, "name a directory this user can write to, with room on it"),
            };
            Failure::new(exit, "the audit log can not be opened", &error, fix).coded(&error)
        }
        other => {
            let (exit, fix) = match &other {
                NodeError::Trust(_) | NodeError::Content { .. } => (
                    Exit::Configuration,
                    "name a file that holds certificates of authorities, or their revocation lists",
                ),
                NodeError::TicketKeys { source, .. } => ticket_keys(source),
                NodeError::Further { source, .. } => (Exit::Configuration, further(source)),
                NodeError::Unanchored { .. } => (
                    Exit::Configuration,
                    "write kind: public if a public authority issued it, or use one that leads to the mesh's roots",
                ),
                NodeError::PublicIdentity { .. } => (
                    Exit::Configuration,
                    "let cert_file be a certificate of the mesh, and show this one by security.tls.certificates with kind: public",
                ),
                NodeError::Installed(error) => (Exit::Configuration, installed(error.verdict().fault())),
                NodeError::Ended { .. } => {
                    (Exit::Configuration, "put the renewed certificate and its key in place")
                }
                NodeError::Tls(_) | NodeError::NeedsRestart { .. } => {
                    (Exit::Configuration, "undo the change, or restart the node")
                }
                _ => (Exit::Failure, "mend what the cause names and start again"),
            };
            let what = other.to_string();
            Failure::new(exit, what, &other, fix).coded(&other)
        }
    }
}

/// What to do about ticket keys that are not to be had.
pub(super) fn ticket_keys(error: &TicketKeysError) -> (Exit, &'static str) {
    match error {
        TicketKeysError::NotAPipe => {
            (Exit::Configuration, "pass the set by a pipe, or seal it with `dwcp tls tickets create`")
        }
        TicketKeysError::Io(_) => {
            (Exit::Failure, "let what starts the node write the set into a pipe that the node inherits")
        }
        TicketKeysError::Envelope(EnvelopeError::Kek { .. } | EnvelopeError::Damaged) => {
            (Exit::Verification, "name the key_file or passphrase_file that the set was sealed under")
        }
        _ => (
            Exit::Configuration,
            "name a set that `dwcp tls tickets create` sealed: it is never read from a plain file",
        ),
    }
}

/// What to do about a certificate that can not be shown.
fn further(error: &FurtherError) -> &'static str {
    match error {
        FurtherError::Nameless { .. } => "use a certificate with a DNS name: clients ask for it",
        FurtherError::NoServer { .. } => "use a certificate that was issued for servers",
        FurtherError::PublicSpiffe { .. } => "write kind: mesh if the mesh issued it",
        _ => "show fewer certificates at one node",
    }
}

/// What to do about an identity that its own node refuses.
fn installed(fault: &ChainFault) -> &'static str {
    match fault {
        ChainFault::Profile { .. } => {
            "re-issue the certificate that is named, or set security.tls.profile: interop"
        }
        ChainFault::TrustDomain { .. } => {
            "write the trust domain of the certificate in node.trust_domain, or use a certificate of that one"
        }
        _ => "use a certificate that ca_file's roots have signed, or the root that signed it",
    }
}

/// What to do where the authority's key is sealed and the configuration says otherwise: there is no command line to correct.
fn sealing(error: &AuthorityError) -> Option<&'static str> {
    match error {
        AuthorityError::Sealed => {
            Some("name what opens it in security.cert_management.embedded.passphrase_file or key_file")
        }
        AuthorityError::NotSealed => {
            Some("remove passphrase_file and key_file, or seal the key with `dwcp cert ca seal` first")
        }
        _ => None,
    }
}

/// A pair of certificate and key that is not usable: mostly configuration, unless a file is missing.
pub(super) fn credential(what: String, error: &CredentialError) -> Failure {
    let (exit, fix) = match error {
        CredentialError::File(source) | CredentialError::Key(KeyFileError::File { source }) => {
            let exit = if matches!(source, SecretFileError::Exposed { .. }) {
                Exit::Configuration
            } else {
                Exit::Failure
            };
            (exit, source.fix())
        }
        CredentialError::KeyMismatch => {
            (Exit::Configuration, "put the key in place that the certificate was made for".to_owned())
        }
        CredentialError::Write { .. } => {
            (Exit::Failure, "name a directory this user can write to".to_owned())
        }
        _ => (
            Exit::Configuration,
            "use a PEM certificate chain and its private key in PEM, unencrypted".to_owned(),
        ),
    };
    Failure::new(exit, what, error, fix).coded(error)
}
