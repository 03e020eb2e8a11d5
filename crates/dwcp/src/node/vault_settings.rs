//! What the plan says about a Vault server, as its client takes it.

use super::error::NodeError;
use super::pki_files::{certificates, secret};
use crate::config::{ConfigProblem, LoginPlan, NodePlan, VaultPlan};
use dwcp_base::read_bounded;
use dwcp_https::Roots;
use dwcp_pki::{Credential, SubjectName};
use dwcp_pki_vault::{BadSetting, Login, RoleId, VaultSettings};

/// The settings of a session; the roots of the server are read now.
///
/// # Errors
/// [`NodeError`] with the key of the configuration, or the file, and what is wrong with it.
pub(super) fn settings(vault: &VaultPlan) -> Result<VaultSettings, NodeError> {
    let login = match &vault.login {
        LoginPlan::Token(path) => Login::TokenFile { path: path.clone() },
        LoginPlan::AppRole { mount, role_id, secret_id } => Login::AppRole {
            mount: mount.clone(),
            role_id: RoleId::File(role_id.clone()),
            secret_id_file: secret_id.clone(),
        },
        LoginPlan::Certificate { mount, role, cert, key } => Login::Certificate {
            mount: mount.clone(),
            role: role.clone(),
            cert: cert.clone(),
            key: key.clone(),
        },
        LoginPlan::Jwt { mount, role, file } => {
            Login::Jwt { mount: mount.clone(), role: role.clone(), jwt_file: file.clone() }
        }
    };
    let roots = Roots::Only(certificates(&vault.server_roots)?);
    let bad = |error: BadSetting| problem("address", &error, "correct the setting that is named");
    let mut settings = VaultSettings::new(vault.address.clone(), roots, &vault.role, login).map_err(bad)?;
    settings = settings.with_mount(&vault.mount).map_err(bad)?;
    if let Some(namespace) = &vault.namespace {
        settings = settings.with_namespace(namespace).map_err(bad)?;
    }
    if let Some(issuer) = &vault.issuer {
        settings = settings.with_issuer(issuer).map_err(bad)?;
    }
    if let Some(ttl) = vault.ttl {
        settings = settings.with_ttl(ttl);
    }
    Ok(match vault.token_ttl {
        Some(ttl) => settings.with_token_ttl(ttl),
        None => settings,
    })
}

/// Reads what the settings name: the roots of the server, and the files of the login.
pub(super) fn check(vault: &VaultPlan) -> Result<(), NodeError> {
    settings(vault)?;
    match &vault.login {
        LoginPlan::Token(file) | LoginPlan::Jwt { file, .. } => secret("login's token", file),
        LoginPlan::AppRole { role_id, secret_id, .. } => {
            let readable = read_bounded(role_id, LARGEST_ROLE_ID);
            readable.map_err(|source| NodeError::File { role: "role id", source })?;
            secret("secret id", secret_id)
        }
        LoginPlan::Certificate { cert, key, .. } => Credential::load(cert, key)
            .map(drop)
            .map_err(|source| NodeError::Credential { cert: cert.clone(), key: key.clone(), source }),
    }
}

/// What the first certificate is to say.
///
/// # Errors
/// [`ConfigProblem`] where neither the configuration nor a certificate says it.
pub(super) fn wanted(plan: &NodePlan, vault: &VaultPlan) -> Result<Vec<SubjectName>, ConfigProblem> {
    vault.names.clone().ok_or_else(|| {
        let key = if plan.name.is_none() { "node.name" } else { "node.trust_domain" };
        let what = "is missing, and there is no certificate yet to take it from";
        let fix = "write it, or security.cert_management.vault.names";
        ConfigProblem::new(key, what, fix)
    })
}

/// A key of the section, and what is wrong with it.
pub(super) fn problem(key: &str, error: &dyn std::error::Error, fix: &str) -> NodeError {
    let key = format!("security.cert_management.vault.{key}");
    NodeError::Config(ConfigProblem::new(key, super::onion::reason_text(error), fix))
}

const LARGEST_ROLE_ID: u64 = 64 * 1_024;
