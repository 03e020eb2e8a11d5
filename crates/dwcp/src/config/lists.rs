//! Revocation lists that are fetched: from where, and how often.

use super::check::{Checked, HOUR, within};
use super::model::Config;
use super::plan::ProviderPlan;
use super::problem::ConfigProblem;
use crate::fetch::Url;
use std::time::Duration;

/// What the node fetches by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListsPlan {
    /// Where the lists of the own roots are; the mesh brings its own, by another way.
    pub(crate) url: Option<Url>,
    /// How often they are asked for, give or take a tenth; default 1 h.
    pub(crate) refresh: Duration,
}

/// `security.tls.crl_url` and `crl_refresh`.
pub(super) fn plan(
    config: &Config,
    provider: &ProviderPlan,
    warnings: &mut Vec<String>,
) -> Checked<ListsPlan> {
    let tls = &config.security.tls;
    let url = tls.crl_url.as_deref().map(parse).transpose()?;
    let brought = matches!(provider, ProviderPlan::Mesh { .. } | ProviderPlan::Vault { .. });
    if url.is_none() && tls.crl_refresh.is_some() && !brought {
        warnings.push(
            "security.tls.crl_refresh is without effect: nothing is fetched without crl_url".to_owned(),
        );
    }
    let refresh =
        within("security.tls.crl_refresh", tls.crl_refresh, HOUR, Duration::from_secs(60), 24 * HOUR)?;
    Ok(ListsPlan { url, refresh })
}

fn parse(text: &str) -> Checked<Url> {
    text.parse().map_err(|error| {
        // It may be anything that YAML can say, passwords included.
        ConfigProblem::new(
            "security.tls.crl_url",
            format!("can not be asked: {error}"),
            "write for example http://ca.example.org:8080/pki/ca.crl",
        )
    })
}
