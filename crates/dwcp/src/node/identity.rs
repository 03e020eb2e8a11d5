//! Who the node is: the material it starts from, and who renews it.

use super::acme::Acme;
use super::acme_settings;
use super::authority;
use super::brought;
use super::compose::named;
use super::embedded::{Embedded, embedded_trust, first_names, issue, signed_list};
use super::error::NodeError;
use super::fetched;
use super::further::{self, Further};
use super::mesh::{self, Mesh};
use super::pki_files::{credential_error, crls, prefix, roots};
use super::self_signed::{self, ThrowAway};
use super::trust::{self, Own};
use super::vault::Vault;
use super::vault_trust;
use crate::config::{NodePlan, ProviderPlan};
use dwcp_base::{Clock, UnixTime};
use dwcp_pki::{
    CertificateAuthority, Credential, Crl, Purpose, RevocationMode, SelfSignedProvider, SubjectName,
    TrustStore,
};

/// Who renews the node's certificate while it runs.
pub(crate) enum Identity {
    /// The node itself, from an authority in a directory.
    Embedded(Box<Embedded>),
    /// Somebody else; SIGHUP says when.
    Manual,
    /// The node itself, under a root that is gone with it.
    SelfSigned(Box<ThrowAway>),
    /// The node itself, at the node that holds the authority.
    Mesh(Box<Mesh>),
    /// The node itself, at a Vault server.
    Vault(Box<Vault>),
    /// The node itself, at a public authority, for listeners alone.
    Acme(Box<Acme>),
}

/// What a node starts from: a certificate with its key, and what peers are judged by.
pub struct Material {
    pub(crate) credential: Credential,
    pub(crate) trust: TrustStore,
    /// What `credential` is judged by, where it is a public certificate and peers judge it by roots of theirs.
    pub(crate) issuers: Option<TrustStore>,
    /// What is shown besides.
    pub(crate) further: Further,
    /// The embedded authority, and the list in `trust` that it signed.
    pub(crate) authority: Option<(CertificateAuthority, Crl)>,
    /// The throw-away root that issued `credential`, where that is so.
    pub(crate) throw_away: Option<SelfSignedProvider>,
    /// The state of the authority's directory from before the list in `trust` was signed.
    pub(crate) revision: Option<u64>,
}

impl Material {
    /// Reads what the plan names. With the embedded provider a first identity is issued where there is none yet, and a fresh
    /// revocation list is signed.
    ///
    /// # Errors
    /// [`NodeError`] with the file and what is wrong with it.
    pub fn read(plan: &NodePlan, clock: &dyn Clock) -> Result<Self, NodeError> {
        let material = Self::read_own(plan, clock)?;
        further::is_an_identity(plan, &material.credential)?;
        Ok(Self { further: Further::read(plan)?, ..material })
    }

    fn read_own(plan: &NodePlan, clock: &dyn Clock) -> Result<Self, NodeError> {
        match &plan.provider {
            ProviderPlan::Manual => Self::from_files(plan),
            ProviderPlan::SelfSigned => self_signed::material(plan),
            ProviderPlan::Mesh { .. } => {
                let credential = brought::credential(plan)?;
                let trust = mesh::trust_on_disk(&named(plan.clone(), &credential))?;
                Ok(Self::of(credential, trust))
            }
            ProviderPlan::Vault { vault, .. } => {
                let credential = brought::credential(plan)?;
                let trust = vault_trust::on_disk(&named(plan.clone(), &credential), vault)?;
                Ok(Self::of(credential, trust))
            }
            ProviderPlan::Acme { acme, .. } => {
                let material = Self::judging_by_files(plan, brought::credential(plan)?)?;
                Ok(Self { issuers: Some(acme_settings::issuers(acme)?), ..material })
            }
            ProviderPlan::Embedded { ca_dir, unseal, .. } => {
                let authority = authority::open(ca_dir, unseal.as_ref())?;
                let now = clock.unix();
                let prefix = prefix(&plan.identity)?;
                let credential = match Credential::load_saved(&prefix) {
                    Ok(credential) if !self_signed::is_left_over(plan, &credential) => credential,
                    // Who was self-signed before has no identity of this authority.
                    Ok(_) => issue(&authority, plan, &first_names(plan)?, now)?,
                    Err(_) if !plan.identity.cert.exists() && !plan.identity.key.exists() => {
                        issue(&authority, plan, &first_names(plan)?, now)?
                    }
                    Err(source) => return Err(credential_error(&plan.identity, source)),
                };
                let revision = authority.revision().ok();
                let list = signed_list(&authority, now)?;
                let trust = embedded_trust(&authority, list.clone(), &named(plan.clone(), &credential))?;
                let authority = Some((authority, list));
                Ok(Self { authority, revision, ..Self::of(credential, trust) })
            }
        }
    }

    /// Whether a node can start from it: its own certificate leads to what it trusts.
    ///
    /// # Errors
    /// [`NodeError`] as a start says it.
    pub fn fits(&self) -> Result<(), NodeError> {
        let covered = match &self.issuers {
            Some(issuers) => issuers.covers_for(self.credential.chain(), Purpose::Server),
            None => self.trust.covers(self.credential.chain()),
        };
        covered.map_err(|refusal| NodeError::Installed(refusal.into()))?;
        self.further.fits(&self.trust)
    }

    /// What is odd about the material and no reason to refuse it.
    pub fn warnings(&self) -> Vec<String> {
        let unsuitable = self.trust.unsuitable_anchors();
        let text = unsuitable.map(|(anchor, rule)| {
            format!("whoever leads to the root {} is refused ({rule}): re-issue it, or set security.tls.profile: interop", anchor.subject())
        });
        text.collect()
    }

    /// When the certificate ends.
    pub fn not_after(&self) -> UnixTime {
        self.credential.not_after()
    }

    /// Issues the first identity of a node with these names and says until when it is good.
    ///
    /// # Errors
    /// [`NodeError`] as [`read`](Self::read).
    pub fn issue_first(
        plan: &NodePlan,
        names: &[SubjectName],
        clock: &dyn Clock,
    ) -> Result<UnixTime, NodeError> {
        let ProviderPlan::Embedded { ca_dir, unseal, .. } = &plan.provider else {
            return Ok(Self::read(plan, clock)?.credential.not_after());
        };
        issue(&authority::open(ca_dir, unseal.as_ref())?, plan, names, clock.unix())
            .map(|credential| credential.not_after())
    }

    fn from_files(plan: &NodePlan) -> Result<Self, NodeError> {
        let files = &plan.identity;
        let credential =
            Credential::load(&files.cert, &files.key).map_err(|source| credential_error(files, source))?;
        Self::judging_by_files(plan, credential)
    }

    /// Of a node whose peers are judged by what the configuration names.
    fn judging_by_files(plan: &NodePlan, credential: Credential) -> Result<Self, NodeError> {
        let trust = trust_by_files(&named(plan.clone(), &credential))?;
        Ok(Self::of(credential, trust))
    }

    /// What goes with an authority elsewhere.
    pub(super) fn of(credential: Credential, trust: TrustStore) -> Self {
        let further = Further::default();
        Self { credential, trust, issuers: None, further, authority: None, throw_away: None, revision: None }
    }
}

/// What peers are judged by who are judged by what the configuration names, and by nothing else. The plan knows the certificate's trust domain.
pub(super) fn trust_by_files(plan: &NodePlan) -> Result<TrustStore, NodeError> {
    let files = &plan.identity;
    let anchors = match &files.roots {
        Some(path) => roots(path)?,
        None => Vec::new(),
    };
    let (mut lists, mut mode) = match &files.crl {
        Some(path) => (crls(path)?, RevocationMode::Required),
        None => (Vec::new(), RevocationMode::Off),
    };
    if plan.lists.url.is_some() {
        mode = RevocationMode::Required;
        lists.extend(fetched::on_disk(plan));
    }
    trust::store(Own { anchors, lists, mode }, plan)
}
