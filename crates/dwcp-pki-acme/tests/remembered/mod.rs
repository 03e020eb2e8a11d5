//! Records to be kept, and a cache to keep them in.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses its part")]

use dwcp_base::{LocalDisk, UnixTime};
use dwcp_crypto::Secret;
use dwcp_pki::{KeyPin, SubjectName};
use dwcp_pki_acme::{
    AccountRecord, AccountStanding, Cache, CacheError, LastRecord, NamesDigest, OrderRecord, PauseRecord,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(crate) const DIRECTORY: &str = "https://ca.example/directory";
pub(crate) const SOON: Duration = Duration::from_secs(5);

pub(crate) fn account(key: u8, standing: AccountStanding) -> AccountRecord {
    AccountRecord {
        directory: DIRECTORY.to_owned(),
        standing,
        made: NOW,
        external: None,
        contacts: vec!["mailto:ops@shop.example".to_owned()],
        key: Secret::from(vec![key; 138]),
    }
}

pub(crate) fn registered() -> AccountStanding {
    AccountStanding::Registered { url: "https://ca.example/account/1".to_owned() }
}

pub(crate) fn names() -> Vec<SubjectName> {
    ["DNS:shop.example", "IP:192.0.2.1"].iter().map(|name| name.parse().unwrap()).collect()
}

pub(crate) fn order(finalized_for: Option<KeyPin>) -> OrderRecord {
    OrderRecord {
        directory: DIRECTORY.to_owned(),
        account: "https://ca.example/account/1".to_owned(),
        url: "https://ca.example/order/7".to_owned(),
        names: names(),
        profile: None,
        made: NOW,
        finalized_for,
    }
}

pub(crate) fn last() -> LastRecord {
    LastRecord {
        names: NamesDigest::of(&names()),
        directory: DIRECTORY.to_owned(),
        account: "https://ca.example/account/1".to_owned(),
        certificate: "aYhb.AIdl".to_owned(),
        not_after: NOW,
        advice: None,
    }
}

pub(crate) fn pause() -> PauseRecord {
    PauseRecord::new(DIRECTORY, NOW, Duration::from_secs(3_600), "rateLimited")
}

pub(crate) fn open(directory: &Path) -> Cache {
    Cache::open(directory, Arc::new(LocalDisk)).unwrap()
}

pub(crate) async fn put(cache: &Cache, record: &AccountRecord) -> Result<(), CacheError> {
    cache.lock(SOON).await?.put_account(record, NOW, SOON).await
}

pub(crate) async fn key_of(cache: &Cache) -> Option<Vec<u8>> {
    cache.account(DIRECTORY, SOON).await.unwrap().map(|account| account.key.expose().to_vec())
}

pub(crate) fn the_file(directory: &Path, kind: &str) -> PathBuf {
    let is_it = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(kind);
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).find(is_it).unwrap()
}
