//! The certificates that listeners show besides the node's own one: read as a set, and taken whole or not at all.

use super::error::NodeError;
use crate::config::{ConfigProblem, FurtherPlan, NodePlan};
use dwcp_pki::{Credential, FurtherCertificate, FurtherCertificates, IdentityKind, TrustStore};
use std::sync::Arc;

/// A set that was read, and what it is called.
#[derive(Clone, Debug, Default)]
pub(crate) struct Further {
    pub(crate) set: FurtherCertificates,
    pub(crate) named: Vec<Named>,
}

/// One of them with its name in metrics, health and status.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) kind: IdentityKind,
    pub(crate) protocols: Vec<String>,
    pub(crate) credential: Arc<Credential>,
}

impl Further {
    /// Reads what the plan names.
    pub(crate) fn read(plan: &NodePlan) -> Result<Self, NodeError> {
        let mut all = Vec::with_capacity(plan.certificates.len());
        let mut named = Vec::with_capacity(plan.certificates.len());
        for FurtherPlan { name, cert, key, kind, protocols } in &plan.certificates {
            let credential = Credential::load(cert, key).map_err(|source| NodeError::Credential {
                cert: cert.clone(),
                key: key.clone(),
                source,
            })?;
            let credential = Arc::new(credential);
            let certificate = match kind {
                IdentityKind::Mesh => FurtherCertificate::mesh(Arc::clone(&credential)),
                IdentityKind::Public => FurtherCertificate::public(Arc::clone(&credential)),
            };
            let certificate = certificate.for_protocols(protocols.iter().map(String::as_bytes));
            // By itself first, so that an error names the one that it is about.
            FurtherCertificates::new(vec![certificate.clone()])
                .map_err(|source| NodeError::Further { key: key_of(name), source })?;
            all.push(certificate);
            named.push(Named { name: name.clone(), kind: *kind, protocols: protocols.clone(), credential });
        }
        let set = FurtherCertificates::new(all)
            .map_err(|source| NodeError::Further { key: KEY.to_owned(), source })?;
        Ok(Self { set, named })
    }

    /// Whether those of the mesh lead to what `trust` trusts.
    pub(crate) fn fits(&self, trust: &TrustStore) -> Result<(), NodeError> {
        let of_mesh = self.named.iter().filter(|named| named.kind == IdentityKind::Mesh);
        of_mesh.map(|named| (named, trust.covers(named.credential.chain()))).try_for_each(
            |(named, covered)| {
                covered.map_err(|source| NodeError::Unanchored { key: key_of(&named.name), source })
            },
        )
    }
}

/// A public certificate that the node would show where it dials is accepted by nobody: those authorities issue for servers alone.
pub(crate) fn is_an_identity(plan: &NodePlan, credential: &Credential) -> Result<(), NodeError> {
    match credential.chain().leaf().public_mark() {
        Some(mark) if !plan.dialers.is_empty() => {
            Err(NodeError::PublicIdentity { cert: plan.identity.cert.clone(), mark })
        }
        _ => Ok(()),
    }
}

/// Two certificates of one name would be one in health, in metrics and in the list of what is renewed. The plan has its names.
pub(crate) fn has_another_name(plan: &NodePlan) -> Result<(), NodeError> {
    match plan.certificates.iter().find(|further| plan.name.as_ref() == Some(&further.name)) {
        Some(FurtherPlan { name, .. }) => Err(NodeError::Config(ConfigProblem::new(
            format!("{}.name", key_of(name)),
            "is the node's own name, which it has from its certificate",
            "name the certificate otherwise",
        ))),
        None => Ok(()),
    }
}

fn key_of(name: &str) -> String {
    format!("{KEY}[{name}]")
}

const KEY: &str = "security.tls.certificates";
