//! The mount of the original's documentation, set up the way it is documented.

use super::OpenBao;

/// Its role, which grants neither elliptic keys nor URI names.
const ROLE: &[&str] = &[
    "write",
    "pki/roles/dwcp-role",
    "allowed_domains=novacron.local,dwcp.novacron.local",
    "allow_subdomains=true",
    "max_ttl=72h",
];
/// What makes it good for a node: the two settings that the pre-flight check names.
const ADDED: &[&str] = &["key_type=ec", "allowed_uri_sans=spiffe://novacron.local/*"];

impl OpenBao {
    /// Sets up `pki` with the root `NovaCron Root CA` and the role `dwcp-role`, as the original's guide does. No certificate for an elliptic key
    /// is granted yet: see [`complete_role`](Self::complete_role).
    ///
    /// # Panics
    /// When the server refuses.
    pub fn set_up_pki(&self) {
        self.command(&["secrets", "enable", "pki"]);
        self.command(&["secrets", "tune", "-max-lease-ttl=87600h", "pki"]);
        let root = ["write", "pki/root/generate/internal", "common_name=NovaCron Root CA", "ttl=87600h"];
        self.command(&root);
        self.command(ROLE);
    }

    /// Writes the role with `key_type=ec` and `allowed_uri_sans=spiffe://novacron.local/*` added.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn complete_role(&self) {
        self.command(&[ROLE, ADDED].concat());
    }

    /// The same with settings of the test's choice besides (`ttl=5s`).
    ///
    /// # Panics
    /// When the server refuses.
    pub fn complete_role_with(&self, more: &[&str]) {
        self.command(&[ROLE, ADDED, more].concat());
    }
}
