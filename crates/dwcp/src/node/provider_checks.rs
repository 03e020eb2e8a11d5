//! How it stands with whoever issues the node's certificates elsewhere: in health, and beside the certificate in its status.

use super::health::Finding;
use super::identity::Identity;
use super::shared::Shared;
use crate::config::{NodePlan, ProviderPlan};
use dwcp_base::UnixTime;
use dwcp_pki_acme::AcmeState;
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
        Identity::Acme(acme) => Some(of_acme(acme.provider.state())),
        Identity::Embedded(_) | Identity::Manual | Identity::SelfSigned(_) | Identity::Mesh(_) => None,
    }
}

/// The authority that issued last; where none has and one failed, that one.
fn of_acme(state: AcmeState) -> Standing {
    let names: Vec<_> = state.issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    let who = format!("acme at {}", names.join(", "));
    let well = state.issuers.iter().find(|issuer| issuer.issued.is_some() && issuer.last_error.is_none());
    let ill = state.issuers.iter().find(|issuer| issuer.last_error.is_some());
    let waits = state.issuers.iter().filter_map(|issuer| issuer.next_try).min();
    let good = match (&well, &ill) {
        (Some(issuer), None) => format!("{} issued the certificate", issuer.name),
        (Some(issuer), Some(other)) => {
            format!("{} issued the certificate, since {} did not", issuer.name, other.name)
        }
        (None, _) => "nobody was asked yet by this process".to_owned(),
    };
    let trouble = ill.filter(|_| well.is_none()).and_then(|issuer| {
        let error = issuer.last_error.as_ref()?;
        Some(Trouble {
            code: error.code.to_owned(),
            message: format!("{}: {}", issuer.name, error.message),
            fix: error.fix.clone(),
            since: error.since,
        })
    });
    Standing { who, good, trouble, next_try: waits }
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
