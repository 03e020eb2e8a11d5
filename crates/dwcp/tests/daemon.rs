//! The node as a daemon: reload takes all or nothing, signals come in storms, an end is in order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_channel::DialError;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Line, PATIENCE, Place, Running, command, echo, eventually, free_port};

fn reload(node: &Running) {
    node.signal("HUP");
}

/// Waits until health says that a reload was refused, with `word` in the reason.
fn assert_refused(place: &Place, word: &str) {
    eventually(PATIENCE, &format!("health says that a reload was refused over {word}"), || {
        let (status, reason) = place.check("certs", "certs.reload");
        status == "warn" && reason.contains(word)
    });
    assert_eq!(place.health("certs").0, 200, "the node is as good as it was");
}

/// Waits until health has nothing to say about reloads.
fn assert_taken(place: &Place) {
    eventually(PATIENCE, "a reload is taken", || place.check("certs", "certs.reload").0.is_empty());
}

/// How many reloads came to `result`.
fn reloads(place: &Place, result: &str) -> u64 {
    let metrics = place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let line = metrics.lines().find(|line| {
        line.starts_with("dwcp_config_reloads_total") && line.contains(&format!("\"{result}\""))
    });
    let line = line.unwrap_or_else(|| panic!("no dwcp_config_reloads_total for {result}: {metrics}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn listener(name: &str, listen: SocketAddr, target: SocketAddr) -> String {
    format!(
        "    - {{name: {name}, listen: '{listen}', target: '{target}', allow: ['spiffe://test.example/node/*']}}\n"
    )
}

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

#[test]
fn at_d1_a_reload_that_can_not_be_taken_changes_nothing() {
    let place = Place::new();
    echo(place.target);
    let who = place.issue("b");
    let node = place.up();
    let mut line = Line::dial(&place, place.listen, Some(&who)).unwrap();
    line.echo(b"before").unwrap();
    let good = fs::read_to_string(place.config()).unwrap();

    place.edit("pq: prefer", "pqq: prefer");
    reload(&node);
    assert_refused(&place, "pqq");
    line.echo(b"a broken file cuts nobody").unwrap();
    Line::dial(&place, place.listen, Some(&who)).unwrap().echo(b"and lets everybody in").unwrap();

    // One listener more that works, one whose port is taken, and another allow list: none of the three.
    let (fresh, taken) = (local(), TcpListener::bind("127.0.0.1:0").unwrap());
    fs::write(place.config(), &good).unwrap();
    place.edit("\"spiffe://test.example/node/*\"", "\"spiffe://test.example/node/nobody\"");
    let more = listener("fresh", fresh, place.target)
        + &listener("taken", taken.local_addr().unwrap(), place.target);
    place.edit("  # A dialer takes", &format!("{more}  # A dialer takes"));
    reload(&node);
    assert_refused(&place, &taken.local_addr().unwrap().to_string());
    assert!(TcpStream::connect(fresh).is_err(), "half of a reload was applied");
    line.echo(b"a taken port cuts nobody").unwrap();
    Line::dial(&place, place.listen, Some(&who)).unwrap().echo(b"the old list is in force").unwrap();

    // What needs a restart is refused as well, and says so.
    fs::write(place.config(), &good).unwrap();
    place.edit(&place.admin.to_string(), &local().to_string());
    reload(&node);
    assert_refused(&place, "node.admin.listen");

    fs::write(place.config(), &good).unwrap();
    reload(&node);
    assert_taken(&place);
    line.echo(b"after").unwrap();
    assert_eq!((reloads(&place, "refused"), reloads(&place, "applied")), (3, 1));
}

#[test]
fn a_good_reload_starts_stops_and_judges() {
    let place = Place::new();
    let other_target = local();
    echo(place.target);
    echo(other_target);
    let (b, c) = (place.issue("b"), place.issue("c"));
    let node = place.up();
    let mut old = Line::dial(&place, place.listen, Some(&b)).unwrap();
    old.echo(b"before").unwrap();

    let fresh = local();
    assert!(TcpStream::connect(fresh).is_err());
    place
        .edit("  # A dialer takes", &format!("{}  # A dialer takes", listener("fresh", fresh, other_target)));
    reload(&node);
    eventually(PATIENCE, "the new listener serves", || {
        Line::dial(&place, fresh, Some(&b)).is_ok_and(|mut line| line.echo(b"new").is_ok())
    });

    // From now on only c; b's live connection may end by itself.
    place.edit("- \"spiffe://test.example/node/*\"", "- \"spiffe://test.example/node/c\"");
    reload(&node);
    // No probing by dialing: a b that still got in would be one more to give notice to.
    eventually(PATIENCE, "the second reload is in force", || reloads(&place, "applied") == 2);
    match Line::dial(&place, place.listen, Some(&b)) {
        Err(DialError::Refused { rejection, .. }) => {
            assert_eq!(rejection.kind, dwcp_channel::RejectionKind::Policy);
        }
        other => panic!("b is not refused, or in another way: {:?}", other.err()),
    }
    Line::dial(&place, place.listen, Some(&c)).unwrap().echo(b"c is welcome").unwrap();
    Line::dial(&place, fresh, Some(&b)).unwrap().echo(b"b is still welcome elsewhere").unwrap();
    old.echo(b"what is under way may end").unwrap();
    old.close().unwrap();

    // Without the first listener its port is closed, and the second goes on.
    let text = fs::read_to_string(place.config()).unwrap();
    let (start, end) =
        (text.find("    - name: example\n").unwrap(), text.find("    - {name: fresh").unwrap());
    let mut kept = Line::dial(&place, place.listen, Some(&c)).unwrap();
    fs::write(place.config(), format!("{}{}", &text[..start], &text[end..])).unwrap();
    reload(&node);
    eventually(PATIENCE, "the removed listener is gone", || TcpStream::connect(place.listen).is_err());
    kept.echo(b"what it carries may end").unwrap();
    kept.close().unwrap();
    Line::dial(&place, fresh, Some(&b)).unwrap().echo(b"the other goes on").unwrap();
    assert!(place.check("tls", "tls.target.example").0.is_empty(), "and health forgets it");

    node.signal("TERM");
    assert_eq!(node.wait(PATIENCE), 0);
    let log = fs::read_to_string(place.node("audit/log-000000000001.jsonl")).unwrap();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("\"config_reloaded\"")).collect();
    assert_eq!(told.len(), 3, "{log}");
    assert!(
        told[0].contains("\"started\":\"1\"") && told[0].contains("\"no_longer_allowed\":\"0\""),
        "{}",
        told[0]
    );
    assert!(told[1].contains("\"no_longer_allowed\":\"1\""), "b was given its notice: {}", told[1]);
}

#[test]
fn a_name_that_goes_from_a_listener_to_a_dialer_closes_the_listener() {
    let place = Place::new();
    echo(place.target);
    let node = place.up();
    let text = fs::read_to_string(place.config()).unwrap();
    let (start, end) = (text.find("  listeners:\n").unwrap(), text.find("  # A dialer takes").unwrap());
    let dialer = local();
    let dialers = format!(
        "  dialers:\n    - {{name: example, listen: '{dialer}', remote: 'localhost:{}'}}\n",
        free_port()
    );
    fs::write(
        place.config(),
        format!("{}{}", &text[..start], text[end..].replace("  dialers: []\n", &dialers)),
    )
    .unwrap();
    reload(&node);
    eventually(PATIENCE, "the dialer is there", || TcpStream::connect(dialer).is_ok());
    eventually(PATIENCE, "what the configuration no longer names is closed", || {
        TcpStream::connect(place.listen).is_err()
    });
}

#[test]
fn at_d2_a_storm_of_reloads_loses_nothing() {
    let place = Place::new();
    echo(place.target);
    let who = place.issue("b");
    let mut node = place.up();
    let mut line = Line::dial(&place, place.listen, Some(&who)).unwrap();
    let good = fs::read_to_string(place.config()).unwrap();
    for round in 0..50_u8 {
        // Every other one broken, so that both ways are taken at random.
        let broken = good.replace("pq: prefer", "pq: perhaps");
        fs::write(place.config(), if round % 2 == 0 { &broken } else { &good }).unwrap();
        reload(&node);
        line.echo(&[round; 1_024]).unwrap();
    }
    fs::write(place.config(), &good).unwrap();
    reload(&node);
    assert_taken(&place);
    assert!(node.lives());
    line.echo(b"after the storm").unwrap();
    Line::dial(&place, place.listen, Some(&who)).unwrap().echo(b"and a new one").unwrap();
    for which in ["tls", "certs", "security"] {
        assert_eq!(place.health(which).1["status"], "pass", "{which}");
    }
}

/// Whether the process has a handler for SIGHUP, by the kernel's own account; `None` where there is no such account.
fn catches_hangup(pid: u32) -> Option<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    u64::from_str_radix(mask.trim(), 16).ok().map(|mask| mask & 1 == 1)
}

#[test]
fn at_d2_a_reload_during_the_start_is_not_deadly() {
    let place = Place::new();
    let mut child = command()
        .args(["up", "--config", &place.config()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let Some(mut caught) = catches_hangup(child.id()) else {
        println!("skipped: no /proc to see from when on the node listens to signals");
        child.kill().unwrap();
        child.wait().unwrap();
        return;
    };
    let end = Instant::now() + PATIENCE;
    while !caught {
        assert!(Instant::now() < end && child.try_wait().unwrap().is_none(), "no handler");
        let started = Path::new(&place.node("audit")).exists();
        caught = catches_hangup(child.id()).unwrap_or_default();
        assert!(caught || !started, "the node's parts start before it listens to signals");
    }
    for _ in 0..3 {
        let sent = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
    eventually(PATIENCE, "the node answers", || TcpStream::connect(place.admin).is_ok());
    // Signals of one kind melt into one; but one at least is heard.
    eventually(PATIENCE, "the reload is taken", || reloads(&place, "applied") >= 1);
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A node that was told to end a moment ago, and a connection it still has.
fn ending() -> (Place, Running, Line, Instant) {
    let place = Place::new();
    echo(place.target);
    let who = place.issue("b");
    let node = place.up();
    let mut line = Line::dial(&place, place.listen, Some(&who)).unwrap();
    line.echo(b"before").unwrap();
    let started = Instant::now();
    node.signal("TERM");
    eventually(PATIENCE, "no new connections", || TcpStream::connect(place.listen).is_err());
    (place, node, line, started)
}

#[test]
fn an_end_waits_for_a_transfer_and_no_longer() {
    let (_place, node, mut line, started) = ending();
    for round in 0..32_u8 {
        line.echo(&vec![round; 32 * 1_024]).unwrap();
    }
    line.close().unwrap();
    assert_eq!(node.wait(PATIENCE), 0);
    assert!(started.elapsed() < Duration::from_secs(7), "waited on: {:?}", started.elapsed());
}

#[test]
fn at_d2_an_end_with_an_idle_connection_comes_in_time_whatever_else_is_signalled() {
    let (_place, node, mut line, started) = ending();
    for name in ["TERM", "HUP", "INT", "TERM"] {
        node.signal(name);
    }
    line.echo(b"a second signal cuts nobody").unwrap();
    let (bytes, end) = line.rest(PATIENCE);
    assert!(bytes.is_empty() && end.is_err(), "what is cut is reset, not ended: {end:?}");
    assert_eq!(node.wait(PATIENCE), 0);
    let took = started.elapsed();
    assert!(took > Duration::from_secs(5) && took < Duration::from_secs(12), "{took:?}");
}
