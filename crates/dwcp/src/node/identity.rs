//! Who the node is: the material it starts from, and who renews it.

use super::authority;
use super::compose::named;
use super::enroll::Enrolment;
use super::error::NodeError;
use super::fetched;
use super::further::{self, Further};
use super::mesh::{self, Mesh};
use super::publication::Publication;
use super::self_signed::{self, ThrowAway};
use super::trust::{self, Own};
use crate::config::{ConfigProblem, IdentityFiles, NodePlan, ProviderPlan};
use dwcp_base::{Clock, Disk, LocalDisk, UnixTime, read_bounded};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    Certificate, CertificateAuthority, CertificateChain, CertificateRequest, Credential, Crl, Document,
    IssuancePolicy, ParseError, RevocationMode, SelfSignedProvider, SpiffeId, SubjectName, TrustStore,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
}

/// The authority of an embedded provider.
pub(crate) struct Embedded {
    pub(crate) authority: Arc<CertificateAuthority>,
    pub(super) publication: Arc<Publication>,
    /// Where other machines join; `None` where the node knows of no trust domain.
    pub(super) enrolment: Option<Arc<Enrolment>>,
}

/// What a node starts from: a certificate with its key, and what peers are judged by.
pub struct Material {
    pub(crate) credential: Credential,
    pub(crate) trust: TrustStore,
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
                let credential = mesh::credential(&plan.identity)?;
                let trust = mesh::trust_on_disk(&named(plan.clone(), &credential))?;
                let further = Further::default();
                Ok(Self { credential, trust, further, authority: None, throw_away: None, revision: None })
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
                let further = Further::default();
                Ok(Self { credential, trust, further, authority, throw_away: None, revision })
            }
        }
    }

    /// Whether a node can start from it: its own certificate leads to what it trusts.
    ///
    /// # Errors
    /// [`NodeError`] as a start says it.
    pub fn fits(&self) -> Result<(), NodeError> {
        let covered = self.trust.covers(self.credential.chain());
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
        let trust = trust::store(Own { anchors, lists, mode }, &named(plan.clone(), &credential))?;
        let further = Further::default();
        Ok(Self { credential, trust, further, authority: None, throw_away: None, revision: None })
    }
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
        ProviderPlan::Manual | ProviderPlan::SelfSigned | ProviderPlan::Mesh { .. } => {
            Duration::from_secs(86_400)
        }
    };
    IssuancePolicy::default().with_ttl(ttl).map_err(|error| {
        NodeError::Config(ConfigProblem::new(
            "security.cert_management.embedded.ttl",
            error.to_string(),
            "write for example 24h",
        ))
    })
}

/// `PREFIX` of `PREFIX.crt` and `PREFIX.key`, which is how a provider that renews keeps its pair.
pub(crate) fn prefix(files: &IdentityFiles) -> Result<PathBuf, NodeError> {
    let prefix = files.cert.with_extension("");
    if files.cert == prefix.with_extension("crt") && files.key == prefix.with_extension("key") {
        return Ok(prefix);
    }
    Err(NodeError::Config(ConfigProblem::new(
        "security.tls.cert_file",
        "a provider that renews keeps its pair as NAME.crt and NAME.key in one directory",
        "remove cert_file and key_file, or name them so",
    )))
}

fn issue(
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

pub(crate) fn roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, NodeError> {
    let bytes =
        read_bounded(path, MAX_ROOTS).map_err(|source| NodeError::File { role: "root file", source })?;
    let certificates = Certificate::bundle_from_pem(&bytes).map_err(|source| NodeError::Content {
        role: "root file",
        path: path.to_owned(),
        source,
    })?;
    Ok(certificates.iter().map(|certificate| certificate.certificate_der().clone()).collect())
}

/// Every list of a file: one in DER, or any number in PEM, so that each root can have its own.
pub(crate) fn crls(path: &Path) -> Result<Vec<Crl>, NodeError> {
    const ROLE: &str = "revocation list";
    let bytes = read_bounded(path, MAX_CRL).map_err(|source| NodeError::File { role: ROLE, source })?;
    lists_of(&bytes).map_err(|source| NodeError::Content { role: ROLE, path: path.to_owned(), source })
}

/// Every list of a document: one in DER, or up to 1 024 in PEM.
pub(crate) fn lists_of(bytes: &[u8]) -> Result<Vec<Crl>, ParseError> {
    if !bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        return Ok(vec![Crl::from_der(bytes)?]);
    }
    let ders: Vec<_> = CertificateRevocationListDer::pem_slice_iter(bytes)
        .take(MOST_LISTS + 1)
        .collect::<Result<_, _>>()
        .map_err(|_| ParseError::Pem { document: Document::Crl })?;
    if ders.is_empty() {
        return Err(ParseError::Missing { document: Document::Crl });
    }
    // To take some and leave the others would pass over what they revoke.
    if ders.len() > MOST_LISTS {
        let rule = "the file has more than 1024 lists";
        return Err(ParseError::Malformed { document: Document::Crl, rule });
    }
    ders.iter().map(|der| Crl::from_der(der)).collect()
}

fn credential_error(files: &IdentityFiles, source: dwcp_pki::CredentialError) -> NodeError {
    NodeError::Credential { cert: files.cert.clone(), key: files.key.clone(), source }
}

pub(super) const MAX_ROOTS: u64 = 1 << 20;
pub(super) const MAX_CRL: u64 = 96 << 20;
const MOST_LISTS: usize = 1_024;
