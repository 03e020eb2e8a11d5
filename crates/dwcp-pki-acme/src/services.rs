//! What an authority does besides issuing: advice on renewal, revocation, new account keys.

use crate::account::Accounts;
use crate::ari::{self, Advice};
use crate::budget::Budget;
use crate::error::unread;
use crate::translate::{Tries, asked};
use crate::wire::Wire;
use crate::{
    AcmeError, AcmeIssuer, AcmeProvider, CacheError, Event, KeptAdvice, LastRecord, NamesDigest, ProblemKind,
    pauses,
};
use dwcp_https::{HttpsClient, HttpsUrl};
use dwcp_pki::{Certificate, RevocationReason};
use std::sync::Arc;
use std::time::Duration;

impl AcmeProvider {
    /// When the authority that issued `certificate` would like it to be renewed (RFC 9773). It is asked no earlier than it said before, in this
    /// process or an earlier one: until then the answer is the one of before.
    ///
    /// An authority without such a service, or one that does not know the certificate, has no advice; that is no error.
    ///
    /// # Errors
    /// [`AcmeError`] when it can not be asked or its answer is no window. What it said before still counts; ask again in an hour.
    pub async fn renewal_advice(
        &self,
        certificate: &Certificate,
        deadline: Duration,
    ) -> Result<Advice, AcmeError> {
        let now = self.clock.unix();
        let nothing = || Advice::none(ari::ask_again(now, None));
        let Some(id) = ari::identifier(certificate) else { return Ok(nothing()) };
        let last = self.last(certificate, &id);
        let before = last.as_ref().and_then(|last| last.advice.as_ref());
        // A clock that was set back does not silence us for longer than the longest wait.
        let fresh = |ask_again| now < ask_again && now.until(ask_again) <= crate::verdict::LONGEST;
        if let Some(before) = before.filter(|before| fresh(before.ask_again)) {
            return Ok(Advice::kept(before));
        }
        if let Some(pause) = self.issuer_of(last.as_ref()).and_then(|(issuer, _)| self.asked_to_wait(issuer))
        {
            return Err(pauses::of(&pause));
        }
        let budget = Budget::begin(Arc::clone(&self.clock), deadline);
        let wire = self.wire_to(last.as_ref(), &budget).await?;
        let Some(service) = wire.directory().renewal_info() else { return Ok(nothing()) };
        let Ok(url) = format!("{}/{id}", service.as_str().trim_end_matches('/')).parse::<HttpsUrl>() else {
            return Ok(nothing());
        };
        let answer = wire.get(&url).await?;
        let again = ari::ask_again(now, answer.retry_after);
        match answer.status {
            200 => {}
            429 => return Err(wire.noted().failure()),
            // It does not know the certificate or its issuer, or the service is not really there.
            400..500 => return Ok(Advice::none(again)),
            _ => return Err(wire.noted().failure()),
        }
        let random = u64::from_le_bytes(dwcp_crypto::random::array::<8>().map_err(|_| AcmeError::Key)?);
        let advice = ari::read(&answer.body, before, random, again)?;
        if before.map(|before| before.renew_at) != Some(advice.renew_at) {
            let issuer = self.name_of(wire.directory().url.as_str());
            self.observer.observe(&Event::AdviceChanged { issuer, renew_at: advice.renew_at });
        }
        let told = Advice::kept(&advice);
        if last.is_some() {
            let kept = self.keep_advice(certificate, &id, advice, &budget).await;
            self.tell_unsaved("last", kept);
        }
        Ok(told)
    }

    /// Keeps what was said of a certificate, if that is still the newest for its names: an order may have replaced it since it was asked about.
    async fn keep_advice(
        &self,
        certificate: &Certificate,
        id: &str,
        advice: KeptAdvice,
        budget: &Budget,
    ) -> Result<(), CacheError> {
        let cache = self.cache.lock(budget.left()).await?;
        match self.last(certificate, id) {
            Some(last) => cache.put_last(&LastRecord { advice: Some(advice), ..last }),
            None => Ok(()),
        }
    }

    /// Revokes a certificate that one of our accounts was issued (RFC 8555 §7.6). One that is revoked already is revoked.
    ///
    /// # Errors
    /// [`AcmeError`]; [`AcmeError::Unsupported`] where the authority revokes nothing, or we have no account there.
    pub async fn revoke(
        &self,
        certificate: &Certificate,
        reason: RevocationReason,
        deadline: Duration,
    ) -> Result<(), AcmeError> {
        let budget = Budget::begin(Arc::clone(&self.clock), deadline);
        let last = match ari::identifier(certificate) {
            Some(id) => self.last(certificate, &id),
            None => None,
        };
        let cache = self.lock_cache(&budget).await?;
        let wire = self.wire_to(last.as_ref(), &budget).await?;
        if !wire.directory().has("revokeCert") {
            return Err(AcmeError::Unsupported { what: "service for revocations" });
        }
        let account = self.accounts(&wire, &cache)?.existing().await?;
        let request = instant_acme::RevocationRequest {
            certificate: certificate.certificate_der(),
            reason: Some(library_reason(reason)),
        };
        match asked!(&wire, Tries::repeatable(), account.revoke(&request)) {
            Err(AcmeError::Refused(problem)) if problem.kind == ProblemKind::AlreadyRevoked => Ok(()),
            other => other,
        }
    }

    /// Gives our account at the authority of this name a new key (RFC 8555 §7.3.5). Where the authority has taken a key and its answer was lost, there is
    /// another account afterwards; a process that ends at that very moment leaves one that is refused until its file is moved away.
    ///
    /// # Errors
    /// [`AcmeError`]; [`AcmeError::Unsupported`] where there is no such authority or account, or accounts keep their keys.
    pub async fn roll_over(&self, issuer: &str, deadline: Duration) -> Result<(), AcmeError> {
        let budget = Budget::begin(Arc::clone(&self.clock), deadline);
        let at = self.settings.issuers().iter().position(|one| one.name() == issuer);
        let found = at.and_then(|at| self.issuer(at));
        let (issuer, client) = found.ok_or(AcmeError::Unsupported { what: "authority of this name" })?;
        let cache = self.lock_cache(&budget).await?;
        let wire = Wire::open(client.clone(), issuer.directory().clone(), budget).await?;
        self.accounts(&wire, &cache)?.roll_over().await
    }

    fn accounts<'a>(
        &'a self,
        wire: &'a Wire,
        cache: &'a crate::LockedCache,
    ) -> Result<Accounts<'a>, AcmeError> {
        let directory = &wire.directory().url;
        let issuer = self.settings.issuers().iter().find(|one| one.directory() == directory);
        let issuer = issuer.ok_or(AcmeError::Unsupported { what: "account of ours" })?;
        let (contacts, observer) = (self.settings.contacts(), &*self.observer);
        Ok(Accounts { wire, cache, issuer, contacts, observer })
    }

    /// What is kept of this very certificate.
    fn last(&self, certificate: &Certificate, id: &str) -> Option<LastRecord> {
        let last = unread("last", self.cache.last(&NamesDigest::of(certificate.names())), &*self.observer);
        last.filter(|last| last.certificate == id)
    }

    /// The authority that issued, or the first one where that is not known.
    fn issuer_of(&self, last: Option<&LastRecord>) -> Option<(&AcmeIssuer, &HttpsClient)> {
        let issued = |at: &usize| {
            let directory = self.issuer(*at).map(|(issuer, _)| issuer.directory().as_str());
            directory.is_some() && directory == last.map(|last| last.directory.as_str())
        };
        self.issuer((0..self.settings.issuers().len()).find(issued).unwrap_or(0))
    }

    async fn wire_to(&self, last: Option<&LastRecord>, budget: &Budget) -> Result<Wire, AcmeError> {
        let found = self.issuer_of(last);
        let (issuer, client) = found.ok_or(AcmeError::Unsupported { what: "directory" })?;
        Wire::open(client.clone(), issuer.directory().clone(), budget.clone()).await
    }

    fn name_of(&self, directory: &str) -> String {
        let found = self.settings.issuers().iter().find(|one| one.directory().as_str() == directory);
        found.map_or_else(|| directory.to_owned(), |one| one.name().to_owned())
    }
}

fn library_reason(reason: RevocationReason) -> instant_acme::RevocationReason {
    use instant_acme::RevocationReason as Theirs;
    match reason {
        RevocationReason::KeyCompromise => Theirs::KeyCompromise,
        RevocationReason::CaCompromise => Theirs::CaCompromise,
        RevocationReason::AffiliationChanged => Theirs::AffiliationChanged,
        RevocationReason::Superseded => Theirs::Superseded,
        RevocationReason::CessationOfOperation => Theirs::CessationOfOperation,
        RevocationReason::PrivilegeWithdrawn => Theirs::PrivilegeWithdrawn,
        RevocationReason::AaCompromise => Theirs::AaCompromise,
        _ => Theirs::Unspecified,
    }
}
