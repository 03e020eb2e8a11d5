//! Which complete CRL a delta CRL refers to (RFC 5280 §5.2.4), kept beside the log in `index/crl-base`.
//!
//! Two lines, the base and the complete CRL that becomes the next one, each `number count time`: the CRL's number, how many lines
//! of revocations the log held when it was made, and when that was. A directory without the file is one in which no complete CRL was published since
//! deltas are known.

use super::Locked;
use crate::Serial;
use crate::authority::AuthorityError;
use dwcp_base::{SecretFileError, UnixTime};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// A complete CRL that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::authority) struct Base {
    pub(in crate::authority) number: u64,
    /// How many lines of revocations it knows.
    count: usize,
    at: UnixTime,
}

impl Locked<'_> {
    /// The complete CRL to which a delta of this moment refers.
    pub(in crate::authority) fn base(&self) -> Result<Base, AuthorityError> {
        let (base, _) = self.read_bases()?.ok_or(AuthorityError::NoCompleteCrl)?;
        // A log that was put back from before the CRL: what was revoked since can not be told.
        if base.count > self.state.revocations.len() {
            return Err(AuthorityError::NoCompleteCrl);
        }
        Ok(base)
    }

    /// The serials that were revoked, or for a graver reason, since a complete CRL.
    pub(in crate::authority) fn revoked_since(&self, base: &Base) -> BTreeSet<Serial> {
        self.state.revocations.get(base.count..).unwrap_or(&[]).iter().copied().collect()
    }

    /// Returns once it is on stable storage that a complete CRL of all that is known now was published.
    ///
    /// It becomes the base with the first complete CRL that is published an hour later or more. Until then deltas refer to the
    /// one before, since relying parties may go on with a complete CRL for as long as the next one is not due.
    pub(in crate::authority) fn keep_base(
        &mut self,
        number: u64,
        now: UnixTime,
    ) -> Result<(), AuthorityError> {
        let newest = Base { number, count: self.state.revocations.len(), at: now };
        let earlier = match self.read_bases() {
            Err(error @ AuthorityError::IndexCorrupt { .. }) => {
                tracing::warn!(%error, "delta CRLs start anew from the CRL that was published now");
                None
            }
            // Published revocations that the log has forgotten would come back to life with this list.
            Ok(Some((base, last))) if base.count.max(last.count) > newest.count => {
                let rule = "revocations that were published are not in it: put it back, or remove crl-base to go on without them";
                let line = newest.count as u64;
                return Err(AuthorityError::IndexCorrupt {
                    path: self.index.directory.join(super::LOG),
                    line,
                    rule,
                });
            }
            read => read?,
        };
        let base = match earlier {
            None => newest,
            // A clock that was ahead once must not hold the base back for ever.
            Some((_, last)) if last.at.plus(PUBLICATION) <= now || last.at > now => last,
            Some((base, _)) => base,
        };
        // Only a CRL that became old enough takes the place of the one that is waited for.
        let waiting = match earlier {
            Some((_, last)) if base != last => last,
            _ => newest,
        };
        let text = format!("{base}\n{waiting}\n");
        let path = self.base_path();
        self.index
            .disk
            .replace(&path, text.as_bytes(), false)
            .map_err(|e| AuthorityError::storage("write", path, e))
    }

    fn read_bases(&self) -> Result<Option<(Base, Base)>, AuthorityError> {
        let path = self.base_path();
        match dwcp_base::read_bounded(&path, LARGEST) {
            Ok(bytes) => match read(&bytes) {
                Some(bases) => Ok(Some(bases)),
                None => {
                    let rule = "it does not name two complete CRLs";
                    Err(AuthorityError::IndexCorrupt { path, line: 1, rule })
                }
            },
            Err(SecretFileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(AuthorityError::storage("read", path, std::io::Error::other(error))),
        }
    }

    fn base_path(&self) -> PathBuf {
        self.index.directory.join(FILE)
    }
}

impl std::fmt::Display for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.number, self.count, self.at)
    }
}

fn read(bytes: &[u8]) -> Option<(Base, Base)> {
    let mut lines = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split('\n');
    let mut base = || {
        let mut fields = lines.next()?.split(' ');
        let base = Base {
            number: fields.next()?.parse().ok()?,
            count: fields.next()?.parse().ok()?,
            at: UnixTime::parse_rfc3339(fields.next()?)?,
        };
        fields.next().is_none().then_some(base)
    };
    let bases = (base()?, base()?);
    (lines.next().is_none() && bases.0.number <= bases.1.number && bases.0.count <= bases.1.count)
        .then_some(bases)
}

pub(in crate::authority) const FILE: &str = "crl-base";
const LARGEST: u64 = 256;
/// How often complete CRLs are published.
const PUBLICATION: Duration = Duration::from_secs(3_600);
