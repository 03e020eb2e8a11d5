//! The composition: from a plan to a running node, in one readable function.

use super::admin::{self, Scope};
use super::descriptors;
use super::dialer::Dialer;
use super::elsewhere::{self, Elsewhere};
use super::embedded::Embedded;
use super::enroll::Enrolment;
use super::fingerprint::Fingerprint;
use super::floor::{Bound, Floor};
use super::following::{self, Loading};
use super::further;
use super::health::HealthBoard;
use super::identity::{Identity, Material};
use super::key_log::KeyLog;
use super::ledger::Ledger;
use super::listener::{Listener, Means};
use super::lists::Lists;
use super::mesh::Mesh;
use super::news::News;
use super::off_loop::off_loop;
use super::offers::Offers;
use super::publication::Publication;
use super::self_signed::{self, ThrowAway};
use super::shared::{Shared, Troubles};
use super::tallies::Tallies;
use super::ticket_keys::TicketKeys;
use super::{Node, NodeError, Parts, keeper, labels, lists, renewal, trust};
use crate::config::{NodePlan, ProviderPlan};
use crate::join::MeshProvider;
use arc_swap::ArcSwap;
use dwcp_audit::{AuditSettings, EventKind, SecurityAuditor, SecurityEvent};
use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_channel::{Lookups, Registry};
use dwcp_guard::{Guard, SettingsError};
use dwcp_pki::{CertificateStore, Credential};
use dwcp_telemetry::TelemetryCollector;
use dwcp_tls::{ClientAuth, KeyLogging, ServerSettings, TlsContext, TlsManager, UnknownName};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, Semaphore, watch};

/// Builds every part, bottom-up, then lets them run.
pub(super) async fn start(plan: NodePlan) -> Result<Node, NodeError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());

    // Who we are and whom we trust (pki).
    descriptors::raise(&plan);
    // Before they are read, so that no change falls in between.
    let (configured, watch) = (plan.clone(), following::watch_on(plan.clone()).await);
    // Whoever issues from elsewhere is asked where there is nothing to start from.
    let elsewhere = Elsewhere::begin(&plan, &clock).await?;
    let (whose, reader) = (plan.clone(), Arc::clone(&clock));
    // Files, an index on its disk, and perhaps a key that has to be derived from a passphrase.
    let material =
        off_loop(move || Material::read(&whose, &*reader)).await.ok_or(NodeError::Interrupted)??;
    let Material { credential, trust, issuers, further, authority, throw_away, revision } = material;
    further.fits(&trust)?;
    if credential.not_after() <= clock.unix() {
        tracing::error!(ended = %credential.not_after(), "the node's certificate has ended: nobody will accept it");
    }
    let own = authority.is_none().then_some(&credential);
    let own_list = authority.as_ref().map(|(_, list)| list);
    let print = Fingerprint::of(own, &further.named, Some(&trust), own_list);
    let ticket_keys = TicketKeys::read(&plan).await?;
    trust::tell_unsuitable(&trust);
    let plan = named(plan, &credential);
    further::has_another_name(&plan)?;
    if let Some(provider) = &throw_away {
        self_signed::keep(&LocalDisk, &plan, provider, &credential)?;
    }
    let names = match &plan.provider {
        // The certificate may be of before they were changed.
        ProviderPlan::Vault { vault, .. } => vault.names.clone(),
        _ => None,
    };
    let names = names.unwrap_or_else(|| credential.names().to_vec());

    // Numbers and evidence, joined in one ledger, and the one observer that writes into both (telemetry, audit).
    let telemetry = Arc::new(TelemetryCollector::new(labels::of(&plan)));
    let ledger = Arc::new(Ledger::new(auditor(&plan, &clock)?, Arc::clone(&telemetry)));
    let news = Arc::new(News { ledger: Arc::clone(&ledger), telemetry: Arc::clone(&telemetry) });
    elsewhere.tell(&news);
    let store = match issuers {
        Some(issuers) => CertificateStore::new_public(credential, trust, issuers),
        None => CertificateStore::new(credential, trust),
    };
    let store = store.map_err(NodeError::Installed)?;
    let store = Arc::new(store.observed_by(Arc::<News>::clone(&news)));
    if !further.named.is_empty() {
        store.install_further(further.set).map_err(NodeError::Installed)?;
    }

    // Who renews (pki), who may come in (guard), who is in (channel).
    let identity = match (authority, throw_away, &plan.provider) {
        (None, None, ProviderPlan::Mesh { mesh, .. }) => {
            let provider = MeshProvider::new(Arc::clone(&store), mesh.clone(), plan.tls.clone());
            Identity::Mesh(Box::new(Mesh { provider: Arc::new(provider) }))
        }
        (None, None, _) => elsewhere.identity(&store),
        (None, Some(provider), _) => {
            Identity::SelfSigned(Box::new(ThrowAway { provider: Arc::new(provider) }))
        }
        (Some((authority, list)), ..) => {
            let authority = Arc::new(authority.observed_by(Arc::<News>::clone(&news)));
            let publication = Arc::new(Publication::new(&authority, &list, &plan)?);
            Enrolment::fits(&plan)?;
            let enrolment = Enrolment::of(&authority, &plan)?.map(Arc::new);
            Identity::Embedded(Box::new(Embedded { publication, enrolment, authority }))
        }
    };
    let rehearsal = Arc::new(renewal::Rehearsal::new(&plan));
    let manager = renewal::manager(&plan, &identity, &store, names, &clock, &news, &rehearsal)?;
    renewal::watch_further(&manager, &renewal::own(&plan), &[], &further.named);
    let guard = guard(&plan)?;
    // The registry holds the connections of all listeners and dialers, so its size is what bounds their sockets.
    let registry = Registry::new(descriptors::carried(MOST_CONNECTIONS), Arc::clone(&clock));
    let tls =
        TlsManager::new(Arc::clone(&store), plan.tls.clone(), Arc::clone(&clock)).map_err(NodeError::Tls)?;
    let key_log = KeyLog::default();
    let tls = key_log.on(tls, &plan)?;
    let secrets_written = tls.key_log() == KeyLogging::On;

    let offers = Arc::new(Offers::new(Arc::clone(&telemetry), Arc::clone(&clock)));
    let shared = Arc::new(Shared {
        clock,
        store,
        further: ArcSwap::from_pointee(further.named),
        ticket_keys: ArcSwap::from_pointee(ticket_keys),
        identity,
        manager: Arc::new(manager),
        rehearsal,
        trusting: Mutex::default(),
        lists: Lists::default(),
        news,
        registry,
        lookups: Lookups::default(),
        guard: ArcSwap::from_pointee(guard),
        telemetry,
        ledger,
        offers,
        tallies: Tallies::default(),
        retired_guards: std::sync::Mutex::default(),
        board: HealthBoard::default(),
        troubles: Troubles::default(),
        key_log,
        secrets_written,
        plan: ArcSwap::from_pointee(plan),
    });
    let plan = shared.plan.load_full();

    // Everything that can fail comes before anything runs: addresses, TLS contexts, the onions around them (tls, channel).
    let admin = Bound::new("the admin listener", plan.admin)?;
    let metrics = plan.metrics.map(|address| Bound::new("the metrics listener", address)).transpose()?;
    let publication = plan.publish.map(|address| Bound::new(PUBLICATION, address)).transpose()?;
    let enrolment = plan.enroll.map(|address| Bound::new(ENROLMENT, address)).transpose()?;
    let guard = shared.guard.load_full();
    let ticket_keys = shared.ticket_keys.load_full();
    let means = Means {
        shared: &shared,
        tls: &tls,
        guard: &guard,
        plan: &plan,
        ticket_keys: ticket_keys.as_ref().as_ref(),
    };
    let mut listeners = Vec::new();
    for listener in &plan.listeners {
        let socket = Bound::new(&format!("listener `{}`", listener.name), listener.listen)?;
        listeners.push((Listener::new(listener, means).map_err(NodeError::Tls)?, socket));
    }
    let mut dialers = Vec::new();
    for dialer in &plan.dialers {
        let socket = Bound::new(&format!("dialer `{}`", dialer.name), dialer.listen)?;
        dialers.push((Dialer::new(dialer, means).map_err(NodeError::Tls)?, socket));
    }
    let admin_tls = Arc::new(ArcSwap::from_pointee(admin_context(&tls)?));
    #[cfg(unix)]
    let socket = plan.admin_socket.as_deref().map(admin::unix_socket).transpose()?;

    // Without a list that is good everybody would be refused.
    lists::first(&shared).await;

    // Now it runs.
    let admin_address = admin.address;
    let mut floor = Floor::new();
    let stopping = floor.stopping();
    let https = |socket, scope| {
        admin::serve_https(socket, Arc::clone(&admin_tls), Arc::clone(&shared), scope, stopping.clone())
    };
    floor.spawn(https(admin.socket, Scope::All));
    if let Some(metrics) = metrics {
        floor.spawn(https(metrics.socket, Scope::Metrics));
    }
    #[cfg(unix)]
    if let Some(socket) = socket {
        floor.spawn(admin::serve_unix(socket, Arc::clone(&shared), stopping.clone()));
    }
    if let Some(socket) = publication {
        floor.place_publication(socket, &shared);
    }
    if let Some(socket) = enrolment {
        floor.place_enrolment(socket, &admin_tls, &shared);
    }
    floor.spawn(keeper::keep(Arc::clone(&shared), revision, stopping.clone()));
    floor.spawn(lists::keep(Arc::clone(&shared), stopping.clone()));
    floor.spawn(elsewhere::session(Arc::clone(&shared), stopping.clone()));
    for (listener, socket) in listeners {
        floor.place_listener(listener, socket, &shared);
    }
    for (dialer, socket) in dialers {
        floor.place_dialer(dialer, socket, &shared);
    }
    let started = SecurityEvent::local(EventKind::NodeStarted).field("name", shared.certificate_name());
    let started = if shared.secrets_written { started.field("key_log", "on") } else { started };
    let own_root = matches!(shared.identity, Identity::SelfSigned(_));
    shared.ledger.note(if own_root { started.field("identity", "self-signed") } else { started });
    let (wake, loading) = (Arc::new(Notify::new()), Loading::new(configured, print, watch));
    loading.listen(&wake);
    let loading = Mutex::new(loading);
    let (floor, ended, reading) = (Mutex::new(floor), watch::Sender::new(false), Arc::new(Semaphore::new(1)));
    let parts = Arc::new(Parts { shared, floor, admin_tls, loading, ended, reading, wake });
    // Without a hold on what it changes: a node that is dropped is gone.
    let follow = following::follow(Arc::downgrade(&parts), Arc::clone(&parts.wake), stopping);
    parts.floor.lock().await.spawn(follow);
    Ok(Node { parts, admin: admin_address })
}

/// The end of a node's life, after its connections: the log is told, and closed.
pub(super) async fn end(shared: &Arc<Shared>) {
    keeper::record_refusals(shared, keeper::Refusals::All);
    shared.ledger.note(SecurityEvent::local(EventKind::NodeStopped).field("name", shared.certificate_name()));
    let ledger = Arc::clone(&shared.ledger);
    // A log that can not be closed in time is recovered at the next start, which records it.
    let _ = off_loop(move || ledger.close(CLOSE_LIMIT)).await;
    #[cfg(unix)]
    if let Some(path) = shared.plan.load().admin_socket.as_deref() {
        let _ = std::fs::remove_file(path);
    }
}

/// The guard of a plan; `None` where it is switched off.
pub(super) fn guard(plan: &NodePlan) -> Result<Option<Guard>, NodeError> {
    let fitting = plan.guard.clone().map(|mut settings| {
        settings.max_connections = descriptors::carried(settings.max_connections);
        settings.max_pending = settings.max_pending.min(settings.max_connections);
        settings
    });
    fitting.map(Guard::new).transpose().map_err(unfit)
}

/// A guard that can not be built from its settings.
pub(super) fn unfit(error: SettingsError) -> NodeError {
    let fix = "remove the key to use the default";
    NodeError::Config(crate::config::ConfigProblem::new("guard", error.to_string(), fix))
}

/// A configuration of the originals' sections alone has neither name nor trust domain: the certificate's are taken.
pub(super) fn named(mut plan: NodePlan, credential: &Credential) -> NodePlan {
    let names = credential.names();
    let spiffe = names.iter().find_map(|name| name.spiffe_id());
    if plan.trust_domain.is_none() {
        plan.trust_domain = spiffe.as_ref().map(|id| id.trust_domain().clone());
    }
    if plan.name.is_none() {
        let last = spiffe.as_ref().and_then(|id| id.path().rsplit('/').next().map(str::to_owned));
        plan.name = last.filter(|name| !name.is_empty()).or_else(|| names.first().map(ToString::to_string));
    }
    plan
}

fn auditor(plan: &NodePlan, clock: &Arc<dyn Clock>) -> Result<Option<SecurityAuditor>, NodeError> {
    let Some(dir) = &plan.audit_dir else { return Ok(None) };
    let settings = AuditSettings::default().with_queue(plan.audit_queue);
    SecurityAuditor::open(Arc::new(LocalDisk), dir, settings, Arc::clone(clock))
        .map(Some)
        .map_err(NodeError::Audit)
}

/// HTTPS that asks for a client certificate and needs none: reading is open to whoever can reach the address, by whatever
/// name. Machines that join know the root by its fingerprint alone, so it is shown.
pub(super) fn admin_context(tls: &TlsManager) -> Result<TlsContext, NodeError> {
    tls.server(
        ServerSettings::new(ClientAuth::Optional)
            .with_alpn([b"http/1.1"])
            .with_root_shown()
            .with_unknown_name(UnknownName::Serve),
    )
    .map_err(NodeError::Tls)
}

/// How the plain HTTP port is called where it can not be had.
pub(super) const PUBLICATION: &str = "security.cert_management.embedded.publish";
/// How the port is called at which machines join.
pub(super) const ENROLMENT: &str = "security.cert_management.embedded.enroll";
/// Dialed and accepted connections of all listeners and dialers together.
const MOST_CONNECTIONS: usize = 65_536;
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
