//! A throw-away certificate authority and what it issues.

use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, CertificateRequest, CertificateStore, Credential, Crl,
    IssuancePolicy, RevocationMode, RevocationReason, SubjectName, TrustStore,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An authority in a directory of its own, which is removed when the lab is dropped. Everything it makes is real; only
/// what the authority is worth is not. Methods panic where a test could not go on.
#[derive(Debug)]
pub struct Lab {
    directory: tempfile::TempDir,
    authority: Arc<CertificateAuthority>,
    now: UnixTime,
}

impl Lab {
    /// A lab of the present, for tests with real clocks.
    pub fn new() -> Self {
        Self::at(SystemClock::new().unix())
    }

    /// A lab whose authority begins at `now`, for tests with a [`ManualClock`](crate::ManualClock).
    ///
    /// # Panics
    /// When there is no place for temporary files.
    pub fn at(now: UnixTime) -> Self {
        let directory =
            tempfile::Builder::new().prefix("dwcp-lab-").tempdir().expect("a temporary directory");
        let params = AuthorityParams::new("Lab Root");
        let authority =
            CertificateAuthority::create(Arc::new(LocalDisk), &directory.path().join("ca"), &params, now);
        Self { directory, authority: Arc::new(authority.expect("a new authority")), now }
    }

    /// The authority.
    pub fn authority(&self) -> &Arc<CertificateAuthority> {
        &self.authority
    }

    /// The time at which the lab issues, revokes and publishes: that of its making.
    pub fn now(&self) -> UnixTime {
        self.now
    }

    /// The same lab at another time: what is issued from here on begins then.
    pub fn set_now(&mut self, now: UnixTime) {
        self.now = now;
    }

    /// A directory for files of the test; the authority is in `ca` below it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A credential for names such as `DNS:localhost`, `IP:127.0.0.1` or `URI:spiffe://lab.example/a`; P-256, 24 h, for servers and
    /// clients.
    ///
    /// # Panics
    /// When a name is none, or is not granted.
    pub fn credential(&self, names: &[&str]) -> Credential {
        self.credential_under(names, &IssuancePolicy::default(), KeyType::EcdsaP256)
    }

    /// A credential of the mesh: `spiffe://lab.example/NAME`, and `localhost` by name and address.
    ///
    /// # Panics
    /// When the name is no SPIFFE path.
    pub fn node(&self, name: &str) -> Credential {
        let id = format!("URI:spiffe://lab.example/{name}");
        self.credential(&[&id, "DNS:localhost", "IP:127.0.0.1", "IP:::1"])
    }

    /// A credential under a policy of the test's choice.
    ///
    /// # Panics
    /// When a name is none, or is not granted.
    pub fn credential_under(&self, names: &[&str], policy: &IssuancePolicy, key_type: KeyType) -> Credential {
        let names: Vec<SubjectName> =
            names.iter().map(|name| name.parse().unwrap_or_else(|e| panic!("{name}: {e}"))).collect();
        let key = SigningKey::generate(key_type).expect("a new key");
        let request = CertificateRequest::generate(&key, &names).expect("a request");
        let chain = self.authority.issue(&request, policy, self.now).expect("a granted request");
        Credential::new(chain, key).expect("a chain for its own key")
    }

    /// Trust in this lab with its CRL of this moment; revocation is required.
    ///
    /// # Panics
    /// When the authority can not publish.
    pub fn trust(&self) -> TrustStore {
        self.trust_with(vec![self.crl()], RevocationMode::Required)
    }

    /// Trust in this lab with CRLs and a mode of the test's choice.
    ///
    /// # Panics
    /// When a CRL is of a kind that can not be looked up.
    pub fn trust_with(&self, crls: Vec<Crl>, mode: RevocationMode) -> TrustStore {
        let anchor = self.authority.certificate().certificate_der().clone();
        TrustStore::new(vec![anchor], crls, mode).expect("trust in an authority")
    }

    /// A store of a new [`node`](Self::node) credential and the lab's trust.
    ///
    /// # Panics
    /// As those.
    pub fn store(&self, name: &str) -> Arc<CertificateStore> {
        Arc::new(CertificateStore::new(self.node(name), self.trust()).expect("a credential of this lab"))
    }

    /// The authority's CRL of this moment.
    ///
    /// # Panics
    /// When the authority can not publish.
    pub fn crl(&self) -> Crl {
        self.authority.crl(self.now).expect("a CRL")
    }

    /// Revokes a credential; the next [`trust`](Self::trust) knows.
    ///
    /// # Panics
    /// When it is not of this lab.
    pub fn revoke(&self, credential: &Credential) {
        let serial = credential.chain().leaf().serial();
        let revoked = self.authority.revoke(&serial, RevocationReason::KeyCompromise, self.now);
        let _ = revoked.expect("a serial of this lab");
    }

    /// Writes a credential and the lab's root as files, for programs that nobody here wrote.
    ///
    /// # Panics
    /// When the disk does not take them.
    pub fn write(&self, name: &str, credential: &Credential) -> Files {
        let prefix = self.directory.path().join(name);
        credential.save(&LocalDisk, &prefix).expect("files of a credential");
        let root = self.directory.path().join("ca").join("ca.crt");
        Files { certificate: prefix.with_extension("crt"), key: prefix.with_extension("key"), root }
    }

    /// Leaves the directory where it is, for what goes on without this process.
    pub fn keep(self) -> PathBuf {
        self.directory.keep()
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a credential was written.
#[derive(Clone, Debug)]
pub struct Files {
    /// The chain in PEM.
    pub certificate: PathBuf,
    /// The key in PKCS#8 PEM, mode 0600.
    pub key: PathBuf,
    /// The lab's root in PEM.
    pub root: PathBuf,
}
