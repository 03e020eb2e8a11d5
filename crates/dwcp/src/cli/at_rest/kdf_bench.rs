//! `dwcp encrypt kdf-bench`: what a derivation costs here, and which parameters cost the wanted time.

use crate::cli::args_at_rest::KdfBench;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Report};
use dwcp_base::SystemClock;
use dwcp_crypto::{CryptoError, KdfParams, kdf};
use serde_json::json;
use std::time::Duration;

/// Measures the defaults and calibrates.
pub(super) fn run(args: &KdfBench, output: Output) -> Result<Report, Failure> {
    let clock = SystemClock::new();
    let target = args.target.0;
    if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&target) {
        return Err(Failure::plain(
            Exit::Usage,
            format!("{} is no time to calibrate for", args.target),
            "a derivation takes between 10ms and 60s",
            "write for example --target 500ms",
        ));
    }
    let failed = |error: CryptoError| {
        let fix = "free some memory and run it again";
        Failure::new(Exit::Failure, "key derivation was not measured", &error, fix).coded(&error)
    };
    let mut measured = Vec::new();
    let pbkdf2 = KdfParams::pbkdf2(PBKDF2_DEFAULT).map_err(failed)?;
    for (what, params) in [("the default", KdfParams::default()), ("the other choice", pbkdf2)] {
        let took = kdf::measure(params, &clock).map_err(failed)?;
        let line = format!("{params}: {} ms, {what}", took.as_millis());
        output.say(&line);
        measured.push(json!({ "parameters": params.to_string(), "milliseconds": millis(took) }));
    }
    let found = kdf::calibrate(target, MOST_MEMORY_KIB, &clock).map_err(failed)?;
    let took = kdf::measure(found, &clock).map_err(failed)?;
    let mut text = format!("{found}: {} ms, found for {}", took.as_millis(), args.target);
    if let Some((memory, passes, lanes)) = found.argon2id_cost() {
        text.push_str(&format!(
            "\nIn a configuration, for new keyrings (dwcp --config FILE keyring create …):\n  security:\n    encryption:\n      \
             argon2: {{time: {passes}, memory: {memory}, threads: {lanes}}}"
        ));
    }
    let cost = found
        .argon2id_cost()
        .map(|(memory, time, threads)| json!({ "memory": memory, "time": time, "threads": threads }));
    let json = json!({
        "measured": measured,
        "target_milliseconds": millis(target),
        "found": { "parameters": found.to_string(), "milliseconds": millis(took), "argon2": cost },
    });
    Ok(Report::new(text, json))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a machine should be able to spare for a moment.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const PBKDF2_DEFAULT: u32 = 1_000_000;
