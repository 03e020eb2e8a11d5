//! Provider `self-signed`: a root that is made when the node starts and gone when it ends. Nothing else falls back to it.

use super::embedded::first_names;
use super::error::NodeError;
use super::identity::Material;
use super::pki_files::{crls, prefix, roots};
use super::trust::{self, Own};
use crate::config::{ConfigProblem, NodePlan};
use dwcp_base::{Clock, Disk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    CertificateRequest, Credential, ManagerError, RevocationMode, SelfSignedProvider, TrustStore,
};
use std::path::PathBuf;
use std::sync::Arc;

/// The throw-away root of a running node.
pub(crate) struct ThrowAway {
    pub(crate) provider: Arc<SelfSignedProvider>,
}

/// A fresh root with a first certificate under it, in memory. An identity that another provider made is not replaced.
pub(super) fn material(plan: &NodePlan) -> Result<Material, NodeError> {
    check_place(plan)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let provider = SelfSignedProvider::new(clock).map_err(NodeError::Unmade)?;
    let key = SigningKey::generate(KeyType::EcdsaP256).map_err(NodeError::Key)?;
    let request = CertificateRequest::generate(&key, &first_names(plan)?).map_err(NodeError::Request)?;
    let issued =
        provider.sign(&request).map_err(|source| NodeError::Unissued(ManagerError::Provider(source)))?;
    let files = &plan.identity;
    let credential = Credential::new(issued.chain, key).map_err(|source| NodeError::Credential {
        cert: files.cert.clone(),
        key: files.key.clone(),
        source,
    })?;
    let trust = trust(&provider, plan)?;
    Ok(Material { throw_away: Some(provider), ..Material::of(credential, trust) })
}

/// What peers of such a node are judged by: its own root, and those of `ca_file`, without which nobody else comes in.
pub(super) fn trust(provider: &SelfSignedProvider, plan: &NodePlan) -> Result<TrustStore, NodeError> {
    let files = &plan.identity;
    let mut anchors = vec![provider.root().certificate_der().clone()];
    if let Some(path) = &files.roots {
        anchors.extend(roots(path)?);
    }
    let (lists, mode) = match &files.crl {
        Some(path) => {
            let own = provider.empty_list().map_err(NodeError::Unmade)?;
            let mut lists = crls(path)?;
            lists.push(own);
            (lists, RevocationMode::Required)
        }
        None => (Vec::new(), RevocationMode::Off),
    };
    trust::store(Own { anchors, lists, mode }, plan)
}

/// Writes the pair, and the root so that others can be told of it.
pub(super) fn keep(
    disk: &dyn Disk,
    plan: &NodePlan,
    provider: &SelfSignedProvider,
    credential: &Credential,
) -> Result<(), NodeError> {
    let unwritten = |path: PathBuf| move |source| NodeError::Unwritten { path, source };
    disk.make_dir(&plan.state_dir).map_err(unwritten(plan.state_dir.clone()))?;
    // The root first: from it `check_place` knows whose pair this is.
    let path = root_file(plan);
    disk.replace(&path, provider.root().to_pem().as_bytes(), false).map_err(unwritten(path.clone()))?;
    let files = &plan.identity;
    credential.save(disk, &prefix(files)?).map_err(|source| NodeError::Credential {
        cert: files.cert.clone(),
        key: files.key.clone(),
        source,
    })
}

/// Where the root is written.
pub(super) fn root_file(plan: &NodePlan) -> PathBuf {
    plan.state_dir.join("self-signed-ca.crt")
}

/// Whether a pair on disk is what such a node leaves behind: good for nothing once its root is gone.
pub(super) fn is_left_over(plan: &NodePlan, credential: &Credential) -> bool {
    is_of_throw_away_root(credential) && root_file(plan).exists()
}

fn is_of_throw_away_root(credential: &Credential) -> bool {
    credential.chain().leaf().issuer().starts_with(&format!("CN={}", SelfSignedProvider::ROOT_NAME))
}

/// Refuses to replace what is not of this provider: somebody may still need it.
fn check_place(plan: &NodePlan) -> Result<(), NodeError> {
    let files = &plan.identity;
    let key_alone = !files.cert.exists() && files.key.exists() && !root_file(plan).exists();
    let theirs = match Credential::load_saved(&prefix(files)?) {
        Ok(credential) => !is_of_throw_away_root(&credential),
        // Unreadable, and of whom is not to be seen.
        Err(_) => files.cert.exists() && !root_file(plan).exists(),
    };
    if theirs || key_alone {
        return Err(NodeError::Config(ConfigProblem::new(
            "security.cert_management.provider",
            format!("`self-signed` would replace {}, which another provider made", files.cert.display()),
            "move the identity away, give this node a state_dir of its own, or name the provider that made it",
        )));
    }
    Ok(())
}
