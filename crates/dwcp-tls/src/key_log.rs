//! Secrets of sessions for whoever has to read traffic: only by feature, call and environment together.

#[cfg(feature = "keylog")]
use rustls::KeyLog;
#[cfg(feature = "keylog")]
use std::fmt::{self, Write};

#[cfg(feature = "keylog")]
use std::{env, io, path::Path, sync::Arc};

/// Whether the secrets of sessions are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyLogging {
    /// They are not; without the feature `keylog` they can not be.
    #[default]
    Off,
    /// They are: who reads the lines reads every session.
    On,
}

/// Takes the lines of a key log, one for each secret.
#[cfg(feature = "keylog")]
pub trait KeyLogLines: Send + Sync {
    /// A line of RFC 9850 §2 with its end: a label, the client's random and the secret. It must not block for long: a handshake waits.
    fn line(&self, line: &str);
}

/// Has the key log opened where the environment asks for one.
#[cfg(feature = "keylog")]
pub(crate) fn opened(
    open: impl FnOnce(&Path) -> io::Result<Arc<dyn KeyLogLines>>,
) -> io::Result<Option<Arc<dyn KeyLog>>> {
    let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else { return Ok(None) };
    let lines = open(Path::new(&path))?;
    tracing::warn!(path = %Path::new(&path).display(), "TLS secrets are written down: whoever has them reads all traffic");
    Ok(Some(Arc::new(ToLines(lines))))
}

/// The lines as the engine wants to have them taken.
#[cfg(feature = "keylog")]
struct ToLines(Arc<dyn KeyLogLines>);

#[cfg(feature = "keylog")]
impl KeyLog for ToLines {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.0.line(&line(label, client_random, secret));
    }
}

#[cfg(feature = "keylog")]
impl fmt::Debug for ToLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToLines")
    }
}

/// The variable that names the file, as other programs know it (RFC 9850).
#[cfg(feature = "keylog")]
const VARIABLE: &str = "SSLKEYLOGFILE";

#[cfg(feature = "keylog")]
fn line(label: &str, client_random: &[u8], secret: &[u8]) -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // A string takes what is written to it.
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    format!("{label} {} {}\n", hex(client_random), hex(secret))
}
