//! What must hold when something else is wrong: a root file that is gone, a remote that is dead, a tour that is interrupted.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::Duration;
use support::{Line, Place, command, echo, eventually, free_port, ok};

/// The list can not be completed without the further roots, but who is revoked is known all the same.
#[test]
fn a_revocation_takes_effect_although_the_further_roots_can_not_be_read() {
    let place = Place::new();
    echo(place.target);
    let roots = place.node("roots.pem");
    fs::copy(place.node("ca/ca.crt"), &roots).unwrap();
    place.edit("    pq: prefer", "    ca_file: roots.pem\n    pq: prefer");
    let (b, c) = (place.issue("b"), place.issue("c"));
    let _node = place.up();
    let mut revoked = Line::dial(&place, place.listen, Some(&b)).unwrap();
    let mut other = Line::dial(&place, place.listen, Some(&c)).unwrap();
    revoked.echo(b"before").unwrap();
    fs::remove_file(&roots).unwrap();
    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--cert", &format!("{b}.crt")]);
    eventually(Duration::from_secs(5), "the revoked peer is cut", || revoked.echo(b"after").is_err());
    assert!(Line::dial(&place, place.listen, Some(&b)).is_err(), "and does not come in again");
    other.echo(b"still here").unwrap();
    eventually(Duration::from_secs(5), "health says that the list can not be followed", || {
        place.check("certs", "certs.revocation").0 == "fail"
    });
}

#[test]
fn at_g8_dialing_a_dead_remote_in_a_loop_does_not_fill_the_log() {
    let place = Place::new();
    let dialer = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let dead = free_port();
    place.edit(
        "  dialers: []",
        &format!("  dialers: [{{name: out, listen: '{dialer}', remote: '127.0.0.1:{dead}', server_name: localhost}}]"),
    );
    let node = place.up();
    for _ in 0..2_000 {
        let mut stream = TcpStream::connect(dialer).unwrap();
        let _ = stream.read(&mut [0]);
    }
    node.signal("TERM");
    assert_eq!(node.wait(Duration::from_secs(20)), 0);
    let entries = dwcp_audit::read(std::path::Path::new(&place.node("audit"))).unwrap();
    let failures: Vec<u64> = entries
        .map(Result::unwrap)
        .filter(|entry| entry.code().is_some_and(|code| code.as_str() == "channel.dial.unreachable"))
        .map(|entry| entry.count())
        .collect();
    assert_eq!(failures.iter().sum::<u64>(), 2_000, "each is counted");
    assert!(failures.len() <= 100, "{} records", failures.len());
}

#[test]
fn a_tour_that_is_interrupted_leaves_no_keys_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let mut child =
        command().arg("demo").env("TMPDIR", scratch.path()).stdout(Stdio::piped()).spawn().unwrap();
    // The first step is printed when the authority and both nodes are there.
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(fs::read_dir(scratch.path()).unwrap().count() > 0);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}
