//! `dwcp config …`, and where the configuration is looked for.

use super::args::ConfigVerb;
use super::exit::{Exit, Failure};
use super::output::Report;
use crate::config::{self, Loaded, NodePlan, ProviderPlan, TicketSource};
use crate::node::{self, Material, NodeError};
use dwcp_base::{Clock, SystemClock};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Runs one of the configuration verbs.
pub(super) fn run(verb: &ConfigVerb, named: Option<&Path>) -> Result<Report, Failure> {
    let ConfigVerb::Check(args) = verb;
    let file = locate(args.file.as_deref().or(named))?;
    let (_, plan) = read(&file, None)?;
    let mut warnings = plan.warnings.clone();
    let missing = missing_files(&plan);
    if args.files {
        let clock = SystemClock::new();
        node::check_ticket_keys(&plan)?;
        node::check_provider(&plan)?;
        match Material::read(&plan, &clock) {
            Ok(material) => {
                material.fits()?;
                warnings.extend(material.warnings());
                let ended = material.not_after();
                if ended <= clock.unix() {
                    return Err(NodeError::Ended { ended }.into());
                }
            }
            // Nobody is asked for a certificate by looking at a configuration.
            Err(NodeError::NotIssued { cert }) => {
                node::check_first(&plan).map_err(NodeError::Config)?;
                warnings.push(format!("{} does not exist yet: the first start asks for it", cert.display()));
            }
            Err(error) => return Err(error.into()),
        }
    } else {
        warnings.extend(missing.iter().map(|path| format!("{} does not exist yet", path.display())));
        // A certificate that is there says what the configuration does not.
        if missing.contains(&plan.identity.cert)
            && let Err(problem) = node::check_first(&plan)
        {
            warnings.push(problem.to_string());
        }
    }
    let mut text = format!("{}: good", file.display());
    for warning in &warnings {
        text.push_str("\nwarning: ");
        text.push_str(warning);
    }
    Ok(Report::new(text, json!({ "file": file.display().to_string(), "valid": true, "warnings": warnings })))
}

/// Reads and judges a configuration, with the environment's overrides and then that of the command line.
pub(super) fn read(file: &Path, state: Option<&Path>) -> Result<(Loaded, NodePlan), Failure> {
    let mut loaded = config::load(file, &environment())?;
    if let Some(state) = state {
        // As the shell means it: relative to where the command was given.
        let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
        loaded.config.node.state_dir = Some(state);
    }
    let plan = config::check(&loaded)?;
    Ok((loaded, plan))
}

/// The file that was named, else the first that exists where one is looked for.
pub(super) fn locate(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let home = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let candidates = [Some(PathBuf::from("/etc/dwcp/dwcp.yaml")), home.map(|dir| dir.join("dwcp/dwcp.yaml"))];
    let looked: Vec<String> = candidates.iter().flatten().map(|path| path.display().to_string()).collect();
    candidates.into_iter().flatten().find(|path| path.exists()).ok_or_else(|| {
        Failure::plain(
            Exit::Configuration,
            "there is no configuration",
            format!("none was named with --config, and none of these exists: {}", looked.join(", ")),
            "run `dwcp init DIR`, then `dwcp up --config DIR/dwcp.yaml`",
        )
    })
}

/// Variables that are not UTF-8 can not name a key.
pub(super) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn missing_files(plan: &NodePlan) -> Vec<PathBuf> {
    let unseals = match &plan.provider {
        ProviderPlan::Embedded { unseal: Some(unseal), .. } => Some(unseal.path()),
        _ => None,
    };
    let elsewhere = match &plan.provider {
        ProviderPlan::Vault { vault, .. } => {
            let mut files = vault.login.files();
            files.push(&vault.server_roots);
            files
        }
        ProviderPlan::Acme { acme, .. } => {
            let mut files: Vec<&PathBuf> = acme.account_key.iter().collect();
            for issuer in &acme.issuers {
                files.extend(issuer.roots.iter().chain(&issuer.issued_by));
                files.extend(issuer.eab.iter().map(|eab| &eab.hmac_file));
            }
            files
        }
        _ => Vec::new(),
    };
    let files = [
        unseals,
        Some(&plan.identity.cert),
        Some(&plan.identity.key),
        plan.identity.roots.as_ref(),
        plan.identity.crl.as_ref(),
    ];
    let bundles = plan.bundles.iter().flat_map(|bundle| [Some(&bundle.roots), bundle.crl.as_ref()]);
    let tickets = match &plan.ticket_source {
        Some(TicketSource::Sealed { file, unseal }) => [Some(file), Some(unseal.path())],
        _ => [None, None],
    };
    let further = plan.certificates.iter().flat_map(|further| [Some(&further.cert), Some(&further.key)]);
    files
        .into_iter()
        .chain(bundles)
        .chain(further)
        .chain(tickets)
        .chain(elsewhere.into_iter().map(Some))
        .flatten()
        .filter(|path| !path.exists())
        .cloned()
        .collect()
}
