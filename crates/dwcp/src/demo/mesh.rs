//! The tour's stage: an authority in a directory, two nodes, a plain service behind each.

use super::{KeptDir, Plan, Sabotage, TourError, service};
use crate::config::{NodePlan, check, load};
use crate::node::Node;
use dwcp_base::{Clock, Disk, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey, random};
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, CertificateRequest, Credential, IssuancePolicy, SubjectName,
    private_key_pem,
};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Two nodes that secure a service of each other.
pub(super) struct Mesh {
    /// First removed last: the nodes write into it until they are dropped.
    dir: Scratch,
    pub(super) ca_dir: PathBuf,
    pub(super) alpha: Node,
    pub(super) beta: Node,
    /// Plain ports: the first leads to beta's service by way of alpha, the second to alpha's by way of beta.
    pub(super) dialers: [SocketAddr; 2],
    /// Where alpha's listener listens.
    pub(super) listener: SocketAddr,
    service: SocketAddr,
    remote: SocketAddr,
    manual: bool,
}

impl Mesh {
    /// Makes everything from nothing.
    pub(super) async fn build(plan: &Plan) -> Result<Self, TourError> {
        // Made first and held from here on, so that nothing is left behind when a later step fails.
        let dir = Scratch::new(plan.keep.as_ref())?;
        let ca_dir = dir.path.join("ca");
        let params = AuthorityParams::new("Demo mesh authority");
        CertificateAuthority::create(Arc::new(LocalDisk), &ca_dir, &params, SystemClock::new().unix())?;
        let (service_a, service_b) = (service::start().await?, service::start().await?);
        let stage = Stage { dir: &dir.path, plan };

        // Alpha first; what it dials is known once beta listens, so it learns that by a reload, as a running node would.
        let alpha = Node::start(stage.node("alpha", service_a, None)?).await?;
        let listener = address(&alpha, LISTENER).await?;
        let beta = Node::start(stage.node("beta", service_b, Some(listener))?).await?;
        let to_beta = address(&beta, LISTENER).await?;
        alpha.reload(stage.node("alpha", service_a, Some(to_beta))?).await?;
        let dialers = [address(&alpha, DIALER).await?, address(&beta, DIALER).await?];
        let manual = plan.sabotage == Sabotage::MismatchedKey;
        Ok(Self { dir, ca_dir, alpha, beta, dialers, listener, service: service_a, remote: to_beta, manual })
    }

    /// Where a node keeps its audit log.
    pub(super) fn audit_dir(&self, node: &str) -> PathBuf {
        self.dir.path.join(node).join("audit")
    }

    /// Puts a certificate of its own and the key of another in alpha's files and has it read them.
    pub(super) async fn rotate_to_a_mismatched_pair(&self, plan: &Plan) -> Result<(), TourError> {
        let stage = Stage { dir: &self.dir.path, plan };
        let next = stage.node("alpha", self.service, Some(self.remote))?;
        let other = certify(&self.ca_dir, "gamma", &[])?;
        LocalDisk.replace(&next.identity.key, private_key_pem(other.key())?.expose(), true)?;
        // Refused, and counted as such; that is what the figure shows.
        let _ = self.alpha.reload(next).await;
        debug_assert!(self.manual);
        Ok(())
    }

    /// Stops both nodes in order; what they left on disk stays as long as the value returned.
    pub(super) async fn stop(self) -> Scratch {
        let Self { dir, alpha, beta, .. } = self;
        tokio::join!(alpha.stop(), beta.stop());
        dir
    }
}

/// The tour's directory; removed when this is dropped, unless it was asked to stay.
pub(super) struct Scratch {
    pub(super) path: PathBuf,
    remove: bool,
}

impl Scratch {
    fn new(keep: Option<&KeptDir>) -> Result<Self, TourError> {
        if let Some(kept) = keep {
            return Ok(Self { path: kept.path().to_owned(), remove: false });
        }
        // Nobody can have put something of theirs under a name that nobody can guess.
        let name: String = random::array::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("dwcp-demo-{name}"));
        LocalDisk.make_dir(&path)?;
        Ok(Self { path, remove: true })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.remove {
            // Left-overs in the temporary directory are the system's to clean.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Certifies a node of the tour, with whatever names it needs besides its SPIFFE ID.
pub(super) fn certify(ca_dir: &Path, name: &str, further: &[&str]) -> Result<Credential, TourError> {
    let authority = CertificateAuthority::open(Arc::new(LocalDisk), ca_dir)?;
    let key = SigningKey::generate(KeyType::EcdsaP256)?;
    let mut names = vec![SubjectName::uri(&format!("spiffe://{DOMAIN}/node/{name}"))?];
    for text in further {
        names.push(text.parse()?);
    }
    let request = CertificateRequest::generate(&key, &names)?;
    let chain = authority.issue(&request, &IssuancePolicy::default(), SystemClock::new().unix())?;
    Ok(Credential::new(chain, key)?)
}

struct Stage<'a> {
    dir: &'a Path,
    plan: &'a Plan,
}

impl Stage<'_> {
    /// Writes a node's configuration file and reads it back the way `dwcp up` does.
    fn node(
        &self,
        name: &str,
        target: SocketAddr,
        remote: Option<SocketAddr>,
    ) -> Result<NodePlan, TourError> {
        let state = self.dir.join(name);
        LocalDisk.make_dir(&state)?;
        let other = if name == "alpha" { "beta" } else { "alpha" };
        let dialers = remote.map_or(String::new(), |remote| {
            format!(
                "  dialers:\n    - name: {DIALER}\n      listen: 127.0.0.1:0\n      remote: {remote}\n      \
                 expect: [\"spiffe://{DOMAIN}/node/{other}\"]\n"
            )
        });
        let anonymous = if self.plan.sabotage == Sabotage::StrangersAllowed { ", anonymous" } else { "" };
        let guard = self.plan.sabotage != Sabotage::GuardOff;
        let identity = self.identity(name, &state)?;
        let text = format!(
            "node:\n  name: {name}\n  trust_domain: {DOMAIN}\n  admin: {{listen: \"127.0.0.1:0\"}}\n  listeners:\n    \
             - name: {LISTENER}\n      listen: 127.0.0.1:0\n      target: {target}\n      \
             allow: [\"spiffe://{DOMAIN}/node/*\"{anonymous}]\n{dialers}security:\n{identity}guard: {{enabled: {guard}}}\n"
        );
        let file = state.join("dwcp.yaml");
        LocalDisk.replace(&file, text.as_bytes(), false)?;
        Ok(check(&load(&file, &[])?)?)
    }
}

impl Stage<'_> {
    /// Who certifies the node: the authority in the directory, or, to hand it a bad pair, files.
    fn identity(&self, name: &str, state: &Path) -> Result<String, TourError> {
        let ca_dir = self.dir.join("ca");
        if name != "alpha" || self.plan.sabotage != Sabotage::MismatchedKey {
            return Ok(
                "  cert_management: {provider: embedded, embedded: {ca_dir: ../ca, ttl: 1h}}\n".to_owned()
            );
        }
        if !state.join("manual.crt").exists() {
            certify(&ca_dir, name, &["DNS:localhost", "IP:127.0.0.1"])?
                .save(&LocalDisk, &state.join("manual"))?;
            let authority = CertificateAuthority::open(Arc::new(LocalDisk), &ca_dir)?;
            let crl = authority.crl(SystemClock::new().unix())?;
            LocalDisk.replace(&state.join("mesh.crl"), crl.to_pem().as_bytes(), false)?;
        }
        Ok("  tls: {cert_file: manual.crt, key_file: manual.key, ca_file: ../ca/ca.crt, crl_file: mesh.crl}\n".to_owned())
    }
}

async fn address(node: &Node, name: &str) -> Result<SocketAddr, TourError> {
    node.address_of(name).await.ok_or_else(|| format!("nothing called {name} listens").into())
}

/// The trust domain of the tour.
pub(super) const DOMAIN: &str = "demo.dwcp";
const LISTENER: &str = "service";
const DIALER: &str = "other";
