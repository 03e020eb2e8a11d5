//! A node under keys and certificates that OpenSSL made: RSA, and the forms in which tools write private keys.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use support::foreign::{Foreign, IDS, ROOT};
use support::{Running, command, free_port, have, text};

const NODE: &str = "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n\
                    subjectAltName=DNS:a.example.org,IP:127.0.0.1,URI:spiffe://example.org/node/a";

/// A node that was given `node.crt` and `node.key`; it answers with the certificate, or it would not be up.
struct Node {
    files: Foreign,
    admin: SocketAddr,
    _running: Running,
}

impl Node {
    fn up(files: Foreign) -> Self {
        let owner = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(files.0.path("node.key"), owner).unwrap();
        let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
        files.0.write(
            "dwcp.yaml",
            format!(
                "node:\n  admin: {{listen: '{admin}'}}\n\
                 security:\n  tls: {{cert_file: node.crt, key_file: node.key, ca_file: root.crt}}\n  \
                 cert_management: {{provider: manual}}\n"
            ),
        );
        let config = text(&files.0.path("dwcp.yaml"));
        let running = Running::start(command().args(["up", "--config", &config]), admin);
        Self { files, admin, _running: running }
    }

    fn is_who_it_is(&self) {
        let said = self
            .files
            .0
            .ok(&format!("tls handshake {} --ca root.crt --server-name a.example.org", self.admin));
        assert!(said.contains("spiffe://example.org/node/a"), "{said}");
    }
}

#[test]
fn an_rsa_certificate_serves_whatever_pss_a_client_asks_for() {
    if !have("openssl") {
        return;
    }
    for bits in ["2048", "4096"] {
        let files = Foreign::new();
        let rsa = ["-newkey", &format!("rsa:{bits}")];
        files.party("root", "/CN=Root", None, &format!("{ROOT}\nsubjectKeyIdentifier=hash"), &rsa);
        files.party("node", "/CN=node", Some("root"), &format!("{NODE}\n{IDS}"), &rsa);
        let node = Node::up(files);
        node.is_who_it_is();
        for (asked, shown) in [
            ("rsa_pss_rsae_sha256", "SHA256"),
            ("rsa_pss_rsae_sha384", "SHA384"),
            ("rsa_pss_rsae_sha512", "SHA512"),
        ] {
            let output = Command::new("openssl")
                .args(["s_client", "-connect", &node.admin.to_string(), "-CAfile", "root.crt"])
                .args(["-verify_return_error", "-tls1_3", "-sigalgs", asked])
                .current_dir(node.files.0.path(""))
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains(&format!("Peer signing digest: {shown}")), "{asked}: {said}");
            assert!(said.contains("Peer signature type: RSA-PSS"), "{asked}: {said}");
        }
    }
}

#[test]
fn keys_are_taken_in_the_forms_that_tools_write() {
    if !have("openssl") {
        return;
    }
    for form in [
        &["ecparam", "-name", "prime256v1", "-genkey", "-out", "raw.key"][..],
        &["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "raw.key"],
        &["genrsa", "-traditional", "-out", "raw.key", "2048"],
        &["genpkey", "-algorithm", "ed25519", "-out", "raw.key"],
    ] {
        let files = Foreign::new();
        files.party("root", "/CN=Root", None, &format!("{ROOT}\nsubjectKeyIdentifier=hash"), &[]);
        files.holds(form);
        files.party(
            "node",
            "/CN=node",
            Some("root"),
            &format!("{NODE}\n{IDS}"),
            &["-newkey", "ec", "-key", "raw.key"],
        );
        std::fs::rename(files.0.path("raw.key"), files.0.path("node.key")).unwrap();
        Node::up(files).is_who_it_is();
    }
}

#[test]
fn what_can_not_be_used_is_named_with_what_helps() {
    if !have("openssl") {
        return;
    }
    let files = Foreign::new();
    files.party("root", "/CN=Root", None, &format!("{ROOT}\nsubjectKeyIdentifier=hash"), &[]);
    files.party("node", "/CN=node", Some("root"), &format!("{NODE}\n{IDS}"), &[]);
    files.holds(&["pkcs8", "-topk8", "-in", "node.key", "-out", "sealed.key", "-passout", "pass:secret"]);
    files.holds(&["genrsa", "-out", "short.key", "1024"]);
    for (key, why) in
        [("sealed.key", "encrypted"), ("short.key", "unsupported kind"), ("root.crt", "PRIVATE KEY")]
    {
        let owner = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(files.0.path(key), owner).unwrap();
        files.0.write(
            "dwcp.yaml",
            format!(
                "security:\n  tls: {{cert_file: node.crt, key_file: {key}, ca_file: root.crt}}\n  \
                 cert_management: {{provider: manual}}\n"
            ),
        );
        let output = files.0.run("up --config dwcp.yaml");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{key}: {said}");
        support::assert_three_lines(&said[said.find("error: ").unwrap()..]);
        assert!(said.contains(why), "{key}: {said}");
    }
}

#[test]
fn no_authority_signs_with_rsa() {
    if !have("openssl") {
        return;
    }
    let files = Foreign::new();
    files.0.ok("cert ca init --dir ca --name Root");
    files.holds(&["genrsa", "-out", "ca/ca.key", "2048"]);
    let output = files.0.run("cert issue --ca ca --san DNS:a.example.org --out leaf");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("unsupported kind"), "{said}");
    assert!(!files.0.path("leaf.crt").exists());
}
