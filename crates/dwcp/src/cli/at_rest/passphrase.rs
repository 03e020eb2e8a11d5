//! Where a passphrase comes from: a file, a descriptor, the terminal, or made up. Never an argument, never the environment.

use super::secret_file;
use super::terminal::prompted;
use crate::cli::args_at_rest::Unlock;
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::tell;
use dwcp_crypto::{NewPassphrase, Passphrase, PassphraseError, Secret};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The passphrase that opens a keyring.
pub(super) fn existing(unlock: &Unlock) -> Result<Passphrase, Failure> {
    match source(unlock.passphrase_file.as_deref(), unlock.passphrase_fd) {
        Some(path) => from_file(&path),
        None => asked("Passphrase: "),
    }
}

/// A passphrase for a keyring that is to be made, judged before anything is.
pub(super) struct New {
    pub(super) passphrase: NewPassphrase,
    /// Where it was made up and has no file to go to.
    pub(super) shown: Option<Secret>,
    /// Where it was made up and went to a file.
    pub(super) written: bool,
}

/// Takes the passphrase, or makes it up.
pub(super) fn new(file: Option<&Path>, descriptor: Option<u32>, generate: bool) -> Result<New, Failure> {
    if generate {
        return generated(file);
    }
    let chosen = match source(file, descriptor) {
        Some(path) => from_file(&path)?,
        None => twice()?,
    };
    Ok(New { passphrase: judged(chosen)?, shown: None, written: false })
}

/// Refuses a passphrase that is guessable.
pub(super) fn judged(chosen: Passphrase) -> Result<NewPassphrase, Failure> {
    NewPassphrase::chosen(chosen).map_err(|error| {
        Failure::new(
            Exit::Configuration,
            "the passphrase is not fit for new data",
            &error,
            "choose a longer one, several unrelated words for example, or let --generate make one up",
        )
        .coded(&error)
    })
}

fn generated(file: Option<&Path>) -> Result<New, Failure> {
    let (passphrase, text) = NewPassphrase::generate().map_err(|error| {
        Failure::new(Exit::Failure, "no passphrase was made", &error, "check the system's random source")
    })?;
    let Some(path) = file else { return Ok(New { passphrase, shown: Some(text), written: false }) };
    let line = Zeroizing::new([text.expose(), b"\n"].concat());
    secret_file::write(path, &line).map_err(|error| {
        let what = format!("the passphrase was not written to {}", path.display());
        let fix = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                "name a file that does not exist yet, or leave --generate out to use what is in it"
            }
            _ => "name a file in a directory that this user can write to, with room on its disk",
        };
        Failure::new(Exit::Failure, what, &error, fix)
    })?;
    Ok(New { passphrase, shown: None, written: true })
}

fn source(file: Option<&Path>, descriptor: Option<u32>) -> Option<PathBuf> {
    file.map(Path::to_owned).or_else(|| descriptor.map(|number| PathBuf::from(format!("/dev/fd/{number}"))))
}

/// Reads files and pipes alike, up to one byte more than a passphrase may have.
fn from_file(path: &Path) -> Result<Passphrase, Failure> {
    let refused = |error: &dyn std::error::Error, fix: &str| {
        let what = format!("no passphrase could be read from {}", path.display());
        Failure::new(Exit::Failure, what, error, fix)
    };
    let unreadable = |error: io::Error| refused(&error, "name a file or descriptor that this user can read");
    let mut file = File::open(path).map_err(unreadable)?;
    warn_if_open_to_others(path, &file);
    // At its full size from the start: growing would leave copies behind.
    let limit = Passphrase::MAX_LEN + 3;
    let mut content = Zeroizing::new(Vec::with_capacity(limit));
    (&mut file).take(limit as u64).read_to_end(&mut content).map_err(unreadable)?;
    Passphrase::from_file_bytes(&content).map_err(|error| {
        let fix = match error {
            PassphraseError::Empty => "write the passphrase into it",
            _ => "check that it is the file you meant",
        };
        refused(&error, fix).coded(&error)
    })
}

/// Mounted secrets are often readable for all in their container and can not be changed, so it is said, to people, and not
/// refused.
#[cfg(unix)]
fn warn_if_open_to_others(path: &Path, file: &File) {
    use std::os::unix::fs::MetadataExt;
    if !io::IsTerminal::is_terminal(&io::stderr()) {
        return;
    }
    let open = file.metadata().is_ok_and(|there| there.is_file() && there.mode() & 0o077 != 0);
    if open {
        tell(&format!("warning: {} can be read by others; chmod 600 keeps it private", inert(path)));
    }
}

#[cfg(not(unix))]
fn warn_if_open_to_others(_path: &Path, _file: &File) {}

/// Standard input gives the data or the passphrase.
pub(super) fn twice_from_stdin(what: impl Into<String>) -> Failure {
    Failure::plain(
        Exit::Usage,
        what,
        "standard input is to give the data and the passphrase as well",
        "give the passphrase by another descriptor, such as --passphrase-fd 3 3<FILE",
    )
}

fn asked(prompt: &str) -> Result<Passphrase, Failure> {
    typed(&prompted(prompt)?)
}

/// Typed twice, since what is mistyped once locks everybody out.
fn twice() -> Result<Passphrase, Failure> {
    let (first, again) = (prompted("New passphrase: ")?, prompted("The same again: ")?);
    if *first != *again {
        return Err(Failure::plain(
            Exit::Usage,
            "no passphrase was set",
            "the two that were typed differ",
            "try again",
        ));
    }
    typed(&first)
}

fn typed(text: &str) -> Result<Passphrase, Failure> {
    Passphrase::new(text.as_bytes()).map_err(|error| {
        Failure::new(Exit::Usage, "that is no passphrase", &error, "try again").coded(&error)
    })
}
