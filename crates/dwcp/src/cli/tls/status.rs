//! `dwcp tls status`: by what a running node protects its connections, and who is still classical.

use crate::cli::admin_socket;
use crate::cli::exit::{Failure, inert};
use crate::cli::output::Report;
use serde_json::Value;
use std::path::Path;

pub(super) fn run(named: Option<&Path>, socket: Option<&Path>) -> Result<Report, Failure> {
    let socket = admin_socket::locate(named, socket)?;
    let status = admin_socket::get(&socket, "/status/tls")?;
    Ok(Report::new(text(&status), status))
}

fn text(status: &Value) -> String {
    let mut page = Page::default();
    let certificate = &status["certificate"];
    page.row("node", format!("{} at {}", word(&status["node"]), word(&status["at"])));
    page.row(
        "certificate",
        format!("{}, serial {}", word(&certificate["name"]), word(&certificate["serial"])),
    );
    page.row(
        "",
        format!("until {}, generation {}", word(&certificate["not_after"]), word(&certificate["generation"])),
    );
    for further in rows(&status["certificates"]) {
        let names = rows(&further["names"]).iter().map(word).collect::<Vec<_>>().join(" ");
        page.row("shows also", format!("{} ({}): {names}", word(&further["name"]), word(&further["kind"])));
        page.row("", format!("until {}, serial {}", word(&further["not_after"]), word(&further["serial"])));
    }
    for listener in rows(&status["listeners"]) {
        let tickets = match (&listener["tickets"], &listener["shared_ticket_keys"]) {
            (_, Value::String(set)) => format!("shared (set {})", inert(set)),
            (Value::Bool(true), _) => "on".to_owned(),
            _ => "off".to_owned(),
        };
        page.row(
            "listener",
            format!("{} on {}, tickets {tickets}", word(&listener["name"]), word(&listener["listen"])),
        );
        page.policy(listener);
    }
    for dialer in rows(&status["dialers"]) {
        page.row("dialer", format!("{} to {}", word(&dialer["name"]), word(&dialer["remote"])));
        page.policy(dialer);
    }
    let shaken = &status["handshakes"];
    page.row(
        "handshakes",
        format!(
            "{} completed, {} of them resumed; {} failed",
            word(&shaken["completed"]),
            word(&shaken["resumed"]),
            word(&shaken["failed"])
        ),
    );
    page.counts("by group", &shaken["by_group"]);
    page.counts("by suite", &shaken["by_suite"]);
    page.counts("failures", &shaken["failures"]);
    page.counts("weak offers", &shaken["weak_offers"]);
    let peers = rows(&status["peers"]);
    let classical: Vec<&Value> = peers.iter().filter(|peer| peer["post_quantum"] == false).collect();
    page.row(
        "classical",
        match classical.len() {
            0 => "nobody".to_owned(),
            count => format!("{count} live connections a quantum computer could read one day"),
        },
    );
    for peer in classical.iter().take(MOST_ROWS) {
        page.row(
            "",
            format!(
                "{}  {} by {}  {}  {}  since {}{}",
                word(&peer["peer"]),
                word(&peer["direction"]),
                word(&peer["listener"]),
                word(&peer["group"]),
                word(&peer["suite"]),
                word(&peer["since"]),
                peer["ja4"].as_str().map_or_else(String::new, |ja4| format!("  {}", inert(ja4))),
            ),
        );
    }
    page.more(classical.len());
    let others = rows(&status["weak_offers"]);
    for offer in others.iter().take(MOST_ROWS) {
        page.row(
            "weak offer",
            format!(
                "{}: {}  {} times, last {}, {}",
                word(&offer["ja4"]),
                word(&offer["text"]),
                word(&offer["count"]),
                word(&offer["last"]),
                word(&offer["outcome"]),
            ),
        );
    }
    page.more(others.len());
    page.0.join("\n")
}

#[derive(Default)]
struct Page(Vec<String>);

impl Page {
    fn row(&mut self, label: &str, value: impl AsRef<str>) {
        self.0.push(format!("{label:<12} {}", value.as_ref()));
    }

    /// What one listener or dialer offers, and who is there.
    fn policy(&mut self, side: &Value) {
        let policy = &side["policy"];
        let list = |value: &Value| rows(value).iter().map(word).collect::<Vec<_>>().join(" ");
        self.row("", format!("TLS {}  {}", word(&policy["version"]), list(&policy["suites"])));
        self.row("", format!("{}  pq {}", list(&policy["groups"]), word(&policy["pq"])));
        let mut more = Vec::new();
        if side["early_data"] == true {
            more.push("early data".to_owned());
        }
        for (name, key) in [("pins", "pins"), ("post-quantum required of", "pq_required_of")] {
            if side[key].is_array() {
                more.push(format!("{name} {}", list(&side[key])));
            }
        }
        if !more.is_empty() {
            self.row("", more.join("; "));
        }
        let shaken = &side["handshakes"];
        self.row(
            "",
            format!(
                "{} handshakes, {} of them resumed; {} failed",
                word(&shaken["completed"]),
                word(&shaken["resumed"]),
                word(&shaken["failed"])
            ),
        );
        let live = &side["live"];
        self.row(
            "",
            format!(
                "{} live: {} post-quantum, {} classical, {} resumed",
                word(&live["connections"]),
                word(&live["post_quantum"]),
                word(&live["classical"]),
                word(&live["resumed"]),
            ),
        );
    }

    fn counts(&mut self, label: &str, counts: &Value) {
        let counts = counts.as_object().into_iter().flatten();
        let counts: Vec<String> =
            counts.map(|(name, count)| format!("{} {}", inert(name), word(count))).collect();
        if !counts.is_empty() {
            self.row(label, counts.join(", "));
        }
    }

    fn more(&mut self, count: usize) {
        if count > MOST_ROWS {
            self.row("", format!("and {} more; --json lists them", count - MOST_ROWS));
        }
    }
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A value as a word; names of peers are theirs to choose.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => inert(text),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// Rows of a table that people read.
const MOST_ROWS: usize = 50;
