//! A node that is killed at any moment of a renewal: it starts again, serves a pair that belongs together, and never goes back behind what it said.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_pki::Credential;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Child;
use std::time::Instant;
use support::{Place, command};

/// Orders one renewal; it ends by itself when the node does.
fn order(place: &Place) -> Child {
    let mut command = command();
    command.args(["--json", "--config", &place.config(), "cert", "renew", "a"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap()
}

/// The serial that a renewal was acknowledged with.
fn acknowledged(order: Child) -> Option<String> {
    let output = order.wait_with_output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).ok()?;
    output.status.success().then(|| said["serial"].as_str().unwrap().to_owned())
}

#[test]
fn a_kill_in_the_middle_of_a_renewal_leaves_one_pair_and_never_an_older_one() {
    let place = Place::new();
    let prefix = place.path("node").join("identity");
    let saved = || {
        let pair = Credential::load_saved(&prefix).unwrap();
        (pair.chain().leaf().serial().to_string(), pair.not_before())
    };
    // How long a renewal takes here, with nobody in its way.
    let longest = {
        let _node = place.up();
        let began = Instant::now();
        assert!(acknowledged(order(&place)).is_some(), "not even one");
        began.elapsed() * 3 / 2
    };
    let (mut interrupted, mut finished) = (0, 0);
    let mut last = saved();
    let mut seen = BTreeSet::from([last.0.clone()]);
    for cycle in 0..CYCLES {
        let node = place.up();
        let renewal = order(&place);
        // Spread over the whole of it, from before the request arrives to after the answer.
        std::thread::sleep(longest * (cycle + 1) / CYCLES);
        node.signal("KILL");
        drop(node);
        // Both files belong together, whichever pair it is: the one of before, or one that nobody had yet.
        let now = saved();
        if now.0 != last.0 {
            assert!(now.1 >= last.1, "cycle {cycle}: an older one");
            assert!(seen.insert(now.0.clone()), "cycle {cycle}: one of long ago");
        }
        match acknowledged(renewal) {
            Some(done) => {
                finished += 1;
                assert_eq!(now.0, done, "cycle {cycle}: what was acknowledged is gone");
            }
            None => interrupted += 1,
        }
        last = now;
    }
    assert!(finished > 0 && interrupted > 0, "{interrupted} were interrupted, {finished} were done");
    println!("{interrupted} renewals were interrupted, {finished} were done");
    let node = place.up();
    assert_eq!(place.check("certs", "certs.identity").0, "pass");
    drop(node);
}

const CYCLES: u32 = 16;
