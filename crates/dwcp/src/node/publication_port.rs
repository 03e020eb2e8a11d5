//! The plain HTTP port: relying parties need lists and answers before they can trust a TLS server, so strangers talk to it.
//!
//! It has a gate of its own, so that what is spent here is not missing at the listeners: the rates of the guard by source, few
//! connections, little time.

use super::compose::unfit;
use super::descriptors;
use super::error::NodeError;
use super::http::{one_request, text};
use super::pki_pages;
use super::shared::Shared;
use crate::config::NodePlan;
use dwcp_channel::Incoming;
use dwcp_guard::Guard;
use hyper::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// Who may come in here; `None` where the guard is switched off, and then the connections of the port are the bound.
pub(super) fn gate(plan: &NodePlan) -> Result<Option<Guard>, NodeError> {
    let settings = plan.guard.clone().map(|mut settings| {
        settings.max_connections = settings.max_connections.min(max_connections());
        settings.max_connections_per_source = settings.max_connections_per_source.min(MAX_PER_SOURCE);
        settings.max_pending = settings.max_connections;
        settings.max_pending_per_source = settings.max_connections_per_source;
        settings.table_capacity = settings.table_capacity.min(SOURCES);
        settings
    });
    settings.map(Guard::new).transpose().map_err(unfit)
}

/// Carries one connection from its first byte to its end.
pub(super) async fn carry(incoming: Incoming, shared: Arc<Shared>) {
    let Some(publication) = shared.publication() else { return incoming.reset() };
    let source = incoming.arrival().source.ip();
    let admitted = match publication.gate.load().as_ref() {
        Some(gate) => gate.admit(source, incoming.arrival().now).map(Some),
        None => Ok(None),
    };
    // Refusals are counted and summed up by the guard; an answer would cost more than a reset.
    let Ok(permit) = admitted else { return incoming.reset() };
    let (stream, _) = incoming.into_parts();
    one_request(stream, WHOLE_LIMIT, |request| {
        if let Some(permit) = &permit {
            permit.established();
        }
        let shared = Arc::clone(&shared);
        async move {
            match shared.publication() {
                Some(publication) => pki_pages::respond(&shared, publication, request, source).await,
                None => text(StatusCode::NOT_FOUND, "not here\n"),
            }
        }
    })
    .await;
}

/// Connections at once: requests take milliseconds, the rest is room for slow lines.
pub(super) fn max_connections() -> usize {
    descriptors::spared(256)
}

const MAX_PER_SOURCE: usize = 32;
const SOURCES: usize = 8_192;
/// A list of a million entries over a slow line takes its time.
const WHOLE_LIMIT: Duration = Duration::from_secs(60);
/// How long a request under way may take when the node stops or the port is closed.
pub(super) const DRAIN: Duration = Duration::from_secs(1);
