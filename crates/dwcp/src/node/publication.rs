//! What an embedded authority publishes: bytes that were signed ahead of any request, and are swapped when newer ones are.

use super::error::NodeError;
use super::ocsp_desk::OcspDesk;
use super::publication_port::gate;
use crate::config::NodePlan;
use arc_swap::{ArcSwap, ArcSwapOption};
use dwcp_base::UnixTime;
use dwcp_guard::Guard;
use dwcp_pki::{Certificate, CertificateAuthority, Crl, DeltaCrl};
use hyper::body::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// The lists, the certificate and the answers of one authority.
pub(crate) struct Publication {
    /// The complete list in force, and as it is served.
    list: ArcSwap<Crl>,
    complete: ArcSwap<Document>,
    /// Nothing until the first one was signed, a moment after the start.
    delta: ArcSwapOption<Document>,
    certificate: Arc<Document>,
    /// Who answers OCSP.
    pub(super) desk: OcspDesk,
    /// Who may come in by plain HTTP; `None` where the guard is switched off.
    pub(super) gate: ArcSwap<Option<Guard>>,
}

impl Publication {
    /// What is published from the start on.
    pub(super) fn new(
        authority: &Arc<CertificateAuthority>,
        list: &Crl,
        plan: &NodePlan,
    ) -> Result<Self, NodeError> {
        Ok(Self {
            list: ArcSwap::from_pointee(list.clone()),
            complete: ArcSwap::from_pointee(Document::complete(list)),
            delta: ArcSwapOption::empty(),
            certificate: Arc::new(Document::certificate(authority.certificate())),
            desk: OcspDesk::new(authority)?,
            gate: ArcSwap::from_pointee(gate(plan)?),
        })
    }

    /// Puts a newer complete list in place.
    pub(super) fn publish(&self, list: &Crl) {
        self.list.store(Arc::new(list.clone()));
        self.complete.store(Arc::new(Document::complete(list)));
    }

    /// The complete list.
    pub(super) fn list(&self) -> Crl {
        (**self.list.load()).clone()
    }

    /// Puts a newer delta in place.
    pub(super) fn publish_delta(&self, delta: &DeltaCrl) {
        self.delta.store(Some(Arc::new(Document::delta(delta))));
    }

    pub(super) fn complete(&self) -> Arc<Document> {
        self.complete.load_full()
    }

    pub(super) fn delta(&self) -> Option<Arc<Document>> {
        self.delta.load_full()
    }

    pub(super) fn certificate(&self) -> Arc<Document> {
        Arc::clone(&self.certificate)
    }
}

/// A document as it is served.
pub(super) struct Document {
    /// DER; a copy shares it.
    pub(super) body: Bytes,
    /// Its media type.
    pub(super) kind: &'static str,
    /// An entity tag, quotes included: it changes whenever the bytes do.
    pub(super) tag: String,
    /// Since when it says what it says.
    pub(super) modified: UnixTime,
    fresh_until: UnixTime,
    fresh_at_most: Duration,
}

impl Document {
    /// How long a cache may give this document without asking again: until the next one is due, never beyond its end, and
    /// never longer than its period, whatever the clock does.
    pub(super) fn fresh_for(&self, now: UnixTime) -> Duration {
        now.until(self.fresh_until).min(self.fresh_at_most)
    }

    fn complete(list: &Crl) -> Self {
        let (at, end) = (list.this_update(), list.next_update());
        // Every list of this authority has a number, and each its own.
        let number = list.number().map(|number| number.to_string()).unwrap_or_default();
        Self::list(list.der(), &number, at, end, COMPLETE_EVERY)
    }

    fn delta(delta: &DeltaCrl) -> Self {
        let number = delta.number().to_string();
        Self::list(delta.der(), &number, delta.this_update(), delta.next_update(), DELTA_EVERY)
    }

    fn list(der: &[u8], number: &str, at: UnixTime, end: UnixTime, every: Duration) -> Self {
        Self {
            body: Bytes::copy_from_slice(der),
            kind: "application/pkix-crl",
            tag: format!("\"{number}-{:x}\"", at.secs()),
            modified: at,
            fresh_until: at.plus(every).min(end),
            fresh_at_most: every,
        }
    }

    fn certificate(certificate: &Certificate) -> Self {
        let digits: String =
            certificate.fingerprint().iter().take(16).map(|octet| format!("{octet:02x}")).collect();
        Self {
            body: Bytes::copy_from_slice(certificate.der()),
            kind: "application/pkix-cert",
            tag: format!("\"{digits}\""),
            modified: certificate.not_before(),
            fresh_until: certificate.not_after(),
            fresh_at_most: CERTIFICATE_EVERY,
        }
    }
}

/// A complete list is signed at least this often; it is good for 24 h.
pub(super) const COMPLETE_EVERY: Duration = Duration::from_secs(3_600);
/// A delta is signed this often; it is good for ten minutes.
pub(super) const DELTA_EVERY: Duration = Duration::from_secs(300);
/// A certificate stays as it is; whoever replaces an authority's is heard of within a day.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_keeps_a_list_until_the_next_is_due_and_never_beyond_its_end() {
        let at = |secs: i64| UnixTime::from_secs(1_790_000_000 + secs);
        let secs = Duration::from_secs;
        let list = Document::list(b"", "1", at(0), at(86_400), secs(3_600));
        for (now, fresh) in [(0, 3_600), (600, 3_000), (3_600, 0), (90_000, 0), (-50, 3_600)] {
            assert_eq!(list.fresh_for(at(now)), secs(fresh), "{now}");
        }
        let short = Document::list(b"", "1", at(0), at(100), secs(300));
        assert_eq!((short.fresh_for(at(40)), short.fresh_for(at(100))), (secs(60), secs(0)));
    }
}
