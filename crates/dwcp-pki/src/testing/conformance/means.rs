//! What the suite needs to know of a provider.

use super::Rule;
use crate::{CertProvider, SubjectName, TrustStore, Usage};
use dwcp_base::Clock;
use dwcp_crypto::KeyType;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a provider claims, and what the suite may try it with.
pub struct Means<'a> {
    pub(super) grants: Vec<Vec<SubjectName>>,
    pub(super) key_types: Vec<KeyType>,
    pub(super) usage: Usage,
    pub(super) refuses: Vec<Vec<SubjectName>>,
    pub(super) secrets: Vec<String>,
    pub(super) trust: Option<TrustStore>,
    pub(super) silent: Option<&'a dyn CertProvider>,
    pub(super) failing: Vec<&'a dyn CertProvider>,
    pub(super) deadline: Duration,
    pub(super) tolerance: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) waived: Vec<(Rule, &'static str)>,
}

impl<'a> Means<'a> {
    /// A provider that issues for each of these sets of names, for P-256 keys and both usages; `clock` says when its certificates have to be
    /// valid. Deadlines are 10 s, and half a second more is tolerated.
    pub fn new(grants: Vec<Vec<SubjectName>>, clock: Arc<dyn Clock>) -> Self {
        Self {
            grants,
            key_types: vec![KeyType::EcdsaP256],
            usage: Usage::Both,
            refuses: Vec::new(),
            secrets: Vec::new(),
            trust: None,
            silent: None,
            failing: Vec::new(),
            deadline: Duration::from_secs(10),
            tolerance: Duration::from_millis(500),
            clock,
            waived: Vec::new(),
        }
    }

    /// The kinds of keys that it claims to issue for.
    #[must_use]
    pub fn with_key_types(mut self, key_types: &[KeyType]) -> Self {
        self.key_types = key_types.to_vec();
        self
    }

    /// What its certificates claim to be good for.
    #[must_use]
    pub fn for_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Names that it must refuse, beside those given before.
    #[must_use]
    pub fn refusing(mut self, names: Vec<SubjectName>) -> Self {
        self.refuses.push(names);
        self
    }

    /// Texts that must be in no error: tokens, passwords, keys that it was made with.
    #[must_use]
    pub fn with_secrets(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.secrets = secrets.into_iter().collect();
        self
    }

    /// Judges its certificates by this store instead of the roots that come with them.
    #[must_use]
    pub fn trusting(mut self, trust: TrustStore) -> Self {
        self.trust = Some(trust);
        self
    }

    /// The same provider over a backend that accepts everything and never answers.
    #[must_use]
    pub fn over_silence(mut self, silent: &'a dyn CertProvider) -> Self {
        self.silent = Some(silent);
        self
    }

    /// The same provider over a backend that fails, so that what its errors say can be looked at; beside those given before.
    #[must_use]
    pub fn over_failure(mut self, failing: &'a dyn CertProvider) -> Self {
        self.failing.push(failing);
        self
    }

    /// The deadline of each request, and how much later an answer may be.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration, tolerance: Duration) -> Self {
        (self.deadline, self.tolerance) = (deadline, tolerance);
        self
    }

    /// Leaves a rule out, for a reason that the report shows.
    #[must_use]
    pub fn waiving(mut self, rule: Rule, why: &'static str) -> Self {
        self.waived.push((rule, why));
        self
    }
}

impl fmt::Debug for Means<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Means")
            .field("grants", &self.grants)
            .field("key_types", &self.key_types)
            .field("usage", &self.usage)
            .field("refuses", &self.refuses)
            .field("secrets", &self.secrets.len())
            .field("deadline", &self.deadline)
            .field("waived", &self.waived)
            .finish_non_exhaustive()
    }
}
