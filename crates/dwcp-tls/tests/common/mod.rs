//! A throw-away authority and the plumbing of two sides in one process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod foreign;
pub mod gullible;
pub mod raw;
pub mod response;

use dwcp_base::{Clock, ManualClock, UnixTime};
use dwcp_crypto::{Secret, SigningKey};
use dwcp_pki::{
    AllowList, Certificate, CertificateChain, CertificateStore, Credential, Crl, IdentityPattern,
    RevocationMode, Serial, SubjectName, TrustStore,
};
use dwcp_tls::{
    ClientAuth, ClientSettings, ExpectedServer, ServerSettings, TlsConnector, TlsContext, TlsError,
    TlsManager, TlsPolicy, TlsSession,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

pub const DEADLINE: Duration = Duration::from_secs(10);
pub const HOUR: Duration = Duration::from_secs(3600);

pub fn now() -> UnixTime {
    UnixTime::parse_rfc3339("2026-11-21T12:00:00Z").unwrap()
}

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(now()))
}

pub struct Authority {
    name: String,
    issuer: Issuer<'static, KeyPair>,
    pub certificate: Certificate,
    serials: AtomicU64,
}

/// What a leaf is to look like.
pub struct Leaf {
    pub names: Vec<SubjectName>,
    pub usages: Vec<ExtendedKeyUsagePurpose>,
    pub from: UnixTime,
    pub until: UnixTime,
    pub algorithm: &'static rcgen::SignatureAlgorithm,
}

impl Leaf {
    /// Both usages, 24 h, P-256; `spiffe://mesh/NAME` beside `NAME.mesh` and 127.0.0.1.
    pub fn named(name: &str) -> Self {
        Self {
            names: vec![
                SubjectName::uri(&format!("spiffe://mesh/{name}")).unwrap(),
                SubjectName::dns(&format!("{name}.mesh")).unwrap(),
                "IP:127.0.0.1".parse().unwrap(),
            ],
            usages: vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            from: now().minus(HOUR),
            until: now().plus(24 * HOUR),
            algorithm: &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }

    pub fn only(mut self, usage: ExtendedKeyUsagePurpose) -> Self {
        self.usages = vec![usage];
        self
    }

    pub fn until(mut self, until: UnixTime) -> Self {
        self.until = until;
        self
    }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = date(now().minus(24 * HOUR));
        params.not_after = date(now().plus(24 * 365 * HOUR));
        params.serial_number = Some(SerialNumber::from(1_u64));
        let certificate = params.self_signed(&key).unwrap();
        Self {
            name: name.to_owned(),
            certificate: Certificate::from_der(certificate.der()).unwrap(),
            issuer: Issuer::new(params, key),
            serials: AtomicU64::new(0x1000),
        }
    }

    pub fn issue(&self, leaf: &Leaf) -> Credential {
        self.issue_with(leaf, |_| {})
    }

    pub fn issue_with(&self, leaf: &Leaf, edit: impl FnOnce(&mut CertificateParams)) -> Credential {
        let (der, key) = self.sign(leaf, edit);
        let chain = CertificateChain::new(vec![Certificate::from_der(&der).unwrap()]).unwrap();
        let key = SigningKey::from_pkcs8(Secret::from(key.serialize_der())).unwrap();
        Credential::new(chain, key).unwrap()
    }

    /// Signs whatever `edit` makes of a leaf, readable or not.
    pub fn sign(
        &self,
        leaf: &Leaf,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> (rustls::pki_types::CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate_for(leaf.algorithm).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = leaf.names.iter().map(san).collect();
        params.extended_key_usages.clone_from(&leaf.usages);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.not_before = date(leaf.from);
        params.not_after = date(leaf.until);
        params.serial_number = Some(SerialNumber::from(self.serials.fetch_add(1, Ordering::SeqCst)));
        params.use_authority_key_identifier_extension = true;
        edit(&mut params);
        (params.signed_by(&key, &self.issuer).unwrap().der().clone(), key)
    }

    pub fn crl(&self, number: u64, revoked: &[Serial]) -> Crl {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(
                &u64::from_str_radix(&serial.to_string(), 16).unwrap().to_be_bytes(),
            ),
            revocation_time: date(now().minus(HOUR)),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date(now().minus(HOUR)),
            next_update: date(now().plus(240 * HOUR)),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        Crl::from_der(params.signed_by(&self.issuer).unwrap().der()).unwrap()
    }

    pub fn trust(&self, revoked: &[Serial]) -> TrustStore {
        let crl = self.crl(1 + revoked.len() as u64, revoked);
        let anchors = vec![self.certificate.certificate_der().clone()];
        TrustStore::new(anchors, vec![crl], RevocationMode::Required).unwrap()
    }

    pub fn store(&self, leaf: &Leaf) -> Arc<CertificateStore> {
        Arc::new(CertificateStore::new(self.issue(leaf), self.trust(&[])).unwrap())
    }

    /// A manager whose certificate is `name`'s, at [`now`].
    pub fn node(&self, name: &str) -> TlsManager {
        manager(self.store(&Leaf::named(name)), TlsPolicy::new(), &clock())
    }
}

pub fn manager(store: Arc<CertificateStore>, policy: TlsPolicy, clock: &Arc<ManualClock>) -> TlsManager {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    TlsManager::new(store, policy, clock).unwrap()
}

pub fn required() -> ServerSettings {
    ServerSettings::new(ClientAuth::Required)
}

/// A server side that requires certificates and a client side, of two nodes under one authority.
pub fn pair() -> (TlsContext, TlsConnector) {
    let authority = Authority::new("pair");
    let server = authority.node("server").server(required()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    (server, client)
}

pub fn expected(name: &str) -> ExpectedServer {
    ExpectedServer::name(name.parse().unwrap()).unwrap()
}

pub fn server_dns() -> ExpectedServer {
    expected("DNS:server.mesh")
}

pub fn among(patterns: &[&str]) -> ExpectedServer {
    let patterns: Vec<IdentityPattern> = patterns.iter().map(|text| text.parse().unwrap()).collect();
    ExpectedServer::patterns(AllowList::new(patterns))
}

pub type Outcome = Result<TlsSession<DuplexStream>, TlsError>;

/// Shakes hands over a pipe; the server's outcome first.
pub async fn shake(
    server: &TlsContext,
    client: &TlsConnector,
    expected: &ExpectedServer,
) -> (Outcome, Outcome) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::join!(server.accept(near, DEADLINE), client.connect(far, expected, DEADLINE))
}

/// Shakes hands, exchanges a word each way so that tickets arrive, and returns both sessions.
pub async fn talk(
    server: &TlsContext,
    client: &TlsConnector,
    expected: &ExpectedServer,
) -> (TlsSession<DuplexStream>, TlsSession<DuplexStream>) {
    let (near, far) = shake(server, client, expected).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    say(&mut far, &mut near, b"ping").await;
    say(&mut near, &mut far, b"pong").await;
    (near, far)
}

pub async fn say(from: &mut TlsSession<DuplexStream>, to: &mut TlsSession<DuplexStream>, word: &[u8]) {
    from.write_all(word).await.unwrap();
    from.flush().await.unwrap();
    let mut heard = vec![0; word.len()];
    to.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, word);
}

/// What a client reads after the server refused it: in TLS 1.3 its own handshake was done by then.
pub async fn what_it_is_told(client: Outcome) -> TlsError {
    let mut session = match client {
        Ok(session) => session,
        Err(error) => return error,
    };
    let mut rest = Vec::new();
    match session.read_to_end(&mut rest).await {
        Ok(_) => panic!("the server ended the session with close_notify and no alert"),
        Err(error) => TlsError::from_stream(error),
    }
}

pub fn serial(credential: &Credential) -> Serial {
    credential.chain().leaf().serial()
}

fn distinguished(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn san(name: &SubjectName) -> SanType {
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
