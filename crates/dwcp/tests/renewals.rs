//! `dwcp cert list`, `due` and `renew` against a running node: orders over the socket alone, kept over restarts, refused with a reason.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use support::{Line, PATIENCE, Place, assert_three_lines, dwcp, echo, eventually, ok, refused};

fn object(place: &Place, arguments: &[&str]) -> Value {
    let config = place.config();
    serde_json::from_str(&ok(&[&["--json", "--config", &config], arguments].concat())).unwrap()
}

fn row(place: &Place, name: &str) -> Value {
    let list = object(place, &["cert", "list"]);
    let rows = list["certificates"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {list}")).clone()
}

fn served(place: &Place) -> String {
    let status = object(place, &["tls", "status"]);
    status["certificate"]["serial"].as_str().unwrap().to_owned()
}

fn metrics(place: &Place) -> String {
    place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

/// One request over the socket, and all that comes back.
fn over_the_socket(place: &Place, request: &str) -> String {
    let mut stream = UnixStream::connect(place.node("admin.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn an_ordered_renewal_is_served_at_once_and_on_record() {
    let place = Place::new();
    let _node = place.up();
    let before = row(&place, "a");
    assert_eq!((&before["state"], &before["provider"]), (&"active".into(), &"embedded".into()), "{before}");
    assert!(before["overdue"].is_null() && before["failures"] == 0 && before["prepared"].is_null());
    assert_eq!(served(&place), before["serial"].as_str().unwrap());
    assert!(before["window_use"] == "unset" && before["renew_before"] == "unset", "{before}");
    let due = ok(&["cert", "due", "--config", &place.config()]);
    assert_eq!(due.trim(), "nothing is due");
    for zero in [
        "dwcp_certificate_renewal_overdue{name=\"a\"} 0",
        "dwcp_certificate_renewal_failures_total{name=\"a\"} 0",
    ] {
        assert!(metrics(&place).contains(zero), "{zero}");
    }

    let renewed = object(&place, &["cert", "renew", "a"]);
    assert_ne!(renewed["serial"], before["serial"]);
    assert_eq!(served(&place), renewed["serial"].as_str().unwrap());
    assert_eq!(row(&place, "a")["serial"], renewed["serial"]);
    let text = ok(&["cert", "list", "--config", &place.config()]);
    assert!(
        text.contains("renewal by embedded at") && text.contains(renewed["serial"].as_str().unwrap()),
        "{text}"
    );
    assert_eq!(place.check("certs", "certs.renewal").0, "pass");
    // On disk as well: the file shows it.
    let shown: Value =
        serde_json::from_str(&ok(&["--json", "cert", "show", &place.node("identity.crt")])).unwrap();
    assert_eq!(shown["serial"], renewed["serial"]);
    let log = || fs::read_to_string(place.node("audit/log-000000000001.jsonl")).unwrap();
    eventually(PATIENCE, "the order is on record", || {
        let log = log();
        ["admin_action", "certificate_prepared", "certificate_rotated"].iter().all(|kind| log.contains(kind))
    });
    // The old one's key goes when nobody holds it: a listener takes up the new one with its next handshake.
    assert!(!log().contains("certificate_retired"));
    echo(place.target);
    let mut line = Line::dial(&place, place.listen, Some(&place.issue("b"))).unwrap();
    line.echo(b"hello").unwrap();
    eventually(PATIENCE, "the old one is gone", || log().contains("certificate_retired"));
}

#[test]
fn an_order_for_a_window_survives_a_restart_and_is_never_later_than_the_alarm() {
    let place = Place::new();
    let node = place.up();
    let before = served(&place);
    let ordered = object(&place, &["cert", "renew", "a", "--window", "03:00+2h"]);
    let at = ordered["ordered"].as_str().unwrap().to_owned();
    assert_eq!(row(&place, "a")["ordered"], at.as_str());
    assert!(ok(&["cert", "list", "--config", &place.config()]).contains(&format!("ordered for {at}")));
    node.signal("KILL");
    let _ = node.wait(PATIENCE);
    let node = place.up();
    let after = row(&place, "a");
    assert!(after["ordered"].is_string(), "{after}");
    assert!(after["ordered"].as_str() < after["not_after"].as_str());
    assert_eq!(served(&place), before);
    drop(node);
}

#[test]
fn a_renew_before_that_gives_way_to_the_life_is_told() {
    let place = Place::new();
    place.edit("    auto_renew: true ", "    renew_before: 720h\n    auto_renew: true ");
    let _node = place.up();
    assert_eq!(row(&place, "a")["renew_before"], "overruled");
    let text = ok(&["cert", "list", "--config", &place.config()]);
    assert!(text.contains("renew_before would leave less than a third"), "{text}");
}

#[test]
fn a_window_of_the_configuration_is_checked_shown_and_reloaded() {
    let place = Place::new();
    place.edit("    auto_renew: true ", "    window: 3am\n    auto_renew: true ");
    let (code, said) = refused(&["config", "check", &place.config()]);
    assert_three_lines(&said);
    assert!(
        code == 3 && said.contains("security.cert_management.window") && said.contains("03:00+2h"),
        "{said}"
    );
    place.edit("    window: 3am", "    window: '00:00+24h'");
    let node = place.up();
    assert_eq!(
        (&row(&place, "a")["window"], &row(&place, "a")["window_use"]),
        (&"00:00+24h".into(), &"honoured".into())
    );
    place.edit("    window: '00:00+24h'", "    window: '00:00+1m'");
    node.signal("HUP");
    eventually(PATIENCE, "the reload shows", || row(&place, "a")["window"] == "00:00+1m");
}

#[test]
fn what_can_not_be_renewed_says_why_and_what_to_do() {
    let place = Place::new();
    let config = place.config();
    let cert = |arguments: &[&str]| refused(&[&["--config", &config, "cert"], arguments].concat());
    // Nobody runs.
    let (code, said) = cert(&["renew", "a"]);
    assert_three_lines(&said);
    assert!(code == 5 && said.contains("dwcp up"), "{code} {said}");
    // What is no command line.
    for wrong in [&["renew"][..], &["renew", "a", "--window", "3-5"], &["list", "--valid"], &["due", "a"]] {
        assert_eq!(cert(wrong).0, 2, "{wrong:?}");
    }
    let _node = place.up();
    let serial = served(&place);
    for unknown in ["b", "../a", "a%00", "a b\u{1b}[2J", "ä", ""] {
        let (code, said) = cert(&["renew", unknown]);
        assert_three_lines(&said);
        assert!([1, 5].contains(&code) && !said.contains('\u{1b}'), "{unknown}: {code} {said}");
    }
    assert!(cert(&["renew", "b"]).1.contains("dwcp cert list"));
    // The issuer can not issue: its index is gone.
    let (index, away) = (place.node("ca/index"), place.node("ca/away"));
    fs::rename(&index, &away).unwrap();
    fs::write(&index, "no directory").unwrap();
    let (code, said) = cert(&["renew", "a"]);
    assert_three_lines(&said);
    assert!(code == 6 && said.contains("old certificate still serves"), "{code} {said}");
    assert_eq!(served(&place), serial);
    let failing = row(&place, "a");
    assert_eq!(
        (&failing["failures"], failing["last_failure"]["code"].as_str()),
        (&1.into(), Some("pki.provider.unavailable"))
    );
    let due = dwcp(&["cert", "due", "--config", &config]);
    let text = String::from_utf8(due.stdout).unwrap();
    assert!(due.status.code() == Some(0) && text.contains("1 failed attempts"), "{text}");
    assert_eq!(place.check("certs", "certs.renewal").0, "warn");
    assert!(metrics(&place).contains("dwcp_certificate_renewal_failures_total{name=\"a\"} 1"));
    fs::remove_file(&index).unwrap();
    fs::rename(&away, &index).unwrap();
    ok(&["cert", "renew", "a", "--config", &config]);
    assert_ne!(served(&place), serial);
    assert_eq!(place.check("certs", "certs.renewal").0, "pass");
}

#[test]
fn orders_are_taken_over_the_socket_alone_and_only_in_their_form() {
    let place = Place::new();
    let _node = place.up();
    let serial = served(&place);
    let order = "POST /certs/renew/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let answer = place.ask(order);
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    for (request, status) in [
        (order.replace("POST", "GET"), "404"),
        (order.replace("POST", "PUT"), "405"),
        (order.replace("/a ", "/a?window=now "), "400"),
        (order.replace("/a ", "/a?when=now "), "400"),
        (order.replace("/a ", "/%zz "), "400"),
        (order.replace("/a ", "/a/b "), "404"),
        (order.replace("Length: 0\r\n\r\n", "Length: 2\r\n\r\n{}"), "405"),
    ] {
        let answer = over_the_socket(&place, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
    assert_eq!(served(&place), serial, "none of them renewed anything");
    assert!(over_the_socket(&place, order).starts_with("HTTP/1.1 200"));
    assert_ne!(served(&place), serial);
    let status = place.ask("GET /status/certs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(status.starts_with("HTTP/1.1 200") && !status.contains("PRIVATE"), "{status}");
}

#[test]
fn a_certificate_of_somebody_else_is_watched_and_not_renewed() {
    let place = Place::new();
    place.edit(
        "    pq: prefer ",
        "    certificates: [{name: web, cert_file: web.crt, key_file: web.key}]\n    pq: prefer ",
    );
    let (ca, out, config) = (place.node("ca"), place.node("web"), place.config());
    let issue = |ttl: &str| {
        for end in ["crt", "key", "csr"] {
            let _ = fs::remove_file(format!("{out}.{end}"));
        }
        ok(&[
            "cert",
            "issue",
            "--ca",
            &ca,
            "--usage",
            "server",
            "--ttl",
            ttl,
            "--san",
            "DNS:web.example",
            "--out",
            &out,
        ]);
    };
    // Dated back by a minute, so that nine tenths of its life are over.
    issue("5s");
    let node = place.up();
    let web = row(&place, "web");
    assert!(web["overdue"].is_string() && web["provider"].is_null() && web["renew_at"].is_null(), "{web}");
    let due = dwcp(&["cert", "due", "--config", &config]);
    let text = String::from_utf8(due.stdout).unwrap();
    assert!(due.status.code() == Some(8) && text.contains("OVERDUE") && text.contains("web"), "{text}");
    eventually(PATIENCE, "the metric", || {
        metrics(&place).contains("dwcp_certificate_renewal_overdue{name=\"web\"} 1")
    });
    assert_eq!(place.check("certs", "certs.renewal").0, "fail");
    let (code, said) = refused(&["cert", "renew", "web", "--config", &config]);
    assert_three_lines(&said);
    assert!(code == 3 && said.contains("another tool") && said.contains("SIGHUP"), "{code} {said}");
    let (code, _) = refused(&["cert", "renew", "web", "--window", "03:00+2h", "--config", &config]);
    assert_eq!(code, 3);
    issue("24h");
    node.signal("HUP");
    eventually(PATIENCE, "the new one is seen", || row(&place, "web")["overdue"].is_null());
    assert_eq!(dwcp(&["cert", "due", "--config", &config]).status.code(), Some(0));
    assert!(metrics(&place).contains("dwcp_certificate_renewal_overdue{name=\"web\"} 0"));
}

#[test]
fn init_names_a_socket_where_its_path_is_short_enough() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("d".repeat(60)).join("e".repeat(60));
    for (dir, active) in [(directory.path().join("n"), true), (deep, false)] {
        ok(&["init", dir.to_str().unwrap()]);
        let text = fs::read_to_string(dir.join("dwcp.yaml")).unwrap();
        assert_eq!(text.contains("\n    socket: admin.sock"), active, "{text}");
        ok(&["config", "check", dir.join("dwcp.yaml").to_str().unwrap()]);
    }
}
