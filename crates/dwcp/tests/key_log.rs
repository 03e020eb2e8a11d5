//! Secrets of sessions in a file: by feature, configuration and environment together, and loudly.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use support::Place;

fn asked() -> Place {
    let place = Place::new();
    place.edit("    pq: prefer ", "    key_log: true\n    pq: prefer ");
    place
}

#[cfg(not(feature = "keylog"))]
#[test]
fn a_build_without_the_feature_refuses_the_key() {
    let place = asked();
    let (code, said) = support::refused(&["config", "check", &place.config()]);
    assert_eq!(code, 3, "{said}");
    support::assert_three_lines(&said);
    assert!(said.contains("security.tls.key_log") && said.contains("--features keylog"), "{said}");
}

#[cfg(feature = "keylog")]
mod with_the_feature {
    use super::support;
    use super::{Place, asked};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Stdio;
    use support::{Running, command, ok};

    #[test]
    fn the_key_alone_writes_nothing_and_with_the_variable_it_is_loud() {
        let place = asked();
        let quiet = place.up();
        assert_eq!(place.check("tls", "tls.key_log").0, "");
        quiet.signal("TERM");
        assert_eq!(quiet.wait(support::PATIENCE), 0);
        let file = place.path("secrets");
        let mut up = command();
        up.args(["up", "--config", &place.config()]).env("SSLKEYLOGFILE", &file);
        let loud = Running::start(&mut up, place.admin);
        assert_eq!(place.check("tls", "tls.key_log").0, "warn");
        let text = fs::read_to_string(&file).unwrap();
        for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_TRAFFIC_SECRET_0 ", "EXPORTER_SECRET "] {
            assert!(text.contains(label), "{label}: {text}");
        }
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        loud.signal("TERM");
        assert_eq!(loud.wait(support::PATIENCE), 0);
        let log = fs::read_to_string(place.node("audit/log-000000000001.jsonl")).unwrap();
        let started = log.lines().filter(|line| line.contains("\"node_started\""));
        let loud: Vec<bool> = started.map(|line| line.contains("\"key_log\":\"on\"")).collect();
        assert_eq!(loud, [false, true]);
        // What is there already may be somebody else's.
        let again = up.stdin(Stdio::null()).stdout(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&again.stderr);
        assert_eq!(again.status.code(), Some(1), "{said}");
        assert!(said.contains("SSLKEYLOGFILE"), "{said}");
    }

    #[test]
    fn the_variable_alone_writes_nothing() {
        let place = Place::new();
        let file = place.path("secrets");
        let mut up = command();
        up.args(["up", "--config", &place.config()]).env("SSLKEYLOGFILE", &file);
        let _running = Running::start(&mut up, place.admin);
        assert_eq!(place.check("tls", "tls.key_log").0, "");
        assert!(!file.exists());
        ok(&["config", "check", &place.config()]);
    }
}
