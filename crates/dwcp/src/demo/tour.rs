//! The seven steps.

use super::evidence::{revocation_to_cut, tampered_copy_verifies};
use super::mesh::{DOMAIN, Mesh, certify};
use super::scrape::Scrape;
use super::service::exchange;
use super::traffic::{Traffic, pattern};
use super::{Figures, Plan, Sabotage, TourError};
use crate::node::Outside;
use dwcp_base::{Clock, LocalDisk, SystemClock, read_bounded};
use dwcp_pki::{Certificate, CertificateAuthority, RevocationReason, Serial, SubjectName};
use dwcp_tls::ExpectedServer;
use rustls_pki_types::CertificateDer;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;

/// Runs the tour; `say` gets each step as it happens.
///
/// # Errors
/// [`TourError`] when the stage itself could not be set up. What did not hold is in [`Figures::complaints`].
pub async fn tour(plan: &Plan, say: impl Fn(&str)) -> Result<Figures, TourError> {
    let mut figures = Figures::default();
    let mesh = Mesh::build(plan).await?;
    let observer = Outside::with(roots(&mesh.ca_dir)?, Vec::new(), None)?;
    say(&format!(
        "1  An authority and two nodes\n   \
         alpha and beta got spiffe://{DOMAIN}/node/… by certificate request. Each secures a plain service of the other:\n   \
         plain client -> dialer -> mutual TLS 1.3 -> listener -> plain service.\n   \
         see it: dwcp init DIR && dwcp up --config DIR/dwcp.yaml\n"
    ));

    // Traffic for the rest of the tour, and rotation under it.
    say(&format!("   … traffic for {} s, with {ROUNDS} rotations under it\n", plan.load.as_secs()));
    let traffic = Traffic::start(&mesh.dialers, STREAMS);
    for round in 0..ROUNDS {
        tokio::time::sleep(plan.load / (ROUNDS + 1)).await;
        match (plan.sabotage, round % 2) {
            // A failure is a figure: the node counts what it replaced.
            (Sabotage::MismatchedKey, 0) => mesh.rotate_to_a_mismatched_pair(plan).await?,
            (Sabotage::MismatchedKey, _) => {}
            (_, 0) => drop(mesh.alpha.renew().await),
            _ => drop(mesh.beta.renew().await),
        }
    }
    tokio::time::sleep(plan.load / (ROUNDS + 1)).await;
    let calm = Both::scrape(&observer, &mesh).await?;
    figures.rotations = calm.sum("dwcp_certificate_rotations_total");
    figures.connections = calm.sum("dwcp_tls_connections_total");
    figures.reloads_refused = calm.one("dwcp_config_reloads_total", "result=\"refused\"");
    figures.hybrid_handshakes = calm.one("dwcp_tls_group_total", "group=\"X25519MLKEM768\"");
    let quantile = |q: &str| {
        1_000.0 * calm.alpha.value("dwcp_tls_handshake_quantile_seconds", &format!("quantile=\"{q}\""))
    };
    (figures.handshake_ms_p50, figures.handshake_ms_p99) = (quantile("0.5"), quantile("0.99"));
    // Nobody has misbehaved yet: whatever failed on either node, failed an honest client.
    let failed_in_calm = failures(&calm.alpha) + failures(&calm.beta);
    say(&format!(
        "2  Traffic\n   \
         {} MB so far, on {} streams and in short connections, each block checked by its SHA-256.\n   \
         {} handshakes, {} of them with X25519MLKEM768: median {:.1} ms, 99 % within {:.1} ms.\n   \
         see it: curl --cacert DIR/ca/ca.crt https://127.0.0.1:9443/metrics\n",
        calm.carried() / 1_000_000,
        2 * STREAMS,
        figures.connections,
        figures.hybrid_handshakes,
        figures.handshake_ms_p50,
        figures.handshake_ms_p99,
    ));
    say(&format!(
        "3  Rotation under load\n   \
         {} certificates were replaced while that traffic was flowing; {failed_in_calm} of {} connections failed or were cut.\n   \
         see it: dwcp_certificate_rotations_total in /metrics, and /health/certs\n",
        figures.rotations, figures.connections,
    ));

    // A third identity, revoked while it talks.
    let gamma = revoke_live(&mesh, plan.sabotage).await?;
    let alpha = Scrape::fetch(&observer, mesh.alpha.admin_address()).await?;
    figures.revoked_refused =
        alpha.one("dwcp_tls_handshake_failures_total", "reason=\"certificate_revoked\"");
    mesh.alpha.settle(Duration::from_secs(2)).await;
    figures.revoked_cut_ms =
        revocation_to_cut(&mesh.ca_dir, &mesh.audit_dir("alpha"), &gamma.serial, &gamma.label)?;
    say(&format!(
        "4  Revocation\n   \
         {} was revoked while it talked: cut {} and refused since, {}x: {}.\n   \
         see it: dwcp cert revoke --ca DIR/ca --cert FILE\n",
        gamma.label,
        figures.revoked_cut_ms.map_or("never".to_owned(), |ms| format!("after {ms} ms")),
        figures.revoked_refused,
        gamma.told,
    ));

    // Nobody at all.
    let told = stranger(&mesh, &observer).await?;
    let alpha = Scrape::fetch(&observer, mesh.alpha.admin_address()).await?;
    figures.stranger_refused =
        alpha.one("dwcp_tls_handshake_failures_total", "reason=\"certificate_missing\"");
    say(&format!(
        "5  A stranger\n   A client without a certificate: {told}.\n   see it: openssl s_client -tls1_3 -connect HOST:PORT\n"
    ));

    // The flood; beta is not flooded, so what it carries and what fails on it is honest.
    let before = Both::scrape(&observer, &mesh).await?;
    flood(mesh.listener).await;
    let after = Both::scrape(&observer, &mesh).await?;
    figures.throttled = after.alpha.sum("dwcp_guard_refusals_total");
    figures.bytes_during_flood = bytes(&after.beta) - bytes(&before.beta);
    say(&format!(
        "6  A flood\n   \
         {FLOOD} connections from one address: {} refused before a byte was read; {} MB of honest traffic passed meanwhile.\n   \
         see it: dwcp_guard_refusals_total in /metrics\n",
        figures.throttled,
        figures.bytes_during_flood / 1_000_000,
    ));

    let honest = traffic.finish().await;
    figures.client_error.clone_from(&honest.error);
    // The relays' last records are written by their tasks, a moment after the clients saw the end.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let end = Both::scrape(&observer, &mesh).await?;
    figures.bytes = end.carried();
    figures.bytes_checked = honest.checked;
    figures.failed_connections = failed_in_calm + failures(&end.beta) - failures(&calm.beta);

    // The log.
    let audit = [mesh.audit_dir("alpha"), mesh.audit_dir("beta")];
    let stopped = mesh.stop().await;
    let verified = audit.each_ref().map(|dir| dwcp_audit::verify(dir));
    figures.audit_entries = verified[0].as_ref().map_or(0, |verified| verified.entries);
    figures.audit_ok = verified.iter().all(Result::is_ok);
    let flip = plan.sabotage != Sabotage::NoTampering;
    figures.tamper_detected = !tampered_copy_verifies(&audit[0], &stopped.path.join("tampered"), flip)?;
    say(&format!(
        "7  The audit log\n   \
         {} entries: {}. One bit of a copy flipped: {}.\n   \
         see it: dwcp audit verify DIR/audit\n",
        figures.audit_entries,
        if figures.audit_ok { "the chain holds" } else { "the chain is BROKEN" },
        if figures.tamper_detected { "found" } else { "NOT found" },
    ));
    Ok(figures)
}

/// What became of the third identity.
struct Gamma {
    label: String,
    serial: Serial,
    told: String,
}

/// Certifies a third identity, lets it talk, revokes it, and dials again.
async fn revoke_live(mesh: &Mesh, sabotage: Sabotage) -> Result<Gamma, TourError> {
    let credential = certify(&mesh.ca_dir, "gamma", &[])?;
    let serial = credential.chain().leaf().serial();
    let label = format!("spiffe://{DOMAIN}/node/gamma");
    let gamma = Outside::with(roots(&mesh.ca_dir)?, Vec::new(), Some(credential))?;
    let expected = alpha_by_identity()?;
    let remote = mesh.listener.to_string();
    let mut session = gamma.dial(&remote, &expected, LIMIT).await?;
    let talking = tokio::spawn(async move {
        let mut block = pattern(16 * 1_024);
        let mut serial = 0;
        while exchange(&mut session, &mut block, serial).await.is_ok() {
            serial += 1;
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    if sabotage != Sabotage::SkippedRevocation {
        // As `dwcp cert revoke` does, from what might as well be another process.
        let authority = CertificateAuthority::open(Arc::new(LocalDisk), &mesh.ca_dir)?;
        let _ = authority.revoke(&serial, RevocationReason::KeyCompromise, SystemClock::new().unix())?;
    }
    let abort = talking.abort_handle();
    if tokio::time::timeout(Duration::from_secs(2), talking).await.is_err() {
        abort.abort();
    }
    let told = match gamma.dial(&remote, &expected, LIMIT).await {
        Ok(session) => {
            session.reset();
            "it was let in again".to_owned()
        }
        Err(error) => {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        }
    };
    Ok(Gamma { label, serial, told })
}

/// A client without a certificate dials alpha.
async fn stranger(mesh: &Mesh, nobody: &Outside) -> Result<String, TourError> {
    match nobody.dial(&mesh.listener.to_string(), &alpha_by_identity()?, LIMIT).await {
        Ok(session) => {
            session.reset();
            Ok("it was let in".to_owned())
        }
        Err(error) => {
            let why =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Ok(format!("refused ({why})"))
        }
    }
}

/// Opens connections from one address as fast as they go, and shows no certificate.
async fn flood(target: SocketAddr) {
    let mut held = Vec::new();
    for _ in 0..FLOOD {
        let Ok(socket) = TcpSocket::new_v4() else { break };
        // Where loopback has one address alone, the flood comes from there; vouched sources are not throttled by it.
        let _ = socket.bind(SocketAddr::from((FLOODER, 0)));
        if let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_secs(1), socket.connect(target)).await {
            held.push(stream);
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn alpha_by_identity() -> Result<ExpectedServer, TourError> {
    Ok(ExpectedServer::name(SubjectName::uri(&format!("spiffe://{DOMAIN}/node/alpha"))?)?)
}

fn roots(ca_dir: &Path) -> Result<Vec<CertificateDer<'static>>, TourError> {
    let pem = read_bounded(&ca_dir.join("ca.crt"), 1 << 20)?;
    Ok(vec![Certificate::from_pem(&pem)?.certificate_der().clone()])
}

/// What both nodes say at one moment.
struct Both {
    alpha: Scrape,
    beta: Scrape,
}

impl Both {
    async fn scrape(observer: &Outside, mesh: &Mesh) -> Result<Self, TourError> {
        let alpha = Scrape::fetch(observer, mesh.alpha.admin_address()).await?;
        let beta = Scrape::fetch(observer, mesh.beta.admin_address()).await?;
        Ok(Self { alpha, beta })
    }

    fn sum(&self, metric: &str) -> u64 {
        self.alpha.sum(metric) + self.beta.sum(metric)
    }

    fn one(&self, metric: &str, labels: &str) -> u64 {
        self.alpha.one(metric, labels) + self.beta.one(metric, labels)
    }

    /// Bytes of data over the links: each was counted by the node it left and by the one it came to.
    fn carried(&self) -> u64 {
        (bytes(&self.alpha) + bytes(&self.beta)) / 2
    }
}

fn bytes(scrape: &Scrape) -> u64 {
    scrape.sum("dwcp_connection_bytes_total")
}

/// Handshakes that failed, dialed or accepted, and connections that ended otherwise than in order.
fn failures(scrape: &Scrape) -> u64 {
    scrape.sum("dwcp_tls_handshake_failures_total") + scrape.sum("dwcp_connections_cut_total")
}

const STREAMS: usize = 3;
const ROUNDS: u32 = 6;
const FLOOD: usize = 400;
const FLOODER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
const LIMIT: Duration = Duration::from_secs(5);
