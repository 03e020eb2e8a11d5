//! A listener of `dwcp up` beside relays that others wrote, in front of the same service, in the same run: what one second of CPU
//! carries.

use super::median;
use super::relays::{Bench, Relay};
use super::traffic::{Load, service};
use crate::binary::Binary;
use crate::peers;
use crate::report::{Failed, failed};
use crate::scratch::Scratch;
use std::time::Duration;

/// Handshakes, bytes to the service, bytes from it.
type Row = [f64; 3];

/// Measures, and prints the medians of the ratios round by round.
pub(crate) fn run(words: &[&str]) -> Result<(), Failed> {
    let (rounds, period) = parse(words)?;
    let missing = peers::tools(&[
        ("stunnel4", "stunnel4"),
        ("nginx", "nginx-light"),
        ("nginx", "libnginx-mod-stream"),
        ("haproxy", "haproxy"),
    ])?;
    if !missing.is_empty() {
        return Err(failed(format!("nothing to compare with: there is no {}", missing.join(", no "))));
    }
    let scratch = Scratch::new("compare-tls")?;
    let dwcp = Binary::build()?;
    let bench = Bench::new(&dwcp, &scratch, service()?)?;
    let relays = bench.relays()?;
    let dialers = bench.dialers(&relays)?;
    let mut rows: Vec<Vec<Row>> = Vec::new();
    for round in 0..=rounds {
        let mut row = vec![[0.0; 3]; relays.len()];
        for turn in 0..relays.len() {
            // Everybody begins once.
            let place = (round + turn) % relays.len();
            row[place] = measured(&relays[place], &Load { near: dialers.near[place], period })?;
        }
        // The first round only warms up.
        if round > 0 {
            rows.push(row);
        }
    }
    println!(
        "compare tls: X25519, AES-256-GCM, client certificates and their revocation list checked; {rounds} rounds of {period:?}"
    );
    for (at, what) in ["full handshakes", "MB to the service", "MB from the service"].into_iter().enumerate()
    {
        for (place, relay) in relays.iter().enumerate() {
            let theirs = median(rows.iter().map(|row| row[place][at]).collect());
            let ratio = median(rows.iter().map(|row| row[0][at] / row[place][at]).collect());
            println!(
                "{what:<20} per CPU-second: {:<16} {theirs:>7.0}, dwcp does {ratio:.2} times that",
                relay.name
            );
        }
    }
    Ok(())
}

fn measured(relay: &Relay, load: &Load) -> Result<Row, Failed> {
    let per_cpu_second = |amount: &dyn Fn() -> Result<f64, Failed>| {
        let before = relay.cpu()?;
        let amount = amount()?;
        // What is still on its way is counted with what it belongs to.
        std::thread::sleep(Duration::from_millis(50));
        Ok::<_, Failed>(amount / (relay.cpu()? - before))
    };
    Ok([
        per_cpu_second(&|| load.handshakes())?,
        per_cpu_second(&|| load.inward())? / 1e6,
        per_cpu_second(&|| load.outward())? / 1e6,
    ])
}

fn parse(words: &[&str]) -> Result<(usize, Duration), Failed> {
    let (mut rounds, mut seconds) = (5, 3);
    for pair in words.chunks(2) {
        let (name, value) = match pair {
            [name, value] => (*name, value.parse::<u32>().ok().filter(|n| *n > 0)),
            _ => return Err(failed(format!("{} takes a number", pair.join(" ")))),
        };
        let value = value.ok_or_else(|| failed(format!("{name} takes a number")))?;
        match name {
            "--rounds" => rounds = value as usize,
            "--seconds" => seconds = value,
            _ => return Err(failed(format!("compare tls has no {name}; there are --rounds, --seconds"))),
        }
    }
    Ok((rounds, Duration::from_secs(seconds.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_in_pairs() {
        assert_eq!(parse(&[]).unwrap(), (5, Duration::from_secs(3)));
        assert_eq!(parse(&["--rounds", "2", "--seconds", "1"]).unwrap(), (2, Duration::from_secs(1)));
        for words in [&["--rounds"][..], &["--rounds", "0"], &["--seconds", "x"], &["--mib", "1"]] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }
}
