//! The terminal that passphrases are asked on.

use super::signals;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::tell;
use std::time::Duration;
use zeroize::Zeroizing;

/// Asks without showing what is typed. Whatever ends it, the terminal shows again what is typed after it.
pub(super) fn prompted(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let _asking = signals::ask(Echo::now())?;
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| {
        if error.kind() == std::io::ErrorKind::Interrupted {
            // The signal that did it ends the process from its own thread, with a word of its own.
            std::thread::sleep(MOMENT);
        }
        Failure::new(
            Exit::Usage,
            "no passphrase was given, and there is no terminal to ask on",
            &error,
            "add --passphrase-file, --passphrase-fd or --key-file",
        )
    })
}

/// How the terminal was set before anything was asked.
#[cfg(unix)]
pub(super) struct Echo(Option<(std::fs::File, rustix::termios::Termios)>);

#[cfg(unix)]
impl Echo {
    fn now() -> Self {
        let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").ok();
        Self(terminal.and_then(|terminal| {
            let settings = rustix::termios::tcgetattr(&terminal).ok()?;
            Some((terminal, settings))
        }))
    }

    pub(super) fn restore(&self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Self(Some((terminal, settings))) = self {
            let _ = tcsetattr(terminal, OptionalActions::Now, settings);
            // The next line is not the prompt's.
            tell("");
        }
    }
}

#[cfg(not(unix))]
pub(super) struct Echo;

#[cfg(not(unix))]
impl Echo {
    fn now() -> Self {
        Self
    }

    pub(super) fn restore(&self) {}
}

const MOMENT: Duration = Duration::from_secs(1);
