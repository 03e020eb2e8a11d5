//! A flood and an honest client at one guard, in virtual time.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use dwcp_base::{Clock, ManualClock, UnixTime};
use dwcp_guard::{Guard, GuardSettings};
use std::net::IpAddr;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = Guard::new(GuardSettings::default())?;
    let clock = ManualClock::at(UnixTime::from_secs(1_800_000_000));
    let flooder: IpAddr = "127.0.0.66".parse()?;
    let honest: IpAddr = "127.0.0.1".parse()?;

    let mut let_in = [0, 0];
    for millisecond in 0..5_000 {
        clock.advance(Duration::from_millis(1));
        for _ in 0..10 {
            let_in[0] += u32::from(guard.admit(flooder, clock.tick()).is_ok());
        }
        if millisecond % 100 == 0 {
            let_in[1] += u32::from(guard.admit(honest, clock.tick()).is_ok());
        }
        if millisecond % 1_000 == 999 {
            for row in guard.drain_refusals(clock.tick()) {
                println!("{}: refused {} times: {}", row.source, row.count, row.reason.label());
            }
        }
    }
    println!("let in: {} of 50000 from the flooder, {} of 50 from the honest client", let_in[0], let_in[1]);
    println!("refused in all: {}", guard.stats().refused_total());
    Ok(())
}
