//! What the crates below tell when nobody is waiting: it becomes a record, a number and a line for human eyes here.

use super::ledger::Ledger;
use dwcp_audit::{EventKind, SecurityEvent, Severity};
use dwcp_base::{Observer, UnixTime};
use dwcp_pki::OverdueLevel;
use dwcp_telemetry::TelemetryCollector;
use std::sync::Arc;

/// The one observer of a node.
pub(super) struct News {
    pub(super) ledger: Arc<Ledger>,
    pub(super) telemetry: Arc<TelemetryCollector>,
}

impl Observer<dwcp_pki::Event> for News {
    fn observe(&self, event: &dwcp_pki::Event) {
        use dwcp_pki::Event;
        let code = event.code();
        let record = match event {
            Event::CertificateIssued { serial, not_after } => {
                SecurityEvent::local(EventKind::CertificateIssued)
                    .field("serial", serial)
                    .field("not_after", not_after)
            }
            Event::CertificateRevoked { serial, reason } => {
                SecurityEvent::local(EventKind::CertificateRevoked)
                    .field("serial", serial)
                    .field("reason", reason)
            }
            Event::CrlPublished { number, revoked, next_update } => {
                SecurityEvent::local(EventKind::CrlPublished)
                    .field("number", number)
                    .field("revoked", revoked)
                    .field("next_update", next_update)
            }
            Event::CertificateRenewed { slot, generation, serial, not_after } => {
                self.telemetry.certificate_rotated(slot);
                SecurityEvent::local(EventKind::CertificateRotated)
                    .field("name", slot)
                    .field("serial", serial)
                    .field("not_after", not_after)
                    .field("generation", generation)
            }
            Event::RenewalPrepared { slot, serial, activate_at } => {
                tracing::info!(name = %slot, %serial, %activate_at, "a new certificate is ready");
                SecurityEvent::local(EventKind::CertificatePrepared)
                    .field("name", slot)
                    .field("serial", serial)
                    .field("activate_at", activate_at)
            }
            Event::RenewalOrdered { slot, at } => {
                tracing::info!(name = %slot, %at, "a renewal was ordered");
                SecurityEvent::local(EventKind::AdminAction)
                    .field("action", "renewal_ordered")
                    .field("name", slot)
                    .field("at", at)
            }
            Event::RenewalUnsaved { slot, what, message } => {
                tracing::error!(name = %slot, what, error = %message, "a renewal is not safe on disk");
                SecurityEvent::local(EventKind::RenewalFailed)
                    .field("name", slot)
                    .field("what", what)
                    .message(message)
            }
            Event::RenewalIgnored { slot, what, code } => {
                tracing::warn!(name = %slot, what, code, "what an earlier process left of a renewal is not used");
                SecurityEvent::local(EventKind::RenewalFailed)
                    .severity(Severity::Warning)
                    .field("name", slot)
                    .field("what", what)
                    .field("cause", code)
            }
            Event::CredentialRetired { slot, serial } => SecurityEvent::local(EventKind::CertificateRetired)
                .field("name", slot)
                .field("serial", serial),
            Event::RenewalFailed { slot, code, attempts, retry_in } => {
                self.telemetry.renewal_failed(slot);
                tracing::error!(name = %slot, code, attempts, ?retry_in, "the certificate was not renewed");
                SecurityEvent::local(EventKind::RenewalFailed)
                    .field("name", slot)
                    .field("cause", code)
                    .field("attempts", attempts)
                    .field("retry_in_seconds", retry_in.as_secs())
            }
            Event::RenewalOverdue { slot, level, not_after } => {
                tracing::error!(name = %slot, ?level, %not_after, "the certificate should have been renewed");
                let (kind, severity) = match level {
                    OverdueLevel::Due => (EventKind::RenewalFailed, Severity::Warning),
                    OverdueLevel::Alarm => (EventKind::RenewalFailed, Severity::Error),
                    OverdueLevel::Critical => (EventKind::RenewalFailed, Severity::Critical),
                    _ => (EventKind::CertificateExpired, Severity::Critical),
                };
                SecurityEvent::local(kind)
                    .severity(severity)
                    .field("name", slot)
                    .field("not_after", not_after)
            }
            Event::TrustChanged { generation, anchors, crls } => {
                SecurityEvent::local(EventKind::TrustChanged)
                    .field("generation", generation)
                    .field("anchors", anchors)
                    .field("crls", crls)
            }
            Event::TrustContracted { generation, anchors, trust_domains } => {
                tracing::warn!(anchors, %trust_domains, "trust was withdrawn");
                SecurityEvent::local(EventKind::TrustContracted)
                    .field("generation", generation)
                    .field("anchors", anchors)
                    .field("trust_domains", trust_domains)
            }
            // An event of a later version is at least named.
            _ => SecurityEvent::local(EventKind::TrustChanged),
        };
        self.ledger.note(record.code(code));
    }
}

impl Observer<dwcp_pki_vault::Event> for News {
    fn observe(&self, event: &dwcp_pki_vault::Event) {
        use dwcp_pki_vault::Event;
        let (good, bad) = (EventKind::ProviderAnswered, EventKind::ProviderFailed);
        let text = |until: &Option<UnixTime>| until.map_or_else(|| "never".to_owned(), |end| end.to_string());
        let record = match event {
            Event::TokenRenewed { until } => SecurityEvent::local(good).field("until", text(until)),
            Event::TokenLost => {
                tracing::warn!("the vault server no longer knows the token; the node logs in again");
                SecurityEvent::local(bad)
            }
            Event::TokenRevoked => SecurityEvent::local(good),
            Event::TokenLeft { code } => {
                tracing::warn!(
                    code,
                    "a token that is needed no longer could not be given back to vault: it is good to its end"
                );
                SecurityEvent::local(bad).field("cause", code)
            }
            Event::LoginDone { method, until } => {
                tracing::info!(method, "logged in to vault");
                SecurityEvent::local(good).field("method", method).field("until", text(until))
            }
            Event::LoginFailed { method, code, attempts, retry_in } => {
                tracing::error!(method, code, attempts, ?retry_in, "no login to vault");
                SecurityEvent::local(bad)
                    .severity(Severity::Error)
                    .field("method", method)
                    .field("cause", code)
                    .field("attempts", attempts)
                    .field("retry_in_seconds", retry_in.as_secs())
            }
            Event::ServerUnavailable { code } => {
                tracing::error!(code, "the vault server is of no use at the moment");
                SecurityEvent::local(bad).severity(Severity::Error).field("cause", code)
            }
            Event::ServerBack { after } => {
                tracing::info!(?after, "the vault server answers again");
                SecurityEvent::local(good).field("after_seconds", after.as_secs())
            }
            Event::PreflightSkipped { path } => {
                tracing::warn!(%path, "the role can not be looked at: let the policy read it");
                SecurityEvent::local(bad).field("path", path)
            }
            Event::LifeShortened { asked, granted } => {
                tracing::warn!(
                    ?asked,
                    ?granted,
                    "certificates live shorter than security.cert_management.vault.ttl says: the role's max_ttl, the mount's, or the end of the issuer"
                );
                SecurityEvent::local(bad)
                    .field("asked_seconds", asked.as_secs())
                    .field("granted_seconds", granted.as_secs())
            }
            Event::ListKept { issuer, code } => {
                SecurityEvent::local(bad).field("issuer", issuer).field("cause", code)
            }
            Event::ListUnchecked { path } => {
                tracing::warn!(%path, "whether the mount still lists can not be seen: let the policy read it");
                SecurityEvent::local(bad).field("path", path)
            }
            // An event of a later version is at least named.
            _ => SecurityEvent::local(good),
        };
        self.ledger.note(record.field("provider", "vault").code(event.code()));
    }
}

impl Observer<dwcp_pki_acme::Event> for News {
    fn observe(&self, event: &dwcp_pki_acme::Event) {
        use dwcp_pki_acme::Event;
        let (good, bad) = (EventKind::ProviderAnswered, EventKind::ProviderFailed);
        let record = match event {
            Event::AccountMade { issuer, account } => {
                tracing::info!(%issuer, %account, "an account was made");
                SecurityEvent::local(good).field("issuer", issuer).field("account", account)
            }
            Event::AccountLost { issuer, account } => {
                tracing::warn!(%issuer, %account, "the authority does not know the account any more");
                SecurityEvent::local(bad).field("issuer", issuer).field("account", account)
            }
            Event::OrderResumed { issuer, order } => {
                SecurityEvent::local(good).field("issuer", issuer).field("order", order)
            }
            Event::ReplacesRefused { issuer, code } => {
                SecurityEvent::local(good).field("issuer", issuer).field("cause", code)
            }
            Event::CertificateIssued { issuer, not_after } => {
                SecurityEvent::local(good).field("issuer", issuer).field("not_after", not_after)
            }
            Event::IssuerFailed { issuer, code, message } => {
                tracing::error!(%issuer, code, error = %message, "the authority issued nothing");
                SecurityEvent::local(bad)
                    .severity(Severity::Error)
                    .field("issuer", issuer)
                    .field("cause", code)
                    .message(message)
            }
            Event::IssuerPaused { issuer, pause, message } => {
                tracing::warn!(%issuer, ?pause, "the authority is not asked for a while");
                SecurityEvent::local(bad)
                    .field("issuer", issuer)
                    .field("retry_in_seconds", pause.as_secs())
                    .message(message)
            }
            Event::AdviceChanged { issuer, renew_at } => {
                tracing::info!(%issuer, %renew_at, "the authority says when to renew");
                SecurityEvent::local(good).field("issuer", issuer).field("renew_at", renew_at)
            }
            Event::ContactsRefused { issuer, message } => {
                tracing::warn!(%issuer, error = %message, "the authority did not take the contacts");
                SecurityEvent::local(bad).field("issuer", issuer).message(message)
            }
            Event::RecordUnread { what, message } => {
                tracing::warn!(what, error = %message, "a record of the authorities can not be read, and counts as none");
                SecurityEvent::local(bad).field("what", what).message(message)
            }
            Event::RecordUnsaved { what, message } => {
                tracing::error!(what, error = %message, "a record of the authorities could not be written");
                SecurityEvent::local(bad).severity(Severity::Error).field("what", what).message(message)
            }
            // An event of a later version is at least named.
            _ => SecurityEvent::local(good),
        };
        self.ledger.note(record.field("provider", "acme").code(event.code()));
    }
}

impl Observer<dwcp_channel::Event> for News {
    fn observe(&self, event: &dwcp_channel::Event) {
        use dwcp_channel::Event;
        let record = match event {
            Event::AcceptFailed { local, kind, wait, .. } => {
                tracing::warn!(%local, %kind, ?wait, "no new connections can be taken for now");
                SecurityEvent::local(EventKind::Throttled).field("local", local).field("cause", kind)
            }
            Event::Saturated { local, limit } => {
                tracing::warn!(%local, limit, "all places for connections are taken");
                SecurityEvent::local(EventKind::Throttled).field("local", local).field("limit", limit)
            }
            Event::HandlerPanicked { local } => {
                tracing::error!(%local, "the task of a connection panicked; it alone ended");
                SecurityEvent::local(EventKind::ConnectionCut).severity(Severity::Error).field("local", local)
            }
            Event::DrainElapsed { local, aborted } => {
                tracing::warn!(%local, aborted, "connections outlived the drain and were reset");
                SecurityEvent::local(EventKind::ConnectionCut).field("local", local).field("aborted", aborted)
            }
            _ => return,
        };
        self.ledger.note(record.code(event.code()));
    }
}

#[cfg(test)]
#[path = "news_tests.rs"]
mod tests;
