//! `security.tls` as a [`TlsPolicy`].

use super::model::Tls;
use super::problem::{ConfigProblem, nearest};
use dwcp_tls::{CipherSuite, Group, PostQuantum, TlsPolicy};

/// The policy the section asks for: the defaults, or a stricter or reordered choice of them.
pub(super) fn policy(tls: &Tls) -> Result<TlsPolicy, ConfigProblem> {
    let mut policy = TlsPolicy::default();
    if let Some(written) = &tls.suites {
        let suites =
            choose("security.tls.suites", written, &CipherSuite::ALL, |suite: &CipherSuite| suite.name())?;
        policy = policy.with_suites(&suites).map_err(|e| refused("security.tls.suites", &e))?;
    }
    if let Some(written) = &tls.groups {
        let groups = choose("security.tls.groups", written, &Group::ALL, |group: &Group| group.name())?;
        policy = policy.with_groups(&groups).map_err(|e| refused("security.tls.groups", &e))?;
    }
    let mode = match tls.pq.as_deref() {
        None => return Ok(policy),
        Some("prefer") => PostQuantum::Prefer,
        Some("require") => PostQuantum::Require,
        Some("off") => PostQuantum::Off,
        Some(other) => {
            return Err(ConfigProblem::new(
                "security.tls.pq",
                format!("`{other}` is no mode"),
                "write prefer, require or off",
            ));
        }
    };
    policy.with_post_quantum(mode).map_err(|e| refused("security.tls.pq", &e))
}

fn choose<T: Copy>(
    key: &str,
    written: &[String],
    all: &[T],
    name: impl Fn(&T) -> &'static str,
) -> Result<Vec<T>, ConfigProblem> {
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

fn refused(key: &str, error: &dyn std::error::Error) -> ConfigProblem {
    ConfigProblem::new(key, error.to_string(), "remove the key to use the default")
}
