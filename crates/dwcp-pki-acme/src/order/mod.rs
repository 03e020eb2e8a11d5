//! One order, from its begin or from where a process left it, to a certificate (RFC 8555 §7.4).

mod certificate;
mod patience;
mod proof;

use crate::error::unread;
use crate::identifiers::identifiers;
use crate::translate::{Tries, asked};
use crate::wire::Wire;
use crate::{
    AcmeError, AcmeIssuer, AcmeProblem, CacheError, Event, LastRecord, LockedCache, NamesDigest, OrderRecord,
    ProblemKind, Responder, Said,
};
use dwcp_base::{Coded, Observer};
use dwcp_pki::{CertificateChain, CertificateRequest};
use instant_acme::{Account, CertificateIdentifier, NewOrder, Order, OrderStatus};
use patience::Patience;
use std::sync::Arc;
use std::time::Duration;

/// What a chain has to pass to count as issued.
pub(crate) type Judge = dyn Fn(&CertificateRequest, &CertificateChain) -> Result<(), String> + Send + Sync;

/// All that an order needs.
pub(crate) struct Ordering<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) account: &'a Account,
    pub(crate) cache: &'a LockedCache,
    pub(crate) issuer: &'a AcmeIssuer,
    pub(crate) request: &'a CertificateRequest,
    pub(crate) responders: &'a [Arc<dyn Responder>],
    pub(crate) judge: &'a Judge,
    pub(crate) observer: &'a dyn Observer<Event>,
}

impl Ordering<'_> {
    /// A certificate for the key of the request.
    pub(crate) async fn run(&self) -> Result<CertificateChain, AcmeError> {
        let (order, record) = match self.resumed().await? {
            Some(resumed) => resumed,
            None => self.begin().await?,
        };
        let judged = |chain: CertificateChain| match (self.judge)(self.request, &chain) {
            Ok(()) => Ok(chain),
            Err(why) => Err(AcmeError::Unfit { why: Said::new(&why) }),
        };
        let done = self.finish(order, record).await.and_then(judged);
        match &done {
            Ok(chain) => self.remember(chain),
            Err(error) if ends_an_order(error) => self.forget(),
            Err(_) => {}
        }
        done
    }

    fn names(&self) -> NamesDigest {
        NamesDigest::of(self.request.names())
    }

    fn directory(&self) -> &str {
        self.issuer.directory.as_str()
    }

    /// Forgets the order. One that stays is found to be over when it is looked at.
    fn forget(&self) {
        self.tell_unsaved("order", self.cache.clear_order(self.directory(), &self.names()));
    }

    fn tell_unsaved(&self, what: &'static str, written: Result<(), CacheError>) {
        if let Some(news) = Event::unsaved(what, written) {
            self.observer.observe(&news);
        }
    }

    /// The order that was begun before and still leads to a certificate for our key, if there is one.
    async fn resumed(&self) -> Result<Option<(Order, OrderRecord)>, AcmeError> {
        let kept = self.cache.order(self.directory(), &self.names());
        let Some(record) = unread("order", kept, self.observer) else { return Ok(None) };
        let now = self.wire.budget().clock().unix();
        let fits = record.account == self.account.id()
            && record.profile == self.issuer.profile
            && record.made.until(now) < LONGEST_LIFE;
        if fits {
            let order = asked!(self.wire, Tries::repeatable(), self.account.order(record.url.clone()));
            match order {
                Ok(mut order) => {
                    if self.leads_to_our_key(&record, order.state().status) {
                        let (issuer, url) = (self.issuer.name.clone(), record.url.clone());
                        self.observer.observe(&Event::OrderResumed { issuer, order: url });
                        return Ok(Some((order, record)));
                    }
                }
                // The authority does not know it any more, or has moved away from its address.
                Err(AcmeError::Refused(_) | AcmeError::Answer { .. } | AcmeError::ForeignUrl { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.forget();
        Ok(None)
    }

    /// Whether an order is not yet finalized, or is for the key of this request. A certificate for the key of a process that is gone is
    /// of no use to anybody.
    fn leads_to_our_key(&self, record: &OrderRecord, status: OrderStatus) -> bool {
        match status {
            OrderStatus::Pending | OrderStatus::Ready => true,
            OrderStatus::Processing | OrderStatus::Valid => {
                record.finalized_for == Some(self.request.key_pin())
            }
            OrderStatus::Invalid => false,
        }
    }

    /// A new order; as one that replaces the certificate of before, where the authority wants to know (RFC 9773 §5).
    async fn begin(&self) -> Result<(Order, OrderRecord), AcmeError> {
        self.check_profile()?;
        let order = match self.replaced()? {
            None => self.new_order(None).await?,
            Some(replaced) => match self.new_order(Some(replaced)).await {
                // The authority has forgotten the certificate, or another order has replaced it: that is no reason to go without a new one.
                Err(error @ (AcmeError::Refused(_) | AcmeError::Answer { .. }))
                    if !crate::account::is_lost(&error) =>
                {
                    let (issuer, code) = (self.issuer.name.clone(), error.code());
                    self.observer.observe(&Event::ReplacesRefused { issuer, code });
                    self.new_order(None).await?
                }
                other => other?,
            },
        };
        // What is kept is an address that may be asked, and asked again by the next process.
        let url = self.wire.vouch(order.url())?;
        let record = OrderRecord {
            directory: self.directory().to_owned(),
            account: self.account.id().to_owned(),
            url: url.to_string(),
            names: self.request.names().to_vec(),
            profile: self.issuer.profile.clone(),
            made: self.wire.budget().clock().unix(),
            finalized_for: None,
        };
        self.cache.put_order(&record).map_err(AcmeError::Cache)?;
        Ok((order, record))
    }

    async fn new_order(&self, replaces: Option<CertificateIdentifier<'static>>) -> Result<Order, AcmeError> {
        let identifiers = identifiers(self.request.names())?;
        let mut new = NewOrder::new(&identifiers);
        if let Some(profile) = self.issuer.profile() {
            new = new.profile(profile);
        }
        if let Some(replaces) = replaces {
            new = new.replaces(replaces);
        }
        asked!(self.wire, Tries::once(), self.account.new_order(&new))
    }

    fn check_profile(&self) -> Result<(), AcmeError> {
        let offered = &self.wire.directory().profiles;
        match self.issuer.profile() {
            Some(asked) if !offered.iter().any(|one| one == asked) => {
                let list = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
                Err(AcmeError::Profile { asked: asked.to_owned(), offered: Said::new(&list) })
            }
            _ => Ok(()),
        }
    }

    /// The certificate of before, where this account of this authority has it: to say it of another one's would be refused.
    fn replaced(&self) -> Result<Option<CertificateIdentifier<'static>>, AcmeError> {
        if !self.wire.directory().has("renewalInfo") {
            return Ok(None);
        }
        let last = unread("last", self.cache.last(&self.names()), self.observer);
        let Some(last) = last else { return Ok(None) };
        if last.directory != self.directory() || last.account != self.account.id() {
            return Ok(None);
        }
        Ok(last.certificate.split_once('.').map(|(key, serial)| CertificateIdentifier {
            authority_key_identifier: key.to_owned().into(),
            serial: serial.to_owned().into(),
        }))
    }

    async fn finish(&self, mut order: Order, mut record: OrderRecord) -> Result<CertificateChain, AcmeError> {
        let mut patience = Patience::new(self.wire);
        if order.state().status == OrderStatus::Pending {
            self.prove(&mut order, &mut patience).await?;
        }
        // From here on a certificate is made for a key that the next attempt does not have: it is waited for in the time of the others too.
        self.wire.budget().take_rest();
        if order.state().status == OrderStatus::Ready {
            // Written first: after a crash nobody takes a certificate for another key for ours.
            record.finalized_for = Some(self.request.key_pin());
            self.cache.put_order(&record).map_err(AcmeError::Cache)?;
            self.finalize(&mut order).await?;
        }
        patience.begin_again();
        loop {
            match order.state().status {
                OrderStatus::Valid => break,
                OrderStatus::Invalid => return Err(self.why(&mut order).await),
                OrderStatus::Ready => {
                    return Err(AcmeError::Answer { what: Said::new("an order that was finalized is not") });
                }
                OrderStatus::Pending | OrderStatus::Processing => patience.wait().await?,
            }
            asked!(self.wire, Tries::repeatable(), proof::status(&mut order))?;
        }
        self.download(&mut order).await
    }

    async fn finalize(&self, order: &mut Order) -> Result<(), AcmeError> {
        let csr = self.request.der();
        let maybe_done = match asked!(self.wire, Tries::repeatable(), order.finalize_csr(csr)) {
            Err(error @ (AcmeError::Failing { .. } | AcmeError::Https(_) | AcmeError::Answer { .. })) => {
                error
            }
            Err(AcmeError::Refused(problem)) if problem.kind == ProblemKind::OrderNotReady => {
                AcmeError::Refused(problem)
            }
            other => return other,
        };
        // What was not answered may have been done all the same: the order knows.
        match asked!(self.wire, Tries::repeatable(), proof::status(order))? {
            OrderStatus::Ready => Err(maybe_done),
            _ => Ok(()),
        }
    }

    /// Keeps what the next order replaces, and forgets this one. There is a certificate, whatever becomes of the records.
    fn remember(&self, chain: &CertificateChain) {
        let leaf = chain.leaf();
        // One without an authority key identifier can not be named to the authority.
        if let Some(certificate) = crate::ari::identifier(leaf) {
            let record = LastRecord {
                names: self.names(),
                directory: self.directory().to_owned(),
                account: self.account.id().to_owned(),
                certificate,
                not_after: leaf.not_after(),
                advice: None,
            };
            self.tell_unsaved("last", self.cache.put_last(&record));
        }
        self.forget();
    }

    /// Why an order is invalid: by the authorization that failed, else by what the order says.
    async fn why(&self, order: &mut Order) -> AcmeError {
        match self.failed_authorization(order).await {
            Ok(Some(error)) | Err(error) => error,
            Ok(None) => {
                let problem = order.state().error.as_ref().map(|problem| AcmeProblem::read(problem, 0));
                AcmeError::Refused(problem.unwrap_or(AcmeProblem {
                    kind: ProblemKind::Other,
                    status: 0,
                    detail: Said::new("the order is invalid, and the authority does not say why"),
                    names: Vec::new(),
                }))
            }
        }
    }
}

/// Whether an order can not lead to a certificate any more.
fn ends_an_order(error: &AcmeError) -> bool {
    matches!(
        error,
        AcmeError::Refused(_)
            | AcmeError::Unproven { .. }
            | AcmeError::NoChallenge { .. }
            | AcmeError::WrongKey
            | AcmeError::Unfit { .. }
            | AcmeError::Answer { .. }
            | AcmeError::ForeignUrl { .. }
    )
}

/// What authorities keep an order at most; one of before is not looked for.
const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
