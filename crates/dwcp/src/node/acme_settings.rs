//! What a plan says of public authorities, as the provider and the checks on its certificates take it.

use super::error::NodeError;
use super::pki_files::{certificates, secret};
use super::renewal::own;
use crate::config::{AcmeIssuerPlan, AcmePlan, ConfigProblem, NodePlan};
use dwcp_base::LocalDisk;
use dwcp_crypto::kek::FileKek;
use dwcp_https::Roots;
use dwcp_pki::{Profile, RevocationMode, SlotSpec, TrustStore, Usage};
use dwcp_pki_acme::{AcmeIssuer, AcmeSettings, Cache, ExternalAccount};
use rustls_pki_types::CertificateDer;
use std::path::PathBuf;
use std::sync::Arc;

/// What is asked for: a certificate for servers.
pub(super) fn spec(plan: &NodePlan, acme: &AcmePlan) -> SlotSpec {
    let mut spec = SlotSpec::new(own(plan), acme.names.clone());
    spec.usage = Usage::Server;
    spec
}

/// Whose certificates the node's own may be.
pub(super) fn issuers(acme: &AcmePlan) -> Result<TrustStore, NodeError> {
    let mut anchors: Vec<CertificateDer<'static>> = Vec::new();
    for issuer in &acme.issuers {
        let (key, named) = match (&issuer.issued_by, &issuer.roots) {
            (Some(path), _) => ("issued_by", Roots::Only(certificates(path)?)),
            (None, Some(path)) => ("ca_file", Roots::Only(certificates(path)?)),
            (None, None) => ("ca_file", Roots::System),
        };
        let of_system = matches!(named, Roots::System);
        let found = named.certificates().map_err(|error| problem(key, &error, SYSTEM))?;
        let found = found.iter().map(|root| root.certificate_der().clone());
        // Administrators put odd ones among those of a system, as the leaf of some server; a client of HTTPS leaves them out too.
        let found: Vec<_> = found.filter(|der| !of_system || is_anchor(der)).collect();
        for root in found {
            if !anchors.contains(&root) {
                anchors.push(root);
            }
        }
    }
    let store = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).map_err(NodeError::Trust)?;
    // Public authorities owe nothing to the profile of the mesh.
    Ok(store.with_profile(Profile::Interop))
}

fn is_anchor(der: &CertificateDer<'static>) -> bool {
    TrustStore::new(vec![der.clone()], Vec::new(), RevocationMode::Off).is_ok()
}

/// Who vouches for the authority's server.
fn roots(issuer: &AcmeIssuerPlan) -> Result<Roots, NodeError> {
    match &issuer.roots {
        Some(path) => Ok(Roots::Only(certificates(path)?)),
        None => Ok(Roots::System),
    }
}

/// The authorities as the provider is told of them.
pub(super) fn settings(acme: &AcmePlan) -> Result<AcmeSettings, NodeError> {
    let bad = |error: dwcp_pki_acme::SettingsError| problem("issuers", &error, "correct what is named");
    let mut built = Vec::new();
    for (at, plan) in acme.issuers.iter().enumerate() {
        let mut issuer = AcmeIssuer::new(plan.directory.clone(), roots(plan)?);
        if acme.issuers.iter().take(at).any(|before| before.directory.same_origin(&plan.directory)) {
            // Two directories of one server are told apart by their place.
            let server: String = issuer.name().chars().take(LONGEST_NAME).collect();
            issuer = issuer.named(&format!("{server}-{}", at + 1)).map_err(bad)?;
        }
        if let Some(profile) = &plan.profile {
            issuer = issuer.with_profile(profile).map_err(bad)?;
        }
        if let Some(eab) = &plan.eab {
            issuer =
                issuer.with_external_account(ExternalAccount::new(&eab.kid, &eab.hmac_file).map_err(bad)?);
        }
        built.push(issuer);
    }
    let mut built = built.into_iter();
    let Some(first) = built.next() else {
        let fix = "name one in directory, or remove the key";
        let key = "security.cert_management.acme.issuers";
        return Err(NodeError::Config(ConfigProblem::new(key, "names no authority", fix)));
    };
    let mut settings = AcmeSettings::new(first);
    for issuer in built {
        settings = settings.with_issuer(issuer).map_err(bad)?;
    }
    match &acme.email {
        Some(mail) => settings.with_contact(mail).map_err(bad),
        None => Ok(settings),
    }
}

/// Reads what the settings name: roots, keys that accounts are bound by, and the key that seals them.
pub(super) fn check(acme: &AcmePlan) -> Result<(), NodeError> {
    settings(acme)?;
    issuers(acme)?;
    let bound = acme.issuers.iter().filter_map(|issuer| issuer.eab.as_ref());
    bound.map(|eab| &eab.hmac_file).try_for_each(|file| secret("key of `eab`", file))?;
    account_key(acme).map(drop)
}

/// The records, whose accounts are sealed where the plan says so.
pub(super) fn cache(acme: &AcmePlan) -> Result<Cache, NodeError> {
    let cache = Cache::open(&acme.cache_dir, Arc::new(LocalDisk))
        .map_err(|error| problem("cache_dir", &error, &error.fix()))?;
    Ok(match account_key(acme)? {
        Some(kek) => cache.with_kek(Arc::new(kek)),
        None => cache,
    })
}

fn account_key(acme: &AcmePlan) -> Result<Option<FileKek>, NodeError> {
    let open = |path: &PathBuf| {
        FileKek::open(path).map_err(|source| NodeError::KeyFile { path: path.clone(), source })
    };
    acme.account_key.as_ref().map(open).transpose()
}

pub(super) fn problem(key: &str, error: &dyn std::error::Error, fix: &str) -> NodeError {
    let key = format!("security.cert_management.acme.{key}");
    NodeError::Config(ConfigProblem::new(key, super::onion::reason_text(error), fix))
}

/// Of a name's 64 characters, so that a number fits behind.
const LONGEST_NAME: usize = 60;
const SYSTEM: &str =
    "install the roots of the operating system (ca-certificates), or name the authority's in ca_file";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ProviderPlan, check, load};

    #[test]
    fn authorities_of_one_machine_are_told_apart_by_port_and_place() {
        let dir = tempfile::tempdir().unwrap();
        let directories = [
            "https://127.0.0.1:14000/dir",
            "https://127.0.0.1:15000/dir",
            "https://127.0.0.1:14000/other",
            "https://[::1]:1/a",
            "https://[::1]:1/b",
            "https://ca.example/dir",
        ];
        let issuers: Vec<String> = directories.iter().map(|one| format!("{{directory: '{one}'}}")).collect();
        let text = format!(
            "security: {{cert_management: {{provider: acme, acme: {{domains: [a.example], challenge: http-01, issuers: [{}]}}}}}}\n",
            issuers.join(", ")
        );
        let file = dir.path().join("dwcp.yaml");
        std::fs::write(&file, text).unwrap();
        let plan = check(&load(&file, &[]).unwrap()).unwrap();
        let ProviderPlan::Acme { acme, .. } = &plan.provider else { panic!("another provider") };
        let settings = settings(acme).unwrap();
        let names: Vec<&str> = settings.issuers().iter().map(AcmeIssuer::name).collect();
        assert_eq!(
            names,
            ["127.0.0.1:14000", "127.0.0.1:15000", "127.0.0.1:14000-3", "[::1]:1", "[::1]:1-5", "ca.example"]
        );
    }
}
