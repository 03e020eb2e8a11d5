//! An authority that follows no policy but the test's.

use crate::signer::Lent;
use crate::{
    Certificate, CertificateChain, CertificateRequest, Crl, Issued, ParseError, ProviderError,
    RevocationMode, Serial, TrustError, TrustStore,
};
use dwcp_base::{Clock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, RevokedCertParams, SerialNumber,
    SubjectPublicKeyInfo,
};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// A root, an authority below it, and a stranger of the same names, all in memory: honest where a test wants it to be, and dishonest where
/// not.
pub struct Forge {
    root: Authority,
    issuing: Authority,
    /// Has the names of the two above and other keys: what it signs leads nowhere.
    stranger: Authority,
    clock: Arc<dyn Clock>,
}

/// A certificate with its key, and whatever leads from it to the root.
pub(super) struct Authority {
    pub(super) certificate: Certificate,
    key: SigningKey,
}

/// How a certificate is made, with room for a lie.
pub(super) struct Draft {
    pub(super) params: CertificateParams,
    /// The key that it is for, as SubjectPublicKeyInfo.
    pub(super) key_info: Vec<u8>,
}

impl Forge {
    /// A forge whose authorities are good from a year before until twenty years after what `clock` shows now.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] without randomness, or at a time that can not be written down.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, ProviderError> {
        let now = clock.unix();
        let root = Authority::make("forge root", None, now)?;
        let issuing = Authority::make("forge issuing", Some(&root), now)?;
        let strange_root = Authority::make("forge root", None, now)?;
        let stranger = Authority::make("forge issuing", Some(&strange_root), now)?;
        Ok(Self { root, issuing, stranger, clock })
    }

    /// What it would take to believe it.
    pub fn root(&self) -> &Certificate {
        &self.root.certificate
    }

    /// A store that trusts the root and has fresh lists of both authorities; that of the issuing one lists the serial that
    /// [`Lie::Revoked`](super::Lie::Revoked) has, and no other.
    ///
    /// # Errors
    /// [`TrustError`], which it never does.
    pub fn trust(&self) -> Result<TrustStore, TrustError> {
        let lists = [(&self.root, None), (&self.issuing, Some(REVOKED))];
        let lists = lists.iter().filter_map(|(authority, revoked)| self.list(authority, *revoked)).collect();
        TrustStore::new(vec![self.root().certificate_der().clone()], lists, RevocationMode::Required)
    }

    /// What an honest authority answers: both usages, dated back by a minute, good for a day.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] as [`new`](Self::new).
    pub fn sign(&self, request: &CertificateRequest) -> Result<Issued, ProviderError> {
        let chain = vec![self.make(&self.issuing, self.draft(request)?)?, self.issuing.certificate.clone()];
        self.issued(chain)
    }

    /// The clock that its certificates are dated by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(super) fn issuing(&self) -> &Authority {
        &self.issuing
    }

    pub(super) fn stranger(&self) -> &Authority {
        &self.stranger
    }

    /// What an honest authority would make of the request.
    pub(super) fn draft(&self, request: &CertificateRequest) -> Result<Draft, ProviderError> {
        let now = self.clock.unix();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = crate::request::encoder_names(request.names()).map_err(broken)?;
        params.not_before = date(now.minus(Duration::from_secs(60)))?;
        params.not_after = date(now.plus(Duration::from_secs(86_400)))?;
        params.serial_number =
            Some(SerialNumber::from_slice(Serial::random().map_err(broken)?.as_be_bytes()));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(Draft { params, key_info: request.key_info().to_vec() })
    }

    pub(super) fn make(&self, by: &Authority, draft: Draft) -> Result<Certificate, ProviderError> {
        let key = SubjectPublicKeyInfo::from_der(&draft.key_info).map_err(broken)?;
        let signed = draft.params.signed_by(&key, &by.issuer()?).map_err(broken)?;
        Certificate::from_der(signed.der()).map_err(broken)
    }

    pub(super) fn issued(&self, chain: Vec<Certificate>) -> Result<Issued, ProviderError> {
        let chain = CertificateChain::new(chain).map_err(|error| ProviderError::BadAnswer(error.into()))?;
        Ok(Issued { chain, roots: vec![self.root().clone()] })
    }

    fn list(&self, authority: &Authority, revoked: Option<u64>) -> Option<Crl> {
        let now = self.clock.unix();
        let params = CertificateRevocationListParams {
            this_update: date(now.minus(Duration::from_secs(3_600))).ok()?,
            next_update: date(now.plus(Duration::from_secs(400 * 86_400))).ok()?,
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(serial),
                    revocation_time: params_time(now),
                    reason_code: None,
                    invalidity_date: None,
                })
                .into_iter()
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = params.signed_by(&authority.issuer().ok()?).ok()?;
        Crl::from_der(signed.der()).ok()
    }
}

impl Authority {
    fn make(name: &str, above: Option<&Self>, now: UnixTime) -> Result<Self, ProviderError> {
        let key = SigningKey::generate(KeyType::EcdsaP256).map_err(broken)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number =
            Some(SerialNumber::from_slice(Serial::random().map_err(broken)?.as_be_bytes()));
        params.not_before = date(now.minus(Duration::from_secs(365 * 86_400)))?;
        params.not_after = date(now.plus(Duration::from_secs(20 * 365 * 86_400)))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(u8::from(above.is_none())));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = above.is_some();
        let signed = match above {
            Some(above) => params.signed_by(&Lent(&key), &above.issuer()?),
            None => params.self_signed(&Lent(&key)),
        };
        let certificate = Certificate::from_der(signed.map_err(broken)?.der()).map_err(broken)?;
        Ok(Self { certificate, key })
    }

    fn issuer(&self) -> Result<Issuer<'_, Lent<'_>>, ProviderError> {
        Issuer::from_ca_cert_der(self.certificate.certificate_der(), Lent(&self.key)).map_err(broken)
    }
}

pub(super) fn date(at: UnixTime) -> Result<OffsetDateTime, ProviderError> {
    OffsetDateTime::from_unix_timestamp(at.secs()).map_err(broken)
}

/// A moment that has passed.
fn params_time(now: UnixTime) -> OffsetDateTime {
    date(now.minus(Duration::from_secs(60))).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// What makes no certificate here is of this process, never a lie.
pub(super) fn broken(error: impl std::error::Error + Send + Sync + 'static) -> ProviderError {
    ProviderError::Unavailable { retry_after: None, source: Box::new(error) }
}

/// How an answer that no chain can hold is told.
pub(super) fn too_many(error: ParseError) -> ProviderError {
    ProviderError::BadAnswer(error.into())
}

/// The one serial that the list has.
pub(super) const REVOKED: u64 = 0x5e_71_a1_00_0b_ad;
