//! What `/health/certs` looks at: the identity, its renewal, files, what is shown besides, the authority.

use super::acme_advice;
use super::early_attempt::Attempt;
use super::following;
use super::further::Named;
use super::health::Finding;
use super::identity::Identity;
use super::lists;
use super::onion::reason_text;
use super::provider_checks;
use super::renewal;
use super::replacing;
use super::self_signed::{ThrowAway, root_file};
use super::shared::Shared;
use super::trust_checks;
use crate::config::ProviderPlan;
use dwcp_base::UnixTime;
use dwcp_pki::{OverdueLevel, SlotState, SubjectName, ValidationError};

/// The identity, its renewal, the authority, the revocation list.
pub(super) fn certificates(shared: &Shared) -> Vec<Finding> {
    let now = shared.now();
    let generation = shared.store.current();
    let not_after = generation.credential().not_after();
    let mut findings = Vec::new();
    let manual =
        "put a new certificate and key in place (and send SIGHUP where cert_management.watch is false)";
    findings.push(match &shared.identity {
        _ if not_after <= now => Finding::fail(
            "certs.identity",
            format!("the certificate ended at {not_after}"),
            match &shared.identity {
                Identity::Mesh(_) => "`dwcp token create --name NAME` where the authority is, then `dwcp init DIR --join TOKEN --rejoin` here, and SIGHUP",
                _ => "renew it now: nobody accepts it",
            },
        ),
        _ if now < generation.credential().not_before() => Finding::fail(
            "certs.identity",
            format!("the certificate is good from {} on, and it is {now} here", generation.credential().not_before()),
            "set the clock: a certificate that was made after now is accepted by nobody whose clock says the same",
        ),
        _ if let Err(refusal) = in_use(shared) => Finding::warn(
            "certs.identity",
            format!("good until {not_after}, and refused by peers: {}", reason_text(&refusal)),
            match &shared.identity {
                Identity::Manual => manual,
                Identity::Embedded(_) | Identity::SelfSigned(_) | Identity::Vault(_) | Identity::Acme(_) => "`dwcp cert renew`",
                Identity::Mesh(_) => "`dwcp token create --name NAME` where the authority is, then `dwcp init DIR --join TOKEN --rejoin` here, and SIGHUP",
            },
        ),
        Identity::Manual => {
            let life = generation.credential().not_before().until(not_after);
            if now.plus(life / 5) >= not_after {
                Finding::warn("certs.identity", format!("the certificate ends at {not_after}"), manual)
            } else {
                Finding::pass("certs.identity", format!("good until {not_after}"))
            }
        }
        Identity::SelfSigned(throw_away) => self_signed(throw_away, not_after, shared),
        Identity::Embedded(_) | Identity::Mesh(_) | Identity::Vault(_) | Identity::Acme(_) => {
            let state = shared.manager.state(&renewal::own(&shared.plan.load()));
            match (state, acme_advice::missing(shared)) {
                (Some(state), Some(name)) => lacking(&state, not_after, &name),
                (state, _) => state.map_or_else(unkept, |state| renewed(&state, not_after, Attempt::of(&state, shared))),
            }
        }
    });
    findings.push(renewals(shared));
    findings.extend(provider_checks::provider(shared));
    findings.extend(shared.further.load().iter().map(|named| further(named, now)));
    findings.push(trust_checks::revocation(shared));
    if lists::are_fetched(shared) {
        findings.push(trust_checks::fetched(shared));
    }
    let trust = generation.trust();
    findings.push(trust_checks::anchors(trust));
    findings.extend(trust.federated().map(|domain| trust_checks::bundle(trust, domain, now)));
    if let Identity::Embedded(embedded) = &shared.identity {
        let certificate = embedded.authority.certificate();
        let end = certificate.not_after();
        findings.push(if end <= now {
            Finding::fail(
                "certs.authority",
                format!("the authority ended at {end}: nothing can be issued"),
                "make a new authority and hand out its certificate",
            )
        } else if now.plus(AUTHORITY_NOTICE) >= end {
            Finding::warn(
                "certs.authority",
                format!("the authority ends at {end}"),
                "make a new authority while both can be trusted",
            )
        } else {
            Finding::pass("certs.authority", format!("good until {end}"))
        });
    }
    if let Some(publication) = shared.publication() {
        findings.push(trust_checks::published(shared, publication));
    }
    for state in shared.manager.states() {
        if let Some(reason) = state.unsaved {
            let mend = "make the state directory writable: after a restart the node would start from the certificate before";
            findings.push(Finding::warn("certs.saved", reason, mend));
        }
    }
    findings.extend(files(shared, now));
    if let Some(reason) = shared.troubles.of("reload") {
        findings.push(Finding::warn(
            "certs.reload",
            format!("the last reload was refused: {reason}"),
            "correct the configuration and send SIGHUP again",
        ));
    }
    findings
}

/// Whether peers with this node's trust take the certificate in use, for what it is made for.
fn in_use(shared: &Shared) -> Result<(), ValidationError> {
    let generation = shared.store.current();
    let (trust, credential) = (generation.own_trust(), generation.credential());
    replacing::standing(trust, credential, replacing::usage(trust, credential), shared.now())
}

fn unkept() -> Finding {
    Finding::fail("certs.identity", "nobody looks after the certificate", "restart the node")
}

/// A certificate that the node itself renews.
fn renewed(state: &SlotState, not_after: UnixTime, attempt: Attempt) -> Finding {
    let text = format!("good until {not_after}, renewal at {}", state.renew_at);
    let error = state.last_failure.as_ref().map(|failure| match attempt {
        Attempt::Early | Attempt::Over => {
            format!("; an attempt before its time failed at {}: {}", failure.at, failure.message)
        }
        Attempt::Good | Attempt::Failed => format!("; last attempt: {}", failure.message),
    });
    let error = error.unwrap_or_default();
    let again = "mend what the error names; the node tries again by itself";
    let mend = if attempt == Attempt::Early { EARLY } else { again };
    match state.overdue {
        None if error.is_empty() || attempt == Attempt::Over => {
            Finding::pass("certs.identity", format!("{text}{error}"))
        }
        None | Some(OverdueLevel::Due | OverdueLevel::Alarm) => {
            Finding::warn("certs.identity", format!("{text}{error}"), mend)
        }
        Some(_) => Finding::fail(
            "certs.identity",
            format!("renewal is overdue, the certificate ends at {not_after}{error}"),
            mend,
        ),
    }
}

/// A certificate without a name that the configuration has. Clients that ask for that name refuse it.
fn lacking(state: &SlotState, not_after: UnixTime, name: &SubjectName) -> Finding {
    let error = match &state.last_failure {
        Some(failure) => format!("; last attempt: {}", failure.message),
        None => "; one that has it is on its way".to_owned(),
    };
    Finding::warn(
        "certs.identity",
        format!("good until {not_after}, and it lacks {name}{error}"),
        "mend what the error names, or take the name out of security.cert_management.acme.domains; the node tries again by itself",
    )
}

/// Whether every renewal that was due has happened; the worst is told.
fn renewals(shared: &Shared) -> Finding {
    const ID: &str = "certs.renewal";
    let states = shared.manager.states();
    let worst = states
        .iter()
        .map(|state| (state, Attempt::of(state, shared)))
        .filter(|(state, attempt)| {
            state.overdue.is_some() || matches!(attempt, Attempt::Failed | Attempt::Early)
        })
        .max_by_key(|(state, _)| (state.overdue, state.failures));
    let Some((state, attempt)) = worst else {
        let next = states.iter().filter(|state| state.provider.is_some()).map(|state| state.renew_at).min();
        return Finding::pass(
            ID,
            match next {
                Some(next) => format!("nothing is due before {next}"),
                None => "nothing is renewed here, and nothing is overdue".to_owned(),
            },
        );
    };
    let what = match state.overdue {
        None if attempt == Attempt::Early => "an attempt to renew it before its time failed",
        None => "an attempt to renew it failed",
        Some(OverdueLevel::Due) => "its renewal is due and did not happen",
        Some(OverdueLevel::Expired) => "it has ended",
        Some(_) => "its renewal is overdue",
    };
    let mut reason = format!("{}: {what}; it ends at {}", state.name, state.not_after);
    if let Some(failure) = &state.last_failure {
        let attempts = if state.failures == 1 { "attempt" } else { "attempts" };
        reason.push_str(&format!("; {} {attempts} failed, the last: {}", state.failures, failure.message));
    }
    let fix = match state.provider {
        Some(_) if attempt == Attempt::Early => EARLY,
        Some(_) => {
            "mend what the error names; the node tries again by itself, or at once by `dwcp cert renew`"
        }
        None => {
            "have the tool that renews it do so: put a new certificate and key in place (and send SIGHUP where cert_management.watch is false)"
        }
    };
    match state.overdue {
        Some(OverdueLevel::Critical | OverdueLevel::Expired) => Finding::fail(ID, reason, fix),
        _ => Finding::warn(ID, reason, fix),
    }
}

/// Files that another tool renews. What is in memory is as good as it was, so that somebody should look; in the last fifth of the own
/// certificate's life nobody else will.
fn files(shared: &Shared, now: UnixTime) -> Option<Finding> {
    const ID: &str = "certs.files";
    let plan = shared.plan.load();
    let count = following::count(&plan);
    if count == 0 {
        return None;
    }
    if let (None, Some(why)) = (shared.troubles.of(following::TROUBLE), shared.troubles.of(following::UNSEEN))
    {
        return Some(Finding::warn(
            ID,
            format!("{count} files are followed, and what they hold is not known: {why}"),
            "see to the disk that they are on; a change is loaded when it answers",
        ));
    }
    Some(match (shared.troubles.of(following::TROUBLE), shared.troubles.of(following::EVENTS)) {
        (Some(reason), _) => {
            let fix = "put files in place that fit together (dwcp config check --files says what does not), or the former ones back";
            let generation = shared.store.current();
            let own = generation.credential();
            let last = own.not_before().until(own.not_after()) / 5;
            let ends = matches!(plan.provider, ProviderPlan::Manual) && now.plus(last) >= own.not_after();
            if ends { Finding::fail(ID, reason, fix) } else { Finding::warn(ID, reason, fix) }
        }
        (None, Some(why)) => {
            Finding::pass(ID, format!("{count} files are looked at every second; no events: {why}"))
        }
        (None, None) => {
            Finding::pass(ID, format!("{count} files are followed, and what they hold is in use"))
        }
    })
}

/// A certificate under a root that is gone with the process: never good enough for a pass.
fn self_signed(throw_away: &ThrowAway, not_after: UnixTime, shared: &Shared) -> Finding {
    let root = throw_away.provider.root().not_after();
    let plan = shared.plan.load();
    let state = shared.manager.state(&renewal::own(&plan));
    let failed = state
        .and_then(|state| state.last_failure)
        .map(|failure| format!("; last attempt: {}", failure.message));
    let file = root_file(&plan);
    let reason = format!(
        "the certificate is self-signed: its root lives in this process until {root} and is in {}, the certificate is good until {not_after}{}",
        file.display(),
        failed.unwrap_or_default()
    );
    let fix = "write `provider: embedded` under security.cert_management and restart; until then peers need that file, and again after each restart";
    if shared.now().plus(LAST_DAY) >= root {
        return Finding::fail(
            "certs.identity",
            reason,
            "restart now, with `provider: embedded` or as it is: the root ends",
        );
    }
    Finding::warn("certs.identity", reason, fix)
}

/// A certificate that listeners show besides; another tool renews it.
fn further(named: &Named, now: UnixTime) -> Finding {
    let id = format!("certs.further.{}", named.name);
    let (begin, end) = (named.credential.not_before(), named.credential.not_after());
    let fix = "put a new certificate and key in place (and send SIGHUP where cert_management.watch is false)";
    if end <= now {
        Finding::fail(
            id,
            format!("the certificate ended at {end}: clients that ask for its names refuse it"),
            fix,
        )
    } else if now.plus(begin.until(end) / 5) >= end {
        Finding::warn(id, format!("the certificate ends at {end}"), fix)
    } else {
        Finding::pass(id, format!("good until {end}"))
    }
}

/// What helps where nothing is late.
const EARLY: &str = "mend what the error names and order it again by `dwcp cert renew`, or wait: the certificate is good, and is renewed by itself when its time comes";

/// The last certificate under a throw-away root ends with it, and no renewal comes after.
const LAST_DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// An authority's end is known for years; a quarter of one is time enough to replace it.
const AUTHORITY_NOTICE: std::time::Duration = std::time::Duration::from_secs(90 * 86_400);
