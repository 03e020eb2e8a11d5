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

    /// Whether the server signs no list for this issuer at all.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Fetch(error) if matches!(**error, VaultError::NotFound { what: "list", .. }))
    }

    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Disabled => "bao write PKI/config/crl disable=false".to_owned(),
            Self::Emptied => {
                "see why PKI/config/crl can not be read; the next try follows by itself".to_owned()
            }
            Self::Fetch(error) => error.fix(),
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

/// The newest of the lists that an issuer signed. Off the event loop, as the rest: a signature over 64 MiB takes its time.
pub(crate) async fn newest_of(issuer: &Certificate, known: &[Crl]) -> Option<Crl> {
    let mut ours: Vec<Crl> = known.iter().filter(|list| list.issuer() == issuer.subject()).cloned().collect();
    ours.sort_by_key(|list| std::cmp::Reverse(list.number()));
    let issuer = issuer.clone();
    let found = move || Ok(ours.into_iter().find(|list| signed(&issuer, list)));
    if known.is_empty() { None } else { off_loop(found).await.ok().flatten() }
}

/// The lists that none of the issuers signed.
pub(crate) async fn of_none(issuers: Vec<Certificate>, lists: Vec<Crl>) -> Vec<Crl> {
    if lists.is_empty() {
        return lists;
    }
    let kept = lists.clone();
    let is_gone = move |list: &Crl| !issuers.iter().any(|issuer| signed(issuer, list));
    let gone = off_loop(move || Ok(lists.into_iter().filter(is_gone).collect())).await;
    gone.unwrap_or(kept)
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
pub(crate) async fn follows(list: &Crl, before: Option<&Crl>, building: Building) -> Result<(), ListFault> {
    let Some(before) = before.cloned() else { return Ok(()) };
    if list.number() < before.number() {
        return Err(ListFault::Older);
    }
    if building != Building::Unanswered {
        return Ok(());
    }
    let list = list.clone();
    off_loop(move || match before.serials().any(|serial| !list.contains(&serial)) {
        true => Err(ListFault::Emptied),
        false => Ok(()),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::{LocalDisk, UnixTime};
    use dwcp_crypto::{KeyType, SigningKey};
    use dwcp_pki::{
        AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy, RevocationReason,
    };

    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    struct Lab {
        authority: CertificateAuthority,
        _directory: tempfile::TempDir,
    }

    impl Lab {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let params = AuthorityParams::new("Lab Root");
            let authority = CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, NOW);
            Self { authority: authority.unwrap(), _directory: directory }
        }

        fn crl(&self) -> Crl {
            self.authority.crl(NOW).unwrap()
        }

        fn leaf(&self) -> Certificate {
            let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
            let request = CertificateRequest::generate(&key, &["DNS:a.example".parse().unwrap()]).unwrap();
            self.authority.issue(&request, &IssuancePolicy::default(), NOW).unwrap().leaf().clone()
        }
    }

    fn root(lab: &Lab) -> Certificate {
        lab.authority.certificate().clone()
    }

    async fn read(der: &[u8], lab: &Lab) -> Result<Crl, &'static str> {
        complete(Zeroizing::new(der.to_vec()), root(lab)).await.map_err(|fault| fault.code())
    }

    #[tokio::test]
    async fn a_list_is_its_issuers_or_none() {
        let (lab, stranger) = (Lab::new(), Lab::new());
        let list = lab.crl();
        assert_eq!(read(list.der(), &lab).await.as_ref(), Ok(&list));
        // The other lab's root has the same name, and another key.
        assert_eq!(read(list.der(), &stranger).await, Err("vault.list.unsigned"));
        let mut forged = list.der().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(read(&forged, &lab).await, Err("vault.list.unsigned"));
        for der in [&b""[..], b"{\"errors\":[]}", b"-----BEGIN X509 CRL-----", list.to_pem().as_bytes()] {
            assert_eq!(read(der, &lab).await, Err("vault.list.malformed"));
        }
        assert_eq!(read(lab.leaf().der(), &lab).await, Err("vault.list.malformed"));
    }

    #[tokio::test]
    async fn an_older_list_never_follows_and_an_emptied_one_only_where_the_mount_was_asked() {
        let lab = Lab::new();
        let empty = lab.crl();
        let _ = lab.authority.revoke(&lab.leaf().serial(), RevocationReason::KeyCompromise, NOW).unwrap();
        let full = lab.crl();
        assert!(empty.number() < full.number() && full.len() == 1);
        let code = async |list: &Crl, before: Option<&Crl>, building| {
            follows(list, before, building).await.map_err(|fault| fault.code())
        };
        assert_eq!(code(&empty, None, Building::Unanswered).await, Ok(()));
        assert_eq!(code(&full, Some(&empty), Building::Unanswered).await, Ok(()));
        assert_eq!(code(&full, Some(&full), Building::Unanswered).await, Ok(()));
        for building in [Building::On, Building::OnWithoutDeltas, Building::Unknown, Building::Unanswered] {
            assert_eq!(code(&empty, Some(&full), building).await, Err("vault.list.older"));
        }
        // Of another authority, with a higher number: what matters here is what it lists.
        let other = Lab::new();
        let later = (0..4).fold(other.crl(), |_, _| other.crl());
        assert!(later.number() > full.number());
        assert_eq!(code(&later, Some(&full), Building::Unanswered).await, Err("vault.list.emptied"));
        assert_eq!(code(&later, Some(&full), Building::On).await, Ok(()));
    }

    #[test]
    fn what_a_mount_says_of_its_lists_is_read() {
        for (text, building) in [
            (r#"{"data":{"disable":true,"enable_delta":true}}"#, Building::Off),
            (r#"{"data":{"disable":false,"enable_delta":true}}"#, Building::On),
            (r#"{"data":{"disable":false,"enable_delta":false}}"#, Building::OnWithoutDeltas),
            (r#"{"data":{}}"#, Building::On),
            (r#"{"data":{"disable":"yes"}}"#, Building::Unknown),
            ("[]", Building::Unknown),
            ("", Building::Unknown),
        ] {
            assert_eq!(Building::from_answer(text.as_bytes()), building, "{text}");
        }
    }

    #[test]
    fn every_fault_has_a_code_and_a_fix() {
        let fetch = ListFault::of(VaultError::Sealed);
        assert_eq!((fetch.code(), fetch.blame()), ("vault.server.sealed", Blame::Network));
        for fault in [
            fetch,
            ListFault::Disabled,
            ListFault::Emptied,
            ListFault::Older,
            ListFault::Malformed,
            ListFault::Stranger,
        ] {
            assert!(fault.code().starts_with("vault.") && !fault.fix().is_empty(), "{fault}");
        }
    }
}
