//! How one listener or dialer speaks TLS: the node's settings, narrowed by its own section.

use super::check::Checked;
use super::endpoint::patterns;
use super::model_tls::{DialerTls, ListenerTls};
use super::problem::ConfigProblem;
use super::tls::{Offer, narrowed};
use dwcp_pki::{AllowList, Peer};
use dwcp_tls::{Group, PeerRules, TlsPolicy};

/// What the sections of listeners and dialers start from.
pub(super) struct Defaults<'a> {
    pub(super) policy: &'a TlsPolicy,
    pub(super) tickets: bool,
}

/// How a listener speaks TLS.
#[derive(Clone, Debug)]
pub struct ListenerSide {
    /// Suites, groups and post-quantum mode.
    pub policy: TlsPolicy,
    /// Whether it hands out resumption tickets.
    pub tickets: bool,
    /// Clients that must have agreed on the hybrid group.
    pub post_quantum_of: Option<AllowList>,
}

/// How a dialer speaks TLS.
#[derive(Clone, Debug)]
pub struct DialerSide {
    /// Suites, groups and post-quantum mode.
    pub policy: TlsPolicy,
    /// Whether it keeps tickets and resumes.
    pub tickets: bool,
}

impl ListenerSide {
    pub(super) fn new(key: &str, section: &ListenerTls, defaults: &Defaults<'_>) -> Checked<Self> {
        let key = format!("{key}.tls");
        let (suites, groups) = (section.suites.as_deref(), section.groups.as_deref());
        let offer = Offer { key: &key, suites, groups, pq: section.pq.as_deref() };
        let policy = narrowed(defaults.policy, &offer)?;
        let named = section.pq_required_of.as_deref();
        let post_quantum_of =
            named.map(|written| post_quantum_of(&format!("{key}.pq_required_of"), written, &policy));
        Ok(Self {
            policy,
            tickets: section.tickets.unwrap_or(defaults.tickets),
            post_quantum_of: post_quantum_of.transpose()?,
        })
    }

    /// What clients have to be besides those whom the allow list names.
    pub(crate) fn rules(&self) -> PeerRules {
        let rules = PeerRules::new();
        match &self.post_quantum_of {
            Some(list) => rules.with_post_quantum_for(list.clone()),
            None => rules,
        }
    }

    /// Whether a live connection is one that these rules would let in today.
    pub(crate) fn admits(&self, peer: &Peer, group: Group) -> bool {
        let named = |list: &AllowList| list.judge(peer).is_ok();
        group.is_post_quantum() || !self.post_quantum_of.as_ref().is_some_and(named)
    }
}

impl DialerSide {
    pub(super) fn new(key: &str, section: &DialerTls, defaults: &Defaults<'_>) -> Checked<Self> {
        let key = format!("{key}.tls");
        let (suites, groups) = (section.suites.as_deref(), section.groups.as_deref());
        let offer = Offer { key: &key, suites, groups, pq: section.pq.as_deref() };
        Ok(Self {
            policy: narrowed(defaults.policy, &offer)?,
            tickets: section.tickets.unwrap_or(defaults.tickets),
        })
    }
}

/// A rule that nobody could fulfil, or that is about nobody, is a mistake.
fn post_quantum_of(key: &str, written: &[String], policy: &TlsPolicy) -> Checked<AllowList> {
    if written.is_empty() {
        return Err(ConfigProblem::new(
            key,
            "names nobody",
            "list who must be post-quantum, for example [\"spiffe://example.org/node/*\"], or remove the key",
        ));
    }
    if !policy.groups().iter().any(|group| group.is_post_quantum()) {
        return Err(ConfigProblem::new(
            key,
            "can never hold: the hybrid group X25519MLKEM768 is not on offer at this listener",
            "offer it (groups, pq: prefer), or remove the key",
        ));
    }
    Ok(AllowList::new(patterns(key, written)?))
}
