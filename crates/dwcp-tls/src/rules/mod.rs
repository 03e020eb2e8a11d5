//! The rules on peers that stand on top of chain and purpose: which there are, and how they are put together.

mod ask;
mod check;
mod examine;
mod refused;

pub(crate) use ask::{Candidate, public};
pub use check::{BadRuleCode, CheckRefusal, PeerCheck, RuleCode};
pub use examine::{RuleOutcome, RuleVerdict, Shown};
pub use refused::{PeerRule, RuleRefusal};

use crate::error::TlsError;
use dwcp_pki::{AllowList, KeyPin};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What a peer has to be besides holding a good certificate for its purpose. Every rule must hold; more rules let fewer in.
///
/// Two rules are always on and can not be taken out. A client's certificate is none of a public authority
/// ([`RuleRefusal::Public`]), and a server whose certificate says that it comes with a status response shows one that counts
/// ([`RuleRefusal::Unstapled`], RFC 7633). Chain, purpose and revocation come before any rule. The default adds none.
///
/// Rules are asked in the order in which they were added, when the certificate is shown, so that the peer gets its alert, and again when
/// the session is made: by then the store may have changed, and a resumed peer has shown nothing. At most [`MOST_RULES`].
///
/// ```
/// use dwcp_pki::{AllowList, KeyPin};
/// use dwcp_tls::{ClientAuth, PeerRules, ServerSettings};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let names = AllowList::new(vec!["spiffe://example.org/billing/*".parse()?]);
/// let pin: KeyPin = "sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".parse()?;
/// let rules = PeerRules::new().with_names(names.clone()).with_pins([pin]).with_post_quantum_for(names);
/// let settings = ServerSettings::new(ClientAuth::Required).with_rules(rules);
/// # let _ = settings;
/// # Ok(())
/// # }
/// ```
///
/// # Security
/// Default deny: a list without patterns and a set without pins let nobody in. A client without a certificate is let in only where
/// [`ClientAuth::Optional`](crate::ClientAuth) is set and every rule is a list of names that has the pattern `anonymous`, or one about
/// key agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerRules {
    rules: Vec<Rule>,
}

/// One rule that was added.
#[derive(Clone)]
pub(crate) enum Rule {
    Names(AllowList),
    Pins(BTreeSet<KeyPin>),
    PostQuantum(AllowList),
    Check(Arc<dyn PeerCheck>),
}

impl PeerRules {
    /// No rule beyond those that are always on.
    pub fn new() -> Self {
        Self::default()
    }

    /// The peer is one that `list` names: SPIFFE IDs, DNS names, addresses, pins. Given twice, it is one that both name.
    #[must_use]
    pub fn with_names(self, list: AllowList) -> Self {
        self.and(Rule::Names(list))
    }

    /// The key of the peer's certificate is one of `pins` (the SHA-256 of its SubjectPublicKeyInfo, as RFC 7469 §2.4 has it), at most
    /// [`MOST_PINS`]. Pins are of leaves: give the pin of the next key before it is used.
    #[must_use]
    pub fn with_pins(self, pins: impl IntoIterator<Item = KeyPin>) -> Self {
        // One more than there may be, so that too many are noticed and an endless source ends.
        self.and(Rule::Pins(pins.into_iter().take(MOST_PINS + 1).collect()))
    }

    /// Peers that `list` names must have agreed on a post-quantum group; others may be classical.
    ///
    /// It is asked when the handshake is done, where TLS 1.3 has no alert any more: the peer sees an end without close_notify. Under a
    /// policy that offers no hybrid group, nobody on the list gets in.
    #[must_use]
    pub fn with_post_quantum_for(self, list: AllowList) -> Self {
        self.and(Rule::PostQuantum(list))
    }

    /// A check of the caller's own. See [`PeerCheck`] for when it is called.
    #[must_use]
    pub fn with_check(self, check: Arc<dyn PeerCheck>) -> Self {
        self.and(Rule::Check(check))
    }

    fn and(mut self, rule: Rule) -> Self {
        // One more than there may be is refused as a whole by `check`.
        if self.rules.len() <= MOST_RULES {
            self.rules.push(rule);
        }
        self
    }

    pub(crate) fn check(&self) -> Result<(), TlsError> {
        let fits = |rule: &Rule| !matches!(rule, Rule::Pins(pins) if pins.len() > MOST_PINS);
        if self.rules.len() <= MOST_RULES && self.rules.iter().all(fits) {
            Ok(())
        } else {
            Err(TlsError::Rules)
        }
    }

    /// Whether a client that shows no certificate could be let in.
    pub(crate) fn admit_anonymous(&self) -> bool {
        self.rules.iter().all(|rule| match rule {
            Rule::Names(list) => list.admits_anonymous(),
            Rule::PostQuantum(_) => true,
            Rule::Pins(_) | Rule::Check(_) => false,
        })
    }
}

/// A check is equal to its own clones alone.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Names(ours), Self::Names(theirs))
            | (Self::PostQuantum(ours), Self::PostQuantum(theirs)) => ours == theirs,
            (Self::Pins(ours), Self::Pins(theirs)) => ours == theirs,
            (Self::Check(ours), Self::Check(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }
}

impl Eq for Rule {}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Names(list) => f.debug_tuple("Names").field(list).finish(),
            Self::Pins(pins) => f.debug_tuple("Pins").field(pins).finish(),
            Self::PostQuantum(list) => f.debug_tuple("PostQuantum").field(list).finish(),
            Self::Check(check) => f.debug_tuple("Check").field(&check.name()).finish(),
        }
    }
}

/// The most rules of one side, those that are always on left out.
pub const MOST_RULES: usize = 16;

/// The most pins of one rule.
pub const MOST_PINS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(patterns: &[&str]) -> AllowList {
        AllowList::new(patterns.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn pins(count: u8) -> impl Iterator<Item = KeyPin> {
        (0..count).map(|n| KeyPin::from([n; 32]))
    }

    #[derive(Debug)]
    struct Yes;

    impl PeerCheck for Yes {
        fn name(&self) -> &'static str {
            "yes"
        }

        fn check(
            &self,
            _: &dwcp_pki::PeerIdentity,
            _: &[rustls::pki_types::CertificateDer<'_>],
        ) -> Result<(), CheckRefusal> {
            Ok(())
        }
    }

    #[test]
    fn rules_are_bounded_and_too_many_are_refused_as_a_whole() {
        let many = |count: usize| {
            (0..count).fold(PeerRules::new(), |rules, _| rules.with_names(names(&["spiffe://mesh/*"])))
        };
        assert!(many(MOST_RULES).check().is_ok());
        assert!(matches!(many(MOST_RULES + 1).check(), Err(TlsError::Rules)));
        assert!(many(10_000).check().is_err());
        assert!(PeerRules::new().with_pins(pins(64)).check().is_ok());
        assert!(PeerRules::new().with_pins(pins(64).chain(pins(64)).take(64)).check().is_ok());
        assert!(matches!(PeerRules::new().with_pins(pins(65)).check(), Err(TlsError::Rules)));
        let endless = (0_u64..).map(|n| KeyPin::of_key_info(&n.to_be_bytes()));
        assert!(PeerRules::new().with_pins(endless).check().is_err());
    }

    #[test]
    fn nobody_comes_anonymous_unless_every_rule_names_the_anonymous() {
        assert!(PeerRules::new().admit_anonymous());
        let open = PeerRules::new().with_names(names(&["spiffe://mesh/a", "anonymous"]));
        assert!(open.admit_anonymous());
        assert!(open.clone().with_post_quantum_for(names(&["anonymous"])).admit_anonymous());
        for closed in [
            open.clone().with_names(names(&["spiffe://mesh/a"])),
            open.clone().with_names(names(&[])),
            open.clone().with_pins(pins(0)),
            open.with_check(Arc::new(Yes)),
        ] {
            assert!(!closed.admit_anonymous(), "{closed:?}");
        }
    }

    #[test]
    fn settings_are_equal_when_their_rules_are() {
        let check: Arc<dyn PeerCheck> = Arc::new(Yes);
        let rules = |check: &Arc<dyn PeerCheck>| {
            PeerRules::new().with_names(names(&["spiffe://mesh/a"])).with_check(Arc::clone(check))
        };
        assert_eq!(rules(&check), rules(&check));
        assert_ne!(rules(&check), rules(&(Arc::new(Yes) as Arc<dyn PeerCheck>)));
        assert_ne!(
            PeerRules::new().with_names(names(&["spiffe://mesh/*"])),
            PeerRules::new().with_post_quantum_for(names(&["spiffe://mesh/*"]))
        );
    }
}
