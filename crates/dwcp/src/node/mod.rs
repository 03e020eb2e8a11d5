//! The node: everything below it put together, started, reloaded and stopped.

mod acme;
mod acme_advice;
mod acme_bootstrap;
mod acme_http;
mod acme_settings;
mod admin;
mod authority;
mod brought;
mod cert_checks;
mod cert_status;
mod checks;
mod compose;
mod deltas;
mod descriptors;
mod dialer;
mod early;
mod early_attempt;
mod elsewhere;
mod embedded;
mod enroll;
mod error;
mod fetched;
mod fingerprint;
mod floor;
mod following;
#[cfg(all(test, unix))]
mod following_tests;
mod further;
pub mod health;
mod http;
mod http_date;
mod identity;
mod judgement;
mod keeper;
mod key_log;
mod labels;
mod ledger;
mod listener;
mod lists;
mod lists_error;
mod mesh;
mod news;
mod ocsp_desk;
mod off_loop;
mod offers;
mod onion;
mod outside;
mod pki_files;
mod pki_pages;
mod provider_checks;
mod provider_word;
mod publication;
mod publication_port;
mod reading;
mod reload;
mod renewal;
mod replacing;
mod revocation;
mod self_signed;
mod shared;
mod showing;
mod tallies;
mod ticket_keys;
mod tls_status;
mod trust;
mod trust_checks;
mod vault;
mod vault_settings;
mod vault_trust;

pub(crate) use elsewhere::{check as check_provider, check_first};
pub use error::NodeError;
pub use identity::Material;
pub use outside::Outside;
pub(crate) use outside::{client, credential};
pub(crate) use pki_files::{crls, lists_of, roots};
pub(crate) use provider_word::{Fault, Word, cause};
pub use reload::Reloaded;
pub use replacing::Unfit;
pub(crate) use ticket_keys::check as check_ticket_keys;

use crate::config::NodePlan;
use arc_swap::ArcSwap;
use dwcp_channel::ConnectionInfo;
use dwcp_pki::Renewed;
use dwcp_tls::TlsContext;
use floor::Floor;
use following::Loading;
use shared::Shared;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, Semaphore, watch};

/// A running node. Dropping it stops it without a drain; [`stop`](Self::stop) ends it in order.
pub struct Node {
    parts: Arc<Parts>,
    admin: SocketAddr,
}

/// What a reload changes, shared with the task that reloads by itself.
struct Parts {
    shared: Arc<Shared>,
    floor: Mutex<Floor>,
    admin_tls: Arc<ArcSwap<TlsContext>>,
    loading: Mutex<Loading>,
    /// The node is ending: nothing is loaded any more.
    ended: watch::Sender<bool>,
    /// Whoever reads files that changed holds it until the disk has answered.
    reading: Arc<Semaphore>,
    /// Wakes the task that follows files.
    wake: Arc<Notify>,
}

impl Node {
    /// Starts a node after `plan`. When it returns, every address listens.
    ///
    /// # Errors
    /// [`NodeError`]; nothing is left running.
    pub async fn start(plan: NodePlan) -> Result<Self, NodeError> {
        compose::start(plan).await
    }

    /// Where the admin listener listens, also when the plan said port 0.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Where a listener or dialer listens; `None` when there is none of that name.
    pub async fn address_of(&self, name: &str) -> Option<SocketAddr> {
        self.parts.floor.lock().await.address_of(name)
    }

    /// Where lists, the authority's certificate and OCSP are served by plain HTTP; `None` where they are not.
    pub async fn publication_address(&self) -> Option<SocketAddr> {
        self.parts.floor.lock().await.publication().map(|placed| placed.address)
    }

    /// Where machines join besides the admin listener; `None` where they do not.
    pub async fn enrolment_address(&self) -> Option<SocketAddr> {
        self.parts.floor.lock().await.enrolment().map(|placed| placed.address)
    }

    /// The live connections, oldest first.
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.parts.shared.registry.snapshot()
    }

    /// Renews the node's certificate now. The old one serves until the new one is in place.
    ///
    /// # Errors
    /// [`NodeError`]; then the old certificate still serves.
    pub async fn renew(&self) -> Result<Renewed, NodeError> {
        renewal::renew(&self.parts.shared).await
    }

    /// Puts another plan in force: all of it, or, when anything in it fails, nothing.
    ///
    /// # Errors
    /// [`NodeError`] with what stands in the way.
    pub async fn reload(&self, plan: NodePlan) -> Result<Reloaded, NodeError> {
        reload::reload(&self.parts, plan).await
    }

    /// Takes note of a configuration that could not even be read: health and the log say so until one is taken.
    pub fn reload_refused(&self, reason: &str) {
        reload::unreadable(&self.parts, reason);
    }

    /// Waits until what was recorded so far is in the audit log on disk, at most `within`.
    pub async fn settle(&self, within: Duration) {
        let ledger = Arc::clone(&self.parts.shared.ledger);
        // A log that does not settle shows in health; there is nobody here to tell it to.
        let _ = off_loop::off_loop(move || ledger.flush(within)).await;
    }

    /// Stops accepting, lets connections end for as long as the plan's `drain`, resets the rest, closes the log.
    pub async fn stop(self) {
        // Nobody loads anything after this, and whoever is about to is not waited for: its disk or server may never answer.
        self.parts.ended.send_replace(true);
        let _ = tokio::time::timeout(LOADING, self.parts.loading.lock()).await;
        let Parts { shared, floor, .. } = &*self.parts;
        let floor = std::mem::replace(&mut *floor.lock().await, Floor::new());
        let drain = shared.plan.load().drain;
        // While the log can still tell of it, and within the time that a stop has.
        tokio::join!(floor.close(drain, shared), elsewhere::log_out(shared, drain));
        compose::end(shared).await;
    }
}

/// What a load that is under way gets to end when the node does.
const LOADING: Duration = Duration::from_secs(1);
