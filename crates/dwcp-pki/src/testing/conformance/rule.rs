//! The rules, each by name, with what it asks and what to do about a breach.

use std::fmt;

/// One rule that every provider keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// `name()` is the same each time, 1 to 32 characters of lower-case letters, digits and dashes.
    Name,
    /// It answers with a certificate where it claims to.
    Issues,
    /// The answer is for the key of the request.
    OwnKey,
    /// The answer has the names of the request and no other.
    ExactNames,
    /// The chain begins with the leaf, and each certificate was issued by the next.
    LeafFirst,
    /// The chain does not show the root.
    NoRoot,
    /// The leaf is no authority.
    EndEntity,
    /// The leaf is valid now and for at most 398 days, of which at least a tenth are to come.
    Dates,
    /// The chain validates for the claimed usage: by the roots that came with it, or by a store that was given.
    Usable,
    /// No two certificates have one serial.
    FreshSerials,
    /// What it must not issue it refuses, and says so: not "unavailable", which would be asked again.
    Refuses,
    /// It gives up with [`TimedOut`](crate::ProviderError::TimedOut) once its deadline has passed.
    Deadline,
    /// A request that was abandoned half-way is in nobody's way.
    Abandoned,
    /// Sixteen requests at once get an answer each, and each its own.
    Together,
    /// No error carries a private key, or a secret of the provider, in any of its texts.
    NoSecrets,
    /// It does not panic.
    NoPanic,
}

impl Rule {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Name,
        Self::Issues,
        Self::OwnKey,
        Self::ExactNames,
        Self::LeafFirst,
        Self::NoRoot,
        Self::EndEntity,
        Self::Dates,
        Self::Usable,
        Self::FreshSerials,
        Self::Refuses,
        Self::Deadline,
        Self::Abandoned,
        Self::Together,
        Self::NoSecrets,
        Self::NoPanic,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Issues => "issues",
            Self::OwnKey => "own-key",
            Self::ExactNames => "exact-names",
            Self::LeafFirst => "leaf-first",
            Self::NoRoot => "no-root",
            Self::EndEntity => "end-entity",
            Self::Dates => "dates",
            Self::Usable => "usable",
            Self::FreshSerials => "fresh-serials",
            Self::Refuses => "refuses",
            Self::Deadline => "deadline",
            Self::Abandoned => "abandoned",
            Self::Together => "together",
            Self::NoSecrets => "no-secrets",
            Self::NoPanic => "no-panic",
        }
    }

    /// What to do about a breach.
    pub fn mend(self) -> &'static str {
        match self {
            Self::Name => {
                "return one short constant such as `vault`: it becomes a label of metrics and a word in logs"
            }
            Self::Issues => "issue what the means claim, or claim less",
            Self::OwnKey => {
                "return the certificate that was issued for this very request; compare its key with `request.key_pin()`"
            }
            Self::ExactNames => {
                "ask the backend for `request.names()`, all of them, and keep its templates from adding any"
            }
            Self::LeafFirst => {
                "put the leaf first and let each certificate be followed by the one that issued it (RFC 9846 §4.4.2)"
            }
            Self::NoRoot => {
                "leave the root out of the chain and name it in `roots`: peers have it or do not trust it"
            }
            Self::EndEntity => "ask for an end entity: whoever holds its key could issue certificates",
            Self::Dates => "check the backend's clock and the lifetime that is asked for",
            Self::Usable => {
                "return every authority between leaf and root, and name the root in `roots`; ask for the extended key usages that the means claim"
            }
            Self::FreshSerials => "ask the backend each time instead of answering from a cache",
            Self::Refuses => {
                "map the backend's refusal to `ProviderError::Refused`; unavailability is asked again, for ever"
            }
            Self::Deadline => {
                "put the whole exchange under `deadline` and return `ProviderError::TimedOut` when it has passed"
            }
            Self::Abandoned => {
                "keep what is of one request in its future, and give locks and places back when it is dropped"
            }
            Self::Together => "keep requests apart: match answers by key, not by order",
            Self::NoSecrets => "leave bodies, headers and tokens out of errors and of their sources",
            Self::NoPanic => "return an error",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
