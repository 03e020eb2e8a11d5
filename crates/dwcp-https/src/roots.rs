//! Who vouches for a server.

#[cfg(feature = "system-roots")]
use crate::Detail;
use crate::HttpsError;
use dwcp_pki::Certificate;
use rustls::RootCertStore;
use std::fmt;

/// The authorities that a server's chain may end at. There is no default: who is trusted is a decision.
#[derive(Clone)]
#[non_exhaustive]
pub enum Roots {
    /// These, and no other: for servers of one's own, whose authority is known. None of them is no trust, and is refused.
    Only(Vec<Certificate>),
    /// Those of the operating system, as they are when a client is made: for authorities that serve the public. `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name others, as everywhere.
    #[cfg(feature = "system-roots")]
    System,
}

impl Roots {
    /// The authorities themselves, for judging what they issued. Those of a system that can not be read are left out.
    ///
    /// # Errors
    /// [`HttpsError`] where the system has none.
    pub fn certificates(&self) -> Result<Vec<Certificate>, HttpsError> {
        let all = match self {
            Self::Only(certificates) => certificates.clone(),
            #[cfg(feature = "system-roots")]
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                found.certs.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
            }
        };
        if all.is_empty() { Err(HttpsError::NoRoots) } else { Ok(all) }
    }

    pub(crate) fn store(&self) -> Result<RootCertStore, HttpsError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::Only(certificates) => {
                for certificate in certificates {
                    // One that is no anchor is a mistake of whoever named it, and not left out in silence.
                    store.add(certificate.certificate_der().clone()).map_err(HttpsError::setup)?;
                }
            }
            #[cfg(feature = "system-roots")]
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                // A bundle of a system has odd ones among hundreds; those are left out, as browsers do.
                let (added, _) = store.add_parsable_certificates(found.certs);
                if added == 0 {
                    let why = found.errors.first().map(|error| Detail::of(error)).unwrap_or_default();
                    return Err(HttpsError::Setup { source: why });
                }
            }
        }
        match store.is_empty() {
            true => Err(HttpsError::NoRoots),
            false => Ok(store),
        }
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only(certificates) => {
                f.debug_list().entries(certificates.iter().map(Certificate::subject)).finish()
            }
            #[cfg(feature = "system-roots")]
            Self::System => f.write_str("System"),
        }
    }
}
