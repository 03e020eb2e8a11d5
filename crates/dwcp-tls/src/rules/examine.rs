//! What each rule says of a chain that was shown, for a diagnosis: nobody gets a session or an identity by it.

use super::PeerRules;
use super::ask::{Candidate, public};
use super::refused::{PeerRule, RuleRefusal};
use crate::expected::ExpectedServer;
use crate::group::Group;
use crate::refusal::Refusal;
use dwcp_base::{Coded, UnixTime};
use dwcp_pki::{Evidence, Peer, PeerIdentity, Purpose, TrustStore};
use rustls::pki_types::CertificateDer;

/// What a peer showed of itself.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its certificates, leaf first, such as [`shown_by`](crate::shown_by) returns.
    pub chain: &'a [CertificateDer<'a>],
    /// The OCSP response it stapled, in DER; empty where it showed none.
    pub staple: &'a [u8],
    /// What its certificate is used for; with [`Purpose::Any`] no rule about that is asked.
    pub purpose: Purpose,
    /// The group of the key agreement; `None` where there was none.
    pub group: Option<Group>,
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleVerdict {
    /// The rule.
    pub rule: PeerRule,
    /// What it says.
    pub outcome: RuleOutcome,
}

/// How a rule was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleOutcome {
    /// It holds.
    Passed,
    /// It refuses the peer.
    Refused {
        /// The stable code of the rule that was broken; of a chain that of its fault, `pki.chain.…`.
        code: &'static str,
        /// The reason, for people.
        why: String,
    },
    /// It can not be asked.
    NotAsked {
        /// What is missing.
        why: &'static str,
    },
}

impl PeerRules {
    /// Asks every rule about a chain, each by itself: what one refuses does not keep the next from being asked, save that nothing can be
    /// said of the identity behind a chain that leads nowhere. `expected` is the server that was meant.
    ///
    /// The verdicts come in the order in which a handshake asks. Rules that do not concern the purpose are left out.
    ///
    /// # Security
    /// Whoever showed the chain need not hold its key. A verdict is text and data for people; the ways to a peer are
    /// [`TlsContext::accept`](crate::TlsContext::accept) and [`TlsConnector::connect`](crate::TlsConnector::connect).
    pub fn examine(
        &self,
        trust: &TrustStore,
        shown: &Shown<'_>,
        expected: Option<&ExpectedServer>,
        now: UnixTime,
    ) -> Vec<RuleVerdict> {
        let responses: &[&[u8]] = if shown.staple.is_empty() { &[] } else { &[shown.staple] };
        let evidence = Evidence::of_responses(responses);
        let judged = |purpose| trust.validate_with(shown.chain, purpose, now, &evidence);
        let (chain, used) = (judged(Purpose::Any), judged(shown.purpose));
        let mut verdicts = vec![RuleVerdict::of(PeerRule::Chain, coded(&chain))];
        if shown.purpose != Purpose::Any {
            let outcome = if chain.is_ok() { coded(&used) } else { NO_IDENTITY };
            verdicts.push(RuleVerdict::of(PeerRule::Purpose, outcome));
        }
        // What is not made for its purpose may be shown with the rest that is wrong with it.
        match used.or(chain) {
            Ok(identity) => self.examine_identity(&identity, shown, expected, now, &mut verdicts),
            Err(_) => self.examine_leaf(shown, expected, &mut verdicts),
        }
        verdicts
    }

    fn examine_identity(
        &self,
        identity: &PeerIdentity,
        shown: &Shown<'_>,
        expected: Option<&ExpectedServer>,
        now: UnixTime,
        verdicts: &mut Vec<RuleVerdict>,
    ) {
        let chain = shown.chain;
        if let Some(expected) = expected {
            let outcome = match expected.judge(chain, identity) {
                Ok(()) => RuleOutcome::Passed,
                Err(Refusal::Chain { error, .. }) => refused(&error),
                Err(Refusal::Unexpected { denial, .. }) => refused(&denial),
                Err(Refusal::Rule { rule, .. }) => refused(&rule),
            };
            verdicts.push(RuleVerdict::of(PeerRule::Expected, outcome));
        }
        let candidate = Candidate { identity, chain, purpose: shown.purpose, now };
        verdicts.extend(self.answers(&candidate).map(RuleVerdict::from));
        match shown.group {
            Some(group) => {
                let peer = Peer::Identified(identity.clone());
                verdicts.extend(self.answers_about(&peer, group).map(RuleVerdict::from));
            }
            None => verdicts.extend(
                (0..self.about_groups()).map(|_| RuleVerdict::of(PeerRule::PostQuantum, NO_AGREEMENT)),
            ),
        }
    }

    /// Of a chain that leads nowhere only what stands in its leaf can be told.
    fn examine_leaf(
        &self,
        shown: &Shown<'_>,
        expected: Option<&ExpectedServer>,
        verdicts: &mut Vec<RuleVerdict>,
    ) {
        if expected.is_some() {
            verdicts.push(RuleVerdict::of(PeerRule::Expected, NO_IDENTITY));
        }
        match shown.purpose {
            Purpose::Client => {
                let outcome = match public(shown.chain) {
                    Some(refusal) => refused(&refusal),
                    None if shown.chain.is_empty() => NO_IDENTITY,
                    None => RuleOutcome::Passed,
                };
                verdicts.push(RuleVerdict::of(PeerRule::Public, outcome));
            }
            Purpose::Server => verdicts.push(RuleVerdict::of(PeerRule::Staple, NO_IDENTITY)),
            Purpose::Any => {}
        }
        verdicts.extend(self.rules.iter().map(|rule| RuleVerdict::of(rule.kind(), NO_IDENTITY)));
    }
}

impl RuleVerdict {
    fn of(rule: PeerRule, outcome: RuleOutcome) -> Self {
        Self { rule, outcome }
    }
}

impl From<(PeerRule, Result<(), RuleRefusal>)> for RuleVerdict {
    fn from((rule, answer): (PeerRule, Result<(), RuleRefusal>)) -> Self {
        Self { rule, outcome: coded(&answer) }
    }
}

fn coded<T, E: Coded + ToString>(answer: &Result<T, E>) -> RuleOutcome {
    answer.as_ref().map_or_else(refused, |_| RuleOutcome::Passed)
}

fn refused<E: Coded + ToString>(error: &E) -> RuleOutcome {
    RuleOutcome::Refused { code: error.code(), why: error.to_string() }
}

const NO_IDENTITY: RuleOutcome = RuleOutcome::NotAsked { why: "the chain gives no identity" };
const NO_AGREEMENT: RuleOutcome = RuleOutcome::NotAsked { why: "no keys were agreed on" };
