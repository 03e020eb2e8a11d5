//! Reading a document that may come from standard input.

use super::exit::{Exit, Failure};
use dwcp_base::read_bounded;
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// The bytes of a file or, for `-`, of standard input: at most `limit` of a file, one more of standard input, so that its reader
/// sees that there is too much. There may be private keys among them.
pub(super) fn bytes(path: &Path, limit: u64, what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if !is_standard(path) {
        return read_bounded(path, limit).map(Zeroizing::new).map_err(|error| Failure::file(what, &error));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    io::stdin()
        .lock()
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(Exit::Failure, what, &error, "hand the document to standard input"))?;
    Ok(bytes)
}

/// Whether a path stands for standard input.
pub(super) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}
