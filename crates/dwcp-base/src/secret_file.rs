//! Reading files that others may have prepared: bounded, from one descriptor, secrets only when nobody else can read them.

use crate::{Blame, Coded};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why a file was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum SecretFileError {
    /// The file is missing or can not be opened or read.
    Io {
        /// The file asked for.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Group or others can read or write it.
    Exposed {
        /// The file asked for.
        path: PathBuf,
        /// Its permission bits, for example `0o644`.
        mode: u32,
    },
    /// It is a directory, FIFO, socket or device.
    NotAFile {
        /// The path asked for.
        path: PathBuf,
    },
    /// It is larger than a file of its kind can be.
    TooLarge {
        /// The file asked for.
        path: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
}

impl SecretFileError {
    /// What the operator can do about it, as one sentence.
    pub fn fix(&self) -> String {
        match self {
            Self::Io { path, source } if source.kind() == io::ErrorKind::NotFound => {
                format!("create {} or correct the path", path.display())
            }
            Self::Io { path, .. } => format!("make {} readable for this user", path.display()),
            Self::Exposed { path, .. } => {
                format!("chmod 600 {}, and replace the key if others may have read it", path.display())
            }
            Self::NotAFile { path } => format!("name a regular file instead of {}", path.display()),
            Self::TooLarge { path, .. } => format!("check that {} is the file you meant", path.display()),
        }
    }
}

impl fmt::Display for SecretFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, .. } => write!(f, "can not read {}", path.display()),
            Self::Exposed { path, mode } => {
                write!(f, "{} is open to others (mode {mode:04o})", path.display())
            }
            Self::NotAFile { path } => write!(f, "{} is not a regular file", path.display()),
            Self::TooLarge { path, limit } => write!(f, "{} is larger than {limit} bytes", path.display()),
        }
    }
}

impl std::error::Error for SecretFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Coded for SecretFileError {
    fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "base.file.unreadable",
            Self::Exposed { .. } => "base.secret.exposed",
            Self::NotAFile { .. } => "base.file.irregular",
            Self::TooLarge { .. } => "base.file.oversized",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// Reads a public file of at most `limit` bytes. Only regular files are read: a FIFO would block, a device never ends.
///
/// # Errors
/// [`SecretFileError`] when it is missing, irregular or larger than `limit`.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, SecretFileError> {
    read(path, limit, false)
}

/// Reads a secret file of at most `limit` bytes.
///
/// The file is opened once; owner-only permissions and the size are judged on that descriptor, so nothing can be swapped
/// between check and read. Symbolic links are followed, since secret mounts are made of them; what counts is the file
/// at their end. Permission bits exist on Unix only: elsewhere they are not judged.
///
/// # Security
/// The caller owns the bytes and must wipe them: wrap the vector in a zeroizing type at once. It is allocated once, so
/// no copy is left behind by growth.
///
/// # Errors
/// [`SecretFileError::Exposed`] when group or others have any permission on it; otherwise as [`read_bounded`].
pub fn read_secret(path: &Path, limit: u64) -> Result<Vec<u8>, SecretFileError> {
    read(path, limit, true)
}

fn read(path: &Path, limit: u64, secret: bool) -> Result<Vec<u8>, SecretFileError> {
    let failed = |source| SecretFileError::Io { path: path.to_owned(), source };
    // A device may do something when it is opened, so the type is looked at before as well as after.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(SecretFileError::NotAFile { path: path.to_owned() });
    }
    let mut file = open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(SecretFileError::NotAFile { path: path.to_owned() });
    }
    if secret && let Some(mode) = exposed_mode(&metadata) {
        return Err(SecretFileError::Exposed { path: path.to_owned(), mode });
    }
    let too_large = || SecretFileError::TooLarge { path: path.to_owned(), limit };
    let length = usize::try_from(metadata.len()).map_err(|_| too_large())?;
    if metadata.len() > limit {
        return Err(too_large());
    }
    // One byte more than the size that was seen: a file that grew meanwhile shows itself without a reallocation.
    let mut bytes = vec![0; length + 1];
    let mut filled = 0;
    loop {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(e)),
        }
        if filled > length {
            return Err(failed(io::Error::other("the file grew while it was read")));
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Opens without waiting: a FIFO that took the file's place a moment ago would wait for its writer for ever.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    if let Some(nonblocking) = NONBLOCKING {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nonblocking);
    }
    options.open(path)
}

#[cfg(unix)]
fn exposed_mode(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn exposed_mode(_metadata: &std::fs::Metadata) -> Option<u32> {
    None
}

/// O_NONBLOCK of fcntl.h, which std does not name; reading a regular file is the same with it. `None` where its value is not known here.
#[cfg(unix)]
const NONBLOCKING: Option<i32> = if cfg!(all(
    any(target_os = "linux", target_os = "android"),
    not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc", target_arch = "sparc64"))
)) {
    Some(0o4000)
} else if cfg!(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd"
)) {
    Some(4)
} else {
    None
};
