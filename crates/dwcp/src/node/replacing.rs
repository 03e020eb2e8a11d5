//! What files must hold to be put in use with nobody asking: a SIGHUP is an operator's word, a change of files is not.

use super::NodeError;
use super::further::Named;
use dwcp_base::{Blame, Coded, UnixTime};
use dwcp_pki::{Credential, SubjectName};
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
}

impl Coded for Unfit {
    fn code(&self) -> &'static str {
        match self {
            Self::Ended { .. } => "node.files.ended",
            Self::Early { .. } => "node.files.early",
            Self::Renamed { .. } => "node.files.renamed",
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

/// The same for the node's own certificate, where it comes from a file, and for each that is shown besides and was there before.
pub(super) fn all_fit(
    (old, new): (&Credential, Option<&Credential>),
    (shown, further): (&[Named], &[Named]),
    now: UnixTime,
) -> Result<(), NodeError> {
    if let Some(new) = new {
        let what = "the node's own certificate".to_owned();
        fits(old, new, now).map_err(|source| NodeError::Replacement { what, source })?;
    }
    for named in further {
        let Some(before) = shown.iter().find(|before| before.name == named.name) else { continue };
        let what = format!("security.tls.certificates[{}]", named.name);
        fits(&before.credential, &named.credential, now)
            .map_err(|source| NodeError::Replacement { what, source })?;
    }
    Ok(())
}

/// One name says enough.
fn whose(credential: &Credential) -> String {
    let names = credential.names();
    let spiffe = names.iter().find(|name| name.spiffe_id().is_some());
    spiffe.or(names.first()).map_or_else(|| "nobody".to_owned(), ToString::to_string)
}
