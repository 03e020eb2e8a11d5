//! `dwcp tls …`: a handshake from the outside and all that can be told of it, what a node speaks, what can be spoken.

mod answer;
mod ciphers;
mod dial;
mod early;
mod fix;
mod handshake;
mod phases;
mod report;
mod resumption;
mod rules;
mod status;
mod stopwatch;
mod tickets;

use super::args_tls::Tls;
use super::exit::Failure;
use super::output::{Output, Report};
use std::path::Path;

/// Runs one of the TLS verbs.
pub(super) fn run(
    verb: &Tls,
    output: Output,
    named: Option<&Path>,
    socket: Option<&Path>,
) -> Result<Report, Failure> {
    match verb {
        Tls::Handshake(args) => handshake::run(args),
        Tls::Status => status::run(named, socket),
        Tls::Tickets(verb) => tickets::run(verb, output, named),
        Tls::Ciphers => ciphers::run(named),
    }
}
