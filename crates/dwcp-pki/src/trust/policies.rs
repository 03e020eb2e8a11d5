//! Certificate policies along a path (RFC 5280 §6.1, as RFC 9618 has it).

use super::profile::{ANY_POLICY as ANY, Form, ProfileRule};
use crate::inspect::{ExtensionValue as V, Number, Oid};
use der::oid::ObjectIdentifier;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked of certificate policies (RFC 5280 §6.1.1 (c) to (g)). The default asks for nothing beyond what the
/// authorities of a path ask for themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyRequirements {
    /// The content octets of identifiers; empty: every policy.
    acceptable: BTreeSet<Vec<u8>>,
    explicit: bool,
    inhibit_mapping: bool,
    inhibit_any: bool,
}

impl PolicyRequirements {
    /// The acceptable policies in order; then explicit, no mapping, no anyPolicy.
    pub(super) fn parts(&self) -> (&BTreeSet<Vec<u8>>, [bool; 3]) {
        (&self.acceptable, [self.explicit, self.inhibit_mapping, self.inhibit_any])
    }

    /// Accepts this policy, given in dotted decimal; without any, every policy is acceptable (user-initial-policy-set).
    ///
    /// # Errors
    /// [`BadPolicy`] for what is no object identifier.
    pub fn accepting(mut self, policy: &str) -> Result<Self, BadPolicy> {
        let policy = ObjectIdentifier::new(policy).map_err(|_| BadPolicy)?;
        self.acceptable.insert(policy.as_bytes().to_vec());
        Ok(self)
    }

    /// A path must be valid for an acceptable policy, whatever its authorities ask (initial-explicit-policy).
    #[must_use]
    pub fn explicit(mut self) -> Self {
        self.explicit = true;
        self
    }

    /// An authority can not declare policies of others equal to its own (initial-policy-mapping-inhibit).
    #[must_use]
    pub fn without_mapping(mut self) -> Self {
        self.inhibit_mapping = true;
        self
    }

    /// anyPolicy stands for no policy (initial-any-policy-inhibit).
    #[must_use]
    pub fn without_any_policy(mut self) -> Self {
        self.inhibit_any = true;
        self
    }
}

/// A text that is no object identifier in dotted decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a policy is named by its object identifier, such as 1.2.3.4")]
pub struct BadPolicy;

/// Checks a path against what is `asked` and what its own authorities require, in either profile. `path` goes from the
/// certificate below the anchor down to the leaf.
pub(super) fn check(path: &[&Form], asked: &PolicyRequirements) -> Result<(), ProfileRule> {
    if path.iter().any(|form| form.has_unsound_policies()) {
        return Err(ProfileRule::PoliciesMalformed);
    }
    if are_satisfied(path, asked) { Ok(()) } else { Err(ProfileRule::PoliciesRequired) }
}

/// Of the graph of RFC 9618 only the lowest level is kept: each policy with what counts as it one level below, and the policies
/// it came from at the top. So the work is bounded by the policies of two neighbours, at most 64 each.
fn are_satisfied(path: &[&Form], asked: &PolicyRequirements) -> bool {
    let length = path.len();
    let limit = |inhibited: bool| if inhibited { 0 } else { length + 1 };
    let mut state = State {
        level: Level::from([(ANY, Node::any())]),
        explicit: limit(asked.explicit),
        mapping: limit(asked.inhibit_mapping),
        any: limit(asked.inhibit_any),
    };
    for (at, form) in path.iter().enumerate() {
        let last = at + 1 == length;
        state.take_policies(form, last);
        if state.explicit == 0 && state.level.is_empty() {
            return false;
        }
        if last {
            state.wrap_up(form);
        } else {
            state.prepare(form);
        }
    }
    state.explicit > 0 || state.level.values().any(|node| node.counts_as_one_of(&asked.acceptable))
}

/// The policies that are valid so far, by identifier.
type Level<'a> = BTreeMap<&'a [u8], Node<'a>>;

#[derive(Clone)]
struct Node<'a> {
    /// What the next certificate may call it.
    expected: BTreeSet<&'a [u8]>,
    /// What it is called in the domain of the one who asks; anyPolicy alone while nobody has named one.
    origins: BTreeSet<&'a [u8]>,
}

struct State<'a> {
    level: Level<'a>,
    /// How many certificates may follow before a policy is required, mappings end, anyPolicy ends.
    explicit: usize,
    mapping: usize,
    any: usize,
}

impl<'a> Node<'a> {
    fn any() -> Self {
        Self { expected: BTreeSet::from([ANY]), origins: BTreeSet::from([ANY]) }
    }

    fn counts_as_one_of(&self, acceptable: &BTreeSet<Vec<u8>>) -> bool {
        acceptable.is_empty()
            || self.origins.iter().any(|origin| *origin == ANY || acceptable.contains(*origin))
    }
}

impl<'a> State<'a> {
    /// RFC 5280 §6.1.3 (d), (e).
    fn take_policies(&mut self, form: &'a Form, last: bool) {
        let above = std::mem::take(&mut self.level);
        let policies = form.find(|value| match value {
            V::CertificatePolicies(policies) => Some(policies),
            _ => None,
        });
        let Some((_, policies)) = policies else { return };
        for policy in policies.iter().map(|policy| policy.oid.as_bytes()).filter(|policy| *policy != ANY) {
            let mut parents = above.iter().filter(|(_, node)| node.expected.contains(policy)).peekable();
            let origins = if parents.peek().is_some() {
                parents.flat_map(|(name, node)| origins_below(name, node, policy)).collect()
            } else if above.contains_key(ANY) {
                BTreeSet::from([policy])
            } else {
                continue;
            };
            self.level.insert(policy, Node { expected: BTreeSet::from([policy]), origins });
        }
        let named_any = policies.iter().any(|policy| policy.oid.as_bytes() == ANY);
        if named_any && (self.any > 0 || (!last && form.self_issued())) {
            let mut unnamed: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
            for (name, node) in &above {
                let missing = node.expected.iter().filter(|expected| !self.level.contains_key(**expected));
                for expected in missing {
                    unnamed.entry(expected).or_default().extend(origins_below(name, node, expected));
                }
            }
            let node = |(name, origins)| (name, Node { expected: BTreeSet::from([name]), origins });
            self.level.extend(unnamed.into_iter().map(node));
        }
    }

    /// RFC 5280 §6.1.4 (b), (h) to (j).
    fn prepare(&mut self, form: &'a Form) {
        let pairs = form.find(|value| match value {
            V::PolicyMappings(pairs) => Some(pairs.as_slice()),
            _ => None,
        });
        self.map(pairs.map_or(&[], |(_, pairs)| pairs));
        if !form.self_issued() {
            for left in [&mut self.explicit, &mut self.mapping, &mut self.any] {
                *left = left.saturating_sub(1);
            }
        }
        let (explicit, mapping) = constraints(form);
        self.explicit = self.explicit.min(explicit);
        self.mapping = self.mapping.min(mapping);
        let any = form.find(|value| match value {
            V::InhibitAnyPolicy(number) => Some(count(number)),
            _ => None,
        });
        self.any = any.map_or(self.any, |(_, any)| self.any.min(any));
    }

    fn map(&mut self, pairs: &'a [(Oid, Oid)]) {
        let mut mapped: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
        for (from, to) in pairs {
            mapped.entry(from.as_bytes()).or_default().insert(to.as_bytes());
        }
        for (from, to) in mapped {
            if self.mapping == 0 {
                self.level.remove(from);
            } else if let Some(node) = self.level.get_mut(from) {
                node.expected = to;
            } else if self.level.contains_key(ANY) {
                self.level.insert(from, Node { expected: to, origins: BTreeSet::from([from]) });
            }
        }
    }

    /// RFC 5280 §6.1.5 (a), (b).
    fn wrap_up(&mut self, leaf: &Form) {
        self.explicit = self.explicit.saturating_sub(1);
        if constraints(leaf).0 == 0 {
            self.explicit = 0;
        }
    }
}

/// Where a policy below `node` came from.
fn origins_below<'n, 'a: 'n>(
    name: &[u8],
    node: &'n Node<'a>,
    policy: &'a [u8],
) -> impl Iterator<Item = &'a [u8]> + 'n {
    let named_here = (name == ANY).then_some(policy);
    let inherited = node.origins.iter().copied().filter(move |_| named_here.is_none());
    named_here.into_iter().chain(inherited)
}

/// After how many certificates a policy is required, and mappings end.
fn constraints(form: &Form) -> (usize, usize) {
    let found = form.find(|value| match value {
        V::PolicyConstraints(constraints) => Some(constraints),
        _ => None,
    });
    let Some((_, found)) = found else { return (usize::MAX, usize::MAX) };
    let number = |number: &Option<Number>| number.as_ref().map_or(usize::MAX, count);
    (number(&found.require_explicit), number(&found.inhibit_mapping))
}

/// A number of certificates; one that is beyond counting is no limit.
fn count(number: &Number) -> usize {
    match number.as_u64().and_then(|number| usize::try_from(number).ok()) {
        Some(number) => number,
        None if number.is_negative() => 0,
        None => usize::MAX,
    }
}
