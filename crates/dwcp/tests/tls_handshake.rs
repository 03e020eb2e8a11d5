//! `dwcp tls handshake` as a diagnosis: what it tells of good servers, and of each way a server can be bad.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/server.rs"]
mod server;
mod support;

use serde_json::Value;
use server::{OpenSsl, closing, raw};
use std::process::Output;
use support::foreign::{Foreign, IDS, LEAF, ROOT};
use support::{PATIENCE, Place, assert_three_lines, dwcp, echo, eventually, have, ok};

/// The exit code, the report, and what was printed to standard error.
fn handshake(remote: &str, more: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = dwcp(&[&["tls", "handshake", remote], more].concat());
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The exit code and the one object.
fn as_json(remote: &str, more: &[&str]) -> (i32, Value) {
    let (code, printed, said) = handshake(remote, &[&["--json"], more].concat());
    assert_eq!(said, "");
    (code, serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}")))
}

/// Verdict and reason of a rule.
fn rule<'a>(report: &'a Value, name: &str) -> (&'a str, &'a str) {
    let rules = report["rules"].as_array().unwrap_or_else(|| panic!("{report}"));
    let rule = rules.iter().find(|rule| rule["rule"] == name).unwrap();
    (rule["verdict"].as_str().unwrap(), rule["why"].as_str().unwrap())
}

fn phases(report: &Value) -> Vec<&str> {
    let phases = report["phases"].as_array().unwrap();
    let times: Vec<f64> = phases.iter().map(|phase| phase["at_ms"].as_f64().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{report}");
    phases.iter().map(|phase| phase["phase"].as_str().unwrap()).collect()
}

#[test]
fn a_good_server_is_told_with_its_times_its_chain_and_every_rule() {
    let place = Place::new();
    echo(place.target);
    let who = place.issue("b");
    let _node = place.up();
    let (root, listen) = (place.node("ca/ca.crt"), place.listen.to_string());
    let list = place.path("list.crl").to_str().unwrap().to_owned();
    ok(&["cert", "crl", "--ca", &place.node("ca"), "--out", &list]);
    let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
    let more = ["--ca", &root, "--cert", &cert, "--key", &key, "--crl", &list, "--resume"];
    let (code, report) = as_json(&listen, &more);
    assert_eq!(code, 0, "{report}");
    let reached = ["resolved", "connected", "hello_sent", "hello_received", "judged", "finished", "accepted"];
    assert_eq!(phases(&report), reached);
    assert_eq!(report["address"], listen);
    assert_eq!((&report["group"], &report["post_quantum"]), (&"X25519MLKEM768".into(), &true.into()));
    assert_eq!(report["alpn"], "dwcp/1");
    assert!(report["bytes_in"].as_u64() > Some(500) && report["bytes_out"].as_u64() > Some(500));
    let leaf = &report["chain"][0];
    assert_eq!(leaf["names"][0], "URI:spiffe://test.example/node/a");
    assert_eq!((&leaf["serial"], &leaf["pin"]), (&report["serial"], &report["pin"]));
    assert_eq!(leaf["key"], "P-256");
    for name in ["chain", "dates", "purpose", "name", "revocation"] {
        assert_eq!(rule(&report, name).0, "good", "{report}");
    }
    assert_eq!(rule(&report, "chain").1, "leads to CN=test.example mesh authority");
    assert_eq!(report["resumption"]["resumed"], true, "{report}");
    assert_eq!(report["resumption"]["group"], "X25519MLKEM768");
    assert!(!report.to_string().contains("PRIVATE"));

    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--cert", &cert]);
    let refused = || Some(handshake(&listen, &more)).filter(|(code, ..)| *code == 4);
    eventually(PATIENCE, "the node takes the revocation in", || refused().is_some());
    let (_, text, said) = refused().unwrap();
    assert_three_lines(&said);
    // Whom the server does not take is told all the same who the server is.
    assert!(text.contains("did not accept us") && text.contains("chain: good"), "{text}");
}

#[test]
fn one_suite_and_one_group_can_be_tried_alone() {
    let place = Place::new();
    place.edit("    pq: prefer ", "    tickets: false\n    pq: prefer ");
    let _node = place.up();
    let (root, admin) = (place.node("ca/ca.crt"), place.admin.to_string());
    let offer =
        ["--ca", &root, "--suite", "chacha20-poly1305-sha256", "--group", "P-384", "--alpn", "http/1.1"];
    let (code, report) = as_json(&admin, &offer);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["suite"], "TLS_CHACHA20_POLY1305_SHA256");
    assert_eq!((&report["group"], &report["post_quantum"]), (&"secp384r1".into(), &false.into()));
    assert_eq!(report["alpn"], "http/1.1");
    let (code, report) = as_json(&admin, &["--ca", &root, "--pq", "off"]);
    assert_eq!((code, &report["group"]), (0, &"x25519".into()));
    let (code, _, said) = handshake(&admin, &["--ca", &root, "--alpn", "h2"]);
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("--alpn"), "{said}");
    for bad in [
        &["--suite", "TLS_RSA_WITH_RC4_128_SHA"][..],
        &["--group", "P-521"],
        &["--pq", "maybe"],
        &["--alpn", ""],
    ] {
        assert_eq!(handshake(&admin, &[&["--ca", &root], bad].concat()).0, 2, "{bad:?}");
    }
    let none = ["--ca", &root, "--group", "x25519", "--pq", "require"];
    assert_eq!(handshake(&admin, &none).0, 2);
}

#[test]
fn without_roots_a_server_is_looked_at_and_the_exit_says_that_nothing_was_verified() {
    let place = Place::new();
    let _node = place.up();
    let admin = place.admin.to_string();
    let (code, text, said) = handshake(&admin, &[]);
    assert_three_lines(&said);
    assert_eq!(code, 7);
    assert!(
        said.contains("was not verified") && said.contains("give the roots that you trust with --ca"),
        "{said}"
    );
    assert!(
        text.contains("revocation: not checked") && text.contains("chain: not checked (no --ca)"),
        "{text}"
    );
    let (code, report) = as_json(&admin, &[]);
    assert_eq!((code, &report["verified"], &report["accepted"]), (7, &false.into(), &false.into()));
    assert_eq!((&report["version"], &report["group"]), (&"1.3".into(), &"X25519MLKEM768".into()));
    assert_eq!(rule(&report, "name").0, "good");
    assert_eq!(report["error"]["code"], "cli.verification.skipped");
    // What only makes sense against roots is not passed over in silence.
    assert_eq!(handshake(&admin, &["--resume"]).0, 2);
    assert_eq!(handshake(&admin, &["--dtls"]).0, 6);
}

#[test]
fn each_rule_has_its_own_verdict_when_one_says_no() {
    if !have("openssl") {
        return;
    }
    let made = Foreign::chain();
    made.leaf("good", &format!("{LEAF}\n{IDS}"));
    let clients = LEAF.replace("serverAuth,clientAuth", "clientAuth");
    made.leaf("client", &format!("{clients}\n{IDS}"));
    made.party("other", "/CN=Other", None, &format!("{ROOT}\nsubjectKeyIdentifier=hash"), &[]);
    let file = |name: &str| made.0.path(name).to_str().unwrap().to_owned();
    let (root, other) = (file("root.crt"), file("other.crt"));
    let server = |name: &str, more: &[&str]| {
        OpenSsl::start(&made.0.path(""), name, &[&["-cert_chain", "sub.crt", "-tls1_3"], more].concat())
    };
    let named = ["--server-name", "a.example.org", "--profile", "interop"];
    let ask = |server: &OpenSsl, more: &[&str]| as_json(&server.address, &[&named, more].concat());
    let words = |report: &Value| {
        ["chain", "dates", "purpose", "name", "revocation"].map(|name| rule(report, name).0.to_owned())
    };

    let good = server("good", &["-num_tickets", "0"]);
    let (code, report) = ask(&good, &["--ca", &root, "--resume"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(words(&report), ["good", "good", "good", "good", "not checked"]);
    assert_eq!(report["chain_length"], 2);
    assert_eq!(report["resumption"]["why"], "the server sent no ticket", "{report}");

    let (code, report) = ask(&good, &["--ca", &other]);
    assert_eq!((code, &report["error"]["code"]), (7, &"tls.certificate.unknown_issuer".into()));
    assert_eq!(words(&report), ["refused", "good", "not checked", "good", "not checked"]);
    assert!(report["error"]["fix"].as_str().unwrap().contains("CN=Root"), "{report}");
    assert_eq!((&report["version"], report["chain_length"].as_u64()), (&"1.3".into(), Some(2)));
    assert!(phases(&report).contains(&"judged"), "{report}");

    let (code, report) = as_json(&good.address, &["--ca", &root, "--profile", "interop"]);
    assert_eq!((code, &report["error"]["code"]), (7, &"tls.certificate.wrong_name".into()));
    assert_eq!(words(&report), ["good", "good", "good", "refused", "not checked"]);
    assert!(report["error"]["fix"].as_str().unwrap().contains("DNS:a.example.org"), "{report}");

    made.list("none.crl", "sub", "authorityKeyIdentifier=keyid", &[]);
    let (code, report) = ask(&good, &["--ca", &root, "--crl", &file("none.crl")]);
    assert_eq!((code, &report["error"]["code"]), (7, &"tls.certificate.status_unknown".into()), "{report}");
    assert_eq!(words(&report), ["good", "good", "good", "good", "refused"]);

    let client = server("client", &[]);
    let (code, report) = ask(&client, &["--ca", &root]);
    assert_eq!((code, &report["error"]["code"]), (7, &"tls.certificate.wrong_purpose".into()), "{report}");
    assert_eq!(words(&report), ["good", "good", "refused", "good", "not checked"]);
}

#[test]
fn a_server_that_wants_another_group_is_asked_again_and_one_that_wants_none_is_told_apart() {
    if !have("openssl") {
        return;
    }
    let made = Foreign::chain();
    made.leaf("good", &format!("{LEAF}\n{IDS}"));
    let root = made.0.path("root.crt").to_str().unwrap().to_owned();
    let chain = ["-cert_chain", "sub.crt", "-tls1_3", "-groups", "P-384"];
    let server = OpenSsl::start(&made.0.path(""), "good", &chain);
    let more = ["--ca", &root, "--server-name", "a.example.org", "--profile", "interop"];
    let (code, report) = as_json(&server.address, &more);
    assert_eq!(
        (code, &report["group"], &report["retried"]),
        (0, &"secp384r1".into(), &true.into()),
        "{report}"
    );
    let (code, report) = as_json(&server.address, &[&more[..], &["--resume"]].concat());
    assert_eq!((code, &report["resumption"]["resumed"]), (0, &true.into()), "{report}");
    // The look without roots reads the same from what is in the clear.
    let (_, report) = as_json(&server.address, &[]);
    assert_eq!((&report["group"], &report["retried"]), (&"secp384r1".into(), &true.into()), "{report}");
    let (code, report) = as_json(&server.address, &[&more[..], &["--group", "x25519"]].concat());
    assert_eq!((code, &report["answer"]["name"]), (6, &"handshake_failure".into()), "{report}");
    assert!(report["error"]["fix"].as_str().unwrap().contains("none of what was offered"), "{report}");
}

#[test]
fn a_server_of_tls12_alone_is_reported_as_that_and_never_spoken_to() {
    let said = |remote: &str| {
        let (code, report) = as_json(remote, &["--timeout", "5s"]);
        assert_eq!((code, &report["error"]["code"]), (6, &"tls.protocol.weak".into()), "{report}");
        assert!(report["error"]["fix"].as_str().unwrap().contains("TLS 1.3"), "{report}");
        report
    };
    // A ServerHello of TLS 1.2 with an old suite, as one that does not care for versions would send it.
    let hello = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03\
        \x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\
        \x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\
        \x00\xc0\x2f\x00";
    let report = said(&raw(hello, true).to_string());
    assert_eq!(report["version"], "1.2", "{report}");
    assert_eq!(report["suite"], "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    if !have("openssl") {
        return;
    }
    let made = Foreign::chain();
    made.leaf("good", &format!("{LEAF}\n{IDS}"));
    let server = OpenSsl::start(&made.0.path(""), "good", &["-tls1_2"]);
    assert_eq!(said(&server.address)["answer"]["name"], "protocol_version");
}

#[test]
fn what_is_no_tls_server_is_told_by_what_it_is() {
    let silence: &[u8] = b"";
    for (server, fix, answer) in [
        (raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", false), "plain HTTP", "no_tls"),
        (raw(b"SSH-2.0-OpenSSH_9.9\r\n", true), "SSH server", "no_tls"),
        (raw(b"220 mail.example.org ESMTP\r\n", true), "STARTTLS", "no_tls"),
        (raw(b"\xff\xfe\x00garbage\x1b[2J\x07 and more of it", false), "what answers is none", "no_tls"),
        (raw(b"\x16\x03\x03\x00\x04\x01\x00\x00\x00", false), "TLS 1.3 server", "unclear"),
        (raw(b"\x15\x03\x03\x00\x02\x02\x50", false), "its log", "alert"),
        (raw(silence, true), "says nothing", "silence"),
        (closing(), "closed without a word", "silence"),
    ] {
        let remote = server.to_string();
        let (code, report) = as_json(&remote, &["--timeout", "1s"]);
        assert_eq!((code, &report["answer"]["kind"]), (6, &answer.into()), "{report}");
        assert!(report["error"]["fix"].as_str().unwrap().contains(fix), "{fix}: {report}");
        let (_, text, said) = handshake(&remote, &["--timeout", "1s"]);
        assert_three_lines(&said);
        assert!(!format!("{text}{said}").contains(['\u{1b}', '\u{7}']), "{text}{said}");
    }
}

#[test]
fn a_hostile_chain_writes_nothing_on_the_terminal_and_is_bounded() {
    if !have("openssl") {
        return;
    }
    let made = Foreign::chain();
    let evil = "/CN=a\u{1b}[31m\u{7}\u{202e}gnp";
    made.party("evil", evil, Some("sub"), &format!("{LEAF}\n{IDS}"), &[]);
    let root = made.0.path("root.crt").to_str().unwrap().to_owned();
    let more = ["--ca", &root, "--server-name", "a.example.org", "--profile", "interop"];
    let server = OpenSsl::start(&made.0.path(""), "evil", &["-cert_chain", "sub.crt", "-tls1_3"]);
    let (code, text, _) = handshake(&server.address, &more);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("CN=a"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");

    let one = std::fs::read(made.0.path("sub.crt")).unwrap();
    for (count, code, reason) in [(20, 7, "tls.certificate.malformed"), (120, 6, "tls.handshake.oversized")] {
        made.0.write("many.crt", one.repeat(count));
        let server = OpenSsl::start(&made.0.path(""), "evil", &["-cert_chain", "many.crt", "-tls1_3"]);
        let (ended, report) = as_json(&server.address, &more);
        assert_eq!((ended, &report["error"]["code"]), (code, &reason.into()), "{report}");
        assert!(report["chain"].as_array().unwrap().len() <= 16, "{report}");
    }
}

#[test]
fn whom_a_policy_refuses_is_told_so_whatever_protocol_it_asks_for() {
    let place = Place::new();
    echo(place.target);
    let prefix = place.issue("other");
    place.edit("spiffe://test.example/node/*", "spiffe://test.example/node/good");
    let _node = place.up();
    for alpn in ["dwcp/1", "http/1.1"] {
        for _ in 0..5 {
            let output = dwcp(&[
                "tls",
                "handshake",
                &place.listen.to_string(),
                "--ca",
                &place.node("ca/ca.crt"),
                "--cert",
                &format!("{prefix}.crt"),
                "--key",
                &format!("{prefix}.key"),
                "--alpn",
                alpn,
            ]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(4), "{alpn}: {said}");
        }
    }
}
