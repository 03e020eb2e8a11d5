//! The `dwcp` binary: hands the command line to the library and ends with the documented exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    dwcp::cli::run(std::env::args_os()).into()
}
