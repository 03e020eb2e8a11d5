//! `dwcp encrypt data` and `dwcp decrypt data`: one message, standard input to standard output.

use super::job::Way;
use super::keyring::keyring_failure;
use crate::cli::args_at_rest::DataJob;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Report;
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Seals or opens one message.
pub(super) fn run(way: Way, args: &DataJob) -> Result<Report, Failure> {
    let what = match way {
        Way::Encrypt => "standard input was not encrypted",
        Way::Decrypt => "standard input was not decrypted",
    };
    if args.unlock.passphrase_fd == Some(0) {
        return Err(super::passphrase::twice_from_stdin(what).aside());
    }
    let keyring = super::unlock::keyring(&args.keyring, &args.unlock).map_err(Failure::aside)?;
    let input = read(way).map_err(Failure::aside)?;
    let aad = args.aad.as_bytes();
    let result = match way {
        Way::Encrypt => keyring.seal(aad, &input).map(Zeroizing::new),
        Way::Decrypt => keyring.open(aad, &input).map(Zeroizing::new),
    };
    let result = result.map_err(|error| keyring_failure(what, &args.keyring, &error).aside())?;
    let mut out = io::stdout().lock();
    match out.write_all(&result).and_then(|()| out.flush()) {
        Ok(()) => Ok(Report::silent()),
        // Quietly, and not as if all had been read.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Report::silent().ending(Exit::Failure)),
        Err(error) => {
            let fix = "make room where standard output leads";
            Err(Failure::new(Exit::Failure, "the result was not written", &error, fix).aside())
        }
    }
}

fn read(way: Way) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut input = Zeroizing::new(Vec::new());
    let what = "standard input can not be read";
    // A sealed message is longer by its key's id, its nonce and its tag.
    let largest = if way == Way::Encrypt { LARGEST } else { LARGEST + OVERHEAD };
    io::stdin().lock().take(largest + 1).read_to_end(&mut input).map_err(|error| {
        Failure::new(Exit::Failure, what, &error, "check where standard input comes from")
    })?;
    if input.len() as u64 > largest {
        return Err(Failure::plain(
            Exit::Failure,
            "standard input is too long for one message",
            "a message of more than 64 MiB would have to be held in memory whole",
            "use a keyring of type stream, with `dwcp encrypt file - OUT` and `dwcp decrypt file OUT -`",
        ));
    }
    Ok(input)
}

const LARGEST: u64 = 64 << 20;
/// Prefix 5, nonce at most 24, tag 16.
const OVERHEAD: u64 = 5 + 24 + 16;
