//! How it stands with whoever issues the node's certificates elsewhere: in health, and beside the certificate in its status.

use super::health::Finding;
use super::identity::Identity;
use super::shared::Shared;
use crate::config::{NodePlan, ProviderPlan};
use dwcp_base::UnixTime;
use dwcp_pki_vault::VaultState;
use serde_json::{Value, json};

/// One provider elsewhere, as it is now.
struct Standing {
    /// Whom, where and how.
    who: String,
    /// What is good.
    good: String,
    trouble: Option<Trouble>,
    next_try: Option<UnixTime>,
}

struct Trouble {
    code: String,
    message: String,
    fix: String,
    since: UnixTime,
}

/// The check of a provider elsewhere; `None` where this node has none, or it has a check of its own.
pub(super) fn provider(shared: &Shared) -> Option<Finding> {
    const ID: &str = "certs.provider";
    let Standing { who, good, trouble, next_try } = standing(shared)?;
    let Some(trouble) = trouble else { return Some(Finding::pass(ID, format!("{who}: {good}"))) };
    let next = next_try.map(|at| format!("; the next try is at {at}")).unwrap_or_default();
    let reason = format!("{who}: {} (since {}){next}", trouble.message, trouble.since);
    // What that does to the certificate is for `certs.identity` to say, which fails in time.
    Some(Finding::warn(ID, reason, trouble.fix))
}

/// The same for scripts; null where there is none.
pub(super) fn status(shared: &Shared) -> Value {
    let Some(Standing { who, good, trouble, next_try }) = standing(shared) else { return Value::Null };
    let error = trouble.map(|trouble| {
        json!({ "code": trouble.code, "message": trouble.message, "fix": trouble.fix, "since": trouble.since.to_string() })
    });
    let state = if error.is_some() { "failing" } else { "good" };
    json!({
        "who": who,
        "state": state,
        "detail": good,
        "error": error,
        "next_try": next_try.map(|at| at.to_string()),
    })
}

fn standing(shared: &Shared) -> Option<Standing> {
    let plan = shared.plan.load();
    match &shared.identity {
        Identity::Vault(vault) => Some(of_vault(&plan, vault.client.state())),
        Identity::Embedded(_) | Identity::Manual | Identity::SelfSigned(_) | Identity::Mesh(_) => None,
    }
}

fn of_vault(plan: &NodePlan, state: VaultState) -> Standing {
    let place = match &plan.provider {
        ProviderPlan::Vault { vault, .. } => vault.address.origin(),
        _ => String::new(),
    };
    let good = match (state.has_token, state.token_until, state.renews_at) {
        (false, ..) => "there is no token yet".to_owned(),
        (true, Some(end), Some(at)) => format!("the token is good until {end} and looked after at {at}"),
        (true, Some(end), None) => format!("the token is good until {end}"),
        (true, None, _) => "the token has no end".to_owned(),
    };
    Standing {
        who: format!("vault at {place}, login by {}", state.login),
        good,
        next_try: state.next_try,
        trouble: state.trouble.map(|trouble| Trouble {
            code: trouble.code.to_owned(),
            message: trouble.message,
            fix: trouble.fix,
            since: trouble.since,
        }),
    }
}
