//! The revocation lists of a mount: of every issuer, complete and delta, the last good one kept where no better one comes.

use crate::budget::Budget;
use crate::lists_form::{self, Building, ListFault};
use crate::{VaultClient, VaultError, answer, text};
use dwcp_base::{Coded, Tick, UnixTime};
use dwcp_https::{Limits, Verb};
use dwcp_pki::{Certificate, Crl, DeltaCrl};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Fetches the lists of every issuer of the mount.
///
/// The endpoints ask for no token, so none is shown: lists come while no login is to be had. `config/crl` alone is read with the token,
/// where the policy allows it, since a mount that stopped listing answers with an empty list that looks like any other.
#[derive(Debug)]
pub struct VaultLists {
    client: Arc<VaultClient>,
    /// Since when the policy does not let the settings of lists be read.
    unreadable: Mutex<Option<Tick>>,
}

/// The lists of a mount, as good as they could be had.
#[derive(Clone, Debug, Default)]
pub struct VaultListing {
    /// At most one of each issuer of the mount, newer ones than those that were known where there are such; and those that were known of
    /// issuers that the mount has no more.
    pub complete: Vec<Crl>,
    /// For [`TrustStore::with_deltas`](dwcp_pki::TrustStore::with_deltas): each goes on top of a complete one above. Where a mount rebuilds
    /// its lists by itself (`auto_rebuild`), what was revoked last is in these alone.
    pub deltas: Vec<DeltaCrl>,
    /// What did not go well: the list that was known of that issuer is above instead, if there was one.
    pub kept: Vec<KeptList>,
}

/// An issuer whose list is not as new as it should be.
#[derive(Clone, Debug)]
pub struct KeptList {
    /// The issuer's name, or its id at the server where its certificate could not be read.
    pub issuer: String,
    /// Whether an older list stands in.
    pub standing: StandIn,
    /// What happened.
    pub source: ListFault,
}

/// What there is in place of a new list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StandIn {
    /// The list that was known, until its end.
    Known {
        /// Its nextUpdate.
        until: UnixTime,
    },
    /// Nothing: certificates of this issuer can not be checked.
    Nothing,
    /// Nobody can say: it is not known whose list it would be. All that was known is kept.
    Unsaid,
}

impl VaultListing {
    /// When the first of the lists ends, where a delta lasts longer than its complete list the delta; `None` without any.
    pub fn ends(&self) -> Option<UnixTime> {
        let end = |list: &Crl| {
            let on_top = self.deltas.iter().filter(|delta| lists_form::fits(list, delta));
            on_top.map(DeltaCrl::next_update).fold(list.next_update(), Ord::max)
        };
        self.complete.iter().map(end).min()
    }

    /// Takes the list that was known.
    fn keep(&mut self, issuer: &str, known: Option<&Crl>, source: ListFault) {
        self.complete.extend(known.cloned());
        self.tell(issuer, known.map_or(StandIn::Nothing, StandIn::of), source);
    }

    fn tell(&mut self, issuer: &str, standing: StandIn, source: ListFault) {
        self.kept.push(KeptList { issuer: issuer.to_owned(), standing, source });
    }
}

impl StandIn {
    fn of(list: &Crl) -> Self {
        Self::Known { until: list.next_update() }
    }
}

impl VaultLists {
    /// The lists of the client's mount.
    pub fn new(client: Arc<VaultClient>) -> Self {
        Self { client, unreadable: Mutex::new(None) }
    }

    /// Asks for all lists once. `known` are those of before: an older list never takes the place of one of them, and neither does nothing.
    ///
    /// Deltas are not asked back: a store keeps those of before by
    /// [`adopting_newer_crls`](dwcp_pki::TrustStore::adopting_newer_crls). A list is at most 64 MiB, and there are at most 32 issuers. Whether an issuer signed the list under its name is checked here.
    ///
    /// # Errors
    /// [`VaultError`] when the server can not be asked who its issuers are; what goes wrong with one of them is in
    /// [`VaultListing::kept`].
    pub async fn fetch(&self, known: &[Crl], deadline: Duration) -> Result<VaultListing, VaultError> {
        let budget = self.client.session.budget(deadline);
        let ids = self.issuer_ids(budget.left()?).await?;
        // Each has its part of what is left: one that is slow does not take the lists of the others.
        let part = |to_go: usize| {
            budget.left().unwrap_or_default() / u32::try_from(to_go).unwrap_or(u32::MAX).max(1)
        };
        let building = self.building(part(ids.len().saturating_add(1))).await;
        let mut listing = VaultListing::default();
        let mut seen: Vec<Certificate> = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            let mine = self.client.session.budget(part(ids.len().saturating_sub(at)));
            let issuer = match self.certificate(id, &mine).await {
                Ok(issuer) => issuer,
                Err(error) => {
                    listing.tell(id, StandIn::Unsaid, ListFault::of(error));
                    continue;
                }
            };
            // Issuers of one key and name share one list.
            if seen.iter().any(|one| one.subject() == issuer.subject() && one.key_pin() == issuer.key_pin()) {
                continue;
            }
            let before = lists_form::newest_of(&issuer, known).await;
            match self.list(id, &issuer, before.as_ref(), building, &mine).await {
                Ok((list, delta)) => {
                    // A delta that is not to be had is no reason to do without the list.
                    match delta {
                        Ok(delta) => listing.deltas.extend(delta),
                        Err(fault) => listing.tell(issuer.subject(), StandIn::of(&list), fault),
                    }
                    listing.complete.push(list);
                }
                // An authority whose key is elsewhere, a root above the mount as a rule: its list is published there, if anywhere.
                Err(fault) if before.is_none() && fault.is_missing() => {}
                Err(fault) => listing.keep(issuer.subject(), before.as_ref(), fault),
            }
            seen.push(issuer);
        }
        // Certificates of an issuer that was taken out of the mount are still around.
        let rest = known.iter().filter(|list| !listing.complete.contains(list)).cloned().collect();
        listing.complete.extend(lists_form::of_none(seen, rest).await);
        self.observed(&listing);
        Ok(listing)
    }

    /// The complete list of an issuer, and the delta on top of it where there is one.
    async fn list(
        &self,
        id: &str,
        issuer: &Certificate,
        before: Option<&Crl>,
        building: Building,
        budget: &Budget,
    ) -> Result<(Crl, Result<Option<DeltaCrl>, ListFault>), ListFault> {
        if building == Building::Off {
            return Err(ListFault::Disabled);
        }
        let path = format!("{}/issuer/{id}/crl", self.mount());
        let mut list = self.complete(&path, issuer, budget).await?;
        let mut delta = match building {
            Building::OnWithoutDeltas => Ok(None),
            _ => self.delta(&path, issuer, budget).await,
        };
        if let Ok(Some(found)) = &delta {
            // Rebuilt between the two questions: the delta is one of the next list.
            if list.number().is_some_and(|number| found.base() > number) {
                match self.complete(&path, issuer, budget).await {
                    Ok(next) => list = next,
                    // The list that came is good, and the delta can not be put on top of it.
                    Err(fault) => {
                        lists_form::follows(&list, before, building).await?;
                        return Ok((list, Err(fault)));
                    }
                }
            }
            if !lists_form::fits(&list, found) {
                delta = Ok(None);
            }
        }
        lists_form::follows(&list, before, building).await?;
        Ok((list, delta))
    }

    async fn complete(&self, path: &str, issuer: &Certificate, budget: &Budget) -> Result<Crl, ListFault> {
        let limits = Limits { deadline: budget.left()?, body: LARGEST };
        let der = self.client.open(Verb::Get, &format!("{path}/der"), limits).await?;
        lists_form::complete(der, issuer.clone()).await
    }

    async fn delta(
        &self,
        path: &str,
        issuer: &Certificate,
        budget: &Budget,
    ) -> Result<Option<DeltaCrl>, ListFault> {
        let limits = Limits { deadline: budget.left()?, body: LARGEST };
        match self.client.open(Verb::Get, &format!("{path}/delta/der"), limits).await {
            // A server that has none says so in one of these ways.
            Ok(der) if der.is_empty() => Ok(None),
            Err(VaultError::NotFound { .. }) => Ok(None),
            Ok(der) => lists_form::delta(der, issuer.clone()).await.map(Some),
            Err(error) => Err(ListFault::of(error)),
        }
    }

    async fn issuer_ids(&self, deadline: Duration) -> Result<Vec<String>, VaultError> {
        let limits = Limits { deadline, body: SMALL };
        let body = self.client.open(Verb::List, &format!("{}/issuers", self.mount()), limits).await?;
        let ids = answer::keys(&body)?;
        if ids.len() > MOST_ISSUERS {
            return Err(VaultError::Malformed { what: "it has more than 32 issuers" });
        }
        let checked = ids.iter().map(|id| text::segment("issuer", id));
        checked.collect::<Result<_, _>>().map_err(|_| VaultError::Malformed { what: "an issuer's id" })
    }

    async fn certificate(&self, id: &str, budget: &Budget) -> Result<Certificate, VaultError> {
        let path = format!("{}/issuer/{id}/der", self.mount());
        let limits = Limits { deadline: budget.left()?, body: SMALL };
        let der = self.client.open(Verb::Get, &path, limits).await?;
        Certificate::from_der(&der).map_err(|_| VaultError::Malformed { what: "an issuer's certificate" })
    }

    /// What the mount says about its lists, where it may be read.
    async fn building(&self, deadline: Duration) -> Building {
        let (since, now) = (self.unreadable(None), self.client.session.now());
        if since.is_some_and(|since| now < since.plus(UNREADABLE)) {
            return Building::Unknown;
        }
        let path = format!("{}/config/crl", self.mount());
        let limits = Limits { deadline, body: SMALL };
        match self.client.call(Verb::Get, &path, None, limits).await {
            Ok(body) => {
                self.unreadable(Some(None));
                Building::from_answer(&body)
            }
            // It is not asked for each time. Lists are taken as they come then.
            Err(VaultError::Denied { path }) => {
                if self.unreadable(Some(Some(now))).is_none() {
                    self.client.session.tell(&crate::Event::ListUnchecked { path });
                }
                Building::Unknown
            }
            Err(VaultError::NotFound { .. } | VaultError::Refused { .. }) => Building::Unknown,
            Err(_) => Building::Unanswered,
        }
    }

    /// Since when the settings can not be read; takes another note of it where one is given.
    fn unreadable(&self, note: Option<Option<Tick>>) -> Option<Tick> {
        let mut since = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        match note {
            Some(note) => std::mem::replace(&mut since, note),
            None => *since,
        }
    }

    fn observed(&self, listing: &VaultListing) {
        for kept in &listing.kept {
            let (issuer, code) = (kept.issuer.clone(), kept.source.code());
            self.client.session.tell(&crate::Event::ListKept { issuer, code });
        }
    }

    fn mount(&self) -> &str {
        self.client.settings().mount()
    }
}

const SMALL: usize = 256 << 10;
/// How long settings of lists that may not be read are left alone.
const UNREADABLE: Duration = Duration::from_secs(600);
/// What [`Crl`] reads at most.
const LARGEST: usize = 64 << 20;
const MOST_ISSUERS: usize = 32;
