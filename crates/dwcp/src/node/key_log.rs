//! Secrets of TLS sessions in a file (RFC 9850), for whoever has to read traffic: by feature, configuration and environment together.

#[cfg(feature = "keylog")]
pub(super) use written::KeyLog;

#[cfg(not(feature = "keylog"))]
pub(super) use absent::KeyLog;

#[cfg(feature = "keylog")]
mod written {
    use crate::config::NodePlan;
    use crate::node::NodeError;
    use dwcp_tls::{KeyLogLines, TlsManager};
    use std::fs::{File, OpenOptions};
    use std::io::{self, Write};
    use std::path::Path;
    use std::sync::{Arc, Mutex, PoisonError};

    /// The file, once it is there. A reload goes on with the one of the start.
    #[derive(Default)]
    pub(crate) struct KeyLog(Mutex<Option<Arc<Lines>>>);

    struct Lines(File);

    impl KeyLogLines for Lines {
        fn line(&self, line: &str) {
            // One write each, so that lines of two handshakes do not mix. A line that does not fit on the disk is missed by nobody.
            let _ = (&self.0).write_all(line.as_bytes());
        }
    }

    impl KeyLog {
        /// The manager, with key logging where `plan` asks for it and the environment names a file.
        ///
        /// # Errors
        /// [`NodeError::KeyLog`] when the file is there already or can not be made.
        pub(crate) fn on(&self, tls: TlsManager, plan: &NodePlan) -> Result<TlsManager, NodeError> {
            if !plan.key_log {
                return Ok(tls);
            }
            let mut path = std::path::PathBuf::new();
            tls.dangerous_with_key_log(|named| {
                named.clone_into(&mut path);
                self.lines(named).map(|lines| lines as Arc<dyn KeyLogLines>)
            })
            .map_err(|source| NodeError::KeyLog { path, source })
        }

        fn lines(&self, path: &Path) -> io::Result<Arc<Lines>> {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(lines) = &*lines {
                return Ok(Arc::clone(lines));
            }
            let fresh = Arc::new(Lines(create(path)?));
            *lines = Some(Arc::clone(&fresh));
            Ok(fresh)
        }
    }

    /// A file of ours alone: neither one that somebody else has open already, nor what a link leads to.
    fn create(path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    }
}

#[cfg(not(feature = "keylog"))]
mod absent {
    use crate::config::NodePlan;
    use crate::node::NodeError;
    use dwcp_tls::TlsManager;

    /// There is none in this build; the configuration that asks for it was refused.
    #[derive(Default)]
    pub(crate) struct KeyLog(());

    impl KeyLog {
        #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as with the feature")]
        pub(crate) fn on(&self, tls: TlsManager, _plan: &NodePlan) -> Result<TlsManager, NodeError> {
            Ok(tls)
        }
    }
}
