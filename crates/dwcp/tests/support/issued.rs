//! A directory with one of everything that `dwcp cert` issues.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use super::support::ok;

/// Places for all that an authority can name.
const PLACES: &[&str] = &[
    "--crl-url",
    "http://ca.example.com/complete.crl",
    "--delta-url",
    "http://ca.example.com/delta.crl",
    "--issuer-url",
    "http://ca.example.com/ca.crt",
    "--ocsp-url",
    "http://ca.example.com/ocsp",
];
const BOUNDS: &[&str] =
    &["--permit", "DNS:example.com", "--permit", "IP:10.0.0.0/8", "--exclude", "DNS:not.example.com"];
/// Name, names, usage and kind of key.
const LEAVES: &[(&str, &str, &str, &str)] = &[
    ("server", "DNS:web.example.com", "server", "p256"),
    ("client", "DNS:client.example.com", "client", "p384"),
    ("ed25519", "DNS:node.example.com", "both", "ed25519"),
    ("wildcard", "DNS:*.web.example.com", "server", "p256"),
    ("ip", "IP:10.1.2.3", "both", "p256"),
    ("uri", "URI:spiffe://example.com/node/a", "both", "p256"),
    ("taken-back", "DNS:gone.example.com", "both", "p256"),
];
/// Name, name in it, kind of key.
const OWN: &[(&str, &str, &str)] = &[
    ("own-p256", "DNS:own.example.com", "p256"),
    ("own-p384", "DNS:own.example.com", "p384"),
    ("own-ed25519", "DNS:own.example.com", "ed25519"),
    ("own-ip", "IP:10.1.2.3", "p256"),
    ("own-uri", "URI:spiffe://example.com/own", "p256"),
];

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Certificate,
    List,
    Answer,
}

/// What was issued. The name of a file says what is special about it: `ed25519` where such a key is in it or signed it, `nowhere`
/// where its issuer has no places.
pub(crate) struct Issued {
    dir: tempfile::TempDir,
    files: Vec<(String, Kind)>,
    pairs: Vec<(String, String)>,
}

impl Issued {
    /// Issues all of it.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut issued = Self { dir, files: Vec::new(), pairs: Vec::new() };
        issued.root("nowhere", "p256", &[]);
        issued.root("nowhere-bound", "p384", BOUNDS);
        issued.root("ed25519", "ed25519", PLACES);
        issued.root("bound", "p256", &[PLACES, BOUNDS].concat());
        issued.intermediate("nowhere", "nowhere-below", "p256", PLACES);
        issued.intermediate("ed25519", "ed25519-below", "p384", PLACES);
        issued.intermediate("bound", "bound-ed25519", "ed25519", &[PLACES, BOUNDS].concat());
        for authority in [
            "nowhere",
            "nowhere-bound",
            "ed25519",
            "bound",
            "nowhere-below",
            "ed25519-below",
            "bound-ed25519",
        ] {
            issued.work(authority);
        }
        issued.leaf("nowhere", &("localhost", "DNS:localhost", "both", "p256"));
        issued.signed("bound");
        for (name, san, key) in OWN {
            ok(&["cert", "selfsigned", "--san", san, "--key-type", key, "--out", &issued.at(name)]);
            issued.files.push((format!("{name}.crt"), Kind::Certificate));
        }
        issued
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.files.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// An issuer's certificate and one that it issued.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    fn root(&mut self, name: &str, key: &str, more: &[&str]) {
        let dir = self.at(name);
        ok(&[&["cert", "ca", "init", "--dir", &dir, "--name", name, "--key-type", key], more].concat());
        self.files.push((format!("{name}/ca.crt"), Kind::Certificate));
    }

    fn intermediate(&mut self, above: &str, name: &str, key: &str, more: &[&str]) {
        let (ca, dir) = (self.at(above), self.at(name));
        let arguments =
            ["cert", "ca", "intermediate", "--ca", &ca, "--dir", &dir, "--name", name, "--key-type", key];
        ok(&[&arguments[..], more].concat());
        self.certificate(above, format!("{name}/ca.crt"));
    }

    /// Leaves, lists before and after a revocation, and answers.
    fn work(&mut self, authority: &str) {
        for leaf in LEAVES {
            self.leaf(authority, leaf);
        }
        self.list(authority, "empty", &[]);
        let (ca, gone) = (self.at(authority), self.at(&format!("{authority}.taken-back.crt")));
        ok(&["cert", "revoke", "--ca", &ca, "--cert", &gone, "--reason", "key-compromise"]);
        ok(&["cert", "revoke", "--ca", &ca, "--cert", &self.at(&format!("{authority}.ip.crt"))]);
        self.list(authority, "delta", &["--delta"]);
        self.list(authority, "complete", &[]);
        for name in ["taken-back", "server"] {
            let (cert, out) =
                (self.at(&format!("{authority}.{name}.crt")), format!("{authority}.{name}.ocsp"));
            ok(&["cert", "ocsp", "--ca", &ca, "--cert", &cert, "--out", &self.at(&out)]);
            self.files.push((out, Kind::Answer));
        }
    }

    fn leaf(&mut self, authority: &str, (name, san, usage, key): &(&str, &str, &str, &str)) {
        let (ca, name) = (self.at(authority), format!("{authority}.{name}"));
        let out = self.at(&name);
        let kind = ["--usage", usage, "--key-type", key];
        ok(&[&["cert", "issue", "--ca", &ca, "--san", san, "--out", &out][..], &kind].concat());
        self.certificate(authority, format!("{name}.crt"));
    }

    /// A request of somebody else, with several names.
    fn signed(&mut self, authority: &str) {
        let (ca, request, name) = (self.at(authority), self.at("asked"), format!("{authority}.signed.crt"));
        ok(&["cert", "csr", "--san", "DNS:a.example.com", "--san", "DNS:b.example.com", "--out", &request]);
        let csr = format!("{request}.csr");
        ok(&["cert", "sign", "--ca", &ca, "--csr", &csr, "--out", &self.at(&name)]);
        self.certificate(authority, name);
    }

    fn list(&mut self, authority: &str, name: &str, more: &[&str]) {
        let file = format!("{authority}.{name}.crl");
        ok(&[&["cert", "crl", "--ca", &self.at(authority), "--out", &self.at(&file)], more].concat());
        self.files.push((file, Kind::List));
    }

    fn certificate(&mut self, issuer: &str, file: String) {
        self.pairs.push((format!("{issuer}/ca.crt"), file.clone()));
        self.files.push((file, Kind::Certificate));
    }
}
