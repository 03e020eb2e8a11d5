//! How it stands with whoever issues the node's certificates elsewhere: in health, and beside the certificate in its status.

use super::early_attempt::Issuer;
use super::health::Finding;
use super::identity::Identity;
use super::shared::Shared;
use crate::config::{NodePlan, ProviderPlan};
use dwcp_base::UnixTime;
use dwcp_pki_acme::{AcmeState, IssuerState};
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
    let reason = format!("{who}: {}{next}", told(&trouble));
    // What that does to the certificate is for `certs.identity` to say, which fails in time.
    Some(Finding::warn(ID, reason, trouble.fix))
}

/// What is wrong, under the code that the providers' pages explain.
fn told(trouble: &Trouble) -> String {
    format!("{} ({}, since {})", trouble.message, trouble.code, trouble.since)
}

/// What whoever issues elsewhere said last.
pub(super) fn issuer(shared: &Shared) -> Issuer {
    match standing(shared) {
        None => Issuer::Unasked,
        Some(Standing { trouble: None, .. }) => Issuer::Well,
        Some(_) => Issuer::Ill,
    }
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
        Identity::Acme(acme) => Some(of_acme(acme.provider.state(), shared.now())),
        Identity::Embedded(_) | Identity::Manual | Identity::SelfSigned(_) | Identity::Mesh(_) => None,
    }
}

/// The authority that issued last; where none has, and one failed or all have to be waited for, the first of them.
fn of_acme(state: AcmeState, now: UnixTime) -> Standing {
    let names: Vec<_> = state.issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    let who = format!("acme at {}", names.join(", "));
    let is_paused = |issuer: &IssuerState| {
        issuer.last_error.as_ref().is_some_and(|error| error.code == PAUSED && waits(issuer, now).is_some())
    };
    let well = state.issuers.iter().find(|issuer| issuer.issued.is_some() && issuer.last_error.is_none());
    let other =
        state.issuers.iter().find(|one| one.last_error.as_ref().is_some_and(|error| error.code != PAUSED));
    // After a restart one that may be asked is enough.
    let lost = well.is_none() && (other.is_some() || state.issuers.iter().all(is_paused));
    let good = match (&well, &other) {
        (Some(issuer), None) => format!("{} issued the certificate", issuer.name),
        (Some(issuer), Some(other)) => {
            format!("{} issued the certificate, since {} did not", issuer.name, other.name)
        }
        (None, _) => "nobody was asked yet by this process".to_owned(),
    };
    let first = other.or(state.issuers.first()).filter(|_| lost);
    let trouble = first.and_then(|issuer| {
        let error = issuer.last_error.as_ref()?;
        Some(Trouble {
            code: error.code.to_owned(),
            message: format!("{}: {}", issuer.name, error.message),
            fix: error.fix.clone(),
            since: error.since,
        })
    });
    Standing { who, good, trouble, next_try: state.issuers.iter().filter_map(|one| waits(one, now)).min() }
}

/// What is past is no next try.
fn waits(issuer: &IssuerState, now: UnixTime) -> Option<UnixTime> {
    issuer.next_try.filter(|at| *at > now)
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

/// The error of a pause from before this process.
const PAUSED: &str = "acme.authority.paused";

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_pki_acme::IssuerError;
    use std::time::Duration;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn issuer(name: &str) -> IssuerState {
        IssuerState {
            name: name.to_owned(),
            directory: format!("https://{name}/"),
            account: None,
            issued: None,
            last_error: None,
            next_try: None,
        }
    }

    fn failed(code: &'static str, name: &str, next_try: Option<UnixTime>) -> IssuerState {
        let (message, fix) = ("status 503".to_owned(), "wait".to_owned());
        let error = IssuerError { code, message, fix, at: NOW, since: NOW, attempts: 1 };
        IssuerState { last_error: Some(error), next_try, ..issuer(name) }
    }

    fn of(issuers: &[IssuerState]) -> Standing {
        of_acme(AcmeState { issuers: issuers.to_vec(), in_use: None }, NOW)
    }

    #[test]
    fn a_pause_from_before_a_restart_is_told_until_it_is_over() {
        let (soon, past) = (Some(NOW.plus(HOUR)), Some(NOW.minus(HOUR)));
        let paused = failed(PAUSED, "a.example", soon);
        let Standing { trouble, next_try, .. } = of(std::slice::from_ref(&paused));
        let trouble = trouble.unwrap();
        assert_eq!((trouble.code.as_str(), next_try), (PAUSED, soon));
        assert!(trouble.message.starts_with("a.example: "), "{}", trouble.message);
        assert!(told(&trouble).contains("(acme.authority.paused, since "), "{}", told(&trouble));
        // Another one may be asked, and would be.
        let one_of_two = of(&[paused, issuer("b.example")]);
        assert!(one_of_two.trouble.is_none() && one_of_two.next_try == soon);
        let over = of(&[failed(PAUSED, "a.example", past)]);
        assert!(over.trouble.is_none() && over.next_try.is_none(), "what is past is no next try");
    }

    #[test]
    fn an_authority_that_issued_makes_up_for_one_that_did_not() {
        let ill = failed("acme.authority.failing", "a.example", None);
        let well = IssuerState { issued: Some(NOW), ..issuer("b.example") };
        assert_eq!(of(&[ill.clone(), issuer("b.example")]).trouble.unwrap().code, "acme.authority.failing");
        let both = of(&[ill, well]);
        assert!(both.trouble.is_none());
        assert_eq!(both.good, "b.example issued the certificate, since a.example did not");
    }

    const HOUR: Duration = Duration::from_secs(3_600);
}
