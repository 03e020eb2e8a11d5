//! The workspace's own tasks: `cargo xtask` lists them.

mod alone;
mod binary;
mod ci;
mod compare;
mod dice;
mod events;
mod layers;
mod metadata;
mod nightly;
mod peers;
mod publish;
mod report;
mod run;
mod scratch;
mod test;
mod tidy;
mod tree;
mod unpacked;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask TASK

  ci                  all that CI runs, with the time of each step
  test                unit, property, documentation and live tests, and every example
  layers              every dependency between our crates goes down
  tidy                sizes, headers, manifests, standards, secrets, paths, originals, attack ids
  events              every event code has a row in docs/events.md, and every row a code
  peers VERB          install the real programs that tests talk to; start [openssl|openbao|pebble] or stop some by hand
  alone               each published crate by itself: no default, default and all features
  nightly [PART…]     the long tests: faults, kill, power, memory, strangers, days, fuzz; --seconds N a fuzz target, --cycles N, --seed N
  compare             `dwcp encrypt file` beside age and Tink, in one run; --mib N, --rounds N, --in DIR
  compare tls         a listener beside stunnel, nginx and haproxy, in one run; --rounds N, --seconds N
  publish --dry-run   what would be published, in which order
  publish --verify    the archives, unpacked and built as one workspace, and the demonstration by what was built
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["ci"] => ci::run(),
        ["test"] => test::run(),
        ["layers"] => layers::run(),
        ["tidy"] => tidy::run(),
        ["events"] => events::run(),
        ["peers", words @ ..] => peers::run(words),
        ["alone"] => alone::run(),
        ["compare", "tls", rest @ ..] => compare::tls::run(rest),
        ["compare", rest @ ..] => compare::run(rest),
        ["nightly", rest @ ..] => nightly::run(rest),
        ["publish", "--verify"] => unpacked::build().and_then(|()| unpacked::demo()),
        ["publish", "--dry-run"] => publish::dry_run(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("unknown task: {}\n\n{USAGE}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("error: {failed}");
            ExitCode::FAILURE
        }
    }
}
