//! TLS-ALPN-01 before the node has a certificate: its addresses answer `acme-tls/1`, and nothing else, until it has.

use super::error::NodeError;
use super::floor::Bound;
use super::outside::nobody;
use crate::config::NodePlan;
use dwcp_base::Clock;
use dwcp_guard::{ConnectionLimiter, ConnectionLimits};
use dwcp_pki::{BoxFuture, CertificateStore, TrustStore};
use dwcp_pki_acme::{ChallengeAnswer, ChallengeKind, Presented, Responder, ResponderError, TlsAlpnResponder};
use dwcp_tls::{ClientAuth, ServerSettings, TlsContext, TlsManager, UnknownName};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Where answers are shown at the time: first in a store of the bootstrap, then in the node's own.
#[derive(Default)]
pub(crate) struct Stage(Mutex<Option<Arc<TlsAlpnResponder>>>);

impl Stage {
    /// Shows answers in `store` from now on.
    pub(super) fn set(&self, store: &Arc<CertificateStore>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::new(TlsAlpnResponder::new(Arc::clone(store))));
    }

    fn now(&self) -> Option<Arc<TlsAlpnResponder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Responder for Stage {
    fn kinds(&self) -> &[ChallengeKind] {
        &[ChallengeKind::TlsAlpn01]
    }

    fn present<'a>(
        &'a self,
        answer: ChallengeAnswer<'a>,
    ) -> BoxFuture<'a, Result<Presented, ResponderError>> {
        Box::pin(async move {
            let responder = self.now().ok_or(ResponderError::Kind { kind: answer.kind })?;
            responder.present(answer).await
        })
    }
}

/// The node's addresses, while they answer validations alone.
pub(super) struct Bootstrap {
    tasks: JoinSet<()>,
}

impl Bootstrap {
    /// Binds the addresses of all listeners.
    pub(super) fn begin(plan: &NodePlan, stage: &Stage, clock: &Arc<dyn Clock>) -> Result<Self, NodeError> {
        let store = Arc::new(CertificateStore::for_client(nobody(&**clock)?, TrustStore::of_nobody()));
        let tls = TlsManager::new(Arc::clone(&store), plan.tls.clone(), Arc::clone(clock))
            .map_err(NodeError::Tls)?;
        // Whoever wants anything but a validation finds no protocol that is spoken here.
        let settings = ServerSettings::new(ClientAuth::Optional)
            .with_alpn([NOTHING])
            .with_unknown_name(UnknownName::Refuse);
        let context = Arc::new(tls.server(settings).map_err(NodeError::Tls)?);
        let limiter = ConnectionLimiter::new(LIMITS).map_err(super::compose::unfit)?;
        stage.set(&store);
        let mut tasks = JoinSet::new();
        for listener in &plan.listeners {
            let bound = Bound::new(&format!("listener `{}`", listener.name), listener.listen)?;
            tasks.spawn(answer(bound.socket, Arc::clone(&context), limiter.clone()));
        }
        Ok(Self { tasks })
    }

    /// Gives the addresses up.
    pub(super) async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

/// One host has some of the places and never all: authorities look from several.
async fn answer(socket: TcpListener, context: Arc<TlsContext>, limiter: ConnectionLimiter) {
    let mut open: JoinSet<()> = JoinSet::new();
    loop {
        let Ok((stream, source)) = socket.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        while open.try_join_next().is_some() {}
        let Ok(permit) = limiter.acquire(source.ip()) else { continue };
        let context = Arc::clone(&context);
        // Whatever comes of it, there is never a session.
        open.spawn(async move {
            drop(context.accept(stream, HANDSHAKE).await);
            drop(permit);
        });
    }
}

/// No client offers it.
const NOTHING: &[u8] = b"no protocol";
const LIMITS: ConnectionLimits =
    ConnectionLimits { total: 64, per_source: 8, per_aggregate: 16, pending: 64, pending_per_source: 8 };
const HANDSHAKE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);
