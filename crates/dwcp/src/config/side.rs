//! How one listener or dialer speaks TLS: the node's settings, narrowed by its own section.

use super::check::Checked;
use super::endpoint::patterns;
use super::model_tls::{DialerTls, ListenerTls, Tls};
use super::pins;
use super::problem::ConfigProblem;
use super::tickets::{self, TicketsPlan};
use super::tls::{Offer, narrowed};
use dwcp_pki::{AllowList, KeyPin, Peer};
use dwcp_tls::{EarlyData, Group, PeerRules, TlsPolicy};
use std::collections::BTreeSet;

/// What the sections of listeners and dialers start from.
pub(super) struct Defaults<'a> {
    policy: &'a TlsPolicy,
    tickets: TicketsPlan,
    early_data: bool,
    sessions: Option<usize>,
    pins: Option<BTreeSet<KeyPin>>,
}

impl<'a> Defaults<'a> {
    pub(super) fn new(section: &Tls, policy: &'a TlsPolicy, warnings: &mut Vec<String>) -> Checked<Self> {
        let written = section.session_cache_size;
        if written == Some(0) {
            return Err(ConfigProblem::new(
                "security.tls.session_cache_size",
                "0 keeps nothing to resume by",
                "write 1 to 65536, or security.tls.tickets: false to resume nothing",
            ));
        }
        if written.is_some_and(|written| written > MOST_SESSIONS) {
            warnings.push(format!(
                "security.tls.session_cache_size is more than {MOST_SESSIONS}: that many are kept"
            ));
        }
        Ok(Self {
            policy,
            tickets: tickets::plan(section.tickets.as_ref()),
            early_data: section.early_data.unwrap_or(false),
            sessions: written.map(|written| written.min(MOST_SESSIONS)),
            pins: section
                .pins
                .as_deref()
                .map(|written| pins::parse("security.tls.pins", written))
                .transpose()?,
        })
    }
}

/// How a listener speaks TLS.
#[derive(Clone, Debug)]
pub struct ListenerSide {
    /// Suites, groups and post-quantum mode.
    pub policy: TlsPolicy,
    /// Whether it hands out resumption tickets, and by whose keys.
    pub tickets: TicketsPlan,
    /// Early data (0-RTT), where it takes any.
    pub early_data: Option<EarlyData>,
    /// Clients that must have agreed on the hybrid group.
    pub post_quantum_of: Option<AllowList>,
    /// Keys that clients must have.
    pub pins: Option<BTreeSet<KeyPin>>,
}

/// How a dialer speaks TLS.
#[derive(Clone, Debug)]
pub struct DialerSide {
    /// Suites, groups and post-quantum mode.
    pub policy: TlsPolicy,
    /// Whether it keeps tickets and resumes.
    pub tickets: bool,
    /// How many connections that open at once resume.
    pub streams: u16,
    /// Keys that the server must have.
    pub pins: Option<BTreeSet<KeyPin>>,
}

impl ListenerSide {
    pub(super) fn new(
        key: &str,
        section: &ListenerTls,
        anonymous: bool,
        defaults: &Defaults<'_>,
    ) -> Checked<Self> {
        let key = format!("{key}.tls");
        let (suites, groups) = (section.suites.as_deref(), section.groups.as_deref());
        let offer = Offer { key: &key, suites, groups, pq: section.pq.as_deref() };
        let policy = narrowed(defaults.policy, &offer)?;
        let named = section.pq_required_of.as_deref();
        let post_quantum_of =
            named.map(|written| post_quantum_of(&format!("{key}.pq_required_of"), written, &policy));
        let tickets = match (section.tickets, defaults.tickets) {
            (Some(false), _) => TicketsPlan::Off,
            (Some(true), TicketsPlan::Off) => TicketsPlan::Own,
            (_, of_node) => of_node,
        };
        Ok(Self {
            policy,
            tickets,
            early_data: early_data(&key, section, tickets, defaults)?,
            post_quantum_of: post_quantum_of.transpose()?,
            pins: match section.pins.as_deref() {
                Some(_) if anonymous => {
                    return Err(ConfigProblem::new(
                        format!("{key}.pins"),
                        "stands where `anonymous` is allowed: who shows no key has none of these",
                        "remove anonymous from the allow list, or the key",
                    ));
                }
                written => written.map(|written| pins::parse(&format!("{key}.pins"), written)).transpose()?,
            },
        })
    }

    /// What clients have to be besides those whom the allow list names.
    pub(crate) fn rules(&self) -> PeerRules {
        let rules = pinned(self.pins.as_ref());
        match &self.post_quantum_of {
            Some(list) => rules.with_post_quantum_for(list.clone()),
            None => rules,
        }
    }

    /// Whether a live connection is one that these rules would let in today.
    pub(crate) fn admits(&self, peer: &Peer, group: Group) -> bool {
        let named = |list: &AllowList| list.judge(peer).is_ok();
        let fit = group.is_post_quantum() || !self.post_quantum_of.as_ref().is_some_and(named);
        fit && pins::admit(self.pins.as_ref(), peer)
    }
}

impl DialerSide {
    pub(super) fn new(key: &str, section: &DialerTls, defaults: &Defaults<'_>) -> Checked<Self> {
        let key = format!("{key}.tls");
        let (suites, groups) = (section.suites.as_deref(), section.groups.as_deref());
        let offer = Offer { key: &key, suites, groups, pq: section.pq.as_deref() };
        Ok(Self {
            policy: narrowed(defaults.policy, &offer)?,
            tickets: section.tickets.unwrap_or(defaults.tickets != TicketsPlan::Off),
            streams: defaults
                .sessions
                .and_then(|most| u16::try_from(most).ok())
                .unwrap_or(STREAMS)
                .min(STREAMS),
            pins: match section.pins.as_deref() {
                Some(written) => Some(pins::parse(&format!("{key}.pins"), written)?),
                None => defaults.pins.clone(),
            },
        })
    }

    /// What the server has to be besides the one that is expected.
    pub(crate) fn rules(&self) -> PeerRules {
        pinned(self.pins.as_ref())
    }

    /// Whether a live connection is one that these rules would let be today.
    pub(crate) fn admits(&self, peer: &Peer) -> bool {
        pins::admit(self.pins.as_ref(), peer)
    }
}

fn pinned(pins: Option<&BTreeSet<KeyPin>>) -> PeerRules {
    pins.map_or_else(PeerRules::new, |pins| PeerRules::new().with_pins(pins.iter().copied()))
}

/// What a listener takes in a client's first flight: nothing unless it, or the node for all of them, says so.
fn early_data(
    key: &str,
    section: &ListenerTls,
    tickets: TicketsPlan,
    defaults: &Defaults<'_>,
) -> Checked<Option<EarlyData>> {
    if !section.early_data.unwrap_or(defaults.early_data) {
        return Ok(None);
    }
    if tickets == TicketsPlan::Shared {
        return Err(ConfigProblem::new(
            format!("{key}.early_data"),
            "is true where several processes share tickets: each of them would take the same first flight once",
            "write early_data: false for this listener, or security.tls.tickets: true",
        ));
    }
    if tickets == TicketsPlan::Off {
        return Err(ConfigProblem::new(
            format!("{key}.early_data"),
            "is true where no session is resumed, and early data comes with a resumed one alone",
            "write early_data: false for this listener, or let it have tickets",
        ));
    }
    let early = EarlyData::new();
    Ok(Some(defaults.sessions.map_or(early, |sessions| early.with_sessions(sessions))))
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

/// Connections to one server that resume at once: a pool that opens in a burst, and few enough that the tickets of one handshake, about
/// 1 KiB each, fit the buffers of whatever server it is.
const STREAMS: u16 = 32;
/// As many as are kept for early data at most.
const MOST_SESSIONS: usize = 65_536;
