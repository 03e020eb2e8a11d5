//! The records of tokens in `CA_DIR/tokens`, and the lock that whoever changes them or the members holds.

use super::error::EnrollError;
use super::file;
use super::names::Grant;
use super::record::{TokenRecord, TokenState};
use super::token::{TokenId, TokenSecret};
use dwcp_base::{Disk, UnixTime};
use dwcp_pki::TrustDomain;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The tokens of one authority, in files of their own; several processes may use them at once.
#[derive(Clone)]
pub struct Tokens {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
}

/// That nobody else changes tokens or members as long as this lives.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

impl Tokens {
    /// The most tokens that are kept. The oldest that are good for nothing any more make room for new ones.
    pub const MOST: usize = 1_024;
    /// The shortest life of a token: a minute.
    pub const SHORTEST: Duration = Duration::from_secs(60);
    /// The longest: seven days.
    pub const LONGEST: Duration = Duration::from_secs(7 * 86_400);
    /// Records of tokens whose time is over are kept for 30 days more.
    pub const KEPT: Duration = Duration::from_secs(30 * 86_400);

    /// The tokens of the authority in `ca_dir`. Nothing is read or made yet.
    pub fn of(disk: Arc<dyn Disk>, ca_dir: &Path) -> Self {
        Self { disk, directory: ca_dir.join("tokens") }
    }

    /// Shuts out everybody else; waits for at most five seconds. Not for an event loop.
    ///
    /// # Errors
    /// [`EnrollError::Busy`], [`EnrollError::Storage`].
    pub fn held(&self) -> Result<Held, EnrollError> {
        self.disk
            .make_dir(&self.directory)
            .map_err(|source| EnrollError::storage("make", &self.directory, source))?;
        file::lock(&self.directory.join(LOCK), PATIENCE).map(|file| Held { _file: file })
    }

    /// Makes a token that is good for `ttl` ([`SHORTEST`](Self::SHORTEST) to [`LONGEST`](Self::LONGEST)); its record is on stable storage
    /// when this returns. What is older than [`KEPT`](Self::KEPT) is swept first.
    ///
    /// # Errors
    /// [`EnrollError::Grant`] for a grant or life out of bounds, [`EnrollError::ManyTokens`] when too many are open, and what the disk says.
    pub fn create(
        &self,
        grant: Grant,
        domain: &TrustDomain,
        ttl: Duration,
        now: UnixTime,
    ) -> Result<(TokenRecord, TokenSecret), EnrollError> {
        if !grant.is_sound(domain) || !(Self::SHORTEST..=Self::LONGEST).contains(&ttl) {
            return Err(EnrollError::Grant);
        }
        let no_random = |_| EnrollError::storage("make", &self.directory, std::io::ErrorKind::Other.into());
        let secret = TokenSecret::random().map_err(no_random)?;
        let record = TokenRecord {
            id: TokenId::random().map_err(no_random)?,
            secret: secret.digest(),
            grant,
            created: now,
            expires: now.plus(ttl),
            state: TokenState::Open,
        };
        if record.to_bytes().len() > LARGEST {
            return Err(EnrollError::Grant);
        }
        let held = self.held()?;
        self.make_room(&held, now)?;
        // Of 64 random bits; another one's record must not be written over all the same.
        if self.read(&record.id)?.is_some() {
            return Err(EnrollError::Record { path: self.path(&record.id) });
        }
        self.write(&held, &record)?;
        Ok((record, secret))
    }

    /// Takes a token back. One that was spent, or taken back before, stays as it is.
    ///
    /// # Errors
    /// [`EnrollError::TokenUnknown`], and what the disk says.
    pub fn revoke(&self, id: &TokenId, now: UnixTime) -> Result<TokenRecord, EnrollError> {
        let held = self.held()?;
        let mut record = self.read(id)?.ok_or(EnrollError::TokenUnknown)?;
        if record.state == TokenState::Open {
            record.state = TokenState::Revoked { at: now };
            self.write(&held, &record)?;
        }
        Ok(record)
    }

    /// One record; a reader that holds nothing sees it as it was or as it is.
    ///
    /// # Errors
    /// [`EnrollError::Record`] where it is damaged or another's, and what the disk says.
    pub fn read(&self, id: &TokenId) -> Result<Option<TokenRecord>, EnrollError> {
        let path = self.path(id);
        let Some(bytes) = file::read(&path)? else { return Ok(None) };
        match TokenRecord::from_bytes(&bytes).filter(|record| record.id == *id) {
            Some(record) => Ok(Some(record)),
            None => Err(EnrollError::Record { path }),
        }
    }

    /// Every record, the oldest first.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn all(&self) -> Result<Vec<TokenRecord>, EnrollError> {
        let ids = file::list(&self.directory, |name| name.parse::<TokenId>().ok())?;
        let mut all = Vec::new();
        for id in ids {
            all.extend(self.read(&id)?);
        }
        all.sort_by_key(|record| (record.created, record.id));
        Ok(all)
    }

    /// Returns once the record is on stable storage.
    pub(super) fn write(&self, _held: &Held, record: &TokenRecord) -> Result<(), EnrollError> {
        file::write(&*self.disk, &self.path(&record.id), &record.to_bytes())
    }

    /// Sweeps what is old, and of what is good for nothing any more as much as is needed for one more.
    fn make_room(&self, _held: &Held, now: UnixTime) -> Result<(), EnrollError> {
        let all = self.all()?;
        let excess = (all.len() + 1).saturating_sub(Self::MOST);
        let (mut open, mut swept) = (0, 0);
        for record in &all {
            if record.is_open(now) {
                open += 1;
            } else if swept < excess || record.expires.plus(Self::KEPT) <= now {
                let path = self.path(&record.id);
                std::fs::remove_file(&path)
                    .map_err(|source| EnrollError::storage("remove", &path, source))?;
                swept += 1;
            }
        }
        if open >= Self::MOST { Err(EnrollError::ManyTokens { limit: Self::MOST }) } else { Ok(()) }
    }

    fn path(&self, id: &TokenId) -> PathBuf {
        self.directory.join(id.to_string())
    }
}

const LOCK: &str = "lock";
/// Longer than any healthy holder needs, which writes three small files and waits for the authority.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of a record as it is made; being spent adds less than 4 KiB.
const LARGEST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::LocalDisk;

    fn place() -> (tempfile::TempDir, Tokens, TrustDomain, UnixTime) {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(Arc::new(LocalDisk), dir.path());
        (dir, tokens, "d.example".parse().unwrap(), UnixTime::from_secs(1_790_000_000))
    }

    #[test]
    fn a_token_is_kept_without_its_secret_and_out_of_others_reach() {
        let (dir, tokens, domain, now) = place();
        let (record, secret) = tokens.create(Grant::default(), &domain, Tokens::SHORTEST, now).unwrap();
        let path = dir.path().join("tokens").join(record.id.to_string());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(secret.to_text().as_str()));
        assert_eq!(tokens.read(&record.id).unwrap(), Some(record));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
    }

    #[test]
    fn lives_and_grants_out_of_bounds_make_no_token() {
        let (_dir, tokens, domain, now) = place();
        let second = Duration::from_secs(1);
        for ttl in [Tokens::SHORTEST - second, Tokens::LONGEST + second] {
            let refused = tokens.create(Grant::default(), &domain, ttl, now);
            assert!(matches!(refused, Err(EnrollError::Grant)));
        }
        let odd = Grant { name: Some("A/b".to_owned()), allow: Vec::new() };
        assert!(matches!(tokens.create(odd, &domain, Tokens::LONGEST, now), Err(EnrollError::Grant)));
        let long = format!("DNS:{}", "a.".repeat(100) + "example");
        let long = Grant { name: Some("b".to_owned()), allow: vec![long; 32] };
        assert!(tokens.create(long, &domain, Tokens::LONGEST, now).is_ok());
    }

    #[test]
    fn old_records_are_swept_and_open_ones_never_make_room() {
        let (_dir, tokens, domain, now) = place();
        let make = |at: UnixTime| tokens.create(Grant::default(), &domain, Tokens::SHORTEST, at);
        let (first, _) = make(now).unwrap();
        let later = now.plus(Tokens::SHORTEST + Tokens::KEPT);
        make(later.minus(Duration::from_secs(1))).unwrap();
        assert!(tokens.read(&first.id).unwrap().is_some(), "kept for thirty days");
        make(later).unwrap();
        assert!(tokens.read(&first.id).unwrap().is_none());

        while tokens.all().unwrap().len() < Tokens::MOST {
            // Written directly, since each creation reads all of them.
            let (mut record, _) = (tokens.all().unwrap().pop().unwrap(), ());
            for n in 0..Tokens::MOST - 2 {
                record.id = format!("{n:016x}").parse().unwrap();
                record.created = later;
                record.expires = later.plus(Tokens::LONGEST);
                tokens.write(&tokens.held().unwrap(), &record).unwrap();
            }
        }
        // Two of them are over by now and make room for one each.
        let now = later.plus(Tokens::SHORTEST);
        make(now).unwrap();
        make(now).unwrap();
        assert_eq!(tokens.all().unwrap().len(), Tokens::MOST);
        assert!(matches!(make(now), Err(EnrollError::ManyTokens { limit: Tokens::MOST })));
        // One that is taken back makes room.
        let taken = tokens.revoke(&"0000000000000000".parse().unwrap(), now).unwrap();
        assert!(matches!(taken.state, TokenState::Revoked { .. }));
        assert!(make(now).is_ok());
    }

    #[test]
    fn a_record_under_another_ones_name_is_no_record() {
        let (dir, tokens, domain, now) = place();
        let (record, _) = tokens.create(Grant::default(), &domain, Tokens::SHORTEST, now).unwrap();
        let other: TokenId = "00000000000000ff".parse().unwrap();
        let at = |id: &TokenId| dir.path().join("tokens").join(id.to_string());
        std::fs::copy(at(&record.id), at(&other)).unwrap();
        assert!(matches!(tokens.read(&other), Err(EnrollError::Record { .. })));
        std::fs::write(at(&other), vec![b'{'; 1 << 20]).unwrap();
        assert!(matches!(tokens.read(&other), Err(EnrollError::Record { .. })), "not read beyond its bound");
    }
}
