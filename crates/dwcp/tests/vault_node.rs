//! A node whose certificates a real OpenBao signs: its first one, its starts, and what an operator sees.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_testkit::{OpenBao, OpenBaoOptions};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use support::vault::{VaultNode, complete, mount, policy, token};
use support::{Line, PATIENCE, assert_three_lines, command, eventually, ok, refused};

fn up_refused(node: &VaultNode) -> (i32, String) {
    let (code, said) = refused(&["up", "--config", &node.file("dwcp.yaml")]);
    assert!(!said.contains("vaultrs") && !said.contains("rustify"), "libraries log on their own: {said}");
    // The log goes to the same place, above it.
    let at = said.find("error: ").unwrap_or_else(|| panic!("no error: {said}"));
    (code, said[at..].trim_end().to_owned())
}

#[test]
fn the_originals_role_is_refused_with_what_to_write_and_works_with_it() {
    let Some(mut bao) = OpenBao::start() else { return };
    bao.set_up_pki();
    policy(&bao);
    let node = VaultNode::new(&bao, "a", "24h", &token(&bao, "1h"), None);
    let (code, said) = up_refused(&node);
    assert_three_lines(&said);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("key_type") && said.contains("allowed_uri_sans"), "{said}");
    assert!(said.lines().last().unwrap().contains("key_type=ec"), "{said}");
    assert!(!node.path("identity.key").exists() && !node.path("identity.crt").exists());
    complete(&bao);
    let checked = ok(&["config", "check", "--files", &node.file("dwcp.yaml")]);
    assert!(checked.contains("the first start asks for it"), "{checked}");
    let up = node.up();
    let names: Vec<String> = node.leaf().names().iter().map(ToString::to_string).collect();
    assert!(names.contains(&"URI:spiffe://novacron.local/node/a".to_owned()), "{names:?}");
    for id in ["certs.provider", "certs.identity", "certs.lists", "certs.revocation"] {
        let check = node.check(id);
        assert_eq!(check["status"], "pass", "{check}");
    }
    let listed: Value = serde_json::from_str(&node.ask(&["--json", "cert", "list"])).unwrap();
    let row = &listed["certificates"][0];
    assert_eq!((&row["provider"], &row["issuer"]["state"]), (&"vault".into(), &"good".into()), "{row}");
    assert!(row["issuer"]["who"].as_str().unwrap().contains(&bao.address()), "{row}");
    assert_eq!(node.ask(&["cert", "due"]).trim(), "nothing is due");
    let before = node.leaf().serial();
    assert!(node.ask(&["cert", "renew", "a"]).contains("was renewed"));
    assert_ne!(node.leaf().serial(), before);
    assert_eq!(up.wait_after_term(), 0);
    // And it starts from what is there, whoever answers.
    bao.kill();
    let _up = node.up();
    eventually(PATIENCE, "health says that nobody answers", || node.check("certs.lists")["status"] == "warn");
}

/// What `up` would refuse, the check refuses, too; without `--files` it says what has to be there.
#[test]
fn the_check_and_the_start_judge_an_address_and_a_node_without_a_name_alike() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let node = VaultNode::new(&bao, "a", "24h", "s.unused", None);
    let file = node.file("dwcp.yaml");
    node.edit(
        "      names: ['URI:spiffe://novacron.local/node/a', 'DNS:a.novacron.local', 'IP:127.0.0.1']\n",
        "",
    );
    node.edit("  name: a\n", "");
    for command in [&["config", "check", "--files", &file][..], &["up", "--config", &file]] {
        let (code, said) = refused(command);
        assert!(code == 3 && said.contains("node.name"), "{command:?}: {code} {said}");
    }
    let checked = ok(&["config", "check", &file]);
    assert!(checked.contains("warning: node.name: is missing"), "{checked}");
    node.edit("node:\n", "node:\n  name: a\n");
    let checked = ok(&["config", "check", "--files", &file]);
    assert!(checked.contains("the first start asks for it"), "{checked}");
    node.edit(&bao.address(), &format!("{}/v1", bao.address()));
    for command in [&["config", "check", &file][..], &["up", "--config", &file]] {
        let (code, said) = refused(command);
        assert!(code == 3 && said.contains("vault.address"), "{command:?}: {code} {said}");
    }
}

#[test]
fn without_a_server_there_is_no_first_certificate_and_the_error_says_so() {
    let Some(mut bao) = OpenBao::start_with(&OpenBaoOptions { durable: true, ..OpenBaoOptions::default() })
    else {
        return;
    };
    mount(&bao);
    let node = VaultNode::new(&bao, "a", "24h", &token(&bao, "1h"), None);
    // A token that opens nothing.
    node.write_token(&format!("hvs{}", ".CAESIsecretsecretsecretsecret"));
    let (code, said) = up_refused(&node);
    assert_three_lines(&said);
    assert_eq!(code, 4, "{said}");
    assert!(!said.contains("secretsecret"), "{said}");
    fs::remove_file(node.path("token")).unwrap();
    let (code, said) = up_refused(&node);
    assert_three_lines(&said);
    assert_eq!(code, 1, "{said}");
    node.write_token(&token(&bao, "1h"));
    bao.seal();
    let (code, said) = up_refused(&node);
    assert_three_lines(&said);
    assert!(code == 6 && said.contains("unseal"), "{code} {said}");
    bao.kill();
    let (code, said) = up_refused(&node);
    assert_three_lines(&said);
    assert_eq!(code, 6, "{said}");
    assert!(!node.path("identity.key").exists());
    bao.restart();
    let _up = node.up();
    assert_eq!(node.check("certs.provider")["status"], "pass");
}

#[test]
fn names_that_change_while_nobody_answers_are_asked_for_later() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let node = VaultNode::new(&bao, "a", "24h", &token(&bao, "1h"), None);
    assert_eq!(node.up().wait_after_term(), 0);
    node.edit("'DNS:a.novacron.local'", "'DNS:a.novacron.local', 'DNS:another.novacron.local'");
    bao.seal();
    let _up = node.up();
    bao.unseal();
    let names = || node.leaf().names().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(!names().contains(&"DNS:another.novacron.local".to_owned()), "{:?}", names());
    let socket = node.file("admin.sock");
    // The login that failed is tried again first.
    let renew = || support::dwcp(&["cert", "renew", "a", "--socket", &socket]).status.success();
    eventually(PATIENCE, "it is renewed", renew);
    assert!(names().contains(&"DNS:another.novacron.local".to_owned()), "{:?}", names());
}

#[test]
fn who_is_revoked_at_the_server_is_cut_with_the_next_list() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let [a, b] = ["a", "b"].map(|name| VaultNode::new(&bao, name, "24h", &token(&bao, "1h"), None));
    let (up, _) = (a.up(), b.up());
    let guest = b.file("identity");
    let mut line = Line::dial_over(a.listen, &a.file("vault-ca.crt"), Some(&guest)).unwrap();
    line.send(b"hello").unwrap();
    assert_eq!(line.receive(5).unwrap(), b"hello");
    let digits = b.leaf().serial().to_string();
    let octets: Vec<&str> = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]).collect();
    bao.write("pki/revoke", &serde_json::json!({ "serial_number": octets.join(":") }));
    // The next list comes within `crl_refresh`, and at once for whoever asks.
    up.signal("HUP");
    let (_, end) = line.rest(Duration::from_secs(10));
    assert!(end.as_ref().err().is_none_or(|error| error.kind() != std::io::ErrorKind::TimedOut), "{end:?}");
    assert!(Line::dial_over(a.listen, &a.file("vault-ca.crt"), Some(&guest)).is_err());
}

#[test]
fn a_node_that_stops_or_does_not_start_leaves_no_token_of_its_login() {
    let Some(bao) = OpenBao::start() else { return };
    bao.set_up_pki();
    policy(&bao);
    let node = VaultNode::new(&bao, "a", "24h", "unused", None);
    node.edit("token_file: token", "approle: {role_id_file: role-id, secret_id_file: secret-id}");
    app_role(&bao, &node);
    let accessors = || bao.list("auth/token/accessors")["data"]["keys"].as_array().unwrap().len();
    let others = accessors();
    // The role refuses it, after the login.
    let (code, said) = up_refused(&node);
    assert_eq!((code, accessors()), (4, others), "{said}");
    complete(&bao);
    let up = node.up();
    assert_eq!(accessors(), others + 1);
    assert_eq!(up.wait_after_term(), 0);
    assert_eq!(accessors(), others, "the token outlives its node");
    assert!(node.written().contains("vault.token.revoked"));
    // A server that does not answer keeps nobody.
    let up = node.up();
    eventually(PATIENCE, "the login", || accessors() == others + 1);
    bao.pause();
    let began = std::time::Instant::now();
    assert_eq!(up.wait_after_term(), 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    bao.resume();
    assert!(node.written().contains("vault.token.left"));
}

/// Has the node log in by AppRole, with its files beside its configuration.
fn app_role(bao: &OpenBao, node: &VaultNode) {
    bao.command(&["auth", "enable", "approle"]);
    bao.write("auth/approle/role/node", &serde_json::json!({ "token_policies": "dwcp", "token_ttl": "1h" }));
    let word = |found: Value, name: &str| found["data"][name].as_str().unwrap().to_owned();
    let id = word(bao.read("auth/approle/role/node/role-id"), "role_id");
    let secret = word(bao.write("auth/approle/role/node/secret-id", &Value::Null), "secret_id");
    for (name, text) in [("role-id", id), ("secret-id", secret)] {
        fs::write(node.path(name), text).unwrap();
        fs::set_permissions(node.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn a_start_that_waits_for_a_mute_server_can_be_stopped() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let node = VaultNode::new(&bao, "a", "24h", &token(&bao, "1h"), None);
    bao.pause();
    let mut child = command().args(["up", "--config", &node.file("dwcp.yaml")]).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(child.try_wait().unwrap().is_none(), "it waits for its first certificate");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let mut ended = None;
    eventually(Duration::from_secs(5), "it ends", || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(0));
    bao.resume();
}
