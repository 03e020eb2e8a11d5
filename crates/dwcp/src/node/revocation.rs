//! Following the authority's directory: what was revoked there takes effect here, then a list that says so is signed.

use super::embedded::{Embedded, embedded_trust, signed_list};
use super::error::NodeError;
use super::judgement;
use super::off_loop::off_loop;
use super::onion::reason_text;
use super::publication::COMPLETE_EVERY;
use super::shared::Shared;
use dwcp_audit::{EventKind, SecurityEvent, Severity};
use dwcp_base::{Coded, Tick, UnixTime};
use dwcp_pki::{CertificateAuthority, IssuedStanding, KeyPin, TrustStore};
use std::sync::Arc;
use std::time::Duration;

/// How far this node has followed.
pub(super) struct Followed {
    /// The state of the directory that is in force.
    revision: Option<u64>,
    /// When the list in force was signed.
    at: UnixTime,
    /// After a failure: not again before this.
    not_before: Tick,
    failures: u32,
}

impl Followed {
    /// From the state that was in force when the node started.
    pub(super) fn from(revision: Option<u64>, now: UnixTime) -> Self {
        Self { revision, at: now, not_before: Tick(0), failures: 0 }
    }

    /// Adopts what was revoked in the directory, and signs a list when something was or the last one is an hour old.
    pub(super) async fn follow(&mut self, shared: &Arc<Shared>, embedded: &Embedded) {
        let now = shared.now();
        let revision = embedded.authority.revision().ok();
        // A list that is dated after today, since the clock was put back, is believed by nobody.
        let hourly = self.at.until(now) >= COMPLETE_EVERY || now < self.at;
        // After a failure also where nothing changed: what was wrong may be mended.
        if (revision == self.revision && !hourly && self.failures == 0)
            || shared.clock.tick() < self.not_before
        {
            return;
        }
        let _trusting = shared.trusting.lock().await;
        // First what must not wait: whoever was revoked is out before a list is signed and synced, and even if none can be.
        let adopted = match block_revoked(shared, &embedded.authority).await {
            // Certificates were issued, nothing more: the list in force says all there is to say.
            Ok(Blocked::Nobody) if !hourly => Ok(self.at),
            Ok(_) => publish(shared, embedded, now).await.map(|()| now),
            Err(error) => Err(error),
        };
        match adopted {
            Ok(at) => {
                *self = Self::from(revision, at);
                shared.troubles.end("crl");
            }
            Err(error) => self.failed(shared, &error),
        }
    }

    fn failed(&mut self, shared: &Shared, error: &NodeError) {
        self.failures = self.failures.saturating_add(1);
        let pause = pause(self.failures);
        self.not_before = shared.clock.tick().plus(pause);
        let text = reason_text(error);
        if shared.troubles.begin("crl", text.clone()) {
            tracing::error!(%text, "no revocation list was published");
        }
        shared.ledger.note(
            SecurityEvent::local(EventKind::TrustChanged)
                .severity(Severity::Critical)
                .code(error.code())
                .message(&text)
                .field("retry_in_seconds", pause.as_secs()),
        );
    }
}

/// Whether anybody was revoked whom no list in force names yet.
enum Blocked {
    Nobody,
    Somebody,
}

/// Refuses the keys of what the directory says is revoked and no list in force names yet, and cuts whoever holds them.
async fn block_revoked(
    shared: &Arc<Shared>,
    authority: &Arc<CertificateAuthority>,
) -> Result<Blocked, NodeError> {
    let trust = Arc::clone(shared.store.current().trust());
    let reader = Arc::clone(authority);
    let pins =
        off_loop(move || revoked_and_unlisted(&reader, &trust)).await.ok_or(NodeError::Interrupted)??;
    if pins.is_empty() {
        return Ok(Blocked::Nobody);
    }
    let trust = (**shared.store.current().trust()).clone().with_blocked_keys(pins);
    shared.store.install_trust(trust).map_err(NodeError::Installed)?;
    let report = judgement::judge(shared);
    tracing::debug!(?report, "revoked keys blocked");
    Ok(Blocked::Somebody)
}

fn revoked_and_unlisted(
    authority: &CertificateAuthority,
    trust: &TrustStore,
) -> Result<Vec<KeyPin>, NodeError> {
    let issued = authority.issued().map_err(unusable)?;
    let revoked = issued.iter().filter(|record| matches!(record.standing, IssuedStanding::Revoked(_)));
    let unlisted = revoked.filter(|record| !trust.crls().any(|crl| crl.contains(&record.serial)));
    Ok(unlisted.map(|record| record.key_pin).collect())
}

async fn publish(shared: &Arc<Shared>, embedded: &Embedded, now: UnixTime) -> Result<(), NodeError> {
    let authority = Arc::clone(&embedded.authority);
    let list = off_loop(move || signed_list(&authority, now)).await.ok_or(NodeError::Interrupted)??;
    // Others learn of it whatever this node itself can make of it.
    embedded.publication.publish(&list);
    let authority = Arc::clone(&embedded.authority);
    let plan = shared.plan.load_full();
    let trust =
        off_loop(move || embedded_trust(&authority, list, &plan)).await.ok_or(NodeError::Interrupted)??;
    shared.store.install_trust(trust).map_err(NodeError::Installed)?;
    let report = judgement::judge(shared);
    tracing::debug!(?report, "live connections judged");
    Ok(())
}

/// How long to wait after so many failures.
pub(super) fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.min(8)).min(LONGEST_PAUSE)
}

pub(super) fn unusable(source: dwcp_pki::AuthorityError) -> NodeError {
    NodeError::Authority { dir: "security.cert_management.embedded.ca_dir".into(), source }
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
