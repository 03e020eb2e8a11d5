//! Accounts: made once for each authority, found again, made anew where the authority lost them (RFC 8555 §7.3).
//!
//! A key is on disk before the authority hears of it, so that a process that ends in between asks again with the same key and gets the same account. An
//! account that is bound to an external one is the exception: the protocol's library makes its key as it asks, so there the key is written
//! right after the answer, and a crash in between leaves an account at the authority that nobody uses.

use crate::translate::{Tries, asked};
use crate::wire::Wire;
use crate::{AccountRecord, AccountStanding, AcmeError, AcmeIssuer, Event, ExternalAccount, LockedCache};
use base64ct::{Base64UrlUnpadded, Encoding};
use dwcp_base::{Observer, UnixTime, read_secret};
use dwcp_crypto::Secret;
use instant_acme::{Account, ExternalAccountKey, Key, NewAccount};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::time::Duration;
use zeroize::{Zeroize, Zeroizing};

/// What accounts are opened with.
pub(crate) struct Accounts<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) cache: &'a LockedCache,
    pub(crate) issuer: &'a AcmeIssuer,
    pub(crate) contacts: &'a [String],
    pub(crate) observer: &'a dyn Observer<Event>,
}

impl Accounts<'_> {
    /// The account that is kept, or a new one.
    pub(crate) async fn open(&self) -> Result<Account, AcmeError> {
        let Some(record) = self.record().await? else { return self.make().await };
        if let Some(external) =
            self.issuer.external.as_ref().filter(|one| record.external.as_ref() != Some(&one.kid))
        {
            // Bound to another one, or to none, since before the settings were changed.
            return self.make_bound(external).await;
        }
        match &record.standing {
            AccountStanding::Registered { url } => {
                let account = self.load(url, &record.key).await?;
                match self.told_contacts(&account, record).await {
                    Err(error) if is_lost(&error) => self.make_anew(&account).await,
                    told => told.map(|()| account),
                }
            }
            AccountStanding::Unconfirmed => self.register(record).await,
        }
    }

    /// The account that is kept; none is made.
    pub(crate) async fn existing(&self) -> Result<Account, AcmeError> {
        match self.record().await? {
            Some(AccountRecord { standing: AccountStanding::Registered { url }, key, .. }) => {
                self.load(&url, &key).await
            }
            _ => Err(AcmeError::Unsupported { what: "account of ours" }),
        }
    }

    /// A new account in place of one that the authority does not know any more.
    pub(crate) async fn make_anew(&self, lost: &Account) -> Result<Account, AcmeError> {
        let (issuer, account) = (self.issuer.name.clone(), lost.id().to_owned());
        self.observer.observe(&Event::AccountLost { issuer, account });
        self.make().await
    }

    /// A new key for the account; the old one is of no use afterwards (RFC 8555 §7.3.5). The protocol's library makes it as it asks: where the answer is
    /// lost and the authority does not know the old key any more, the new one is lost too, and another account is made.
    pub(crate) async fn roll_over(&self) -> Result<(), AcmeError> {
        let Some(record) = self.record().await? else {
            return Err(AcmeError::Unsupported { what: "account of ours" });
        };
        if !self.wire.directory().has("keyChange") {
            return Err(AcmeError::Unsupported { what: "change of account keys" });
        }
        let AccountStanding::Registered { url } = &record.standing else {
            return self.register(record).await.map(drop);
        };
        let mut account = self.load(url, &record.key).await?;
        let credentials = match asked!(self.wire, Tries::once(), account.update_key()) {
            Ok(credentials) => credentials,
            Err(error) if may_be_done(&error) => return self.after_lost_key(&account, &record, error).await,
            Err(error) => return Err(error),
        };
        let key = Secret::from(credentials.private_key().secret_pkcs8_der().to_vec());
        self.keep(&AccountRecord { key, made: self.now(), ..record }).await
    }

    /// Whether the authority has taken a key that nobody has: it is asked for the account of the old one.
    async fn after_lost_key(
        &self,
        account: &Account,
        record: &AccountRecord,
        error: AcmeError,
    ) -> Result<(), AcmeError> {
        let directory = || self.issuer.directory.to_string();
        let build = || Account::builder_with_http(self.wire.for_library());
        match asked!(self.wire, Tries::repeatable(), build().from_key(parsed(&record.key)?, directory())) {
            Err(lost) if is_lost(&lost) => self.make_anew(account).await.map(drop),
            _ => Err(error),
        }
    }

    async fn record(&self) -> Result<Option<AccountRecord>, AcmeError> {
        let directory = self.issuer.directory.as_str();
        self.cache.account(directory, self.left()?).await.map_err(AcmeError::Cache)
    }

    async fn load(&self, url: &str, key: &Secret) -> Result<Account, AcmeError> {
        let build = || Account::builder_with_http(self.wire.for_library());
        let (key, directory) = (key.expose(), self.issuer.directory.to_string());
        let opened = build().from_parts(url.to_owned(), PrivatePkcs8KeyDer::from(key), directory).await;
        opened.map_err(|error| crate::translate::translate(self.wire, error))
    }

    async fn make(&self) -> Result<Account, AcmeError> {
        if let Some(external) = &self.issuer.external {
            return self.make_bound(external).await;
        }
        if self.wire.directory().wants_external_account {
            return Err(AcmeError::ExternalAccountMissing);
        }
        let (_, mut made) = Key::generate_pkcs8().map_err(|_| AcmeError::Key)?;
        let key = Secret::from(made.secret_pkcs8_der().to_vec());
        made.zeroize();
        let record = AccountRecord {
            directory: self.issuer.directory.to_string(),
            standing: AccountStanding::Unconfirmed,
            made: self.now(),
            external: None,
            contacts: Vec::new(),
            key,
        };
        self.keep(&record).await?;
        self.register(record).await
    }

    /// Asks for an account with a key that is on disk. With the same key an authority gives the same account (RFC 8555 §7.3.1), so this can
    /// be repeated.
    async fn register(&self, record: AccountRecord) -> Result<Account, AcmeError> {
        if self.wire.directory().wants_external_account {
            return Err(AcmeError::ExternalAccountMissing);
        }
        let directory = || self.issuer.directory.to_string();
        let build = || Account::builder_with_http(self.wire.for_library());
        let (account, credentials) = asked!(
            self.wire,
            Tries::repeatable(),
            build().create_from_key(parsed(&record.key)?, directory())
        )?;
        drop(credentials);
        let (record, account) = self.confirmed(record, account).await?;
        self.keep(&record).await?;
        self.told_contacts(&account, record).await?;
        Ok(account)
    }

    async fn make_bound(&self, external: &ExternalAccount) -> Result<Account, AcmeError> {
        let hmac = hmac_key(external)?;
        let bound = ExternalAccountKey::new(external.kid.clone(), &hmac);
        let contact: Vec<&str> = self.contacts.iter().map(String::as_str).collect();
        let new =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let directory = || self.issuer.directory.to_string();
        let build = || Account::builder_with_http(self.wire.for_library());
        let (account, credentials) =
            asked!(self.wire, Tries::once(), build().create(&new, directory(), Some(&bound)))?;
        let record = AccountRecord {
            directory: directory(),
            standing: AccountStanding::Unconfirmed,
            made: self.now(),
            external: Some(external.kid.clone()),
            contacts: self.contacts.to_vec(),
            key: Secret::from(credentials.private_key().secret_pkcs8_der().to_vec()),
        };
        let (record, account) = self.confirmed(record, account).await?;
        self.keep(&record).await?;
        Ok(account)
    }

    /// An account whose address was looked at, under the one spelling that records have.
    async fn confirmed(
        &self,
        record: AccountRecord,
        account: Account,
    ) -> Result<(AccountRecord, Account), AcmeError> {
        let url = self.wire.vouch(account.id())?.to_string();
        let account = if account.id() == url { account } else { self.load(&url, &record.key).await? };
        let issuer = self.issuer.name.clone();
        self.observer.observe(&Event::AccountMade { issuer, account: url.clone() });
        Ok((AccountRecord { standing: AccountStanding::Registered { url }, ..record }, account))
    }

    /// Tells the authority contacts that it was not told before. They are for its news alone: one that does not take them issues all the same.
    async fn told_contacts(&self, account: &Account, record: AccountRecord) -> Result<(), AcmeError> {
        if record.contacts == self.contacts {
            return Ok(());
        }
        let contacts: Vec<&str> = self.contacts.iter().map(String::as_str).collect();
        match asked!(self.wire, Tries::repeatable(), account.update_contacts(&contacts)) {
            Ok(()) => {}
            Err(error) if is_lost(&error) => return Err(error),
            Err(error) => {
                let (issuer, message) = (self.issuer.name.clone(), crate::state::told(&error));
                self.observer.observe(&Event::ContactsRefused { issuer, message });
                return Ok(());
            }
        }
        self.keep(&AccountRecord { contacts: self.contacts.to_vec(), ..record }).await
    }

    async fn keep(&self, record: &AccountRecord) -> Result<(), AcmeError> {
        // What has been agreed with the authority is written, be it at the last moment.
        let deadline = self.wire.budget().left().max(SHORTEST_WRITE);
        self.cache.put_account(record, self.now(), deadline).await.map_err(AcmeError::Cache)
    }

    fn now(&self) -> UnixTime {
        self.wire.budget().clock().unix()
    }

    fn left(&self) -> Result<Duration, AcmeError> {
        self.wire.budget().some()
    }
}

/// The HMAC key of an external account: 16 to 512 bytes in base64url, padded or not, on one line.
fn hmac_key(external: &ExternalAccount) -> Result<Zeroizing<Vec<u8>>, AcmeError> {
    let text = read_secret(&external.hmac_file, LARGEST_KEY_FILE).map_err(AcmeError::ExternalAccountFile)?;
    let text = Zeroizing::new(text);
    let bad = AcmeError::ExternalAccountKey;
    let Ok(text) = std::str::from_utf8(text.trim_ascii()) else { return Err(bad) };
    match Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')).map(Zeroizing::new) {
        Ok(key) if (16..=512).contains(&key.len()) => Ok(key),
        _ => Err(bad),
    }
}

/// A key as the protocol's library takes it.
fn parsed(key: &Secret) -> Result<(Key, PrivateKeyDer<'static>), AcmeError> {
    let der = PrivatePkcs8KeyDer::from(key.expose().to_vec());
    let mut whole = PrivateKeyDer::Pkcs8(der.clone_key());
    match Key::from_pkcs8_der(der) {
        Ok(parsed) => Ok((parsed, whole)),
        Err(_) => {
            whole.zeroize();
            Err(AcmeError::Key)
        }
    }
}

/// Whether what was asked may have been done, although there is no word of it.
fn may_be_done(error: &AcmeError) -> bool {
    matches!(error, AcmeError::Https(_) | AcmeError::Failing { .. } | AcmeError::Answer { .. })
}

/// Whether the authority says that it does not know the account.
pub(crate) fn is_lost(error: &AcmeError) -> bool {
    matches!(error, AcmeError::Refused(problem) if problem.kind == crate::ProblemKind::AccountDoesNotExist)
}

const LARGEST_KEY_FILE: u64 = 4 * 1024;
const SHORTEST_WRITE: Duration = Duration::from_secs(5);
