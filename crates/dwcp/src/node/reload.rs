//! Reload: everything that can fail is tried first, then everything is swapped, then live connections are judged.

use super::compose::{ENROLMENT, PUBLICATION, admin_context, guard};
use super::dialer::{Dialer, Route};
use super::enroll::Enrolment;
use super::fingerprint::Fingerprint;
use super::floor::{Bound, Floor};
use super::following::Loading;
use super::further::Named;
use super::listener::{Listener, Means};
use super::publication_port::gate;
use super::reading::{Read, settled};
use super::shared::Shared;
use super::ticket_keys::TicketKeys;
use super::{NodeError, Parts, judgement};
use crate::config::{ListenerPlan, NodePlan, ProviderPlan};
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::Coded;
use dwcp_pki::{Certificate, Serial};
use dwcp_telemetry::ReloadResult;
use dwcp_tls::{TlsContext, TlsManager};
use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;

/// What a reload changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// The generation of certificate and trust now in force.
    pub generation: u64,
    /// Listeners and dialers that were started, the ports of the authority among them.
    pub started: usize,
    /// Listeners and dialers that were stopped, those ports among them.
    pub stopped: usize,
    /// Live connections that the new trust or policy no longer covers.
    pub no_longer_allowed: usize,
}

/// Puts `plan` in force, or nothing of it; either way it is counted and recorded.
pub(super) async fn reload(node: &Parts, plan: NodePlan) -> Result<Reloaded, NodeError> {
    let shared = &node.shared;
    let mut loading = node.loading.lock().await;
    let (configured, watch) = (plan.clone(), loading.other_watch(&plan).await);
    let result = apply(node, plan, Cause::Asked).await.map(|(done, print)| {
        loading.print = print;
        loading.reloaded(node, configured, watch);
        done
    });
    match &result {
        Ok(done) => {
            shared.telemetry.config_reloaded(ReloadResult::Applied);
            shared.troubles.end("reload");
            shared.ledger.note(
                SecurityEvent::local(EventKind::ConfigReloaded)
                    .field("generation", done.generation)
                    .field("started", done.started)
                    .field("stopped", done.stopped)
                    .field("no_longer_allowed", done.no_longer_allowed),
            );
        }
        Err(error) => refused(node, error.code(), super::onion::reason_text(error)),
    }
    result
}

/// Loads the files of the configuration in force again, since they changed: the same way, of which a reload is the whole. `None` where they
/// hold what is in use already.
pub(super) async fn again(node: &Parts, loading: &mut Loading) -> Result<Option<Reloaded>, NodeError> {
    let before = loading.print;
    let (done, print) = apply(node, loading.configured.clone(), Cause::Files(before)).await?;
    loading.print = print;
    Ok((print != before).then_some(done))
}

/// A configuration that could not even be read.
pub(super) fn unreadable(node: &Parts, reason: &str) {
    refused(node, "node.config.refused", reason.to_owned());
}

/// A configuration that was not taken: counted, recorded, and shown by health until one is.
fn refused(node: &Parts, code: &str, text: String) {
    node.shared.telemetry.config_reloaded(ReloadResult::Refused);
    node.shared.ledger.note(SecurityEvent::local(EventKind::ConfigRejected).code(code).message(&text));
    node.shared.troubles.begin("reload", text);
    // What was prepared under new names is not to stay.
    node.shared.tallies.retain(&node.shared.plan.load());
}

/// Why a plan is put in force.
#[derive(Clone, Copy)]
enum Cause {
    /// Somebody asked for it.
    Asked,
    /// Its files changed; they held this.
    Files(Fingerprint),
}

async fn apply(node: &Parts, plan: NodePlan, cause: Cause) -> Result<(Reloaded, Fingerprint), NodeError> {
    let shared = &node.shared;
    let followed = matches!(cause, Cause::Files(_));
    let (Read { plan, material, further, trust, serving }, mut floor, _trusting) =
        settled(node, plan, followed).await?;
    needs_restart(&shared.plan.load(), &plan)?;
    if let Some(ended) = material.as_ref().map(|material| material.credential.not_after())
        && ended <= shared.now()
        && serving.not_after() > ended
    {
        return Err(NodeError::Ended { ended });
    }

    // What can fail.
    let old_plan = shared.plan.load_full();
    let print = Fingerprint::of_reload(shared, material.as_ref(), &further, trust.as_ref());
    if let Cause::Files(before) = cause {
        let generation = shared.store.number();
        if print == before {
            return Ok((Reloaded { generation, ..Reloaded::default() }, print));
        }
    }
    let tls = TlsManager::new(Arc::clone(&shared.store), plan.tls.clone(), Arc::clone(&shared.clock))
        .map_err(NodeError::Tls)?;
    let tls = shared.key_log.on(tls, &plan)?;
    // An unchanged guard keeps what it has learned about its sources.
    let guard = if old_plan.guard == plan.guard { shared.guard.load_full() } else { Arc::new(guard(&plan)?) };
    // What the gates of the authority's ports have learned stays as well.
    let gates = (old_plan.guard != plan.guard).then(|| Ok((gate(&plan)?, gate(&plan)?))).transpose()?;
    let ticket_keys = TicketKeys::again(&plan, shared.ticket_keys.load().as_ref().as_ref()).await?;
    let means = Means { shared, tls: &tls, guard: &guard, plan: &plan, ticket_keys: ticket_keys.as_ref() };
    let prepared = prepare(means, &floor)?;
    // The node is ending, and is not to be changed any more.
    if *node.ended.borrow() {
        return Err(NodeError::Interrupted);
    }
    let current = shared.store.current();
    // A renewal that came meanwhile has told of itself.
    let replaced = material.is_some().then(|| current.credential().chain().leaf().serial());
    further.fits(match (&material, &trust) {
        (Some(material), _) => &material.trust,
        (None, Some(trust)) => trust,
        (None, None) => current.trust(),
    })?;
    let none_shown = further.named.is_empty() && shared.further.load().is_empty();
    let installed = match (material, trust) {
        (Some(material), _) => shared.store.install_served(material.credential, further.set, material.trust),
        (None, Some(trust)) => shared.store.install_around(further.set, trust),
        (None, None) if none_shown => Ok(shared.store.number()),
        (None, None) => shared.store.install_further(further.set),
    };
    let generation = installed.map_err(NodeError::Installed)?;

    // What can not.
    super::trust::tell_unsuitable(shared.store.current().trust());
    super::keeper::record_refusals(shared, super::keeper::Refusals::All);
    shared.replace_guard(guard);
    if let Some((publication, enrolment)) = gates {
        shared.replace_gates(publication, enrolment);
    }
    shared.ticket_keys.store(Arc::new(ticket_keys));
    shared.plan.store(Arc::new(plan.clone()));
    super::renewal::adopt(shared, &plan);
    shared.troubles.retain(&plan);
    shared.tallies.retain(&plan);
    if !followed {
        shared.lists.again();
    }
    if let Some(before) = replaced {
        note_rotation(shared, before);
    }
    note_further(shared, further.named);
    let mut done = Reloaded {
        generation,
        started: prepared.new_listeners.len()
            + prepared.new_dialers.len()
            + usize::from(prepared.publication.is_some())
            + usize::from(prepared.enrolment.is_some()),
        ..Reloaded::default()
    };
    for (name, change) in prepared.listeners {
        if let Some(placed) = floor.listener(&name) {
            placed.what.apply(&change.0, change.1);
        }
    }
    for (name, route) in prepared.dialers {
        if let Some(placed) = floor.dialer(&name) {
            placed.what.apply(route);
        }
    }
    done.stopped = floor.retain(&plan);
    node.admin_tls.store(Arc::new(prepared.admin));
    for (listener, socket) in prepared.new_listeners {
        floor.place_listener(listener, socket, shared);
    }
    for (dialer, socket) in prepared.new_dialers {
        floor.place_dialer(dialer, socket, shared);
    }
    if let Some(socket) = prepared.publication {
        floor.place_publication(socket, shared);
    }
    if let Some(socket) = prepared.enrolment {
        floor.place_enrolment(socket, &node.admin_tls, shared);
    }
    done.no_longer_allowed = judgement::judge_by_policy(shared, &old_plan, &plan);
    Ok((done, print))
}

/// What a reload has ready before it changes anything.
struct Prepared {
    admin: TlsContext,
    listeners: BTreeMap<String, (ListenerPlan, dwcp_channel::BoxedAccept)>,
    dialers: BTreeMap<String, Route>,
    new_listeners: Vec<(Listener, Bound)>,
    new_dialers: Vec<(Dialer, Bound)>,
    /// The plain HTTP port, where it is new or elsewhere.
    publication: Option<Bound>,
    /// The port for joining, likewise.
    enrolment: Option<Bound>,
}

fn prepare(means: Means<'_>, floor: &Floor) -> Result<Prepared, NodeError> {
    let Means { tls, plan, .. } = means;
    let mut prepared = Prepared {
        admin: admin_context(tls)?,
        listeners: BTreeMap::new(),
        dialers: BTreeMap::new(),
        new_listeners: Vec::new(),
        new_dialers: Vec::new(),
        publication: None,
        enrolment: None,
    };
    if let Some(address) = plan.publish
        && floor.publication().is_none_or(|placed| placed.asked != address)
    {
        prepared.publication = Some(Bound::new(PUBLICATION, address)?);
    }
    Enrolment::fits(plan)?;
    if let Some(address) = plan.enroll
        && floor.enrolment().is_none_or(|placed| placed.asked != address)
    {
        prepared.enrolment = Some(Bound::new(ENROLMENT, address)?);
    }
    for listener in &plan.listeners {
        match floor.listener(&listener.name) {
            Some(placed) if placed.asked == listener.listen => {
                let acceptor = placed.what.rebuilt(listener, means).map_err(NodeError::Tls)?;
                prepared.listeners.insert(listener.name.clone(), (listener.clone(), acceptor));
            }
            _ => {
                let socket = Bound::new(&format!("listener `{}`", listener.name), listener.listen)?;
                prepared
                    .new_listeners
                    .push((Listener::new(listener, means).map_err(NodeError::Tls)?, socket));
            }
        }
    }
    for dialer in &plan.dialers {
        match floor.dialer(&dialer.name) {
            Some(placed) if placed.asked == dialer.listen => {
                prepared
                    .dialers
                    .insert(dialer.name.clone(), Route::new(dialer, means).map_err(NodeError::Tls)?);
            }
            _ => {
                let socket = Bound::new(&format!("dialer `{}`", dialer.name), dialer.listen)?;
                prepared.new_dialers.push((Dialer::new(dialer, means).map_err(NodeError::Tls)?, socket));
            }
        }
    }
    Ok(prepared)
}

/// A certificate that somebody else renewed is a rotation like any other.
fn note_rotation(shared: &Shared, before: Serial) {
    let generation = shared.store.current();
    let leaf = generation.credential().chain().leaf();
    if leaf.serial() != before {
        rotated(shared, &shared.certificate_name(), leaf);
    }
}

/// The same for those that are shown besides; one that is gone has no end to tell of.
fn note_further(shared: &Shared, named: Vec<Named>) {
    let before = shared.further.swap(Arc::new(named));
    let now = shared.further.load();
    super::renewal::watch_further(&shared.manager, &shared.certificate_name(), &before, &now);
    for old in before.iter() {
        match now.iter().find(|new| new.name == old.name) {
            None => shared.telemetry.certificate_gone(&old.name),
            Some(new) => {
                let leaf = new.credential.chain().leaf();
                if leaf.serial() != old.credential.chain().leaf().serial() {
                    rotated(shared, &new.name, leaf);
                }
            }
        }
    }
}

fn rotated(shared: &Shared, name: &str, leaf: &Certificate) {
    shared.telemetry.certificate_rotated(name);
    shared.ledger.note(
        SecurityEvent::local(EventKind::CertificateRotated)
            .field("name", name)
            .field("serial", leaf.serial())
            .field("not_after", leaf.not_after()),
    );
}

/// What is fixed for the life of the process.
fn needs_restart(old: &NodePlan, new: &NodePlan) -> Result<(), NodeError> {
    let changed = [
        ("node.name", old.name != new.name),
        ("node.trust_domain", old.trust_domain != new.trust_domain),
        ("node.state_dir", old.state_dir != new.state_dir),
        ("node.drain", old.drain != new.drain),
        ("security.tls.key_log", old.key_log != new.key_log),
        ("monitoring.logging", old.logging != new.logging),
        (
            "security.tls.cert_file",
            !matches!(new.provider, ProviderPlan::Manual) && old.identity.cert != new.identity.cert,
        ),
        ("node.admin.listen", old.admin != new.admin),
        ("node.admin.socket", old.admin_socket != new.admin_socket),
        ("monitoring.metrics_port", old.metrics != new.metrics),
        ("security.auditing", old.audit_dir != new.audit_dir || old.audit_queue != new.audit_queue),
        (
            "security.cert_management",
            discriminant(&old.provider) != discriminant(&new.provider)
                || old.provider.fixed() != new.provider.fixed(),
        ),
    ];
    match changed.iter().find(|(_, changed)| *changed) {
        Some((key, _)) => Err(NodeError::NeedsRestart { key }),
        None => Ok(()),
    }
}
