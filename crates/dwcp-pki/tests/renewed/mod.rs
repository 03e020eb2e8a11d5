//! A pair of files in a directory, as tools of others keep it, and the pairs that come next.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::watch::{Changes, FileWatch, WatchedFile};
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, CertificateRequest, Credential, CredentialError, IssuancePolicy,
    private_key_pem,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The text of a certificate and its key.
pub(crate) struct Pair {
    pub(crate) cert: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// Where a pair is.
pub(crate) struct Renewed {
    root: tempfile::TempDir,
    authority: CertificateAuthority,
    now: UnixTime,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Renewed {
    /// Two plain files.
    pub(crate) fn new() -> Self {
        let at = Self::empty();
        let first = at.pair("first");
        replace(&at.key, &first.key, 0o600);
        replace(&at.cert, &first.cert, 0o644);
        at
    }

    /// Two links by way of `..data`, as secrets are projected into containers.
    pub(crate) fn projected() -> Self {
        let at = Self::empty();
        at.project("..first", &at.pair("first"));
        symlink("..data/tls.crt", &at.cert).unwrap();
        symlink("..data/tls.key", &at.key).unwrap();
        at
    }

    fn empty() -> Self {
        let (root, now) = (tempfile::tempdir().unwrap(), SystemClock::new().unix());
        let params = AuthorityParams::new("Lab Root");
        let ca = root.path().join("ca");
        let authority = CertificateAuthority::create(Arc::new(LocalDisk), &ca, &params, now).unwrap();
        let dir = root.path().canonicalize().unwrap().join("tls");
        fs::create_dir(&dir).unwrap();
        Self { root, authority, now, cert: dir.join("tls.crt"), key: dir.join("tls.key") }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.cert.parent().unwrap()
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.now
    }

    pub(crate) fn pair(&self, name: &str) -> Pair {
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let names = [format!("URI:spiffe://lab.example/{name}").parse().unwrap()];
        let request = CertificateRequest::generate(&key, &names).unwrap();
        let chain = self.authority.issue(&request, &IssuancePolicy::default(), self.now).unwrap();
        let key = private_key_pem(&key).unwrap();
        Pair { cert: chain.to_pem().into_bytes(), key: key.expose().to_vec() }
    }

    /// Puts a pair into a directory of its own and lets `..data` lead there.
    pub(crate) fn project(&self, name: &str, pair: &Pair) {
        let dir = self.dir().join(name);
        fs::create_dir(&dir).unwrap();
        replace(&dir.join("tls.key"), &pair.key, 0o600);
        replace(&dir.join("tls.crt"), &pair.cert, 0o644);
        let next = self.dir().join("..data_tmp");
        symlink(name, &next).unwrap();
        fs::rename(next, self.dir().join("..data")).unwrap();
    }

    pub(crate) fn files(&self) -> [WatchedFile; 2] {
        [WatchedFile::new(&self.cert, 1 << 20), WatchedFile::new(&self.key, 16 << 10)]
    }

    pub(crate) fn watch(&self) -> FileWatch {
        FileWatch::new(self.files())
    }

    pub(crate) fn load(&self) -> Result<Credential, CredentialError> {
        Credential::load(&self.cert, &self.key)
    }

    /// Loads whatever is to be loaded until it is `wanted`; false when that does not come within `limit`.
    pub(crate) fn take(&self, watch: &mut FileWatch, wanted: &Pair, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut loaded = false;
        while Instant::now() < end {
            // What was loaded while it was being written is asked for again once.
            let patience = if loaded { Duration::from_millis(200) } else { Duration::from_secs(1) };
            match watch.wait(patience) {
                Changes::Load(_) => match self.load() {
                    Ok(pair) => {
                        watch.loaded();
                        loaded = pair.chain().to_pem().into_bytes() == wanted.cert;
                    }
                    Err(_) => drop(watch.refused()),
                },
                Changes::Back => {}
                Changes::Still if loaded => return true,
                Changes::Still => {}
            }
        }
        loaded
    }
}

/// Renames a whole file over another.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) {
    let next = path.with_extension("next");
    fs::write(&next, bytes).unwrap();
    fs::set_permissions(&next, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(next, path).unwrap();
}
