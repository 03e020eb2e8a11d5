//! From a reader to a writer without a copy between them: what files are sealed and opened with.

use super::refusal::refused;
use super::{StreamDecryptor, StreamEncryptor, StreamFormat, StreamKey};
use std::io::{self, Read, Write};

/// Seals all of `from` into `to` on all cores and returns how many bytes of plaintext there were. They are read straight into the
/// buffer they are sealed in. `progress` is told the bytes done so far
/// after each batch and may end the work by an error.
///
/// # Errors
/// What reader or writer say, or a [refusal](super::refusal) as of [`StreamEncryptor::new`]. What was written until then is
/// no whole stream.
pub fn seal_all(
    key: &StreamKey,
    format: StreamFormat,
    aad: &[u8],
    from: &mut dyn Read,
    to: &mut dyn Write,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> io::Result<u64> {
    let mut stream = StreamEncryptor::new(key, format, aad, to).map_err(refused)?;
    loop {
        if stream.core().is_full() {
            // A full batch may be the end of the stream: one byte more tells.
            let mut next = [0];
            if read_some(from, &mut next)? == 0 {
                break;
            }
            stream.write_all(&next)?;
            progress(stream.plaintext_len())?;
            continue;
        }
        stream.drain()?;
        let count = read_some(from, stream.core().room())?;
        if count == 0 {
            break;
        }
        stream.core().filled(count);
    }
    let length = stream.plaintext_len();
    stream.finish()?;
    progress(length)?;
    Ok(length)
}

/// Opens all of `from` into `to` on all cores; returns how many bytes of plaintext there were and which of `keys` it was.
///
/// # Errors
/// What reader or writer say, or a [refusal](super::refusal) as of [`StreamDecryptor::new`].
///
/// # Security
/// What was written before an error is authentic but not whole: the caller must not let it pass for the stream.
pub fn open_all<'k, K>(
    keys: K,
    format: StreamFormat,
    aad: &[u8],
    from: &mut dyn Read,
    to: &mut dyn Write,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> io::Result<(u64, usize)>
where
    K: IntoIterator<Item = &'k StreamKey> + Clone,
{
    let mut stream = StreamDecryptor::new(keys, format, aad, from)?;
    let mut length = 0;
    while stream.load()? > 0 {
        let mut written = Ok(());
        length += stream.give(usize::MAX, |text| written = to.write_all(text)) as u64;
        written?;
        progress(length)?;
    }
    to.flush()?;
    Ok((length, stream.key_index()))
}

fn read_some(from: &mut dyn Read, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
