//! A laboratory of authorities: certificates and CRLs of any shape, also those that no honest authority makes.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several test files, and a test fails by panicking"
)]

use dwcp_base::{LocalDisk, UnixTime};
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, ChainFault, Crl, PeerIdentity, Purpose, RevocationMode,
    TrustStore, ValidationError,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber,
};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// A certificate with its key: an authority or a leaf.
pub(crate) struct Party {
    pub(crate) params: CertificateParams,
    pub(crate) key: KeyPair,
    pub(crate) der: CertificateDer<'static>,
}

pub(crate) fn date(time: UnixTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.secs()).unwrap()
}

fn params(common_name: &str, serial: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date(NOW.minus(HOUR));
    params.not_after = date(NOW.plus(DAY));
    params.serial_number = Some(SerialNumber::from_slice(&[serial, 0x5e, 0x71, 0xa1]));
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority_params(common_name: &str) -> CertificateParams {
    let mut params = params(common_name, 1);
    params.not_before = date(NOW.minus(DAY * 365));
    params.not_after = date(NOW.plus(DAY * 365));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Party {
    pub(crate) fn root(common_name: &str) -> Self {
        Self::root_with(common_name, |_| {})
    }

    pub(crate) fn root_with(common_name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params(common_name);
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { params, key, der }
    }

    /// The same name and key under another certificate.
    pub(crate) fn reissued(&self, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = self.params.clone();
        edit(&mut params);
        let key = KeyPair::from_pem(&self.key.serialize_pem()).unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { params, key, der }
    }

    pub(crate) fn authority(&self, common_name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params(common_name);
        edit(&mut params);
        self.sign(params, KeyPair::generate().unwrap())
    }

    /// A certificate for an authority that exists elsewhere: same name, same key, signed by this one.
    pub(crate) fn cross_sign(&self, other: &Self, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = other.params.clone();
        edit(&mut params);
        self.sign(params, KeyPair::from_pem(&other.key.serialize_pem()).unwrap())
    }

    pub(crate) fn leaf(&self, names: &[&str]) -> Self {
        self.leaf_with(names, |_| {})
    }

    pub(crate) fn leaf_with(&self, names: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = params("", 2);
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = names.iter().map(|name| san(name)).collect();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        edit(&mut params);
        self.sign(params, KeyPair::generate().unwrap())
    }

    fn sign(&self, params: CertificateParams, key: KeyPair) -> Self {
        let issuer = Issuer::from_params(&self.params, &self.key);
        let der = params.signed_by(&key, &issuer).unwrap().der().clone();
        Self { params, key, der }
    }

    pub(crate) fn crl(&self, number: u64, revoked: &[&Self]) -> Crl {
        self.crl_with(number, revoked, |_| {})
    }

    pub(crate) fn crl_with(
        &self,
        number: u64,
        revoked: &[&Self],
        edit: impl FnOnce(&mut CertificateRevocationListParams),
    ) -> Crl {
        let entry = |party: &&Self| RevokedCertParams {
            serial_number: party.params.serial_number.clone().unwrap(),
            revocation_time: date(NOW.minus(MINUTE)),
            reason_code: None,
            invalidity_date: None,
        };
        let mut params = CertificateRevocationListParams {
            this_update: date(NOW.minus(MINUTE)),
            next_update: date(NOW.plus(DAY)),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        edit(&mut params);
        // The encoder refuses to sign for an issuer without cRLSign; a dishonest one does not.
        let mut issuer = self.params.clone();
        issuer.key_usages = vec![KeyUsagePurpose::CrlSign];
        let crl = params.signed_by(&Issuer::from_params(&issuer, &self.key)).unwrap();
        Crl::from_der(crl.der()).unwrap()
    }

    pub(crate) fn serial(&self) -> dwcp_pki::Serial {
        dwcp_pki::Certificate::from_der(&self.der).unwrap().serial()
    }
}

fn san(text: &str) -> SanType {
    let (kind, value) = text.split_once(':').unwrap();
    match kind {
        "DNS" => SanType::DnsName(value.try_into().unwrap()),
        "URI" => SanType::URI(value.try_into().unwrap()),
        "IP" => SanType::IpAddress(value.parse().unwrap()),
        other => panic!("{other}"),
    }
}

pub(crate) fn trust(anchors: &[&Party], crls: Vec<Crl>, mode: RevocationMode) -> TrustStore {
    TrustStore::new(anchors.iter().map(|anchor| anchor.der.clone()).collect(), crls, mode).unwrap()
}

/// A store that requires CRLs.
pub(crate) fn strict(anchors: &[&Party], crls: Vec<Crl>) -> TrustStore {
    trust(anchors, crls, RevocationMode::Required)
}

/// A store that asks for none.
pub(crate) fn lax(anchors: &[&Party]) -> TrustStore {
    trust(anchors, Vec::new(), RevocationMode::Off)
}

pub(crate) fn judge(
    store: &TrustStore,
    chain: &[&Party],
    purpose: Purpose,
    now: UnixTime,
) -> Result<PeerIdentity, ChainFault> {
    let ders: Vec<CertificateDer<'_>> = chain.iter().map(|party| party.der.clone()).collect();
    store.validate(&ders, purpose, now).by_rule()
}

/// Both purposes must give the same answer.
pub(crate) fn verdict(store: &TrustStore, chain: &[&Party]) -> Result<PeerIdentity, ChainFault> {
    let client = judge(store, chain, Purpose::Client, NOW);
    assert_eq!(judge(store, chain, Purpose::Server, NOW), client);
    client
}

/// An authority as a node runs it, in a directory that goes away with the test.
pub(crate) fn mesh_authority() -> (tempfile::TempDir, CertificateAuthority) {
    let directory = tempfile::tempdir().unwrap();
    let params = AuthorityParams::new("Mesh CA");
    let authority =
        CertificateAuthority::create(Arc::new(LocalDisk), &directory.path().join("ca"), &params, NOW)
            .unwrap();
    (directory, authority)
}

/// The rule of a refusal, without the certificate that breaks it.
pub(crate) trait ByRule<T> {
    fn by_rule(self) -> Result<T, ChainFault>;
}

impl<T> ByRule<T> for Result<T, ValidationError> {
    fn by_rule(self) -> Result<T, ChainFault> {
        self.map_err(ValidationError::into_fault)
    }
}
