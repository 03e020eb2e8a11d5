//! `security.tls`, and the sections of listeners and dialers, as a [`TlsPolicy`].

use super::check::Checked;
use super::model_tls::Tls;
use super::problem::{ConfigProblem, nearest};
use dwcp_tls::{CipherSuite, Group, PostQuantum, TlsPolicy};

/// What a section says of suites, groups and post-quantum key agreement.
pub(super) struct Offer<'a> {
    /// The section's key.
    pub(super) key: &'a str,
    pub(super) suites: Option<&'a [String]>,
    pub(super) groups: Option<&'a [String]>,
    pub(super) pq: Option<&'a str>,
}

/// The policy the node's section asks for: the defaults, or a stricter or reordered choice of them.
pub(super) fn policy(tls: &Tls) -> Checked<TlsPolicy> {
    let (suites, groups) = (tls.suites.as_deref(), tls.groups.as_deref());
    narrowed(&TlsPolicy::default(), &Offer { key: "security.tls", suites, groups, pq: tls.pq.as_deref() })
}

/// `node` as `offer` narrows or reorders it: nothing is offered by a part that the whole does not offer.
pub(super) fn narrowed(node: &TlsPolicy, offer: &Offer<'_>) -> Checked<TlsPolicy> {
    let key = |name: &str| format!("{}.{name}", offer.key);
    let mut policy = node.clone();
    if let Some(written) = offer.suites {
        let suites = choose(&key("suites"), written, &CipherSuite::ALL, |suite| suite.name())?;
        within(&key("suites"), &suites, node.suites(), |suite| suite.name())?;
        policy = policy.with_suites(&suites).map_err(|error| refused(key("suites"), &error))?;
    }
    if let Some(written) = offer.groups {
        let groups = choose(&key("groups"), written, &Group::ALL, |group| group.name())?;
        within(&key("groups"), &groups, &node.groups(), |group| group.name())?;
        policy = policy.with_groups(&groups).map_err(|error| refused(key("groups"), &error))?;
    }
    let mode = match offer.pq {
        None => return Ok(policy),
        Some("prefer") => PostQuantum::Prefer,
        Some("require") => PostQuantum::Require,
        Some("off") => PostQuantum::Off,
        Some(other) => {
            return Err(ConfigProblem::new(
                key("pq"),
                format!("`{other}` is no mode"),
                "write prefer, require or off",
            ));
        }
    };
    if node.post_quantum() != PostQuantum::Prefer && node.post_quantum() != mode {
        return Err(ConfigProblem::new(
            key("pq"),
            "is another than the one that security.tls.pq holds the whole node to",
            "remove the key, or write security.tls.pq: prefer",
        ));
    }
    policy.with_post_quantum(mode).map_err(|error| refused(key("pq"), &error))
}

/// Every choice is one that the node offers.
fn within<T: Copy + PartialEq>(
    key: &str,
    chosen: &[T],
    offered: &[T],
    name: impl Fn(&T) -> &'static str,
) -> Checked<()> {
    match chosen.iter().find(|item| !offered.contains(item)) {
        Some(item) => Err(ConfigProblem::new(
            key,
            format!(
                "`{}` is not offered by security.tls, and a part can not offer more than the whole",
                name(item)
            ),
            "remove it here, or let security.tls offer it",
        )),
        None => Ok(()),
    }
}

fn choose<T: Copy>(
    key: &str,
    written: &[String],
    all: &[T],
    name: impl Fn(&T) -> &'static str,
) -> Checked<Vec<T>> {
    let known: Vec<&str> = all.iter().map(&name).collect();
    let one = |text: &String| {
        let same =
            |have: &str| have.replace(['-', '_'], "").eq_ignore_ascii_case(&text.replace(['-', '_'], ""));
        all.iter().find(|item| same(name(item))).copied().ok_or_else(|| {
            let fix = match nearest(text, &known) {
                Some(near) => format!("did you mean `{near}`? Offered: {}", known.join(", ")),
                None => format!("offered: {}", known.join(", ")),
            };
            ConfigProblem::new(key, format!("`{text}` is not offered"), fix)
        })
    };
    written.iter().map(one).collect()
}

fn refused(key: String, error: &dyn std::error::Error) -> ConfigProblem {
    ConfigProblem::new(key, error.to_string(), "remove the key to use the default")
}
