//! The example of five nodes, run as it is: on one loopback, and with a machine for each where that can be had.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};
use support::have;

/// Runs the script; gives what it said.
fn run(netns: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/five_nodes.sh");
    let begin = Instant::now();
    let output =
        Command::new("sh").args([script, env!("CARGO_BIN_EXE_dwcp")]).env("NETNS", netns).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(begin.elapsed() < Duration::from_secs(60), "{said}");
    said
}

#[test]
fn five_nodes_join_and_talk_to_each_other_in_under_a_minute() {
    if !have("python3") {
        return;
    }
    let said = run("off");
    assert!(said.contains("five nodes in loopback") && said.contains("twenty links"), "{said}");
    assert_eq!(said.matches("joined, up").count(), 4, "{said}");
    let said = run("on");
    if !said.contains("five nodes in namespaces") {
        println!("skipped: no network namespaces here");
    }
    assert!(said.contains("twenty links"), "{said}");
}
