//! `dwcp cert list`, `due` and `renew`: the certificates that a running node looks after, asked for over its admin socket.

use crate::cli::admin_socket;
use crate::cli::args_cert::Renew;
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::Report;
use dwcp_base::UnixTime;
use serde_json::{Value, json};
use std::path::Path;

/// Every certificate, and where its renewal stands.
pub(super) fn list(named: Option<&Path>, socket: Option<&Path>) -> Result<Report, Failure> {
    let status = ask(named, socket)?;
    Ok(Report::document(listed(&status), status))
}

/// Those that somebody should look at.
pub(super) fn due(named: Option<&Path>, socket: Option<&Path>) -> Result<Report, Failure> {
    let status = ask(named, socket)?;
    let at = time(&status["at"]);
    let found: Vec<&Value> = rows(&status).iter().filter(|row| is_due(row, at)).collect();
    let late = found.iter().any(|row| row["overdue"].is_string());
    let text = match found.is_empty() {
        true => "nothing is due".to_owned(),
        false => found.iter().map(|row| describe(row)).collect::<Vec<_>>().join("\n"),
    };
    let json = json!({ "node": status["node"], "at": status["at"], "due": found });
    Ok(Report::document(text, json).ending(if late { Exit::Degraded } else { Exit::Success }))
}

/// A renewal now, or an order for later.
pub(super) fn renew(args: &Renew, named: Option<&Path>, socket: Option<&Path>) -> Result<Report, Failure> {
    let socket = admin_socket::locate(named, socket)?;
    let query = args.window.map(|window| format!("?window={window}")).unwrap_or_default();
    let path = format!("/certs/renew/{}{query}", encoded(&args.name));
    let (status, answer) = admin_socket::post(&socket, &path)?;
    let error = &answer["error"];
    if status != 200 || error.is_object() {
        return Err(refused(&args.name, status, error));
    }
    let name = inert(&args.name);
    let text = match answer["ordered"].as_str() {
        Some(at) => format!("{name} will be renewed at {}", inert(at)),
        None => format!(
            "{name} was renewed: serial {}, until {}",
            word(&answer["serial"]),
            word(&answer["not_after"])
        ),
    };
    Ok(Report::new(text, answer))
}

fn ask(named: Option<&Path>, socket: Option<&Path>) -> Result<Value, Failure> {
    admin_socket::get(&admin_socket::locate(named, socket)?, "/status/certs")
}

/// What the node said no with.
fn refused(name: &str, status: u16, error: &Value) -> Failure {
    let said = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    let code = said("code");
    let exit = match code.as_str() {
        "pki.slot.unknown" => Exit::NotFound,
        "node.renewal.foreign" => Exit::Configuration,
        "pki.provider.refused" => Exit::Denied,
        "pki.renewal.busy" | "pki.renewal.crowded" => Exit::Unavailable,
        code if code.starts_with("pki.provider.") => Exit::Unavailable,
        code if code.starts_with("pki.issued.") || code == "pki.trial.failed" => Exit::Verification,
        // Codes of providers are theirs to add to: the status says whose fault it is.
        _ => match status {
            403 => Exit::Denied,
            409 => Exit::Configuration,
            502 => Exit::Verification,
            503 => Exit::Unavailable,
            _ => Exit::Failure,
        },
    };
    let (message, fix) = (said("message"), said("fix"));
    let fix = if fix.is_empty() { "use the node's own version of dwcp".to_owned() } else { fix };
    Failure::plain(exit, format!("{name} was not renewed"), message, fix).called(&code)
}

/// Overdue; or an attempt failed; or its time has come, by the node's own clock, whether it is by its life, by its window or as ordered. One that
/// is prepared has had its time.
fn is_due(row: &Value, now: Option<UnixTime>) -> bool {
    let come = time(&row["renew_at"]).zip(now).is_some_and(|(at, now)| at <= now);
    // Nobody is late yet where whoever issues it can not be asked, and somebody should look before that.
    let failing = row["issuer"]["error"].is_object();
    // One that failed before its time, and is told no more.
    let failed = row["failures"] != 0 && row["last_attempt"] != "over";
    failing || row["overdue"].is_string() || failed || (come && !row["prepared"].is_object())
}

fn time(value: &Value) -> Option<UnixTime> {
    value.as_str().and_then(UnixTime::parse_rfc3339)
}

/// Every row, and how many there are besides.
fn listed(status: &Value) -> String {
    let mut lines: Vec<String> = rows(status).iter().map(describe).collect();
    if let Some(more @ 1..) = status["left_out"].as_u64() {
        lines.push(format!("and {more} more, that are less urgent"));
    }
    lines.join("\n")
}

fn describe(row: &Value) -> String {
    let names = rows_of(&row["names"]).iter().map(word).collect::<Vec<_>>().join(" ");
    let mut text = format!(
        "{}  {}  serial {}  until {}",
        word(&row["name"]),
        word(&row["state"]),
        word(&row["serial"]),
        word(&row["not_after"])
    );
    let mut more = |line: String| text.push_str(&format!("\n    {line}"));
    more(names);
    match (row["provider"].as_str(), row["ordered"].as_str()) {
        (None, _) => more("renewed elsewhere".to_owned()),
        (Some(provider), Some(at)) => {
            more(format!("renewal by {} ordered for {}", inert(provider), inert(at)))
        }
        (Some(provider), None) => {
            let window = match (row["window"].as_str(), row["window_use"].as_str()) {
                (Some(window), Some("overruled")) => {
                    format!(", the window {} does not fit its life", inert(window))
                }
                (Some(window), _) => format!(", in the window {}", inert(window)),
                _ => String::new(),
            };
            let lead = match row["renew_before"].as_str() {
                Some("overruled") => ", since renew_before would leave less than a third of its life",
                _ => "",
            };
            more(format!("renewal by {} at {}{window}{lead}", inert(provider), word(&row["renew_at"])));
        }
    }
    if row["prepared"].is_object() {
        let next = &row["prepared"];
        more(format!("serial {} takes over at {}", word(&next["serial"]), word(&next["activate_at"])));
    }
    if let Some(level) = row["overdue"].as_str() {
        more(match level {
            "due" => "OVERDUE: its renewal is due and did not happen".to_owned(),
            "expired" => "OVERDUE: it has ended".to_owned(),
            level => format!("OVERDUE: {} (80 % of its life are over, 90 % where critical)", inert(level)),
        });
    }
    if row["failures"] != 0 {
        let last = &row["last_failure"];
        let message =
            if last.is_object() { word(&last["message"]) } else { "in a process before this one".to_owned() };
        more(format!(
            "{} failed attempts, the last: {message}; the next at {}",
            word(&row["failures"]),
            word(&row["retry_at"])
        ));
    }
    let issuer = &row["issuer"];
    if issuer["error"].is_object() {
        let error = &issuer["error"];
        more(format!(
            "{}: {} ({}, since {})",
            word(&issuer["who"]),
            word(&error["message"]),
            word(&error["code"]),
            word(&error["since"])
        ));
        more(format!("fix: {}", word(&error["fix"])));
        if issuer["next_try"].is_string() {
            more(format!("next try at {}", word(&issuer["next_try"])));
        }
    } else if issuer.is_object() {
        more(format!("{}: {}", word(&issuer["who"]), word(&issuer["detail"])));
    }
    if row["unsaved"].is_string() {
        more(format!("not safe on disk: {}", word(&row["unsaved"])));
    }
    text
}

/// As a segment of a path (RFC 3986 §3.3).
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn rows(status: &Value) -> &[Value] {
    rows_of(&status["certificates"])
}

fn rows_of(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A value as a word; names are their configuration's to choose.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => inert(text),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Option<UnixTime> = Some(UnixTime::from_secs(1_800_000_000));

    fn row(renew_at: i64) -> Value {
        let at = UnixTime::from_secs(1_800_000_000 + renew_at).to_string();
        json!({ "name": "a", "renew_at": at, "ordered": null, "failures": 0, "overdue": null, "prepared": null })
    }

    #[test]
    fn what_is_due_is_what_has_come_or_failed_or_is_late() {
        assert!(is_due(&row(0), NOW) && is_due(&row(-60), NOW));
        assert!(!is_due(&row(1), NOW));
        let with = |renew_at, key: &str, value: Value| {
            let mut row = row(renew_at);
            row[key] = value;
            is_due(&row, NOW)
        };
        assert!(with(60, "failures", json!(1)));
        let mut over = row(60);
        (over["failures"], over["last_attempt"]) = (json!(1), json!("over"));
        assert!(!is_due(&over, NOW), "it failed before its time, and that is past");
        assert!(with(60, "overdue", json!("due")));
        assert!(!with(-60, "prepared", json!({ "serial": "07" })), "its successor is there");
        // One that is renewed elsewhere has no time of its own.
        assert!(!with(0, "renew_at", Value::Null));
        assert!(!is_due(&row(-60), None));
    }

    #[test]
    fn a_refusal_ends_as_its_status_says_and_a_failing_issuer_is_told_with_its_code() {
        let exit = |status, code: &str| {
            refused("a", status, &json!({ "code": code, "message": "m", "fix": "f" })).exit
        };
        assert_eq!(exit(403, "vault.login.paused"), Exit::Denied);
        assert_eq!(exit(409, "acme.cache.exposed"), Exit::Configuration);
        assert_eq!(exit(500, "acme.cache.storage"), Exit::Failure);
        assert_eq!(exit(502, "https.server.untrusted"), Exit::Verification);
        assert_eq!(exit(503, "vault.server.sealed"), Exit::Unavailable);
        let mut row = row(60);
        let error = json!({ "code": "vault.server.sealed", "message": "m", "fix": "f", "since": "now" });
        row["issuer"] = json!({ "who": "vault", "error": error });
        assert!(describe(&row).contains("m (vault.server.sealed, since now)"), "{}", describe(&row));
    }

    #[test]
    fn rows_that_are_left_out_are_counted() {
        let status = |left_out: u64| json!({ "certificates": [row(0)], "left_out": left_out });
        assert!(!listed(&status(0)).contains("more"));
        assert!(listed(&status(41)).ends_with("\nand 41 more, that are less urgent"));
    }
}
