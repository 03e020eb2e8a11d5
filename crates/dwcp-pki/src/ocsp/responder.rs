//! The responder of an authority: bytes in, bytes out, each certificate's answer signed once and given until it is half spent.

use super::answer::OcspAnswer;
use super::cache::{Cache, Kept};
use super::cert_id::CertId;
use super::request::OcspRequest;
use super::status::CertStatus;
use crate::{AuthorityError, CertificateAuthority, ParseError};
use dwcp_base::UnixTime;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Answers OCSP requests for one authority, from any number of threads.
///
/// An answer is signed once for each certificate, kept until half of its hour is over, and given only while the index says
/// the same of the certificate: a revocation, also one by another process, is in the very next answer. A nonce, several
/// certificates in one request and serials that were never issued are signed for each time. At most 65 536 answers are kept,
/// about 32 MiB.
///
/// A kept answer costs one `stat` of the index; any other waits for the index as
/// [`CertificateAuthority`] says, and nothing is locked while it is signed.
///
/// ```
/// # use dwcp_base::{LocalDisk, UnixTime};
/// # use dwcp_crypto::{KeyType, SigningKey};
/// # use dwcp_pki::{AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy};
/// use dwcp_pki::{CertIdHash, CertStatus, OcspNonce, OcspRequest, OcspResponder, OcspResponse};
/// # use std::sync::Arc;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let now = UnixTime::from_secs(1_790_000_000);
/// # let params = AuthorityParams::new("Example Root");
/// # let authority = CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, now)?;
/// # let key = SigningKey::generate(KeyType::EcdsaP256)?;
/// # let request = CertificateRequest::generate(&key, &["DNS:web.example.org".parse()?])?;
/// # let chain = authority.issue(&request, &IssuancePolicy::default(), now)?;
/// # let (leaf, issuer) = (chain.leaf().clone(), authority.certificate().clone());
/// let responder = OcspResponder::new(Arc::new(authority));
///
/// // Whoever wants to know asks with a nonce of its own, and believes no other answer.
/// let question = OcspRequest::for_certificate(&leaf, &issuer, CertIdHash::Sha1)?.with_nonce(OcspNonce::random()?)?;
/// let answer = responder.answer(question.der(), now);
/// let verdict = OcspResponse::from_der(answer.der())?.verify(&leaf, &issuer, question.nonce(), now)?;
/// assert_eq!(verdict.status(), CertStatus::Good);
/// # Ok(())
/// # }
/// ```
///
/// # Security
/// Whoever asks with nonces, or for serials that were never issued, makes this side sign each time: where strangers ask, use
/// [`answer_if`](Self::answer_if) with a bound on what a source gets signed.
pub struct OcspResponder {
    authority: Arc<CertificateAuthority>,
    cache: Mutex<Cache>,
}

impl OcspResponder {
    /// A responder for this authority, with nothing kept yet.
    pub fn new(authority: Arc<CertificateAuthority>) -> Self {
        Self { authority, cache: Mutex::default() }
    }

    /// Answers the body of a POST. Everything gets an answer, be it a refusal.
    pub fn answer(&self, request: &[u8], now: UnixTime) -> OcspAnswer {
        self.answer_read(OcspRequest::from_der(request), now, || true)
    }

    /// Answers the path of a GET, from behind the responder's own path and a slash: see [`OcspRequest::from_get_path`].
    pub fn answer_path(&self, path: &str, now: UnixTime) -> OcspAnswer {
        self.answer_read(OcspRequest::from_get_path(path), now, || true)
    }

    /// As [`answer`](Self::answer), and asks `may_sign` before anything is signed: what is kept is given in any case, and
    /// where it says no the refusal is [`TryLater`](crate::OcspRefusal::TryLater) (RFC 6960 §2.3).
    pub fn answer_if(&self, request: &[u8], now: UnixTime, may_sign: impl FnOnce() -> bool) -> OcspAnswer {
        self.answer_read(OcspRequest::from_der(request), now, may_sign)
    }

    /// As [`answer_path`](Self::answer_path), and asks `may_sign` as [`answer_if`](Self::answer_if) does.
    pub fn answer_path_if(&self, path: &str, now: UnixTime, may_sign: impl FnOnce() -> bool) -> OcspAnswer {
        self.answer_read(OcspRequest::from_get_path(path), now, may_sign)
    }

    /// The authority that it speaks for.
    pub fn authority(&self) -> &Arc<CertificateAuthority> {
        &self.authority
    }

    fn answer_read(
        &self,
        request: Result<OcspRequest, ParseError>,
        now: UnixTime,
        may_sign: impl FnOnce() -> bool,
    ) -> OcspAnswer {
        let request = match request {
            Ok(request) => request,
            Err(error) => return OcspAnswer::malformed(error),
        };
        let given = match (request.ids(), request.nonce()) {
            ([id], None) => self.kept_or_signed(id, &request, now, may_sign),
            _ => self.signed(&request, now, may_sign),
        };
        given.unwrap_or_else(OcspAnswer::failed)
    }

    /// For this request alone.
    fn signed(
        &self,
        request: &OcspRequest,
        now: UnixTime,
        may_sign: impl FnOnce() -> bool,
    ) -> Result<OcspAnswer, AuthorityError> {
        // What is of other issuers is refused without a signature.
        let ours = request.ids().iter().any(|id| self.authority.is_issuer_of(id));
        if ours && !may_sign() {
            return Ok(OcspAnswer::busy());
        }
        self.authority.ocsp(request, now).map(|response| OcspAnswer::once(&response))
    }

    fn kept_or_signed(
        &self,
        id: &CertId,
        request: &OcspRequest,
        now: UnixTime,
        may_sign: impl FnOnce() -> bool,
    ) -> Result<OcspAnswer, AuthorityError> {
        let Some(form) = id.form().filter(|_| self.authority.is_issuer_of(id)) else {
            return self.signed(request, now, may_sign);
        };
        let key = (*id.serial(), form);
        let given = |kept: &Kept| Ok(OcspAnswer::repeated(Arc::clone(&kept.der), kept.validity.next_update));
        let revision = self.authority.revision()?;
        let kept = self.cache().get(&key).filter(|kept| kept.is_fresh(now));
        if let Some(kept) = &kept
            && kept.revision == revision
        {
            return given(kept);
        }
        // Something was issued or revoked since, mostly something else.
        let (standing, revision) = self.authority.ocsp_standing(id.serial())?;
        let unchanged = kept.filter(|kept| standing == Some(kept.revoked));
        if unchanged.is_none() && !may_sign() {
            return Ok(OcspAnswer::busy());
        }
        let Some(revoked) = standing else {
            // Never issued: kept, it would let strangers push out what is asked for.
            let (response, _) = self.authority.sign_ocsp(&[(id, CertStatus::Unknown)], None, now)?;
            return Ok(OcspAnswer::once(&response));
        };
        let kept = match unchanged {
            Some(kept) => Kept { revision, ..kept },
            None => {
                let (response, validity) =
                    self.authority.sign_ocsp(&[(id, CertStatus::of(revoked))], None, now)?;
                Kept { der: response.shared_der(), validity, revoked, revision }
            }
        };
        self.cache().insert(key, kept.clone());
        given(&kept)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for OcspResponder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OcspResponder").field("authority", &self.authority).finish_non_exhaustive()
    }
}
