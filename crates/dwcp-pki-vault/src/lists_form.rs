//! Which list of an issuer counts: by whom it is signed, what it follows, and what the mount says about it.

use crate::{VaultError, answer};
use dwcp_base::{Blame, Coded};
use dwcp_pki::{Certificate, CertificateChain, Crl, DeltaCrl, RevocationMode, TrustStore};
use serde::Deserialize;
use std::sync::Arc;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why the list that the server has is not taken.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ListFault {
    /// The mount lists nothing any more (`config/crl` has `disable=true`): its empty list would bring back what was revoked.
    #[error("the mount is told to list nothing")]
    Disabled,
    /// It lists less than what was known, and the mount did not say whether it is told to.
    #[error("the list has lost entries, and the mount could not be asked why")]
    Emptied,
    /// Its number is below that of the list that was known.
    #[error("the list is older than the one that is known")]
    Older,
    /// It is no list, or has none of the things that a list is looked up by.
    #[error("the list does not parse")]
    Malformed,
    /// Its issuer did not sign it.
    #[error("the list is not signed by its issuer")]
    Stranger,
    /// It could not be fetched.
    #[error("the list was not fetched")]
    Fetch(#[source] Arc<VaultError>),
}

impl ListFault {
    pub(crate) fn of(error: VaultError) -> Self {
        Self::Fetch(Arc::new(error))
    }

    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Disabled => "bao write PKI/config/crl disable=false".to_owned(),
            Self::Emptied | Self::Fetch(_) => match self {
                Self::Fetch(error) => error.fix(),
                _ => "see why PKI/config/crl can not be read; the next try follows by itself".to_owned(),
            },
            Self::Older => {
                "see whether the server was restored from a backup: bao read PKI/crl/rotate".to_owned()
            }
            Self::Malformed | Self::Stranger => "rebuild the list: bao read PKI/crl/rotate".to_owned(),
        }
    }
}

impl From<VaultError> for ListFault {
    fn from(error: VaultError) -> Self {
        Self::of(error)
    }
}

impl Coded for ListFault {
    fn code(&self) -> &'static str {
        match self {
            Self::Disabled => "vault.list.disabled",
            Self::Emptied => "vault.list.emptied",
            Self::Older => "vault.list.older",
            Self::Malformed => "vault.list.malformed",
            Self::Stranger => "vault.list.unsigned",
            Self::Fetch(error) => error.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Fetch(error) => error.blame(),
            _ => Blame::Peer,
        }
    }
}

/// What a mount says about its lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Building {
    On,
    OnWithoutDeltas,
    /// Every list is empty from here on.
    Off,
    /// It is not for us to know.
    Unknown,
    /// It could not be asked this time.
    Unanswered,
}

impl Building {
    pub(crate) fn from_answer(body: &[u8]) -> Self {
        match answer::data::<Config>(body) {
            Ok(Config { disable: true, .. }) => Self::Off,
            Ok(Config { enable_delta: false, .. }) => Self::OnWithoutDeltas,
            Ok(_) => Self::On,
            Err(_) => Self::Unknown,
        }
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    disable: bool,
    /// A server that says nothing of deltas may have some.
    #[serde(default = "yes")]
    enable_delta: bool,
}

fn yes() -> bool {
    true
}

/// Reads a complete list and checks its signature: off the event loop, since it may have 64 MiB.
pub(crate) async fn complete(der: Zeroizing<Vec<u8>>, issuer: Certificate) -> Result<Crl, ListFault> {
    off_loop(move || {
        let list = Crl::from_der(&der).map_err(|_| ListFault::Malformed)?;
        // One without a number can not be told from an older one.
        if list.number().is_none() {
            return Err(ListFault::Malformed);
        }
        match signed(&issuer, &list) {
            true => Ok(list),
            false => Err(ListFault::Stranger),
        }
    })
    .await
}

/// Reads a delta. Its signature is checked by the store that it is put into.
pub(crate) async fn delta(der: Zeroizing<Vec<u8>>, issuer: Certificate) -> Result<DeltaCrl, ListFault> {
    off_loop(move || {
        let delta = DeltaCrl::from_der(&der).map_err(|_| ListFault::Malformed)?;
        match delta.issuer() == issuer.subject() {
            true => Ok(delta),
            false => Err(ListFault::Stranger),
        }
    })
    .await
}

async fn off_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ListFault> + Send + 'static,
) -> Result<T, ListFault> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ListFault::Malformed))
}

/// Whether an issuer signed a list under its own name.
pub(crate) fn signed(issuer: &Certificate, list: &Crl) -> bool {
    let Ok(chain) = CertificateChain::new(vec![issuer.clone()]) else { return false };
    let anchor = vec![issuer.certificate_der().clone()];
    list.issuer() == issuer.subject()
        && TrustStore::new(anchor, Vec::new(), RevocationMode::Off)
            .is_ok_and(|trust| trust.signed(list, &chain))
}

/// Whether a delta can be put on top of a complete list (RFC 5280 §5.2.4).
pub(crate) fn fits(list: &Crl, delta: &DeltaCrl) -> bool {
    let reaches = |number| delta.base() <= number && number < delta.number();
    delta.issuer() == list.issuer() && list.number().is_some_and(reaches)
}

/// Whether a list may take the place of the one that is known.
pub(crate) fn follows(list: &Crl, before: Option<&Crl>, building: Building) -> Result<(), ListFault> {
    let Some(before) = before else { return Ok(()) };
    if list.number() < before.number() {
        return Err(ListFault::Older);
    }
    let lost = || before.serials().any(|serial| !list.contains(&serial));
    match building == Building::Unanswered && lost() {
        true => Err(ListFault::Emptied),
        false => Ok(()),
    }
}
