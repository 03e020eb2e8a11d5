//! The wall clock is set while a node runs: forward over renewals and ends, and back to before its certificate and its list began.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::time::Duration;
use support::ahead::Ahead;
use support::{Place, Running, echo, eventually};

/// The node, the clock it lives by, and what is asked of it by the same clock.
struct World {
    place: Place,
    clock: Ahead,
}

impl World {
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.clock.command().args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    fn list(&self) -> Value {
        let (_, said) = self.run(&["--json", "--config", &self.place.config(), "cert", "list"]);
        let listed: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        listed["certificates"][0].clone()
    }

    fn serial(&self) -> String {
        self.list()["serial"].as_str().unwrap().to_owned()
    }

    /// Whether somebody whom the authority certifies by this clock is let in, and would let the node in.
    fn welcomes(&self, name: &str) -> (bool, String) {
        let (ca, who) = (self.place.node("ca"), self.place.path(name).to_str().unwrap().to_owned());
        let identity = format!("URI:spiffe://test.example/node/{name}");
        let (issued, said) = self.run(&["cert", "issue", "--ca", &ca, "--san", &identity, "--out", &who]);
        assert!(issued, "{said}");
        let listen = self.place.listen.to_string();
        let (root, cert, key) = (self.place.node("ca/ca.crt"), format!("{who}.crt"), format!("{who}.key"));
        self.run(&["tls", "handshake", &listen, "--ca", &root, "--cert", &cert, "--key", &key])
    }

    /// Sets the clock; the node has a new certificate and lets peers in within the time it takes to notice.
    fn jump(&self, hours: i64, name: &str) {
        let before = self.serial();
        self.clock.set_hours(hours);
        eventually(SOON, &format!("a certificate of {name}"), || {
            let listed = self.list();
            if listed["state"] == "prepared" {
                // Its grace is no part of the matter.
                self.clock.set(hours * 3_600 + 60);
            }
            listed["serial"] != before.as_str()
        });
        let (welcome, said) = self.welcomes(name);
        assert!(welcome, "{name}: {said}");
        let state = self.list();
        assert_eq!(
            (&state["overdue"], &state["failures"]),
            (&Value::Null, &Value::from(0)),
            "{name}: {state}"
        );
    }
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_clock_that_is_set_forward_or_back_leaves_no_node_without_a_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let Some(clock) = Ahead::new(dir.path()) else { return };
    let place = Place::new();
    echo(place.target);
    let world = World { place, clock };
    let mut up = world.clock.command();
    let mut node = Running::start(up.args(["up", "--config", &world.place.config()]), world.place.admin);
    let (welcome, said) = world.welcomes("today");
    assert!(welcome, "{said}");
    // Past the time of renewal; past the end of certificate and list; back to before both began; and by a little.
    for (hours, name) in [(14, "tomorrow"), (24 * 40, "in-forty-days"), (24 * 40 - 3, "three-hours-earlier")]
    {
        world.jump(hours, name);
    }
    assert!(node.lives());
    let (sound, said) = world.run(&["audit", "verify", &world.place.node("audit")]);
    assert!(sound, "{said}");
}
