//! What a node trusts whose certificates a real OpenBao signs: lists and roots while logins fail, mounts move and servers are gone.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_pki::Certificate;
use dwcp_testkit::OpenBao;
use serde_json::json;
use std::fs;
use std::time::Duration;
use support::vault::{VaultNode, mount, token};
use support::{Line, eventually, refused};

const PATIENCE: Duration = Duration::from_secs(20);

fn node(bao: &OpenBao, name: &str) -> VaultNode {
    VaultNode::new(bao, name, "24h", &token(bao, "1h"), None)
}

/// Whether `node` lets `guest` in.
fn lets_in(node: &VaultNode, guest: &VaultNode) -> bool {
    let line = Line::dial_over(node.listen, &node.file("vault-ca.crt"), Some(&guest.file("identity")));
    let Ok(mut line) = line else { return false };
    line.send(b"hello").and_then(|()| line.receive(5)).is_ok_and(|back| back == b"hello")
}

fn revoke(bao: &OpenBao, mount: &str, leaf: &Certificate) {
    let digits = leaf.serial().to_string();
    let octets: Vec<&str> = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]).collect();
    bao.write(&format!("{mount}/revoke"), &json!({ "serial_number": octets.join(":") }));
}

fn roots(node: &VaultNode) -> usize {
    fs::read_to_string(node.path("vault-ca.crt")).unwrap().matches("BEGIN").count()
}

/// A mount of its own with the role `dwcp-role`, and nobody who signs yet.
fn another_mount(bao: &OpenBao, path: &str) {
    bao.command(&["secrets", "enable", &format!("-path={path}"), "pki"]);
    bao.command(&["secrets", "tune", "-max-lease-ttl=87600h", path]);
    let policy = format!(
        "path \"{path}/sign/dwcp-role\" {{ capabilities = [\"update\"] }}\n\
         path \"{path}/roles/dwcp-role\" {{ capabilities = [\"read\"] }}\n\
         path \"{path}/config/crl\" {{ capabilities = [\"read\"] }}\n"
    );
    bao.write(&format!("sys/policies/acl/{path}"), &json!({ "policy": policy }));
}

fn role(bao: &OpenBao, path: &str) {
    let role = json!({
        "allowed_domains": "novacron.local", "allow_subdomains": true, "max_ttl": "72h", "key_type": "ec",
        "allowed_uri_sans": "spiffe://novacron.local/*",
    });
    bao.write(&format!("{path}/roles/dwcp-role"), &role);
}

#[test]
fn lists_come_while_no_login_is_to_be_had() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let [a, b, c] = ["a", "b", "c"].map(|name| node(&bao, name));
    for guest in [&b, &c] {
        assert_eq!(guest.up().wait_after_term(), 0);
    }
    let up = a.up();
    assert!(lets_in(&a, &b) && lets_in(&a, &c));
    let secret = fs::read_to_string(a.path("token")).unwrap();
    bao.write("auth/token/revoke", &json!({ "token": secret.trim() }));
    // The node learns that it has none any more.
    let (_, said) = refused(&["cert", "renew", "a", "--socket", &a.file("admin.sock")]);
    assert!(said.contains("was not renewed"), "{said}");
    assert_eq!(a.check("certs.provider")["status"], "warn");
    revoke(&bao, "pki", &b.leaf());
    up.signal("HUP");
    eventually(PATIENCE, "who was revoked is refused", || !lets_in(&a, &b));
    assert!(lets_in(&a, &c), "and nobody else is");
}

#[test]
fn lists_come_while_the_mount_does_not_say_its_chain() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let next = json!({ "common_name": "NovaCron Root CA 2", "ttl": "8760h", "issuer_name": "second" });
    bao.write("pki/root/rotate/internal", &next);
    bao.complete_role_with(&["not_before_duration=1s", "issuer_ref=second"]);
    let [a, b, c] = ["a", "b", "c"].map(|name| node(&bao, name));
    for guest in [&b, &c] {
        assert_eq!(guest.up().wait_after_term(), 0);
    }
    let up = a.up();
    assert!(lets_in(&a, &b) && lets_in(&a, &c));
    bao.delete("pki/issuer/default");
    let chain = bao.ask("", "GET", "pki/ca_chain", None);
    assert!(chain.text.is_empty(), "{} {}", chain.status, chain.text);
    revoke(&bao, "pki", &b.leaf());
    up.signal("HUP");
    eventually(PATIENCE, "who was revoked is refused", || !lets_in(&a, &b));
    assert!(lets_in(&a, &c), "and nobody else is");
    assert_eq!((roots(&a), &a.check("certs.lists")["status"]), (2, &"warn".into()), "and it is told");
}

#[test]
fn a_mount_below_a_root_works_with_the_list_of_the_root_in_a_file() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    another_mount(&bao, "int");
    let asked =
        bao.write("int/intermediate/generate/internal", &json!({ "common_name": "NovaCron Issuing CA" }));
    let request = json!({ "csr": asked["data"]["csr"], "format": "pem_bundle", "ttl": "8760h", "use_csr_values": false,
        "common_name": "NovaCron Issuing CA", "max_path_length": 0 });
    let signed = bao.write("pki/root/sign-intermediate", &request);
    // With the root's certificate, and without its key.
    let chain = signed["data"]["certificate"].as_str().unwrap();
    assert_eq!(chain.matches("BEGIN").count(), 2, "{chain}");
    bao.write("int/intermediate/set-signed", &json!({ "certificate": chain }));
    role(&bao, "int");
    let below = |name: &str| {
        let node = VaultNode::new(&bao, name, "24h", &bao.token(&["int"], "1h", &json!({})), None);
        node.edit("role: dwcp-role", "role: dwcp-role\n      pki_path: int");
        node
    };
    let [a, b] = ["a", "b"].map(below);
    assert_eq!(b.up().wait_after_term(), 0);
    let up = a.up();
    assert!(a.leaf().issuer().contains("Issuing"), "{}", a.leaf().issuer());
    assert_eq!(roots(&a), 1);
    assert_eq!(a.check("certs.provider")["status"], "pass", "that it has no list of the root is no failure");
    let check = a.check("certs.revocation");
    assert_ne!(check["status"], "pass", "{check}");
    assert!(check["fix"].as_str().unwrap().contains("security.tls.crl_file"), "{check}");
    assert!(!lets_in(&a, &b), "nobody can say whether the authority itself was revoked");
    // The root's list has to come from elsewhere: its key is not in the mount.
    let write_list = || fs::write(a.path("root.crl"), bao.ask("", "GET", "pki/crl/pem", None).text).unwrap();
    write_list();
    a.edit("security:\n", "security:\n  tls: {crl_file: root.crl}\n");
    up.signal("HUP");
    eventually(PATIENCE, "the list of the root counts", || a.check("certs.revocation")["status"] == "pass");
    assert!(lets_in(&a, &b));
    // The authority is revoked, and the file is followed.
    let authority = Certificate::bundle_from_pem(chain.as_bytes()).unwrap().remove(0);
    assert_eq!(up.wait_after_term(), 0);
    let _up = a.up();
    assert!(lets_in(&a, &b), "and the next start begins so");
    revoke(&bao, "pki", &authority);
    write_list();
    eventually(PATIENCE, "the authority counts no more", || !lets_in(&a, &b));
}

#[test]
fn what_deltas_say_is_known_after_a_restart_without_the_server() {
    let Some(mut bao) = OpenBao::start() else { return };
    mount(&bao);
    bao.write("pki/config/crl", &json!({ "auto_rebuild": true, "enable_delta": true }));
    let [a, b, c] = ["a", "b", "c"].map(|name| node(&bao, name));
    for guest in [&b, &c] {
        assert_eq!(guest.up().wait_after_term(), 0);
    }
    let up = a.up();
    assert!(lets_in(&a, &b) && lets_in(&a, &c));
    revoke(&bao, "pki", &b.leaf());
    bao.read("pki/crl/rotate-delta");
    up.signal("HUP");
    eventually(PATIENCE, "the delta counts", || !lets_in(&a, &b));
    assert_eq!(up.wait_after_term(), 0);
    bao.kill();
    let _up = a.up();
    assert!(!lets_in(&a, &b), "who was revoked stays so");
    assert!(lets_in(&a, &c));
}

#[test]
fn a_node_follows_its_plan_to_another_mount() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    another_mount(&bao, "other");
    bao.write("other/root/generate/internal", &json!({ "common_name": "Another Root", "ttl": "8760h" }));
    role(&bao, "other");
    let a = VaultNode::new(&bao, "a", "24h", &bao.token(&["dwcp", "other"], "1h", &json!({})), None);
    assert_eq!(a.up().wait_after_term(), 0);
    assert!(a.leaf().issuer().contains("NovaCron"), "{}", a.leaf().issuer());
    a.edit("role: dwcp-role", "role: dwcp-role\n      pki_path: other");
    // Nobody can be asked where it leads to: the node starts as it was.
    bao.seal();
    assert_eq!(a.up().wait_after_term(), 0);
    assert!(a.leaf().issuer().contains("NovaCron"), "{}", a.leaf().issuer());
    bao.unseal();
    let _up = a.up();
    assert!(a.leaf().issuer().contains("Another Root"), "{}", a.leaf().issuer());
    eventually(PATIENCE, "the other root alone is trusted", || roots(&a) == 1);
    eventually(PATIENCE, "health is well", || a.check("certs.lists")["status"] == "pass");
}

#[test]
fn a_root_that_is_gone_from_the_mount_counts_until_the_certificate_is_another() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let [a, b] = ["a", "b"].map(|name| node(&bao, name));
    assert_eq!(b.up().wait_after_term(), 0);
    let up = a.up();
    let old = bao.list("pki/issuers")["data"]["keys"][0].as_str().unwrap().to_owned();
    bao.command(&["write", "pki/root/rotate/internal", "common_name=NovaCron Root CA 2", "ttl=8760h"]);
    bao.command(&["write", "pki/root/replace", "default=next"]);
    bao.delete(&format!("pki/issuer/{old}"));
    up.signal("HUP");
    eventually(PATIENCE, "both roots are trusted", || roots(&a) == 2);
    assert!(lets_in(&a, &b), "the list of the old root is kept");
    a.ask(&["cert", "renew", "a"]);
    assert!(a.leaf().issuer().contains("Root CA 2"), "{}", a.leaf().issuer());
    up.signal("HUP");
    eventually(PATIENCE, "the old root is gone", || roots(&a) == 1);
    // And who comes back without a certificate asks anew, whatever roots it kept.
    for name in ["identity.crt", "identity.key"] {
        fs::remove_file(b.path(name)).unwrap();
    }
    let _up = b.up();
    assert!(b.leaf().issuer().contains("Root CA 2"), "{}", b.leaf().issuer());
}

#[test]
fn files_of_before_that_are_damaged_are_fetched_anew() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let [a, b] = ["a", "b"].map(|name| node(&bao, name));
    for node in [&a, &b] {
        assert_eq!(node.up().wait_after_term(), 0);
    }
    for name in ["vault.crl", "vault-ca.crt"] {
        fs::write(a.path(name), "junk\n").unwrap();
    }
    let _up = a.up();
    eventually(PATIENCE, "roots and lists came again", || lets_in(&a, &b));
    assert_eq!(roots(&a), 1);
}
