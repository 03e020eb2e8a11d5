//! The admin endpoint: health, metrics and what the authority publishes over HTTPS, where machines join too; the same without that over a
//! unix socket, which alone takes an operator's orders.
//!
//! HTTP/1.1 only, no request bodies save OCSP questions and those of `/enroll/`, header and time limits on every connection: health is
//! no way into the node.

use super::NodeError;
use super::cert_status;
use super::enroll::{self, Caller};
use super::health::HealthReport;
use super::http::{Reply, one_request, reply, text};
use super::offers::{Outcome, told};
use super::onion::{kind_of_tls, reason_text};
use super::pki_pages;
use super::shared::Shared;
use super::tls_status;
use arc_swap::ArcSwap;
use dwcp_audit::SecurityEvent;
use dwcp_base::Coded;
use dwcp_guard::{GuardPermit, GuardRefusal};
use dwcp_telemetry::Format;
use dwcp_tls::TlsContext;
use hyper::body::{Body, Incoming};
use hyper::header::{ACCEPT, ALLOW, HeaderValue};
use hyper::{Method, Request, StatusCode};
use std::net::IpAddr;
#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
#[cfg(unix)]
use tokio::task::JoinSet;

/// What one endpoint serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Health, metrics, and what the embedded authority publishes.
    All,
    /// The same, and orders: for who may open the socket.
    #[cfg(unix)]
    Orders,
    /// The metrics path alone.
    Metrics,
}

/// Serves HTTPS on `listener` until `stop` changes.
pub(crate) async fn serve_https(
    listener: TcpListener,
    context: Arc<ArcSwap<TlsContext>>,
    shared: Arc<Shared>,
    scope: Scope,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        let Ok((stream, source)) = accepted else {
            // Out of descriptors or the like: waiting is all that helps, spinning is what would hurt.
            tokio::time::sleep(ACCEPT_BACK_OFF).await;
            continue;
        };
        // With every place taken a new connection is closed at once: the ones inside end within their time limit.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        // Machines of elsewhere join and renew here: no one of them can hold all places.
        let Ok(permit) = admitted(&shared, scope, source.ip()) else { continue };
        let (context, shared) = (context.load_full(), Arc::clone(&shared));
        tokio::spawn(async move {
            match context.accept(stream, HANDSHAKE_LIMIT).await {
                Ok(session) => {
                    if let Some(permit) = &permit {
                        permit.established();
                    }
                    let caller = Caller::of(&session, source);
                    serve_connection(session, shared, scope, source.ip(), Some(caller)).await;
                }
                Err(error) => {
                    shared.telemetry.handshake_failed(error.reason());
                    if let Some(offer) = error.weak_offer() {
                        shared.offers.note(offer, Outcome::Refused);
                    }
                    let event = told(SecurityEvent::stranger(kind_of_tls(&error)), error.weak_offer())
                        .source(source)
                        .code(error.code())
                        .message(&reason_text(&error))
                        .field("listener", "admin");
                    shared.ledger.note_stranger(event, source.ip());
                }
            }
            drop(place);
        });
    }
}

/// Passes the gate of the port for joining, whether or not there is such a port. Whoever is of this machine needs no permit, nor does anybody
/// where nobody joins.
fn admitted(shared: &Shared, scope: Scope, source: IpAddr) -> Result<Option<GuardPermit>, GuardRefusal> {
    let desk = shared.enrolment().filter(|_| scope == Scope::All && !source.to_canonical().is_loopback());
    let Some(desk) = desk else { return Ok(None) };
    match desk.gate.load().as_ref() {
        Some(gate) => gate.admit(source, shared.clock.tick()).map(Some),
        None => Ok(None),
    }
}

/// Serves plain HTTP on a unix socket, whose mode (0600) says who may ask.
#[cfg(unix)]
pub(crate) async fn serve_unix(
    listener: tokio::net::UnixListener,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    // Whoever may open the socket is of this machine.
    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    let mut served = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = served.join_next(), if !served.is_empty() => continue,
            _ = stop.changed() => break,
        };
        match accepted {
            Ok(_) if served.len() >= MAX_CONNECTIONS => {}
            Ok((stream, _)) => {
                let (shared, stop) = (Arc::clone(&shared), stop.clone());
                served.spawn(one_request(stream, ORDER_LIMIT, move |request| {
                    let (shared, mut stop) = (Arc::clone(&shared), stop.clone());
                    async move {
                        tokio::select! {
                            reply = respond(&shared, Scope::Orders, request, SOURCE, None) => reply,
                            _ = stop.changed() => cert_status::stopping(),
                        }
                    }
                }));
            }
            Err(_) => tokio::time::sleep(ACCEPT_BACK_OFF).await,
        }
    }
    // Whoever waits for an issuer is told why nothing comes of it.
    let _ = tokio::time::timeout(LAST_WORDS, async { while served.join_next().await.is_some() {} }).await;
}

/// Makes the socket in a directory that nobody else can enter and moves it into place, so that it is never open to others,
/// whatever the umask.
#[cfg(unix)]
pub(crate) fn unix_socket(path: &Path) -> Result<tokio::net::UnixListener, NodeError> {
    use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
    let failed = |source| NodeError::Socket { path: path.to_owned(), source };
    // A socket that a killed node left behind is in nobody's use; any other file, or a socket that answers, is somebody's.
    match path.symlink_metadata() {
        Ok(found)
            if found.file_type().is_socket() && std::os::unix::net::UnixStream::connect(path).is_err() => {}
        Ok(_) => return Err(failed(std::io::ErrorKind::AlreadyExists.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let private = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&private).map_err(failed)?;
    let made = private.join("s");
    let bound = tokio::net::UnixListener::bind(&made).and_then(|socket| {
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&made, path)?;
        Ok(socket)
    });
    // Empty by now, or holding a socket that nobody will use.
    let _ = std::fs::remove_dir_all(&private);
    bound.map_err(failed)
}

/// `caller` is who is on the other side of TLS, where there is TLS.
async fn serve_connection<IO>(
    io: IO,
    shared: Arc<Shared>,
    scope: Scope,
    source: IpAddr,
    caller: Option<Caller>,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    one_request(io, CONNECTION_LIMIT, |request| {
        let (shared, caller) = (Arc::clone(&shared), caller.clone());
        async move { respond(&shared, scope, request, source, caller.as_ref()).await }
    })
    .await;
}

async fn respond(
    shared: &Arc<Shared>,
    scope: Scope,
    request: Request<Incoming>,
    source: IpAddr,
    caller: Option<&Caller>,
) -> Reply {
    if scope != Scope::Metrics
        && request.uri().path().starts_with(pki_pages::START)
        && let Some(publication) = shared.publication()
    {
        return pki_pages::respond(shared, publication, request, source).await;
    }
    #[cfg(unix)]
    if scope == Scope::Orders
        && *request.method() == Method::POST
        && let Some(slot) = request.uri().path().strip_prefix(cert_status::RENEW)
        && request.body().is_end_stream()
    {
        return cert_status::renew(shared, slot, request.uri().query()).await;
    }
    if scope == Scope::All
        && request.uri().path().starts_with(enroll::START)
        && let (Some(desk), Some(caller)) = (shared.enrolment(), caller)
    {
        return enroll::respond(shared, desk, request, caller).await;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if !request.body().is_end_stream() {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "no request bodies\n");
    }
    let path = request.uri().path();
    if shared.metrics_path().is_some_and(|metrics| metrics == path) {
        let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        let format = Format::negotiate(accept);
        return reply(StatusCode::OK, format.content_type(), shared.metrics(format));
    }
    if scope == Scope::Metrics {
        return text(StatusCode::NOT_FOUND, "not here\n");
    }
    match path {
        "/health/tls" => health(&shared.health_tls()),
        "/health/certs" => health(&shared.health_certs()),
        "/health/security" => health(&shared.health_security()),
        "/health/live" => health(&shared.health_live()),
        "/status/tls" => {
            reply(StatusCode::OK, "application/json", format!("{}\n", tls_status::report(shared)))
        }
        "/status/certs" => {
            reply(StatusCode::OK, "application/json", format!("{}\n", cert_status::report(shared)))
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "not here: try /health/tls, /health/certs, /health/security, /health/live, /status/tls, /status/certs or /metrics\n",
        ),
    }
}

fn health(report: &HealthReport) -> Reply {
    let status = match report.status {
        super::health::Status::Fail => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    match serde_json::to_string(report) {
        Ok(body) => reply(status, "application/json", body + "\n"),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the report can not be written\n"),
    }
}

/// Scrapers and probes need a handful, for a moment each; the rest is room for idlers until their time is up.
const MAX_CONNECTIONS: usize = 256;
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(3);
const CONNECTION_LIMIT: Duration = Duration::from_secs(15);
/// An order takes as long as an issuer does.
#[cfg(unix)]
const ORDER_LIMIT: Duration = Duration::from_secs(135);
/// Less than the node waits for its tasks at its end.
#[cfg(unix)]
const LAST_WORDS: Duration = Duration::from_millis(200);
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
