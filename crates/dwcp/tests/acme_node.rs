//! A node whose certificate a real Pebble issues: first start, renewals under traffic, advice, pauses, and what is refused.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_pki_acme::{Cache, PauseRecord};
use dwcp_testkit::{Pebble, PebbleOptions};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::acme::{Web, say};
use support::{assert_three_lines, eventually};

#[test]
fn a_first_certificate_comes_by_tls_alpn_on_the_nodes_own_port_and_renewals_lose_no_connection() {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return };
    let complete = pebble.is_complete();
    let web = Web::new(&pebble, if complete { "profile: shortlived" } else { "" });
    let up = web.up();
    let roots = pebble.issuing_roots();
    let mut stays = web.visit(&roots);
    for id in ["certs.provider", "certs.identity", "certs.revocation"] {
        let check = web.check(id);
        assert_eq!(check["status"], "pass", "{check}");
    }
    let first = web.leaf();
    if complete {
        let life = first.not_before().until(first.not_after());
        assert!(life < Duration::from_secs(7 * 86_400), "the profile is that of six days: {life:?}");
    }
    // Its directory and files are nobody else's business.
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let cache = web.dir.join("acme");
    assert_eq!(mode(&cache), 0o700);
    for entry in fs::read_dir(&cache).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let visitors = scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                drop(web.visit(&roots));
                count += 1;
                // No faster than a stranger may.
                std::thread::sleep(Duration::from_millis(120));
            }
            count
        });
        let mut serials = vec![first.serial()];
        for _ in 0..3 {
            assert!(web.ask(&["cert", "renew", "web"]).contains("was renewed"));
            say(&mut stays);
            assert!(!serials.contains(&web.leaf().serial()));
            serials.push(web.leaf().serial());
        }
        over.store(true, Ordering::Relaxed);
        assert!(visitors.join().expect("no handshake fails") > 3);
    });
    say(&mut stays);
    // A restart begins with what is there.
    drop(stays);
    let last = web.leaf().serial();
    assert_eq!(up.wait_after_term(), 0);
    drop(pebble);
    let _up = web.up();
    assert_eq!(web.leaf().serial(), last);
    drop(web.visit(&roots));
}

#[test]
fn a_window_in_the_past_renews_at_once_and_once() {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return };
    if !pebble.is_complete() {
        return;
    }
    let web = Web::new(&pebble, "");
    let up = web.up();
    let first = web.leaf();
    assert_eq!(up.wait_after_term(), 0);
    // The authority wants it gone, and has not been asked by this process about it.
    let now = SystemClock::new().unix();
    let hour = |hours: u64| now.minus(Duration::from_secs(hours * 3_600)).to_string();
    let window = json!({ "suggestedWindow": { "start": hour(3), "end": hour(2) } });
    pebble.set_renewal_info(&first.to_pem(), &window);
    fs::remove_dir_all(web.dir.join("acme")).unwrap();
    let orders = || pebble.log().matches("POST /order-plz").count();
    let before = orders();
    let up = web.up();
    let row = || {
        let listed: Value = serde_json::from_str(&web.ask(&["--json", "cert", "list"])).unwrap();
        listed["certificates"][0].clone()
    };
    // It passed every check and takes over after its grace.
    eventually(Duration::from_secs(20), "the next certificate is ready", || row()["prepared"].is_object());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(orders(), before + 1, "one order, and its certificate is left alone");
    // A restart in between goes on with it.
    assert_eq!(up.wait_after_term(), 0);
    let _up = web.up();
    assert!(row()["prepared"].is_object(), "{}", row());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(orders(), before + 1);
}

#[test]
fn http_01_is_answered_at_a_port_of_its_own_and_a_refusal_leaves_nothing_behind() {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return };
    let web = Web::new(&pebble, &format!("http_challenge_port: {}", pebble.http_port()));
    let config = fs::read_to_string(web.dir.join("dwcp.yaml")).unwrap();
    fs::write(web.dir.join("dwcp.yaml"), config.replace("www.web.example", "www.blocked.example")).unwrap();
    let (code, said) = web.up_refused();
    assert_three_lines(&said);
    assert_eq!(code, 4, "{said}");
    assert!(!web.dir.join("identity.crt").exists() && !web.dir.join("identity.key").exists());
    fs::write(web.dir.join("dwcp.yaml"), config).unwrap();
    let _up = web.up();
    drop(web.visit(&pebble.issuing_roots()));
    // Nothing is served there but answers, and there is none now.
    let mut plain = TcpStream::connect(("127.0.0.1", pebble.http_port())).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    plain
        .write_all(
            b"GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: web.example\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answer));
    let listed: Value = serde_json::from_str(&web.ask(&["--json", "cert", "list"])).unwrap();
    assert_eq!(listed["certificates"][0]["provider"], "acme", "{listed}");
    assert_eq!(listed["certificates"][0]["issuer"]["state"], "good", "{listed}");
}

#[tokio::test]
async fn a_pause_that_an_authority_asked_for_outlives_the_process() {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return };
    let web = Web::new(&pebble, "");
    {
        let cache = Cache::open(&web.dir.join("acme"), Arc::new(LocalDisk)).unwrap();
        let locked = cache.lock(Duration::from_secs(1)).await.unwrap();
        let now = SystemClock::new().unix();
        let pause = Duration::from_secs(3_600);
        locked
            .put_pause(&PauseRecord::new(&pebble.directory_url(), now, pause, "too many certificates"))
            .unwrap();
    }
    let asked = pebble.log().len();
    for _ in 0..2 {
        let (code, said) = web.up_refused();
        assert_three_lines(&said);
        assert!(code == 6 && said.contains("too many certificates"), "{code} {said}");
    }
    assert_eq!(pebble.log().len(), asked, "the authority was not asked: {}", pebble.said());
}
