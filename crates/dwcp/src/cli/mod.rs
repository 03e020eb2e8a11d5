//! The command line: one file a noun, three-line errors, documented exit codes.

mod admin_socket;
mod args;
mod args_at_rest;
mod args_cert;
mod args_packet;
mod args_tls;
mod args_token;
mod args_validate;
mod at_rest;
mod audit;
mod cert;
mod config;
mod core_dumps;
mod demo;
mod exit;
mod init;
mod input;
mod join;
mod join_files;
mod node_failure;
mod output;
mod packet;
mod provider_failure;
mod show;
mod tls;
mod token;
mod up;
mod usage;
mod validate;

pub use args::Cli;
pub use exit::{Exit, Failure};
pub use output::{Output, Report};

use args::Command;
use clap::Parser;
use clap::error::ErrorKind;
use std::ffi::OsString;

/// Runs the command line `arguments` (the program's name first) and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        // Help and version go to standard output and are no failure; the parser knows which.
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return Exit::Success;
        }
        Err(error) => {
            // Parsing ended before it was known what was asked for; whoever wrote `--json` reads nothing else.
            let json = arguments.iter().any(|argument| argument == "--json");
            if !json && error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                let _ = error.print();
                return Exit::Usage;
            }
            return Output::new(json, false).finish(Err(usage::refused(&error, &arguments)));
        }
    };
    core_dumps::forbid();
    let output = Output::new(cli.json, cli.quiet);
    let named = cli.config.as_deref();
    let result = match &cli.command {
        Command::Demo(args) => demo::run(args, output),
        Command::Init(args) => init::run(args),
        Command::Up(args) => up::run(args, named, cli.verbose),
        Command::Cert(verb) => cert::run(verb, output, named, cli.socket.as_deref()),
        Command::Tls(verb) => tls::run(verb, output, named, cli.socket.as_deref()),
        Command::Token(verb) => token::run(verb, named),
        Command::Encrypt(verb) => at_rest::encrypt(verb, output),
        Command::Decrypt(verb) => at_rest::decrypt(verb, output),
        Command::Keyring(verb) => at_rest::keyring(verb, output, named),
        Command::Audit(verb) => audit::run(verb),
        Command::Config(verb) => config::run(verb, named),
    };
    output.finish(result)
}
