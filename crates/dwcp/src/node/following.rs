//! Files that another tool replaces: followed, loaded as a SIGHUP would load them, and an alarm where that fails.

use super::fingerprint::Fingerprint;
use super::off_loop::off_loop;
use super::onion::reason_text;
use super::{NodeError, Parts, Reloaded, reload};
use crate::config::{NodePlan, ProviderPlan};
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::Coded;
use dwcp_pki::watch::{Changes, FileWatch, NotLoaded, WatchedFile};
use dwcp_telemetry::FileRole;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// What is loaded, and what follows its files. Whoever loads holds it: one at a time.
pub(super) struct Loading {
    /// The plan as it was configured, before it took a name from the certificate: what a reload starts from.
    pub(super) configured: NodePlan,
    pub(super) print: Fingerprint,
    /// `None` where nothing is to be followed.
    pub(super) watch: Option<FileWatch>,
    /// A look that the disk keeps waiting; it has the watch.
    looking: Option<Look>,
    /// How long a look, and a load, may take.
    pub(super) limit: Duration,
}

type Look = Pin<Box<dyn Future<Output = Option<(FileWatch, Changes)>> + Send>>;

impl Loading {
    /// `watch` is from before the files were read.
    pub(super) fn new(configured: NodePlan, print: Fingerprint, watch: Option<FileWatch>) -> Self {
        Self { configured, print, watch, looking: None, limit: LIMIT }
    }

    /// A watch on what `plan` names besides what is followed now; to be made before its files are read.
    pub(super) async fn other_watch(&self, plan: &NodePlan) -> Option<Option<FileWatch>> {
        if names(plan) == names(&self.configured) {
            return None;
        }
        Some(watch_on(plan.clone()).await)
    }

    /// A reload has put `configured` in force; what its files hold may be what could not be loaded before.
    pub(super) fn reloaded(&mut self, parts: &Parts, configured: NodePlan, watch: Option<Option<FileWatch>>) {
        self.configured = configured;
        if let Some(watch) = watch {
            self.watch = watch;
        }
        let lost = self.looking.take().is_some();
        match &mut self.watch {
            Some(watch) if parts.shared.troubles.of(TROUBLE).is_some() => watch.again(),
            Some(_) => {}
            // A fresh watch makes sure.
            None if lost => {}
            None => drop(quiet(parts)),
        }
        self.listen(&parts.wake);
        parts.wake.notify_one();
    }

    /// Lets events of the file system wake the task.
    pub(super) fn listen(&self, wake: &Arc<Notify>) {
        if let Some(watch) = &self.watch {
            let wake = Arc::clone(wake);
            watch.waker().listen(move || wake.notify_one());
        }
    }
}

/// A watch on the files of `plan`; `None` where there are none, or none are to be followed.
pub(super) async fn watch_on(plan: NodePlan) -> Option<FileWatch> {
    let files = names(&plan);
    if files.is_empty() {
        return None;
    }
    off_loop(move || FileWatch::new(files.into_iter().map(|(file, _)| file))).await
}

/// How many files are followed.
pub(super) fn count(plan: &NodePlan) -> usize {
    names(plan).len()
}

/// Follows the files until `stop` changes or the node is gone.
pub(super) async fn follow(parts: Weak<Parts>, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    loop {
        let Some(here) = parts.upgrade() else { return };
        let pause = step(&here).await;
        drop(here);
        tokio::select! {
            _ = stop.changed() => return,
            () = wake.notified() => tokio::time::sleep(BREATH).await,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One look, and what follows from it; gives the time until the next one.
pub(super) async fn step(parts: &Parts) -> Duration {
    let mut ended = parts.ended.subscribe();
    tokio::select! {
        biased;
        _ = ended.wait_for(|ended| *ended) => IDLE,
        pause = look(parts) => pause,
    }
}

async fn look(parts: &Parts) -> Duration {
    let Ok(mut loading) = timeout(LIMIT, parts.loading.lock()).await else {
        unseen(parts, "node.files.slow", "a reload is under way and does not end");
        return POLL;
    };
    let limit = loading.limit;
    let mut under_way = match (loading.looking.take(), loading.watch.take()) {
        (Some(look), _) => look,
        (None, Some(watch)) => begin(move || watch),
        (None, None) => {
            let files = names(&loading.configured);
            if files.is_empty() {
                return IDLE;
            }
            // The one before was lost with its thread: a fresh one takes up where that one was.
            let wake = Arc::clone(&parts.wake);
            begin(move || {
                let mut watch = FileWatch::new(files.into_iter().map(|(file, _)| file));
                watch.waker().listen(move || wake.notify_one());
                watch.again();
                watch
            })
        }
    };
    let (mut watch, changes) = match timeout(limit, &mut under_way).await {
        Ok(Some(looked)) => looked,
        Ok(None) => {
            // No thread is to be had, or the look failed in a way it should not.
            unseen(parts, "node.files.unseen", "looking at them failed");
            return POLL;
        }
        Err(_) => {
            loading.looking = Some(under_way);
            unseen(parts, "node.files.slow", "the disk does not answer");
            return POLL;
        }
    };
    parts.shared.troubles.end(UNSEEN);
    match changes {
        Changes::Still => {}
        Changes::Back => back(parts),
        Changes::Load(paths) => {
            let result = timeout(limit, reload::again(parts, &mut loading)).await;
            match result.unwrap_or(Err(NodeError::Slow { limit })) {
                Ok(done) => {
                    loaded(parts, &paths, done);
                    let noted = off_loop(move || {
                        watch.loaded();
                        watch
                    });
                    let Ok(Some(same)) = timeout(limit, noted).await else { return POLL };
                    watch = same;
                }
                Err(error) => match watch.refused() {
                    NotLoaded::Early => {
                        tracing::debug!(error = %reason_text(&error), "files changed and can not be loaded yet")
                    }
                    NotLoaded::Alarm => alarm(parts, &loading.configured, &paths, &error),
                    NotLoaded::Known => {}
                },
            }
        }
    }
    match watch.degraded() {
        Some(why) if parts.shared.troubles.begin(EVENTS, why.to_owned()) => {
            tracing::warn!(why, "no events of the file system: files are looked at every second");
        }
        Some(_) => {}
        None => drop(parts.shared.troubles.end(EVENTS)),
    }
    let pause = watch.pause();
    loading.watch = Some(watch);
    pause
}

/// Looks on a thread of its own.
fn begin(watch: impl FnOnce() -> FileWatch + Send + 'static) -> Look {
    Box::pin(off_loop(move || {
        let mut watch = watch();
        let changes = watch.look();
        (watch, changes)
    }))
}

/// Nobody knows what the files hold.
fn unseen(parts: &Parts, code: &'static str, why: &str) {
    if parts.shared.troubles.begin(UNSEEN, why.to_owned()) {
        tracing::error!(why, "the files were not looked at");
        let text = format!("the files were not looked at: {why}");
        parts.shared.ledger.note(SecurityEvent::local(EventKind::FilesNotLoaded).code(code).message(&text));
    }
}

/// What was loaded is in use; `None` where it is what was in use already.
fn loaded(parts: &Parts, paths: &[PathBuf], done: Option<Reloaded>) {
    let Some(done) = done else { return back(parts) };
    quiet(parts);
    tracing::info!(generation = done.generation, files = %listed(paths), "files that changed were loaded");
    parts.shared.ledger.note(
        SecurityEvent::local(EventKind::FilesLoaded)
            .code("node.files.loaded")
            .field("generation", done.generation)
            .field("files", listed(paths)),
    );
}

/// The files hold what is in use.
fn back(parts: &Parts) {
    if quiet(parts) {
        tracing::info!("the files hold what is in use again");
        parts.shared.ledger.note(SecurityEvent::local(EventKind::FilesLoaded).code("node.files.restored"));
    }
}

/// Ends the alarm; true where there was one.
fn quiet(parts: &Parts) -> bool {
    for role in FileRole::ALL {
        parts.shared.telemetry.files_not_loaded(role, 0);
    }
    parts.shared.troubles.end(TROUBLE)
}

/// Files changed, and what they hold can not be used.
pub(super) fn alarm(parts: &Parts, plan: &NodePlan, paths: &[PathBuf], error: &NodeError) {
    let why = reason_text(error);
    let text = format!("{} changed and was not loaded: {why}", listed(paths));
    tracing::error!("{text}");
    let roles = names(plan);
    for role in FileRole::ALL {
        let of_role = |file: &WatchedFile, path: &Path| file.path() == path;
        // Where the watch can not say which, it may be any.
        let changed = |(file, its): &&(WatchedFile, FileRole)| {
            *its == role && (paths.is_empty() || paths.iter().any(|path| of_role(file, path)))
        };
        let count = roles.iter().filter(changed).count();
        parts.shared.telemetry.files_not_loaded(role, count as u64);
    }
    parts.shared.troubles.begin(TROUBLE, text);
    parts.shared.ledger.note(
        SecurityEvent::local(EventKind::FilesNotLoaded)
            .code(error.code())
            .message(&why)
            .field("files", listed(paths)),
    );
}

/// The first few, and how many more.
fn listed(paths: &[PathBuf]) -> String {
    let mut text =
        paths.iter().take(SHOWN).map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    match paths.len() {
        0 => text.push_str("a file"),
        count if count > SHOWN => text.push_str(&format!(" and {} more", count - SHOWN)),
        _ => {}
    }
    text
}

/// The files that are followed for `plan`, and what they are for. An identity that a provider of this node renews is not among them.
pub(super) fn names(plan: &NodePlan) -> Vec<(WatchedFile, FileRole)> {
    let mut files = Vec::new();
    if !plan.watch {
        return files;
    }
    let mut add = |path: &Path, limit, role| files.push((WatchedFile::new(path, limit), role));
    if matches!(plan.provider, ProviderPlan::Manual) {
        add(&plan.identity.cert, CHAIN, FileRole::Identity);
        add(&plan.identity.key, KEY, FileRole::Identity);
    }
    for further in &plan.certificates {
        add(&further.cert, CHAIN, FileRole::Further);
        add(&further.key, KEY, FileRole::Further);
    }
    let bundles = plan.bundles.iter().map(|bundle| (Some(&bundle.roots), bundle.crl.as_ref()));
    let own = match plan.provider {
        // The node itself writes what the mesh brings.
        ProviderPlan::Mesh { .. } => (None, None),
        _ => (plan.identity.roots.as_ref(), plan.identity.crl.as_ref()),
    };
    for (roots, lists) in bundles.chain([own]) {
        roots.into_iter().for_each(|path| add(path, super::pki_files::MAX_ROOTS, FileRole::Trust));
        lists.into_iter().for_each(|path| add(path, super::pki_files::MAX_CRL, FileRole::Trust));
    }
    files
}

/// What health shows while a change is not loaded, and while there are no events.
pub(super) const TROUBLE: &str = "files";
pub(super) const EVENTS: &str = "files-events";
/// What health shows while nobody knows what the files hold.
pub(super) const UNSEEN: &str = "files-unseen";
/// As `dwcp-pki` reads them.
const CHAIN: u64 = 1 << 20;
const KEY: u64 = 16 << 10;
const SHOWN: usize = 3;
/// Between two looks, whatever events there are.
const BREATH: Duration = Duration::from_millis(2);
const POLL: Duration = Duration::from_secs(1);
/// A look takes milliseconds, and a load not much more.
const LIMIT: Duration = Duration::from_secs(10);
/// Where nothing is followed; a reload wakes.
const IDLE: Duration = Duration::from_secs(3_600);
