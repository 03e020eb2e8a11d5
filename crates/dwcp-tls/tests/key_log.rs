//! Secrets are written down by feature, call and environment together, in lines that others read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, required, server_dns, talk};
use dwcp_tls::{ClientSettings, KeyLogLines, KeyLogging};
use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl KeyLogLines for Kept {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// What both sides of a handshake wrote down, each side asked to.
async fn written(authority: &Authority) -> (KeyLogging, Vec<String>) {
    let kept = Arc::new(Kept::default());
    let open = |name: &str| {
        let lines: Arc<dyn KeyLogLines> = Arc::<Kept>::clone(&kept);
        let opened = |path: &Path| {
            assert_eq!(path, Path::new("/nowhere/keys"));
            Ok(lines)
        };
        authority.node(name).dangerous_with_key_log(opened).unwrap()
    };
    let (serving, calling) = (open("server"), open("client"));
    let server = serving.server(required()).unwrap();
    let client = calling.client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    let lines = kept.0.lock().unwrap().clone();
    (serving.key_log(), lines)
}

#[tokio::test]
async fn nothing_is_written_without_the_variable_and_the_labels_of_rfc_9850_with_it() {
    let authority = Authority::new("key log");
    let test = "nothing_is_written_without_the_variable_and_the_labels_of_rfc_9850_with_it";
    let (logging, lines) = written(&authority).await;
    if env::var_os("SSLKEYLOGFILE").is_none() {
        assert_eq!((logging, lines.len()), (KeyLogging::Off, 0));
        for (value, on) in [("/nowhere/keys", true), ("", false)] {
            let child = Command::new(env::current_exe().unwrap())
                .args(["--exact", test])
                .env("SSLKEYLOGFILE", value)
                .env("EXPECTED", if on { "on" } else { "off" })
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&child.stdout).into_owned();
            assert!(child.status.success() && said.contains("1 passed"), "{said}");
        }
        return;
    }
    if env::var("EXPECTED").as_deref() == Ok("off") {
        assert_eq!((logging, lines.len()), (KeyLogging::Off, 0), "an empty variable is none");
        return;
    }
    assert_eq!(logging, KeyLogging::On);
    // Either side writes the same: a label, 32 bytes of random, a secret as long as the hash of the suite.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in &lines {
        let fields: Vec<&str> = line.strip_suffix('\n').unwrap().split(' ').collect();
        let [label, random, secret] = fields[..] else { panic!("{line:?}") };
        let hex = |text: &str| text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        assert!(random.len() == 64 && secret.len() == 96 && hex(random) && hex(secret), "{line:?}");
        *seen.entry(format!("{label} {secret}")).or_default() += 1;
    }
    assert!(seen.values().all(|sides| *sides == 2), "{seen:?}");
    let labels: Vec<&str> = seen.keys().filter_map(|key| key.split(' ').next()).collect();
    let rfc = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    assert_eq!(labels, rfc);
}
