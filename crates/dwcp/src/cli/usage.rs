//! A command line that does not parse, told in the three lines of every other error.

use super::args::Cli;
use super::exit::{Exit, Failure};
use clap::CommandFactory;
use clap::error::ErrorKind;
use std::ffi::OsString;

/// What the parser found, as a failure: its sentence is the cause, its tips and the right usage are the fix.
pub(super) fn refused(error: &clap::Error, arguments: &[OsString]) -> Failure {
    let command = command_of(arguments);
    let mut why = "it names no command".to_owned();
    let mut fixes = Vec::new();
    // For a missing command the text is the whole help, which has no cause and no tip in it.
    if error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Paragraphs: the sentence with what it lists, then tips, the usage, and where the help is.
        let text = error.render().to_string();
        for (at, paragraph) in text.split("\n\n").enumerate() {
            let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            if at == 0 {
                line.strip_prefix("error: ").unwrap_or(&line).clone_into(&mut why);
            } else if let Some(tip) = line.strip_prefix("tip: ") {
                fixes.push(tip.to_owned());
            } else if let Some(usage) = line.strip_prefix("Usage: ") {
                fixes.push(format!("write `{usage}`"));
            }
        }
    }
    fixes.push(format!("see `{command} --help`"));
    Failure::plain(Exit::Usage, "the command line can not be used", why, fixes.join("; "))
}

/// The command that was meant, as far as it can be told: `dwcp cert issue` of `dwcp cert issue --bogus`.
fn command_of(arguments: &[OsString]) -> String {
    let mut command = Cli::command();
    let mut path = command.get_name().to_owned();
    for argument in arguments.iter().skip(1) {
        if let Some(verb) = command.find_subcommand(argument) {
            path = format!("{path} {}", verb.get_name());
            command = verb.clone();
        }
    }
    path
}
