//! Asking the rules about one peer.

use super::refused::{PeerRule, RuleRefusal};
use super::{PeerRules, Rule};
use crate::group::Group;
use dwcp_base::UnixTime;
use dwcp_pki::{Certificate, Peer, PeerIdentity, Purpose};
use rustls::pki_types::CertificateDer;

/// A peer whose chain is good, as the rules see it.
pub(crate) struct Candidate<'a> {
    pub(crate) identity: &'a PeerIdentity,
    pub(crate) chain: &'a [CertificateDer<'a>],
    /// What its certificate is used for.
    pub(crate) purpose: Purpose,
    pub(crate) now: UnixTime,
}

type Answer = (PeerRule, Result<(), RuleRefusal>);

impl PeerRules {
    /// Every rule about who the peer is holds, or the first that does not.
    pub(crate) fn judge(&self, candidate: &Candidate<'_>) -> Result<(), RuleRefusal> {
        self.answers(candidate).try_for_each(|(_, answer)| answer)
    }

    /// Every rule about key agreement holds for a peer of either kind.
    pub(crate) fn judge_group(&self, peer: &Peer, group: Group) -> Result<(), RuleRefusal> {
        self.answers_about(peer, group).try_for_each(|(_, answer)| answer)
    }

    /// What each rule about who the peer is says, those that are always on first. A rule is asked when its answer is fetched.
    pub(super) fn answers<'a>(&'a self, candidate: &'a Candidate<'_>) -> impl Iterator<Item = Answer> + 'a {
        let always = match candidate.purpose {
            Purpose::Client => Some((PeerRule::Public, not_public(candidate.identity))),
            Purpose::Server => Some((PeerRule::Staple, stapled(candidate.identity, candidate.now))),
            Purpose::Any => None,
        };
        always.into_iter().chain(self.rules.iter().filter_map(|rule| rule.answer(candidate)))
    }

    /// What each rule about key agreement says.
    pub(super) fn answers_about<'a>(
        &'a self,
        peer: &'a Peer,
        group: Group,
    ) -> impl Iterator<Item = Answer> + 'a {
        self.rules.iter().filter_map(move |rule| {
            let Rule::PostQuantum(list) = rule else { return None };
            let may_be_classical = group.is_post_quantum() || list.judge(peer).is_err();
            let answer = if may_be_classical { Ok(()) } else { Err(RuleRefusal::Classical { group }) };
            Some((PeerRule::PostQuantum, answer))
        })
    }

    /// How many rules are about key agreement.
    pub(super) fn about_groups(&self) -> usize {
        self.rules.iter().filter(|rule| matches!(rule, Rule::PostQuantum(_))).count()
    }
}

impl Rule {
    pub(super) fn kind(&self) -> PeerRule {
        match self {
            Self::Names(_) => PeerRule::Names,
            Self::Pins(_) => PeerRule::Pins,
            Self::PostQuantum(_) => PeerRule::PostQuantum,
            Self::Check(check) => PeerRule::Check(check.name()),
        }
    }

    fn answer(&self, candidate: &Candidate<'_>) -> Option<Answer> {
        let identity = candidate.identity;
        let answer = match self {
            Self::Names(list) => {
                let granted = list.judge(&Peer::Identified(identity.clone()));
                granted.map(|_| ()).map_err(|denial| RuleRefusal::Unlisted { denial })
            }
            Self::Pins(pins) if pins.contains(&identity.key_pin()) => Ok(()),
            Self::Pins(_) => Err(RuleRefusal::Unpinned { pin: identity.key_pin() }),
            Self::Check(check) => {
                check.check(identity, candidate.chain).map_err(|refusal| RuleRefusal::Check { refusal })
            }
            // Its turn comes when the group is known.
            Self::PostQuantum(_) => return None,
        };
        Some((self.kind(), answer))
    }
}

/// The refusal of a leaf that a public authority marked as its own.
pub(crate) fn public(chain: &[CertificateDer<'_>]) -> Option<RuleRefusal> {
    let leaf = Certificate::from_der(chain.first()?).ok()?;
    leaf.public_mark().map(|mark| RuleRefusal::Public { mark })
}

fn not_public(identity: &PeerIdentity) -> Result<(), RuleRefusal> {
    identity.public_mark().map_or(Ok(()), |mark| Err(RuleRefusal::Public { mark }))
}

/// RFC 7633 §4: what the leaf says comes along has to have come, and to count still.
fn stapled(identity: &PeerIdentity, now: UnixTime) -> Result<(), RuleRefusal> {
    let counts = || identity.vouched_until().is_some_and(|until| now.secs() < until.secs());
    if !identity.requires_status() || counts() { Ok(()) } else { Err(RuleRefusal::Unstapled) }
}
