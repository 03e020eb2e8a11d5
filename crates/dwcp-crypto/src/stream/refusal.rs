//! From refusals of this crate to errors of input and output, and back.

use crate::CryptoError;
use std::io;

/// Finds the refusal of this crate under an error of [`StreamDecryptor`](super::StreamDecryptor) or
/// [`StreamEncryptor`](super::StreamEncryptor); `None` when the reader or writer below failed.
pub fn refusal(error: &io::Error) -> Option<CryptoError> {
    error.get_ref()?.downcast_ref::<CryptoError>().copied()
}

pub(super) fn refused(error: CryptoError) -> io::Error {
    let kind = match error {
        // Not `UnexpectedEof`, by which `read_exact` tells the end of a whole stream as well.
        CryptoError::NotAuthentic | CryptoError::Truncated => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, error)
}
