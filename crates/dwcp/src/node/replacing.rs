//! What files must hold to be put in use with nobody asking: a SIGHUP is an operator's word, a change of files is not.

use super::NodeError;
use super::further::Named;
use super::onion::reason_text;
use dwcp_base::{Blame, Coded, UnixTime};
use dwcp_pki::{Credential, IdentityKind, Purpose, SubjectName, Trial, TrustStore, Usage, ValidationError};
use thiserror::Error;

/// Why a certificate does not take the place of another by itself.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It has ended, and the one in use has not.
    #[error("the certificate in the file ended at {at}, and the one in use has not")]
    Ended {
        /// When it did.
        at: UnixTime,
    },
    /// It is not valid yet.
    #[error("the certificate in the file is good from {at} on; it is taken then")]
    Early {
        /// When it begins.
        at: UnixTime,
    },
    /// It is somebody else's.
    #[error("the certificate in the file is for {now}, and the one in use is for {before}")]
    Renamed {
        /// Whose the one in use is.
        before: String,
        /// Whose the new one is.
        now: String,
    },
    /// Peers would refuse it, for what the one in use serves.
    #[error("the certificate in the file would be refused by peers")]
    Invalid(#[source] ValidationError),
    /// It did not work when it was tried out.
    #[error("the certificate in the file does not work: {why}")]
    Failed {
        /// What went wrong.
        why: String,
    },
}

impl Coded for Unfit {
    fn code(&self) -> &'static str {
        match self {
            Self::Ended { .. } => "node.files.ended",
            Self::Early { .. } => "node.files.early",
            Self::Renamed { .. } => "node.files.renamed",
            Self::Invalid(source) => source.code(),
            Self::Failed { .. } => "node.files.failed",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// Whether `new` may take the place of `old` at `now`.
///
/// # Errors
/// [`Unfit`], never for the certificate in use itself. SPIFFE IDs must be the same; without one the two must have a name in common, since names come and go with a public
/// certificate.
fn fits(old: &Credential, new: &Credential, now: UnixTime) -> Result<(), Unfit> {
    if new.chain().leaf().certificate_der() == old.chain().leaf().certificate_der() {
        return Ok(());
    }
    if new.not_after() <= now && old.not_after() > new.not_after() {
        return Err(Unfit::Ended { at: new.not_after() });
    }
    if new.not_before() > now {
        return Err(Unfit::Early { at: new.not_before() });
    }
    let id = |of: &Credential| of.names().iter().find_map(SubjectName::spiffe_id);
    let same = match (id(old), id(new)) {
        (None, None) => old.names().is_empty() || old.names().iter().any(|name| new.names().contains(name)),
        (before, now) => before == now,
    };
    if same { Ok(()) } else { Err(Unfit::Renamed { before: whose(old), now: whose(new) }) }
}

/// What a certificate is judged by before it replaces another.
pub(super) struct Judge<'a> {
    /// Trust as it is, which says what the one in use is good for.
    pub(super) before: &'a TrustStore,
    /// Trust as it will be.
    pub(super) trust: &'a TrustStore,
    pub(super) trial: &'a dyn Trial,
    pub(super) now: UnixTime,
}

impl Judge<'_> {
    /// Whether the node's own certificate, where it comes from a file, and each that is shown besides and was there before may be replaced.
    /// Takes some milliseconds for each that is new.
    pub(super) fn all_fit(
        &self,
        (old, new): (&Credential, Option<&Credential>),
        (shown, further): (&[Named], &[Named]),
    ) -> Result<(), NodeError> {
        if let Some(new) = new {
            let what = "the node's own certificate".to_owned();
            // What is for servers alone today may stay so: a node that never dials needs no more.
            let usage = usage(self.before, old);
            fits(old, new, self.now)
                .and_then(|()| self.works(old, new, usage))
                .map_err(|source| NodeError::Replacement { what, source })?;
        }
        for named in further {
            let Some(before) = shown.iter().find(|before| before.name == named.name) else { continue };
            let what = format!("security.tls.certificates[{}]", named.name);
            let works = || match named.kind {
                IdentityKind::Mesh => self.works(&before.credential, &named.credential, Usage::Server),
                // Its root is in browsers, and not here.
                IdentityKind::Public => Ok(()),
            };
            fits(&before.credential, &named.credential, self.now)
                .and_then(|()| works())
                .map_err(|source| NodeError::Replacement { what, source })?;
        }
        Ok(())
    }

    /// Whether peers would take `new`, each way that `usage` says; the one in use is not asked again.
    fn works(&self, old: &Credential, new: &Credential, usage: Usage) -> Result<(), Unfit> {
        if new.chain().leaf().certificate_der() == old.chain().leaf().certificate_der() {
            return Ok(());
        }
        standing(self.trust, new, usage, self.now).map_err(Unfit::Invalid)?;
        let tried = self.trial.try_out(new, self.trust, usage, self.now);
        tried.map_err(|fault| Unfit::Failed { why: reason_text(&fault) })
    }
}

/// What a certificate is good for, its dates and lists aside.
pub(super) fn usage(trust: &TrustStore, credential: &Credential) -> Usage {
    let serves = |purpose| trust.covers_for(credential.chain(), purpose).is_ok();
    match (serves(Purpose::Server), serves(Purpose::Client)) {
        (true, true) => Usage::Both,
        (false, true) => Usage::Client,
        (_, false) => Usage::Server,
    }
}

/// Whether a peer with this trust takes the certificate at `now`, each way that `usage` says.
pub(super) fn standing(
    trust: &TrustStore,
    credential: &Credential,
    usage: Usage,
    now: UnixTime,
) -> Result<(), ValidationError> {
    let purposes: &[Purpose] = match usage {
        Usage::Server => &[Purpose::Server],
        Usage::Client => &[Purpose::Client],
        Usage::Both => &[Purpose::Server, Purpose::Client],
    };
    purposes.iter().try_for_each(|purpose| trust.validate_own(credential.chain(), *purpose, now).map(drop))
}

/// One name says enough.
fn whose(credential: &Credential) -> String {
    let names = credential.names();
    let spiffe = names.iter().find(|name| name.spiffe_id().is_some());
    spiffe.or(names.first()).map_or_else(|| "nobody".to_owned(), ToString::to_string)
}
