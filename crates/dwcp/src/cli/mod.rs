//! The command line: one file a noun, three-line errors, documented exit codes.

mod args;
mod audit;
mod cert;
mod config;
mod demo;
mod exit;
mod init;
mod node_failure;
mod output;
mod tls;
mod up;

pub use args::Cli;
pub use exit::{Exit, Failure};
pub use output::{Output, Report};

use args::Command;
use clap::Parser;
use std::ffi::OsString;

/// Runs the command line `arguments` (the program's name first) and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        // A script that asked for JSON gets it for a command line that does not parse as well.
        Err(error) if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") => {
            let text = error.to_string();
            let why = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let failure =
                Failure::plain(Exit::Usage, "the command line can not be used", why, "see `dwcp --help`");
            return Output::new(true, false).finish(Err(failure));
        }
        Err(error) => {
            // Help and version go to standard output and are no failure; the parser knows which is which.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    let output = Output::new(cli.json, cli.quiet);
    let named = cli.config.as_deref();
    let result = match &cli.command {
        Command::Demo(args) => demo::run(args, output),
        Command::Init(args) => init::run(args),
        Command::Up(args) => up::run(args, named, cli.verbose),
        Command::Cert(verb) => cert::run(verb),
        Command::Tls(verb) => tls::run(verb),
        Command::Audit(verb) => audit::run(verb),
        Command::Config(verb) => config::run(verb, named),
    };
    output.finish(result)
}
