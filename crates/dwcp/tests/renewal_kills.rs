//! A node that is killed at any moment of a renewal: it starts again, serves a pair that belongs together, and never goes back behind what it said.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_pki::Credential;
use serde_json::Value;
use std::process::Child;
use std::time::Duration;
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
    let serial = || Credential::load_saved(&prefix).unwrap().chain().leaf().serial().to_string();
    let (mut interrupted, mut finished) = (0, 0);
    for cycle in 0..CYCLES {
        let node = place.up();
        let renewal = order(&place);
        // Spread over the whole of it, from before the request arrives to after the answer.
        std::thread::sleep(LONGEST * cycle / CYCLES);
        node.signal("KILL");
        drop(node);
        // Both files belong together, whichever pair it is.
        let now = serial();
        match acknowledged(renewal) {
            Some(done) => {
                finished += 1;
                assert_eq!(now, done, "cycle {cycle}: what was acknowledged is gone");
            }
            None => interrupted += 1,
        }
    }
    println!("{interrupted} renewals were interrupted, {finished} were done");
    let node = place.up();
    assert_eq!(place.check("certs", "certs.identity").0, "pass");
    drop(node);
}

const CYCLES: u32 = 16;
const LONGEST: Duration = Duration::from_millis(240);
