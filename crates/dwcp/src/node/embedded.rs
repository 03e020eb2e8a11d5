//! Provider `embedded`: an authority in a directory of this machine, which certifies its own node.

use super::enroll::Enrolment;
use super::error::NodeError;
use super::fetched;
use super::pki_files::{credential_error, crls, prefix, roots};
use super::publication::Publication;
use super::trust::{self, Own};
use crate::config::{ConfigProblem, NodePlan, ProviderPlan};
use dwcp_base::{Disk, LocalDisk, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    CertificateAuthority, CertificateChain, CertificateRequest, Credential, Crl, IssuancePolicy,
    RevocationMode, SpiffeId, SubjectName, TrustStore,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The authority of an embedded provider.
pub(crate) struct Embedded {
    pub(crate) authority: Arc<CertificateAuthority>,
    pub(super) publication: Arc<Publication>,
    /// Where other machines join; `None` where the node knows of no trust domain.
    pub(super) enrolment: Option<Arc<Enrolment>>,
}

/// A complete list of an embedded authority, signed now. Waits for the disk.
pub(super) fn signed_list(authority: &CertificateAuthority, now: UnixTime) -> Result<Crl, NodeError> {
    authority.crl(now).map_err(|source| NodeError::Authority {
        dir: PathBuf::from("security.cert_management.embedded.ca_dir"),
        source,
    })
}

/// What peers of an embedded authority's mesh are judged by: the root that its certificates lead to, the list that it signed
/// last, and the further roots, lists and bundles that the configuration names. The plan knows the certificate's trust domain.
///
/// For an authority below a root those lists have to include the root's: who revoked the authority is not trusted to say so
/// itself.
pub(super) fn embedded_trust(
    authority: &CertificateAuthority,
    list: Crl,
    plan: &NodePlan,
) -> Result<TrustStore, NodeError> {
    let files = &plan.identity;
    let mut anchors = vec![authority.root().certificate_der().clone()];
    let mut lists = vec![list];
    if let Some(path) = &files.roots {
        anchors.extend(roots(path)?);
    }
    if let Some(path) = &files.crl {
        lists.extend(crls(path)?);
    }
    lists.extend(fetched::on_disk(plan));
    trust::store(Own { anchors, lists, mode: RevocationMode::Required }, plan)
}

/// The policy by which an embedded authority certifies its own node.
pub(crate) fn issuance_policy(plan: &NodePlan) -> Result<IssuancePolicy, NodeError> {
    let ttl = match &plan.provider {
        ProviderPlan::Embedded { ttl, .. } => *ttl,
        _ => Duration::from_secs(86_400),
    };
    IssuancePolicy::default().with_ttl(ttl).map_err(|error| {
        NodeError::Config(ConfigProblem::new(
            "security.cert_management.embedded.ttl",
            error.to_string(),
            "write for example 24h",
        ))
    })
}

/// Issues a certificate under a fresh key, and writes both.
pub(super) fn issue(
    authority: &CertificateAuthority,
    plan: &NodePlan,
    names: &[SubjectName],
    now: UnixTime,
) -> Result<Credential, NodeError> {
    let failed = |source| NodeError::Authority { dir: PathBuf::from("the embedded authority"), source };
    let key = SigningKey::generate(KeyType::EcdsaP256).map_err(NodeError::Key)?;
    let request = CertificateRequest::generate(&key, names).map_err(NodeError::Request)?;
    let chain: CertificateChain = authority.issue(&request, &issuance_policy(plan)?, now).map_err(failed)?;
    let credential =
        Credential::new(chain, key).map_err(|source| credential_error(&plan.identity, source))?;
    let disk = LocalDisk;
    disk.make_dir(&plan.state_dir)
        .map_err(|source| NodeError::Unwritten { path: plan.state_dir.clone(), source })?;
    credential
        .save(&disk, &prefix(&plan.identity)?)
        .map_err(|source| credential_error(&plan.identity, source))?;
    Ok(credential)
}

/// The names of a node that has no certificate yet.
pub(super) fn first_names(plan: &NodePlan) -> Result<Vec<SubjectName>, NodeError> {
    let missing = |key: &str| {
        NodeError::Config(ConfigProblem::new(
            key,
            "is missing, and there is no certificate yet to take it from",
            "write it, or run `dwcp init` for a complete configuration",
        ))
    };
    let name = plan.name.as_deref().ok_or_else(|| missing("node.name"))?;
    let domain = plan.trust_domain.as_ref().ok_or_else(|| missing("node.trust_domain"))?;
    let id: SpiffeId =
        format!("spiffe://{domain}/node/{name}").parse().map_err(|error: dwcp_pki::NameError| {
            NodeError::Config(ConfigProblem::new(
                "node.name",
                error.to_string(),
                "use lower-case letters, digits, dots and dashes",
            ))
        })?;
    Ok(vec![
        SubjectName::Uri(id.to_string()),
        SubjectName::Dns("localhost".to_owned()),
        SubjectName::Ip(std::net::Ipv4Addr::LOCALHOST.into()),
    ])
}
