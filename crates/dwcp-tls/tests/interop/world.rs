//! Certificates that both sides of every cell use: good ones of each kind of key, and one for each way of being bad.

use dwcp_base::{Clock as _, SystemClock, UnixTime};
use dwcp_crypto::{Secret, SigningKey};
use dwcp_pki::{
    Certificate, CertificateChain, CertificateStore, Credential, Crl, RevocationMode, SubjectName, TrustStore,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, SignatureAlgorithm,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// The name that servers are asked for; they bear it but for the one that is misnamed.
pub(crate) const SERVER: &str = "server.mesh";
/// The anchors of either authority as a file.
pub(crate) const OURS: &str = "ours";
pub(crate) const STRANGERS: &str = "strangers";
/// What is wrong with a certificate, as its name ends.
pub(crate) const KINDS: [&str; 8] =
    ["p256", "p384", "ed25519", "expired", "revoked", "purpose", "stranger", "misnamed"];

const HOUR: Duration = Duration::from_secs(3600);

/// A directory of PEM files, and the same as values.
pub(crate) struct World {
    directory: tempfile::TempDir,
    anchor: Certificate,
    crl: Crl,
    held: Vec<(String, Vec<u8>, Vec<u8>)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now = SystemClock::new().unix();
        let (ours, strangers) = (Authority::new("Interop Root", now), Authority::new("Strange Root", now));
        let file = |name: String, text: &str| fs::write(directory.path().join(name), text).unwrap();
        file(format!("{OURS}.pem"), &ours.pem);
        file(format!("{STRANGERS}.pem"), &strangers.pem);
        let (mut held, mut revoked) = (Vec::new(), Vec::new());
        for (index, (role, kind)) in
            ["server", "client"].iter().flat_map(|role| KINDS.map(|kind| (*role, kind))).enumerate()
        {
            let serial = 0x1000 + index as u64;
            let by = if kind == "stranger" { &strangers } else { &ours };
            let (certificate, key) = by.issue(role, kind, serial, now);
            if kind == "revoked" {
                revoked.push(serial);
            }
            let name = format!("{role}-{kind}");
            file(format!("{name}.pem"), &certificate.pem());
            file(format!("{name}.key"), &pem_of_key(&key));
            held.push((name, certificate.der().to_vec(), key.serialize_der()));
        }
        let (crl, text) = ours.crl(&revoked, now);
        file("crl.pem".to_owned(), &text);
        Self { anchor: ours.certificate, crl, held, directory }
    }

    /// A scratch directory that holds the PEM files as well.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// As text for a command line.
    pub(crate) fn text(&self, name: &str) -> String {
        self.file(name).to_string_lossy().into_owned()
    }

    /// The store of a node that shows `name`'s certificate and trusts our authority, whose list names the revoked.
    pub(crate) fn store(&self, name: &str) -> Arc<CertificateStore> {
        let (_, certificate, key) = self.held.iter().find(|(held, ..)| held == name).expect("it is held");
        let chain = CertificateChain::new(vec![Certificate::from_der(certificate).unwrap()]).unwrap();
        let key = SigningKey::from_pkcs8(Secret::from(key.clone())).unwrap();
        let anchors = vec![self.anchor.certificate_der().clone()];
        let trust = TrustStore::new(anchors, vec![self.crl.clone()], RevocationMode::Required).unwrap();
        Arc::new(CertificateStore::new(Credential::new(chain, key).unwrap(), trust).unwrap())
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    pem: String,
}

impl Authority {
    fn new(name: &str, now: UnixTime) -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = date(now.minus(24 * HOUR));
        params.not_after = date(now.plus(24 * 365 * HOUR));
        params.serial_number = Some(SerialNumber::from(1_u64));
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            certificate: Certificate::from_der(certificate.der()).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, role: &str, kind: &str, serial: u64, now: UnixTime) -> (rcgen::Certificate, KeyPair) {
        let algorithm: &'static SignatureAlgorithm = match kind {
            "p384" => &rcgen::PKCS_ECDSA_P384_SHA384,
            "ed25519" => &rcgen::PKCS_ED25519,
            _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        };
        let key = KeyPair::generate_for(algorithm).unwrap();
        let host = if kind == "misnamed" { format!("other-{role}") } else { role.to_owned() };
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&format!("{host}.mesh"));
        let mut names = vec![
            SubjectName::uri(&format!("spiffe://mesh/{host}")).unwrap(),
            SubjectName::dns(&format!("{host}.mesh")).unwrap(),
        ];
        if kind != "misnamed" {
            names.push("IP:127.0.0.1".parse().unwrap());
        }
        params.subject_alt_names = names.iter().map(alternative).collect();
        let (server, client) = (ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth);
        params.extended_key_usages = match (kind, role) {
            ("purpose", "server") => vec![client],
            ("purpose", _) => vec![server],
            _ => vec![server, client],
        };
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let (from, until) = if kind == "expired" {
            (now.minus(3 * HOUR), now.minus(2 * HOUR))
        } else {
            (now.minus(HOUR), now.plus(24 * HOUR))
        };
        (params.not_before, params.not_after) = (date(from), date(until));
        params.serial_number = Some(SerialNumber::from(serial));
        params.use_authority_key_identifier_extension = true;
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn crl(&self, revoked: &[u64], now: UnixTime) -> (Crl, String) {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date(now.minus(HOUR)),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date(now.minus(HOUR)),
            next_update: date(now.plus(240 * HOUR)),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).unwrap();
        (Crl::from_der(list.der()).unwrap(), list.pem().unwrap())
    }
}

/// Ed25519 keys are written in the older form, without the public key, which every peer reads.
fn pem_of_key(key: &KeyPair) -> String {
    if *key.algorithm() != rcgen::PKCS_ED25519 {
        return key.serialize_pem();
    }
    // RFC 8410 §7: the 32 bytes of the key follow this header, and in the newer form another 16 bytes come first.
    let header = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let newer = key.serialize_der();
    let der = [&header[..], &newer[16..48]].concat();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64(&der))
}

/// 48 bytes are one line of 64 characters, without padding.
fn base64(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(bytes.len() % 3, 0);
    let group = |three: &[u8]| {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(alphabet[bits >> shift & 63]))
    };
    bytes.chunks(3).flat_map(group).collect()
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn alternative(name: &SubjectName) -> SanType {
    match name {
        SubjectName::Dns(dns) => SanType::DnsName(dns.as_str().try_into().unwrap()),
        SubjectName::Ip(address) => SanType::IpAddress(*address),
        SubjectName::Uri(uri) => SanType::URI(uri.as_str().try_into().unwrap()),
        SubjectName::Email(email) => SanType::Rfc822Name(email.as_str().try_into().unwrap()),
    }
}

fn date(at: UnixTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.secs()).unwrap()
}
