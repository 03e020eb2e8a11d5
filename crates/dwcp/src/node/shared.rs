//! What every part of a running node sees: its store, registry, guard, numbers, log, and how its parts stand.

use super::enroll::Enrolment;
use super::further::Named;
use super::health::{Finding, HealthBoard, HealthReport};
use super::key_log::KeyLog;
use super::ledger::Ledger;
use super::lists::Lists;
use super::news::News;
use super::offers::Offers;
use super::publication::Publication;
use super::renewal::Rehearsal;
use super::tallies::Tallies;
use super::ticket_keys::TicketKeys;
use super::{cert_checks, checks, identity::Identity};
use crate::config::NodePlan;
use arc_swap::ArcSwap;
use dwcp_audit::EventKind;
use dwcp_base::{Clock, UnixTime};
use dwcp_channel::{Lookups, Premises, Registry};
use dwcp_guard::Guard;
use dwcp_pki::{CertificateManager, CertificateStore};
use dwcp_telemetry::{Format, TelemetryCollector};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The state that tasks share. Everything in it is either immutable, atomic, or small and behind a short lock.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) plan: ArcSwap<NodePlan>,
    pub(crate) store: Arc<CertificateStore>,
    /// What the store shows besides the own certificate, by name.
    pub(super) further: ArcSwap<Vec<Named>>,
    pub(super) ticket_keys: ArcSwap<Option<TicketKeys>>,
    pub(crate) identity: Identity,
    /// The slots of the own certificate and of the further ones.
    pub(super) manager: Arc<CertificateManager>,
    /// How the manager tries certificates out.
    pub(super) rehearsal: Arc<Rehearsal>,
    /// Held from the reading of what trust is made of until it is in force: the keeper and a reload both make some.
    pub(super) trusting: tokio::sync::Mutex<()>,
    /// How it stands with what is fetched.
    pub(super) lists: Lists,
    pub(super) news: Arc<News>,
    pub(crate) registry: Arc<Registry>,
    pub(super) lookups: Lookups,
    pub(crate) guard: ArcSwap<Option<Guard>>,
    pub(crate) telemetry: Arc<TelemetryCollector>,
    pub(crate) ledger: Arc<Ledger>,
    /// What clients offer that none of today should.
    pub(super) offers: Arc<Offers>,
    pub(super) tallies: Tallies,
    /// What guards counted that a reload has replaced.
    pub(super) retired_guards: Mutex<GuardTotals>,
    pub(crate) board: HealthBoard,
    pub(crate) troubles: Troubles,
    pub(super) key_log: KeyLog,
    /// Whether the secrets of sessions are written to a file.
    pub(super) secrets_written: bool,
}

/// What currently does not work, by subject; bounded by the subjects of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<BTreeMap<String, String>>);

impl Troubles {
    /// Notes that `subject` does not work. True when that is news.
    pub(crate) fn begin(&self, subject: &str, reason: String) -> bool {
        self.lock().insert(subject.to_owned(), reason).is_none()
    }

    /// Notes that `subject` works. True when that is news.
    pub(crate) fn end(&self, subject: &str) -> bool {
        self.lock().remove(subject).is_some()
    }

    /// Why `subject` does not work; `None` when it does.
    pub(crate) fn of(&self, subject: &str) -> Option<String> {
        self.lock().get(subject).cloned()
    }

    /// Forgets the targets and remotes of listeners and dialers that `plan` no longer has.
    pub(crate) fn retain(&self, plan: &NodePlan) {
        self.lock().retain(|subject, _| match subject.split_once('.') {
            Some(("target", name)) => plan.listeners.iter().any(|listener| listener.name == name),
            Some(("remote", name)) => plan.dialers.iter().any(|dialer| dialer.name == name),
            _ => true,
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// The label under which the node's certificate appears in metrics and health.
    pub(crate) fn certificate_name(&self) -> String {
        self.plan.load().name.clone().unwrap_or_else(|| "identity".to_owned())
    }

    /// What acceptors and dialers of this node share.
    pub(crate) fn premises(&self) -> Premises {
        Premises {
            store: Arc::clone(&self.store),
            registry: Arc::clone(&self.registry),
            clock: Arc::clone(&self.clock),
        }
    }

    pub(crate) fn metrics_path(&self) -> Option<String> {
        self.plan.load().metrics_path.clone()
    }

    /// Brings the copied figures up to date and writes the exposition.
    pub(crate) fn metrics(&self, format: Format) -> String {
        let mut totals = self.retired_guards().clone();
        for (_, guard) in self.guards() {
            totals.add(&guard);
        }
        self.telemetry
            .guard_totals(totals.admitted, totals.refused.iter().map(|(reason, count)| (*reason, *count)));
        if let Some(stats) = self.ledger.stats() {
            // What the log says of itself it says to nobody else.
            let own = OWN_RECORDS.iter().map(|kind| (kind.as_str(), stats.of_kind(*kind)));
            self.telemetry.security_event_totals(own);
        }
        let (received, sent) = self.registry.totals();
        self.telemetry.connection_totals(received, sent);
        for further in self.further.load().iter() {
            self.telemetry.certificate(&further.name, further.credential.not_after());
        }
        for state in self.manager.states() {
            self.telemetry.renewal_overdue(&state.name, state.overdue.is_some());
        }
        let generation = self.store.current();
        self.telemetry.crl_expires(generation.trust().crl_expiry());
        self.telemetry.certificate(&self.certificate_name(), generation.credential().not_after());
        self.telemetry.render(self.now(), format)
    }

    /// Puts another guard in force; what the one before has counted goes on counting.
    pub(super) fn replace_guard(&self, guard: Arc<Option<Guard>>) {
        let before = self.guard.swap(Arc::clone(&guard));
        if let (false, Some(before)) = (Arc::ptr_eq(&before, &guard), before.as_ref()) {
            self.retired_guards().add(before);
        }
    }

    /// Puts other gates in front of the port for lists and the one for joining.
    pub(super) fn replace_gates(&self, publication: Option<Guard>, enrolment: Option<Guard>) {
        let before = self.publication().map(|place| place.gate.swap(Arc::new(publication)));
        let other = self.enrolment().map(|desk| desk.gate.swap(Arc::new(enrolment)));
        for before in [before, other].into_iter().flatten() {
            if let Some(before) = before.as_ref() {
                self.retired_guards().add(before);
            }
        }
    }

    /// Every guard at work, and where.
    pub(super) fn guards(&self) -> Vec<(&'static str, Guard)> {
        let mut guards: Vec<_> = self.guard.load().iter().map(|guard| ("listeners", guard.clone())).collect();
        if let Some(publication) = self.publication() {
            guards.extend(publication.gate.load().iter().map(|gate| ("publication", gate.clone())));
            guards.push(("ocsp", publication.desk.signing().clone()));
        }
        if let Some(desk) = self.enrolment() {
            guards.extend(desk.gate.load().iter().map(|gate| ("enroll", gate.clone())));
            guards.push(("enrollments", desk.attempts.clone()));
        }
        guards
    }

    /// What the embedded authority publishes; `None` where this node holds none.
    pub(super) fn publication(&self) -> Option<&Publication> {
        match &self.identity {
            Identity::Embedded(embedded) => Some(&embedded.publication),
            _ => None,
        }
    }

    /// Where other machines join and renew; `None` where this node holds no authority.
    pub(super) fn enrolment(&self) -> Option<&Enrolment> {
        match &self.identity {
            Identity::Embedded(embedded) => embedded.enrolment.as_deref(),
            _ => None,
        }
    }

    fn retired_guards(&self) -> std::sync::MutexGuard<'_, GuardTotals> {
        self.retired_guards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn health_live(&self) -> HealthReport {
        self.report(vec![Finding::pass("node.live", "the node is running")])
    }

    pub(crate) fn health_tls(&self) -> HealthReport {
        self.report(checks::tls(self))
    }

    pub(crate) fn health_certs(&self) -> HealthReport {
        self.report(cert_checks::certificates(self))
    }

    pub(crate) fn health_security(&self) -> HealthReport {
        self.report(checks::security(self))
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.clock.unix()
    }

    fn report(&self, findings: Vec<Finding>) -> HealthReport {
        self.board.report(findings, self.now())
    }
}

/// Sums of what several guards counted, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct GuardTotals {
    admitted: u64,
    refused: BTreeMap<&'static str, u64>,
}

impl GuardTotals {
    fn add(&mut self, guard: &Guard) {
        let stats = guard.stats();
        self.admitted += stats.admitted;
        for (reason, count) in stats.refusals() {
            *self.refused.entry(reason.label()).or_default() += count;
        }
    }
}

/// The records that the log writes about itself.
const OWN_RECORDS: [EventKind; 4] =
    [EventKind::AuditOpened, EventKind::AuditRecovered, EventKind::AuditFailed, EventKind::AuditGap];
