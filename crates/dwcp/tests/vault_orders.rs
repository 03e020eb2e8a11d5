//! `dwcp cert renew` while whoever issues is ill, and while the node itself ends: what the operator is told, and how long health goes on about it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_testkit::OpenBao;
use std::time::Duration;
use support::vault::{VaultNode, mount, token};
use support::{assert_three_lines, dwcp, eventually, refused};

#[test]
fn an_order_that_fails_says_what_to_do_and_is_over_when_the_server_answers_again() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let node = VaultNode::new(&bao, "a", "24h", &token(&bao, "1h"), None);
    let up = node.up();
    let status = |id: &str| node.check(id)["status"].clone();
    bao.seal();
    let (code, said) = refused(&["cert", "renew", "a", "--socket", &node.file("admin.sock")]);
    assert_three_lines(&said);
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("bao operator unseal"), "{said}");
    for id in ["certs.provider", "certs.identity", "certs.renewal"] {
        assert_eq!(status(id), "warn", "{id}: {}", node.check(id));
    }
    let check = node.check("certs.identity");
    let reason = check["reason"].as_str().unwrap();
    assert!(reason.contains("good until") && reason.contains("before its time"), "{reason}");
    assert!(node.check("certs.renewal")["fix"].as_str().unwrap().contains("dwcp cert renew"));
    bao.unseal();
    // Lists are asked for, and come.
    up.signal("HUP");
    eventually(Duration::from_secs(20), "nothing is wrong any more", || {
        ["certs.provider", "certs.identity", "certs.renewal"].iter().all(|id| status(id) == "pass")
    });
    assert!(node.check("certs.identity")["reason"].as_str().unwrap().contains("before its time"));
    assert_eq!(node.ask(&["cert", "due"]).trim(), "nothing is due");
    node.ask(&["cert", "renew", "a"]);
    assert!(!node.check("certs.identity")["reason"].as_str().unwrap().contains("before its time"));
}

#[test]
fn whoever_waits_for_an_order_is_told_that_the_node_ends() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let node = VaultNode::new(&bao, "a", "24h", &token(&bao, "1h"), None);
    let up = node.up();
    bao.pause();
    let socket = node.file("admin.sock");
    let order = std::thread::spawn(move || dwcp(&["cert", "renew", "a", "--socket", &socket]));
    std::thread::sleep(Duration::from_secs(1));
    assert!(!order.is_finished(), "it waits for the server");
    assert_eq!(up.wait_after_term(), 0);
    let answer = order.join().unwrap();
    bao.resume();
    let said = String::from_utf8(answer.stderr).unwrap();
    assert_three_lines(said.trim_end());
    assert_eq!(answer.status.code(), Some(6), "{said}");
    assert!(said.contains("the node is stopping"), "{said}");
}
